"""One operator with its tensors and the values that reached it: what every integer operator is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.integer.elementwise import dequantize, quantize
from workloads.network import Operator, Tensor


@dataclass(frozen=True)
class Call:
    """One execution of one operator.

    Attributes
    ----------
    tensors : tuple of Tensor or None
        The inputs; None where an optional one is left out.
    values : tuple of numpy.ndarray or None
        Their stored values: integers, or float32 for a float tensor.
    outputs : tuple of Tensor
    rounding : str
        One of `workloads.requantize.ROUNDINGS`.
    """

    operator: Operator
    attributes: dict[str, Any]
    tensors: tuple[Tensor | None, ...]
    values: tuple[np.ndarray | None, ...]
    outputs: tuple[Tensor, ...]
    rounding: str

    def fault(self, message: str) -> CodesignError:
        """Return the error that names this operator."""
        return CodesignError(f"operator '{self.operator.name}' ({self.operator.kind}): {message}")

    def tensor(self, index: int) -> Tensor:
        """Return input `index`, which must be there."""
        found = self.tensors[index] if index < len(self.tensors) else None
        if found is None:
            raise self.fault(f"input {index} is missing")
        return found

    def value(self, index: int) -> np.ndarray:
        """Return the values of input `index`, which must be there."""
        found = self.values[index] if index < len(self.values) else None
        if found is None:
            raise self.fault(f"input {index} has no values")
        return found

    def has(self, index: int) -> bool:
        """Whether input `index` is given."""
        return index < len(self.tensors) and self.tensors[index] is not None

    def format(self, index: int) -> Format:
        """Return the format of input `index`."""
        return self.tensor(index).format

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    def real(self, index: int) -> np.ndarray:
        """Return input `index` as float32 (dequantized when it is quantized)."""
        return to_real(self.value(index), self.format(index))


def with_rows(call: Call) -> Call:
    """Return a call whose operands have one spatial axis (N, C, L) as that of images of one row."""
    values = (v if v is None or v.ndim != 3 else v[:, :, None] for v in call.values)
    return replace(call, values=tuple(values))


def is_quantized(number_format: Format) -> bool:
    """Whether the integers of a format stand for real values."""
    return number_format.is_integer and number_format.scale is not None


def scalar_scale(number_format: Format) -> np.float32:
    """Return a per-tensor scale as float32."""
    if number_format.scale is None or np.size(number_format.scale) != 1:
        raise CodesignError(f"format {number_format.name}: an activation needs one scale for the whole tensor")
    return np.float32(np.asarray(number_format.scale).reshape(-1)[0])


def scalar_zero_point(number_format: Format) -> int:
    """Return a per-tensor zero point, 0 when there is none."""
    if number_format.zero_point is None:
        return 0
    values = np.unique(np.asarray(number_format.zero_point))
    if values.size != 1:
        raise CodesignError(f"format {number_format.name}: an activation needs one zero point for the whole tensor")
    return int(values[0])


def per_channel(values: np.ndarray | None, axis: int | None, dimensions: int) -> np.ndarray:
    """Return a scale or zero point shaped to broadcast against a tensor of `dimensions` axes (0 when None)."""
    array = np.asarray(0 if values is None else values)
    if array.size == 1:
        return array.reshape(())
    shape = [1] * dimensions
    shape[0 if axis is None else axis] = array.size
    return array.reshape(shape)


def to_real(values: np.ndarray, number_format: Format) -> np.ndarray:
    """Return stored values as float32 (unscaled integers as they are)."""
    if not is_quantized(number_format):
        return values
    axes = number_format.axis, np.ndim(values)
    return dequantize(values, per_channel(number_format.scale, *axes), per_channel(number_format.zero_point, *axes))


def to_stored(values: np.ndarray, number_format: Format) -> np.ndarray:
    """Return real values in the storage of a format: integers rounded half even, or float32."""
    if not is_quantized(number_format):
        return values
    axes = number_format.axis, np.ndim(values)
    scale, zero_point = (per_channel(part, *axes) for part in (number_format.scale, number_format.zero_point))
    return quantize(values, scale, zero_point, number_format.low, number_format.high)
