"""The requantizer of the vector unit, one value at a time: the hardware's integer arithmetic, bit for bit.

Modes in the order of `simulators.npu.config.REQUANTIZE_MODES`; formulas: dyadic, I-ViT (ICCV 2023) section 3;
tflite, gemmlowp `SaturatingRoundingDoublingHighMul` and `RoundingDivideByPOT`.
"""

from __future__ import annotations

from simulators.kernels import inlined_kernel
from simulators.program import ROUND_ONCE

HALF_UP, HALF_EVEN, TFLITE_SINGLE, TFLITE_DOUBLE = range(4)


@inlined_kernel
def shift_rounded(x, shift, mode):
    """Return x * 2^-shift rounded to an integer: half up, or half to even."""
    if shift <= 0:
        return x << -shift
    y = (x + (1 << (shift - 1))) >> shift
    if mode == HALF_EVEN and y & 1 and x & ((1 << shift) - 1) == 1 << (shift - 1):
        y -= 1
    return y


@inlined_kernel
def _double_rounding(x, multiplier, shift):
    left = 31 - shift if shift < 31 else 0
    right = shift - 31 if shift > 31 else 0
    product = min(max(x << left, -(1 << 31)), (1 << 31) - 1) * multiplier
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    biased = product + nudge
    high = biased >> 31 if biased >= 0 else -((-biased) >> 31)
    high = min(high, (1 << 31) - 1)
    if right == 0:
        return high
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return (high >> right) + (1 if (high & mask) > threshold else 0)


@inlined_kernel
def requantize(x, multiplier, shift, mode):
    """Return x * multiplier * 2^-shift, rounded as mode and shift's word say; |x| < 2^32, multiplier < 2^31."""
    if mode == TFLITE_DOUBLE and not shift & ROUND_ONCE:
        return _double_rounding(x, multiplier, shift & (ROUND_ONCE - 1))
    return shift_rounded(x * multiplier, shift & (ROUND_ONCE - 1), mode)


@inlined_kernel
def clamp(x, low, high):
    """Return x limited to [low, high]."""
    return min(max(x, low), high)
