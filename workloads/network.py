"""What runs: a graph of operators over tensors, each tensor with its numeric format.

Shapes are in the ONNX order (images N, C, H, W; convolution weights O, I/groups, R, S). The graph knows
no hardware: layout, tiling and fusion into machine layers come later (`workloads.trace`, `simulators`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workloads.formats import Format

#: How real the weights are; every result repeats it.
WEIGHTS = ("real", "random", "shapes only")


@dataclass
class Tensor:
    """One edge of the graph.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Empty for a scalar.
    format : Format
    data : numpy.ndarray or None
        Values of a constant, in the storage type of `format`; None for an activation or a shape-only weight.
    constant : bool
        Known before the network runs (weights), whether or not the values are here.
    pinned : bool
        Its format was asked for: it stays when the network is re-typed.
    """

    name: str
    shape: tuple[int, ...]
    format: Format
    data: np.ndarray | None = None
    constant: bool = False
    pinned: bool = False

    @property
    def elements(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def size_bytes(self) -> int:
        """Bytes in memory, sub-byte formats packed."""
        return -(-self.elements * self.format.bits // 8)


@dataclass
class Operator:
    """One node: `kind` is a name of `workloads.operators.OPERATORS`, which fixes the attributes it has."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Network:
    """Operators in topological order, tensors by name, and how real the weights are.

    Attributes
    ----------
    rounding : str
        The requantizer mode that the network was made for (see `workloads.requantize.ROUNDINGS`).
    source : str
        Where it came from, for the report (`onnx:resnet50`, a path).
    samples : dict of str to numpy.ndarray
        Real inputs that come with the network, stored integers by the input's name, several along the first axis;
        the activity of its layers is measured on them where none are given.
    """

    name: str
    operators: list[Operator]
    tensors: dict[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: str = "shapes only"
    rounding: str = "float_half_even"
    source: str = ""
    samples: dict[str, np.ndarray] = field(default_factory=dict)
