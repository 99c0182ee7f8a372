"""Addition and multiplication of quantized operands and change of scale."""

from __future__ import annotations

import numpy as np

from workloads.requantize import (
    check_rounding,
    requantize,
    round_half_even,
    scale,
    shared_exponent,
    shift_half_even,
    shift_half_up,
)

#: TFLite's ADD lifts 8-bit operands by this many bits before it scales them.
_TFLITE_LEFT_SHIFT = 20


def add(
    operands: tuple[np.ndarray, np.ndarray],
    zero_points: tuple[int, int],
    multipliers: tuple[float, float],
    output_zero_point: int,
    low: int,
    high: int,
    rounding: str,
) -> np.ndarray:
    """Return ``clamp(z + m1 * (x1 - z1) + m2 * (x2 - z2))`` as int64.

    The dyadic modes give both multipliers one shift and round once. The TFLite modes follow its ADD: operands
    lifted by 20 bits, each scaled against twice the larger scale, the sum scaled to the output. The float mode
    follows onnxruntime's QLinearAdd (see `_add_in_float`).

    Parameters
    ----------
    operands : two int arrays that broadcast against each other
    multipliers : pair of float
        Scale of each operand over the output's scale.
    """
    check_rounding(rounding)
    if rounding == "float_half_even":
        total = _add_in_float(operands, zero_points, multipliers, output_zero_point)
        return np.clip(total, low, high)
    first, second = (x.astype(np.int64) - z for x, z in zip(operands, zero_points, strict=True))
    if rounding.startswith("tflite"):
        total = _add_as_tflite(first, second, multipliers, rounding)
    else:
        (m1, m2), e = shared_exponent(multipliers)
        shift = shift_half_up if rounding == "dyadic_half_up" else shift_half_even
        total = shift(first * m1 + second * m2, e)
    return np.clip(total + output_zero_point, low, high)


def _add_in_float(
    operands: tuple[np.ndarray, np.ndarray],
    zero_points: tuple[int, int],
    multipliers: tuple[float, float],
    output_zero_point: int,
) -> np.ndarray:
    """onnxruntime's QLinearAdd on x86-64 with AVX2 (its SSE2 and NEON kernels round elsewhere).

    The zero points become one float32 constant, by a fused multiply-add of its own; two more bring in the second
    operand, then the first (an operand that broadcasts comes before the other), and the result is rounded half
    even with the zero point inside. A fused multiply-add is exact in float64 but for the final rounding.
    """
    ratios = [np.float32(multiplier) for multiplier in multipliers]
    product = np.float32(ratios[1] * np.float32(zero_points[1]))
    fixed = np.float32(np.float64(ratios[0]) * zero_points[0] + np.float64(product))
    total = np.asarray(np.float32(output_zero_point) - fixed)
    order = (0, 1) if operands[0].shape[-1:] == (1,) and operands[1].shape[-1:] != (1,) else (1, 0)
    for index in order:
        total = (operands[index].astype(np.float64) * np.float64(ratios[index]) + total).astype(np.float32)
    return round_half_even(total)


def _add_as_tflite(
    first: np.ndarray, second: np.ndarray, multipliers: tuple[float, float], rounding: str
) -> np.ndarray:
    greatest = 2.0 * max(multipliers)
    parts = [
        scale(side << _TFLITE_LEFT_SHIFT, multiplier / greatest, rounding)
        for side, multiplier in zip((first, second), multipliers, strict=True)
    ]
    return scale(parts[0] + parts[1], greatest / (1 << _TFLITE_LEFT_SHIFT), rounding)


def multiply(
    operands: tuple[np.ndarray, np.ndarray],
    zero_points: tuple[int, int],
    multiplier: float,
    output_zero_point: int,
    low: int,
    high: int,
    rounding: str,
) -> np.ndarray:
    """Return ``clamp(z + m * (x1 - z1) * (x2 - z2))`` as int64; m = scale1 * scale2 / output scale.

    onnxruntime's QLinearMul rounds with the zero point inside, so the float mode does.
    """
    first, second = (x.astype(np.int64) - z for x, z in zip(operands, zero_points, strict=True))
    if rounding == "float_half_even":
        scaled = (first * second).astype(np.float32) * np.float32(multiplier) + np.float32(output_zero_point)
        return np.clip(round_half_even(scaled), low, high)
    return requantize(first * second, multiplier, output_zero_point, low, high, rounding)


def rescale(
    values: np.ndarray,
    scales: tuple[np.float32, np.float32],
    zero_points: tuple[int, int],
    low: int,
    high: int,
    rounding: str,
) -> np.ndarray:
    """Return stored values moved to another scale and zero point (concat, relu, a quantize of a quantized tensor).

    Equal scales and zero points keep the values. The float mode dequantizes and quantizes, in float32.

    Parameters
    ----------
    scales, zero_points : pair
        Of the input and of the output.
    """
    shifted = values.astype(np.int64) - zero_points[0]
    if scales[0] == scales[1]:
        return np.clip(shifted + zero_points[1], low, high)
    if rounding == "float_half_even":
        real = shifted.astype(np.float32) * scales[0]
        return np.clip(round_half_even(real / scales[1]) + zero_points[1], low, high)
    return requantize(shifted, float(scales[0]) / float(scales[1]), zero_points[1], low, high, rounding)


def quantize(values: np.ndarray, output_scale: np.ndarray, zero_point: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return real values as stored integers, int64: ONNX QuantizeLinear in float32, ties to even.

    `output_scale` and `zero_point` broadcast against `values`.
    """
    scaled = np.asarray(values, np.float32) / np.asarray(output_scale, np.float32)
    return np.clip(round_half_even(scaled) + np.asarray(zero_point, np.int64), low, high)


def dequantize(values: np.ndarray, input_scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray:
    """Return stored integers as real values, float32: ONNX DequantizeLinear."""
    shifted = np.asarray(values, np.int64) - np.asarray(zero_point, np.int64)
    return shifted.astype(np.float32) * np.asarray(input_scale, np.float32)
