"""The integer rules of TFLite's reference kernels, operator by operator, on stored integers.

Which rounding an operator has is not one mode (found by experiment against the interpreter `ai-edge-litert` 2.3 with
its reference kernels, and kept by tests of every intermediate tensor):

``tflite_double``
    Convolutions, depthwise or not, products, `relu`, changes of scale: gemmlowp's two roundings
    (`workloads.requantize`), the multiplier a float64 product of scales over the output's.
``half_away``
    Fully connected: the sum times that float64 multiplier, rounded once, ties away from zero.
``tflite_add``
    Operands lifted by 20 bits, each scaled against twice the larger scale, their sum scaled to the output.
``tflite_mean``
    The sum of differences over their count, rounded twice (`mean_multiplier`).
``tflite_average``
    The sum of a window's stored values over its count, ties away from zero.

Sources: gemmlowp `fixedpoint.h`; TensorFlow Lite `kernels/internal/reference` (add, pooling, softmax, lut).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workloads.requantize import GREATEST_SHIFT, dyadic, scale

#: TFLite's ADD lifts 8-bit operands by this many bits before it scales them.
LEFT_SHIFT = 20


def real_multiplier(input_scale: ArrayLike, weight_scale: ArrayLike, output_scale: ArrayLike) -> np.ndarray:
    """Return input_scale * weight_scale / output_scale in float64, as TFLite's kernels prepare it."""
    product = np.asarray(input_scale, np.float64) * np.asarray(weight_scale, np.float64)
    return product / np.asarray(output_scale, np.float64)


def half_away(sums: np.ndarray, multiplier: ArrayLike) -> np.ndarray:
    """Return ``multiplier * sums`` in float64 rounded to int64, ties away from zero (C's ``round``)."""
    real = np.asarray(sums, np.float64) * np.asarray(multiplier, np.float64)
    whole = np.trunc(real)
    return (whole + np.copysign(np.abs(real - whole) >= 0.5, real)).astype(np.int64)


def add_multipliers(first: ArrayLike, second: ArrayLike, output: ArrayLike) -> np.ndarray:
    """Return an addition's three multipliers, float64: of either operand, and of their sum."""
    one, two, out = (float(np.float64(np.float32(value))) for value in (first, second, output))
    twice = 2 * max(one, two)
    return np.array([one / twice, two / twice, twice / ((1 << LEFT_SHIFT) * out)])


def add(operands: tuple[np.ndarray, np.ndarray], zero_points: tuple[int, int], multipliers: np.ndarray) -> np.ndarray:
    """Return the scaled sum of two operands as int64, without the output's zero point and clamp.

    Parameters
    ----------
    operands : two int arrays that broadcast against each other
    multipliers : (3,)
        Of `add_multipliers`.
    """
    parts = [
        scale((values.astype(np.int64) - zero) << LEFT_SHIFT, multiplier, "tflite_double")
        for values, zero, multiplier in zip(operands, zero_points, multipliers[:2], strict=True)
    ]
    return scale(parts[0] + parts[1], multipliers[2], "tflite_double")


def average(sums: np.ndarray, counts: ArrayLike) -> np.ndarray:
    """Return sums of stored values over how many they are, int64, ties away from zero."""
    counts = np.asarray(counts, np.int64)
    return np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)


def mean_multiplier(count: int, input_scale: float, output_scale: float) -> tuple[int, int]:
    """Return multiplier and shift of a mean of `count` differences to the zero point, rounded twice.

    The multiplier of the scales is divided by the count, truncated, and not normalised again: it may have 30 bits.
    """
    m, e = (int(part) for part in dyadic(np.float64(input_scale) / np.float64(output_scale)))
    shift = min(count.bit_length() - 1, 32, 62 - e)
    return (m << shift) // count, e + shift


