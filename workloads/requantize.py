"""From a wide integer sum back to a narrow one: every rounding that published quantized networks use.

All modes compute ``clamp(zero_point + multiplier * sum, low, high)``; they differ in how the real multiplier is
written and where the product is rounded.

``float_half_even``
    onnxruntime: the sum as float32 times the multiplier as float32, then nearbyint (ties to even).
``dyadic_half_up``
    ``(sum * m + 2^(e-1)) >> e`` with an arithmetic (flooring) shift: HAWQ-V3, I-BERT, I-ViT.
``dyadic_half_even``
    The same quotient ``sum * m / 2^e``, ties to even.
``tflite_single``
    TFLite's MultiplyByQuantizedMultiplier with one rounding: the dyadic half up, saturated to 32 bits.
``tflite_double``
    gemmlowp: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT: two roundings.

The integer modes take sums with ``|sum| < 2^31`` (a 32-bit accumulator), so no product passes 63 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workloads.errors import CodesignError, unknown_name

ROUNDINGS = ("float_half_even", "dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")
#: The rounding of a network, not of a unit: each operator rounds as TFLite's reference kernels do, most of them twice
#: (`workloads.integer.tflite`).
TFLITE = "tflite"

#: Bits of a dyadic multiplier's mantissa, as in gemmlowp and HAWQ-V3.
MANTISSA_BITS = 31
#: The greatest shift for which ``sum * m + 2^(e-1)`` stays inside int64.
GREATEST_SHIFT = 62


def check_rounding(rounding: str, where: str = "rounding") -> str:
    """Return `rounding`, or raise CodesignError listing `ROUNDINGS` and `TFLITE`."""
    if rounding not in (*ROUNDINGS, TFLITE):
        raise unknown_name(where, "requantizer rounding", rounding, (*ROUNDINGS, TFLITE))
    return rounding


def combined_multiplier(input_scale: ArrayLike, weight_scale: ArrayLike, output_scale: ArrayLike) -> np.ndarray:
    """Return input_scale * weight_scale / output_scale, in float32 and in that order, as float64.

    onnxruntime (QLinearConv, QLinearMatMul, QGemm) rounds after each of the two operations; a multiplier that is
    the same float32 gives the same bits. It has 24 bits, so its dyadic form is exact.

    Parameters
    ----------
    input_scale, output_scale : scalar
    weight_scale : scalar or (channels,)
    """
    product = np.asarray(input_scale, np.float32) * np.asarray(weight_scale, np.float32)
    return (product / np.asarray(output_scale, np.float32)).astype(np.float64)


def dyadic(multiplier: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(m, e)``, int64, with multiplier ~ m * 2^-e, m of at most 31 bits and e in 0..62.

    The mantissa in [1/2, 1) times 2^31 is rounded half up (HAWQ-V3); the relative error is at most 2^-31.
    Multipliers below 2^-31 keep e = 62 and lose mantissa bits.

    Parameters
    ----------
    multiplier : scalar or array of any shape
        Non-negative, below 2^30.
    """
    values = np.asarray(multiplier, np.float64)
    _check_multiplier(values)
    mantissa, exponent = np.frexp(values)
    m = np.floor(np.ldexp(mantissa, MANTISSA_BITS) + 0.5).astype(np.int64)
    carry = m >> MANTISSA_BITS
    m, e = m >> carry, MANTISSA_BITS - exponent.astype(np.int64) - carry
    excess = np.clip(e - GREATEST_SHIFT, 0, MANTISSA_BITS + 1)
    m = np.where(excess > 0, (m + (np.int64(1) << np.maximum(excess - 1, 0))) >> excess, m)
    return m, np.where(values == 0, MANTISSA_BITS, np.minimum(e, GREATEST_SHIFT))


def shared_exponent(multipliers: ArrayLike) -> tuple[np.ndarray, int]:
    """Return ``(ms, e)``: several multipliers with one shift, the largest having 31 bits.

    An adder of scaled operands then rounds once: ``(x1 * m1 + x2 * m2 + 2^(e-1)) >> e``.

    Parameters
    ----------
    multipliers : (operands,)
    """
    values = np.asarray(multipliers, np.float64)
    _, shifts = dyadic(values.max())
    e = int(shifts)
    return np.floor(np.ldexp(values, e) + 0.5).astype(np.int64), e


