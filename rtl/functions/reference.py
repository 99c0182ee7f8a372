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
