"""Integer semantics of layers: multipliers, zero points and clamps out of the formats of a network's tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from workloads.formats import Format
from workloads.integer.bounds import stored_bounds
from workloads.requantize import combined_multiplier

Fused = tuple[tuple[str, dict[str, Any]], ...]


class Numbers(NamedTuple):
    """A requantizer's numbers before they are put into a trace as `workloads.trace.Quantization`."""

    multiplier: np.ndarray
    input_zero_points: tuple[int, ...]
    output_zero_point: int
    low: int
    high: int
    rounding: str = ""


def has_scale(*formats: Format) -> bool:
    """Whether all of some formats are integers that stand for real values."""
    return all(one.is_integer and one.scale is not None for one in formats)


def zero_points(number_format: Format) -> tuple[int, ...]:
    """Return the zero point of a tensor, or those of its channels where they differ."""
    if number_format.zero_point is None:
        return (0,)
    values = np.atleast_1d(number_format.zero_point)
    return tuple(int(value) for value in (values[:1] if (values == values[0]).all() else values))


def clamp(output: Format, fused: Fused) -> tuple[int, int]:
    """Return the stored bounds of an output: its format's, tightened by the relu and clip fused in."""
    return stored_bounds(output, fused)


def matrix_numbers(
    inputs: Format, weights: Format, output: Format, channels: int, alpha: float, fused: Fused
) -> Numbers | None:
    """Return what a convolution's or GEMM's sums are requantized with; the second zero point is the weights'."""
    if not has_scale(inputs, weights, output):
        return None
    left = np.float32(alpha) * np.float32(np.ravel(inputs.scale)[0])
    each = combined_multiplier(left, np.ravel(weights.scale), np.ravel(output.scale)[0])
    multiplier = np.ascontiguousarray(np.broadcast_to(each, (channels,)))
    zeros = (zero_points(inputs)[0], *zero_points(weights))
    return Numbers(multiplier, zeros, zero_points(output)[0], *clamp(output, fused))


def vector_numbers(
    function: str, inputs: list[Format], output: Format, counts: np.ndarray, fused: Fused
) -> Numbers | None:
    """Return what a vector layer's results are requantized with.

    One multiplier per operand for add and sub, one for a product, s_in / (s_out * count) for an average (one for
    each pixel where padding makes the counts differ), else s_in / s_out.
    """
    if not has_scale(*inputs, output):
        return None
    scales = [np.float32(np.ravel(one.scale)[0]) for one in inputs]
    out = np.float32(np.ravel(output.scale)[0])
    if function in ("add", "sub"):
        multiplier = np.array([float(scale / out) for scale in scales])
    elif function == "mul" and len(scales) == 2:
        multiplier = np.atleast_1d(combined_multiplier(*scales, out))
    elif function == "global_average_pool":
        multiplier = np.array([float(scales[0] / (out * np.float32(counts.flat[0])))])
    elif function == "average_pool":
        multiplier = float(scales[0] / out) / np.atleast_1d(counts).astype(np.float64)
    else:
        multiplier = np.array([float(scales[0] / out)])
    zeros = tuple(zero_points(one)[0] for one in inputs)
    return Numbers(multiplier, zeros, zero_points(output)[0], *clamp(output, fused))


def integer_bias(bias: np.ndarray, kind: Format, inputs: Format, weights: Format, beta: float) -> np.ndarray:
    """Return a bias as int32 of the sums' scale; a float one is rounded half even."""
    if kind.is_integer and beta == 1:
        return bias.astype(np.int32)
    real = bias.astype(np.float32) if not kind.is_integer else bias * np.asarray(kind.scale, np.float32)
    scale = np.float32(np.ravel(inputs.scale)[0]) * np.ravel(weights.scale).astype(np.float32)
    limit = np.iinfo(np.int32)
    sums = np.nan_to_num(np.rint(np.float32(beta) * real / scale).astype(np.float64))
    return np.clip(sums, limit.min, limit.max).astype(np.int32)
