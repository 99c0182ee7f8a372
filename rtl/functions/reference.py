"""Numpy references of the integer functions: vectorised int64, from the definitions, sharing no code with the RTL."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simulators.npu.config import REQUANTIZE_MODES
from workloads.errors import unknown_name

_ONE = np.int64(1)


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
    low, high = np.int64(-(1 << 31)), np.int64((1 << 31) - 1)
    product = np.clip(x << np.maximum(31 - shift, 0), low, high) * multiplier
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    doubled_high = np.minimum(quotient, high)
    right = np.maximum(shift - 31, 0)
    mask = (_ONE << right) - _ONE
    threshold = (mask >> 1) + (doubled_high < 0)
    return (doubled_high >> right) + ((right > 0) & ((doubled_high & mask) > threshold))


INT32_MAX = (1 << 31) - 1


def shift_exp(x: ArrayLike, x0: ArrayLike, n: int) -> np.ndarray:
    x = np.asarray(x, np.int64)
    x0 = np.asarray(x0, np.int64)
    x = x + (x >> 1) - (x >> 4)
    x = np.maximum(x, n * x0)
    q = x // x0
    r = x - q * x0
    exponent = np.minimum(n - q, 40)  # beyond, the result is saturated anyway
    return np.minimum(((r - 2 * x0) << exponent) >> 1, INT32_MAX)


def shiftmax(rows, x0, n=15, out_bits=8):
    rows = np.asarray(rows, np.int64)
    e = shift_exp(rows - rows.max(-1, keepdims=True), x0, n)
    total = np.minimum(e.sum(-1, keepdims=True), INT32_MAX)
    factor = INT32_MAX // total
    return e * factor >> (32 - out_bits)


def shift_gelu(rows, x0, n=23, out_bits=8):
    rows = np.asarray(rows, np.int64)
    greatest = rows.max(-1, keepdims=True)
    e = shift_exp(rows - greatest, x0, n)
    total = np.minimum(e + shift_exp(-greatest, x0, n), INT32_MAX)
    return rows * (e * (INT32_MAX // total) >> (32 - out_bits))


def i_layernorm(rows, steps=10):
    rows = np.asarray(rows, np.int64)
    n = rows.shape[-1]
    mean = np.rint(rows.sum(-1, keepdims=True) / n).astype(np.int64)
    y = rows - mean
    var = (y * y).sum(-1, keepdims=True)
    k = np.full_like(var, 1 << 16)
    for _ in range(steps):
        k = (k + var // k) >> 1
    return y * (INT32_MAX // k) >> 1