def requantize(
    sums: np.ndarray,
    multiplier: ArrayLike,
    zero_point: ArrayLike,
    low: int,
    high: int,
    rounding: str,
) -> np.ndarray:
    """Return ``clamp(zero_point + multiplier * sums, low, high)`` as int64, rounded by `rounding`.

    Parameters
    ----------
    sums : int array of any shape
    multiplier, zero_point : scalar or array that broadcasts against `sums`
        A multiplier per output channel of an N, C, H, W array has shape (C, 1, 1).
    """
    return np.clip(scale(sums, multiplier, rounding) + np.asarray(zero_point, np.int64), low, high)


def scale(sums: np.ndarray, multiplier: ArrayLike, rounding: str) -> np.ndarray:
    """Return ``multiplier * sums`` as int64, rounded by `rounding`, neither shifted nor clamped."""
    check_rounding(rounding)
    sums = np.asarray(sums, np.int64)
    if rounding == "float_half_even":
        return round_half_even(sums.astype(np.float32) * np.asarray(multiplier, np.float32))
    check_sums(sums)
    m, e = dyadic(multiplier)
    if rounding in ("tflite_double", TFLITE):
        return double_rounding(sums, m, e)
    if rounding == "tflite_single":
        return np.clip(shift_half_up(sums * m, e), -(1 << 31), (1 << 31) - 1)
    shift = shift_half_up if rounding == "dyadic_half_up" else shift_half_even
    return shift(sums * m, e)


def round_half_even(values: np.ndarray) -> np.ndarray:
    """Return float `values` rounded to int64, ties to even, saturated at +-2^62."""
    return np.rint(np.clip(values.astype(np.float64), -(2.0**62), 2.0**62)).astype(np.int64)


def shift_half_up(products: np.ndarray, e: ArrayLike) -> np.ndarray:
    """Return ``floor(products / 2^e + 1/2)`` in int64; e in 0..62."""
    e = np.asarray(e, np.int64)
    return (products + ((np.int64(1) << e) >> 1)) >> e


def shift_half_even(products: np.ndarray, e: ArrayLike) -> np.ndarray:
    """Return ``products / 2^e`` rounded to the nearest, ties to even; e in 0..62."""
    e = np.asarray(e, np.int64)
    rounded = shift_half_up(products, e)
    half = (np.int64(1) << e) >> 1
    tie = (half > 0) & ((products & ((np.int64(1) << e) - 1)) == half)
    return np.where(tie, rounded & ~np.int64(1), rounded)


def check_sums(sums: np.ndarray) -> None:
    """Raise CodesignError when a sum does not fit the 32-bit accumulator of the integer modes."""
    if sums.size and max(int(sums.max()), -int(sums.min())) >= 1 << 31:
        worst = max(int(sums.max()), int(sums.min()), key=abs)
        raise CodesignError(f"requantize: the sum {worst} is outside the 32-bit accumulator, |sum| < 2147483648")


def _check_multiplier(values: np.ndarray) -> None:
    bad = values[~(np.isfinite(values) & (values >= 0) & (values < 2.0 ** (MANTISSA_BITS - 1)))]
    if bad.size:
        raise CodesignError(f"requantize: multiplier {bad.flat[0]:g} is outside 0 <= multiplier < 2^30")


def double_rounding(sums: np.ndarray, m: ArrayLike, e: ArrayLike) -> np.ndarray:
    """Return ``sums * m / 2^e`` rounded twice: gemmlowp's doubling high multiply, then its rounding shift.

    The multiplier is m / 2^31, as a rule in [1/2, 1), times 2^(31 - e). The left shift saturates at 32 bits, as the
    accumulator does.
    """
    m, e = np.asarray(m, np.int64), np.asarray(e, np.int64)
    shift = MANTISSA_BITS - e
    left = sums << np.maximum(shift, 0)
    product = np.clip(left, -(1 << 31), (1 << 31) - 1) * m
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    nudged = product + nudge
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))  # C division truncates towards zero
    right = np.maximum(-shift, 0)
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> right) + ((high & mask) > threshold)
