"""Convolution, GEMM and matrix product of quantized tensors: sums, bias, requantizer."""

from __future__ import annotations

import numpy as np

from workloads.integer.bounds import BOUNDING, fused_bounds
from workloads.integer.call import Call, is_quantized, per_channel, scalar_scale, scalar_zero_point, to_stored
from workloads.integer.host import FUNCTIONS
from workloads.integer.products import convolution_sums, matrix_sums
from workloads.operators import FUSED
from workloads.requantize import combined_multiplier, requantize, round_half_even


def convolution(call: Call) -> np.ndarray:
    """Run `conv`: inputs image (N, C, H, W), weights (O, C/groups, KH, KW) and perhaps a bias (O,)."""
    place = (call.attributes[name] for name in ("strides", "pads", "dilations", "groups"))
    return _finish(call, convolution_sums(*shifted_operands(call), *place), (-1, 1, 1))


def gemm(call: Call) -> np.ndarray:
    """Run `gemm`: inputs A (M, K), B (K, N) (either transposed) and perhaps a bias (N,)."""
    left, right = shifted_operands(call)
    left = left.T if call.attributes["transpose_a"] else left
    right = right.T if call.attributes["transpose_b"] else right
    return _finish(call, matrix_sums(left, right), (-1,), call.attributes["alpha"], call.attributes["beta"])


def matrix_product(call: Call) -> np.ndarray:
    """Run `matmul`: inputs A (..., M, K), B (..., K, N) and perhaps a bias (N,)."""
    return _finish(call, matrix_sums(*shifted_operands(call)), (-1,))


def shifted_operands(call: Call) -> tuple[np.ndarray, np.ndarray]:
    """Return both operands: integers less their zero points, or real values when one of them is float."""
    if not (call.format(0).is_integer and call.format(1).is_integer):
        return call.real(0), call.real(1)
    return _shifted(call, 0), _shifted(call, 1)


def _shifted(call: Call, index: int) -> np.ndarray:
    values, number_format = call.value(index).astype(np.int64), call.format(index)
    return values - per_channel(number_format.zero_point, number_format.axis, values.ndim).astype(np.int64)


def _finish(
    call: Call, sums: np.ndarray, shape: tuple[int, ...], alpha: float = 1.0, beta: float = 1.0
) -> np.ndarray:
    """Add the bias and bring the sums to the output's format.

    Parameters
    ----------
    shape : tuple of int
        Shape in which a value per output channel broadcasts against `sums`.
    """
    output, fused = call.output.format, tuple(call.attributes.get(FUSED, ()))
    if np.issubdtype(sums.dtype, np.floating):
        bias = np.float32(beta) * call.real(2).reshape(shape) if call.has(2) else 0
        return to_stored(_apply(fused, np.float32(alpha) * sums + bias), output)
    if not (is_quantized(call.format(0)) and is_quantized(call.format(1))):
        return sums + (call.value(2).reshape(shape) if call.has(2) else 0)
    weights = np.asarray(call.format(1).scale, np.float32).reshape(-1)
    left = np.float32(alpha) * scalar_scale(call.format(0))
    if call.has(2):
        sums = sums + _bias(call, left * weights, beta).reshape(shape)
    if not is_quantized(output) or any(kind not in BOUNDING for kind, _ in fused):
        return to_stored(_apply(fused, sums.astype(np.float32) * _spread(left * weights, shape)), output)
    multiplier = combined_multiplier(left, weights, scalar_scale(output))
    low, high = fused_bounds(call)
    return requantize(sums, _spread(multiplier, shape), scalar_zero_point(output), low, high, call.rounding)


def _apply(functions: tuple, real: np.ndarray) -> np.ndarray:
    for kind, attributes in functions:
        real = FUNCTIONS[kind](attributes, real)
    return real


def _spread(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return values.reshape(shape if values.size > 1 else ())


def _bias(call: Call, scale: np.ndarray, beta: float) -> np.ndarray:
    """Return the bias as integers of the accumulator's scale (a float bias is rounded half even)."""
    bias = call.value(2)
    if call.format(2).is_integer and beta == 1:
        return bias.astype(np.int64)
    return round_half_even(np.float32(beta) * call.real(2) / scale)
