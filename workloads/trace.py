"""The ordered, self-contained record that a simulator reads: layers as loop nests, formats, weights by reference.

A `Trace` has no graph algorithms and no hardware: `workloads.tracing` makes it from a `Network`,
`workloads.trace_files` saves and loads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workloads.activity import UNIFORM_INT8, Activity

#: What a layer needs: the array, the vector unit, a copy through the DMA, or nothing (an address calculation).
ENGINES = ("matrix", "vector", "move", "view")


@dataclass(frozen=True)
class Window:
    """The loop nest of a layer, channels last. A GEMM of M x K x N is out_h = M, in_c = K, out_c = N, all else 1.

    Input rows run from -pad_top, columns from -pad_left; what a window needs beyond the input is padding
    (the input's zero point). A vector layer has out_c = in_c; rows of a softmax or norm are pixels, their
    length is in_c. An elementwise layer keeps its pixels and channels, kernel 1.
    """

    batch: int = 1
    in_h: int = 1
    in_w: int = 1
    in_c: int = 1
    out_h: int = 1
    out_w: int = 1
    out_c: int = 1
    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    groups: int = 1

    @property
    def gemm(self) -> tuple[int, int, int]:
        """(M, K, N) of one group after im2col."""
        return (
            self.batch * self.out_h * self.out_w,
            self.kernel_h * self.kernel_w * self.in_c // self.groups,
            self.out_c // self.groups,
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a matrix layer."""
        m, k, n = self.gemm
        return m * k * n * self.groups


@dataclass(frozen=True)
class Quantization:
    """Integer semantics of a layer's output; arrays by key into `Trace.arrays`.

    real multiplier: output = zero_point + multiplier * (sum + bias), rounded by the requantizer's mode, clamped
    to [low, high]. `multiplier` has one float64 per output channel (matrix, depthwise), one per operand
    (add, mul: a product has one), or one (pooling; an average's divisor is in it).
    `rounding`: how this layer rounds where its network has no one mode (`workloads.integer.tflite`, which also says
    what `multiplier` then holds), else empty.
    """

    input_zero_points: tuple[int, ...]
    output_zero_point: int
    multiplier: str
    low: int
    high: int
    rounding: str = ""


@dataclass(frozen=True)
class Layer:
    """One layer of the trace.

    Attributes
    ----------
    name, operator : str
        The operator's name in the network and its kind (`conv`, `gemm`, `matmul`, `max_pool`, `add` ...).
    engine : str
        One of `ENGINES`. Depthwise convolutions are `matrix` with groups = in_c.
    function : str
        The vector unit's function for a vector layer (`add`, `max_pool`, `softmax` ...), else empty.
    fused : tuple of str
        Vector functions applied to each output on its way (`relu`, `clip`, `gelu` ...).
    operands : int
        Activation tensors read.
    repeat : int
        Equal loop nests in a row (batched matmul); each has its own operands.
    macs : int
        Multiply-accumulates in all (0 outside matrix layers).
    input_format, weight_format, output_format : str
        Names of `workloads.formats`.
    weights, bias : str
        Keys into `Trace.arrays` (O, I/groups, R, S and N; a GEMM's weights are N, K, 1, 1), empty without values.
    weights_are_activations : bool
        The second operand is computed at run time (attention).
    weight_count, zero_weights : int
        Sparsity: weights, and those among them that are exactly zero; 0 and 0 where values are not known.
    permutation : tuple of int
        The input's axes (in the graph's order) in the order in which a transpose, or a flattening that keeps the
        order of memory, reads them; empty for other operators.
    activity : Activity
        Toggle rates of the operands, measured or the stated default; the energy of matrix layers depends on them.
    """

    name: str
    operator: str
    engine: str
    window: Window
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    function: str = ""
    fused: tuple[str, ...] = ()
    operands: int = 1
    repeat: int = 1
    macs: int = 0
    input_format: str = "fp32"
    weight_format: str = "fp32"
    output_format: str = "fp32"
    weights: str = ""
    bias: str = ""
    weights_are_activations: bool = False
    weight_count: int = 0
    zero_weights: int = 0
    quantization: Quantization | None = None
    permutation: tuple[int, ...] = ()
    activity: Activity = UNIFORM_INT8

    @property
    def weight_density(self) -> float | None:
        """Share of weights that are not zero, None where their values are not known."""
        return 1 - self.zero_weights / self.weight_count if self.weight_count else None


@dataclass
class Trace:
    """The layers in order, their arrays, and how real the weights are (see `workloads.network.WEIGHTS`).

    `activity_inputs`: inferences that the layers' activations were measured on (`workloads.tracing_activity`).
    """

    name: str
    layers: list[Layer]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    batch: int = 1
    weights: str = "shapes only"
    rounding: str = "float_half_even"
    source: str = ""
    activity_inputs: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole trace."""
        return sum(layer.macs for layer in self.layers)
