"""Numpy references of the integer functions: vectorised int64, from the definitions, sharing no code with the RTL.

Requantizer: HAWQ-V3 (ICML 2021), gemmlowp. Functions: I-ViT (ICCV 2023), sections 3.3 to 3.5, read as integers: every
floor is exact, sums of exponentials are limited to 2^31 - 1, the mean's ties go to even. (Published floating-point
versions differ from this in some last bits.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simulators.npu.config import REQUANTIZE_MODES
from workloads.errors import unknown_name

_ONE = np.int64(1)
_INT32_MAX = np.int64((1 << 31) - 1)


def shift_rounded(x: ArrayLike, shift: ArrayLike, mode: str) -> np.ndarray:
    """Return ``x * 2^-shift`` rounded to int64: half to even in `dyadic_half_even`, half up in the other modes.

    Parameters
    ----------
    x, shift : int arrays that broadcast
        Shift in 0..63.
    """
    x, shift = np.asarray(x, np.int64), np.asarray(shift, np.int64)
    half = np.where(shift > 0, _ONE << np.maximum(shift - 1, 0), 0)
    y = (x + half) >> shift
    if mode != "dyadic_half_even":
        return y
    remainder = x & ((_ONE << shift) - _ONE)
    return y - ((shift > 0) & (remainder == half) & (y & 1 == 1))


def requantize(value: ArrayLike, bias: ArrayLike, multiplier: ArrayLike, shift: ArrayLike, mode: str) -> np.ndarray:
    """Return ``(value + bias) * multiplier * 2^-shift`` as int64, rounded as the mode says; int64 wraps.

    Parameters
    ----------
    value, bias, multiplier, shift : int arrays that broadcast
        Shift in 0..63.
    mode : str
        One of `simulators.npu.config.REQUANTIZE_MODES`; `tflite_double` is gemmlowp's
        `SaturatingRoundingDoublingHighMul` followed by `RoundingDivideByPOT`.

    Raises
    ------
    CodesignError
        If the mode is unknown.
    """
    if mode not in REQUANTIZE_MODES:
        raise unknown_name("requantizer", "mode", mode, REQUANTIZE_MODES)
    x = np.asarray(value, np.int64) + np.asarray(bias, np.int64)
    multiplier, shift = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if mode != "tflite_double":
        return shift_rounded(x * multiplier, shift, mode)
    product = np.clip(x << np.maximum(31 - shift, 0), -_INT32_MAX - 1, _INT32_MAX) * multiplier
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    doubled_high = np.minimum(quotient, _INT32_MAX)
    right = np.maximum(shift - 31, 0)
    mask = (_ONE << right) - _ONE
    threshold = (mask >> 1) + (doubled_high < 0)
    return (doubled_high >> right) + ((right > 0) & ((doubled_high & mask) > threshold))


def shift_exp(x: ArrayLike, x0: ArrayLike, n: int) -> np.ndarray:
    """Return ShiftExp, ``~ -x0 * 2^n * exp(S x)``, as int64, at most 2^31 - 1.

    Parameters
    ----------
    x : int array
    x0 : int array that broadcasts
        ``floor(-1/S)``, negative.
    n : int
        Greatest exponent.
    """
    x, x0 = np.asarray(x, np.int64), np.asarray(x0, np.int64)
    x = np.maximum(x + x // 2 - x // 16, n * x0)
    q = x // x0
    r = x - q * x0
    exponent = np.minimum(n - q, 40)  # 2^40 is beyond the limit already
    return np.minimum(((r - 2 * x0) << exponent) // 2, _INT32_MAX)


def shiftmax(rows: ArrayLike, x0: int, n: int = 15, out_bits: int = 8) -> np.ndarray:
    """Return the softmax of rows, times 2^(out_bits - 1), as int64.

    Parameters
    ----------
    rows : int array (..., elements)
    x0 : int
        ``floor(-1/S)`` of the rows' scale, at least -2^(31 - n).
    """
    rows = np.asarray(rows, np.int64)
    e = shift_exp(rows - rows.max(-1, keepdims=True), x0, n)
    factor = _INT32_MAX // np.minimum(e.sum(-1, keepdims=True), _INT32_MAX)
    return e * factor // (1 << (32 - out_bits))


def shift_gelu(rows: ArrayLike, x0: int, n: int = 23, out_bits: int = 8) -> np.ndarray:
    """Return the GELU of rows as int64, with scale S 2^-(out_bits - 1).

    Parameters
    ----------
    rows : int array (..., elements)
        A row shares its maximum.
    x0 : int
        ``floor(-1/(1.702 S))`` of the rows' scale S, at least -2^(31 - n).
    """
    rows = np.asarray(rows, np.int64)
    greatest = rows.max(-1, keepdims=True)
    e = shift_exp(rows - greatest, x0, n)
    factor = _INT32_MAX // np.minimum(e + shift_exp(-greatest, x0, n), _INT32_MAX)
    return rows * (e * factor // (1 << (32 - out_bits)))


def i_layernorm(rows: ArrayLike, steps: int = 10) -> np.ndarray:
    """Return rows normalized to mean 0 and (about) variance 1, times 2^30 / sqrt(elements), as int64.

    Parameters
    ----------
    rows : int array (..., elements)
    steps : int
        Newton steps from 2^16, exactly so many.
    """
    rows = np.asarray(rows, np.int64)
    y = rows - np.rint(rows.mean(-1, keepdims=True)).astype(np.int64)
    variance = (y * y).sum(-1, keepdims=True)
    k = np.full_like(variance, 1 << 16)
    for _ in range(steps):
        k = (k + variance // k) // 2
    return y * (_INT32_MAX // k) // 2