def quantize(real: np.ndarray, output_scale: float, zero_point: int, low: int, high: int) -> np.ndarray:
    """Return real values stored, int64: float32 division, ties away from zero."""
    ratio = np.clip(np.asarray(real, np.float32) / np.float32(output_scale), -(2.0**31), 2.0**31)
    return np.clip(half_away(ratio, 1.0) + zero_point, low, high)


def softmax(values: np.ndarray, input_scale: float) -> np.ndarray:
    """Return the softmax of stored int8 rows (the last axis) as stored int8 of scale 1/256 and zero point -128.

    Differences to the greatest are Q5.26, exponentials Q0.31, their sum Q12.19; its reciprocal by three steps of
    Newton's method. All in int64 that stays within 32 bits.
    """
    real = min(float(np.float32(input_scale)) * (1 << 26), 2.0**31 - 1)
    m, e = (int(part) for part in dyadic(np.float64(min(real, 2.0**29.9))))
    left = 31 - e
    if real >= 2.0**29.9:  # beyond what `dyadic` takes
        mantissa, left = np.frexp(real)
        m, left = int(np.floor(mantissa * 2.0**31 + 0.5)), int(left)
    least = -int(np.floor(31.0 * (1 << 26) / 2.0**left))
    difference = values.astype(np.int64) - values.astype(np.int64).max(axis=-1, keepdims=True)
    counted = difference >= least
    exponential = _exponential(_high_product(np.where(counted, difference, 0) << left, m))
    total = np.where(counted, _divide(exponential, 12), 0).sum(axis=-1, keepdims=True)
    headroom = 32 - np.array([int(each).bit_length() for each in total.reshape(-1)], np.int64).reshape(total.shape)
    share = _reciprocal(((total << headroom) & 0xFFFFFFFF) - (1 << 31))
    exponent = 12 - headroom + 31 - 8
    stored = _divide(_high_product(exponential, share), exponent) - 128
    return np.where(counted, np.clip(stored, -128, 127), -128)


def _high_product(one: np.ndarray, other: ArrayLike) -> np.ndarray:
    """gemmlowp's SaturatingRoundingDoublingHighMul."""
    product = np.asarray(one, np.int64) * np.asarray(other, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.minimum(high, (1 << 31) - 1)


def _divide(values: np.ndarray, exponent: ArrayLike) -> np.ndarray:
    """gemmlowp's RoundingDivideByPOT: ties away from zero."""
    exponent = np.minimum(np.asarray(exponent, np.int64), GREATEST_SHIFT)
    mask = (np.int64(1) << exponent) - 1
    return (values >> exponent) + ((values & mask) > (mask >> 1) + (values < 0))


def _saturated(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -(1 << 31), (1 << 31) - 1)


#: exp(-2^k) as Q0.31 for k = -2 .. 4.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _exponential(values: np.ndarray) -> np.ndarray:
    """gemmlowp's exp_on_negative_values: Q5.26 to Q0.31."""
    quarter = 1 << 24
    rest = (values & (quarter - 1)) - quarter
    x = _saturated(rest << 5) + (1 << 28)
    x2 = _high_product(x, x)
    x3, x4 = _high_product(x2, x), _high_product(x2, x2)
    tail = _divide(_high_product(_divide(x4, 2) + x3, 715827883) + x2, 1)
    result = 1895147668 + _high_product(x + tail, 1895147668)
    remainder = rest - values
    for k, power in enumerate(_POWERS):
        result = np.where(remainder & (quarter << k), _high_product(result, power), result)
    return np.where(values == 0, (1 << 31) - 1, result)


def _reciprocal(values: np.ndarray) -> np.ndarray:
    """gemmlowp's one_over_one_plus_x_for_x_in_0_1, Q0.31."""
    half = (values + (1 << 31)) // 2  # a rounding half of the sum with the greatest value below one
    x = 1515870810 + _high_product(half, -1010580540)
    for _ in range(3):
        x = x + _saturated(_high_product(x, (1 << 29) - _high_product(half, x)) << 2)
    return _saturated(x << 1)
