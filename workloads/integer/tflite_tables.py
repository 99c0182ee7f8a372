"""Functions that TFLite's int8 kernels compute from one stored value: as tables of 256 entries.

Sources: TensorFlow Lite `kernels/internal/reference` (lut, hard_swish), gemmlowp `fixedpoint.h`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from workloads.integer.tflite import half_away

Pair = tuple[float, float]
Integers = tuple[int, int]
_STORED = np.arange(-128, 128)
_LEAST, _MOST = -(1 << 15), (1 << 15) - 1


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return the logistic function of float32 values."""
    one = np.float32(1)
    return one / (one + np.exp(-values))


def lookup(function: Callable[[np.ndarray], np.ndarray], scales: Pair, zero_points: Integers,
           bounds: Integers) -> np.ndarray:  # fmt: skip
    """Return a float32 function's stored output for each stored int8 input from -128 on.

    Parameters
    ----------
    scales, zero_points : pair
        Of the input and of the output.
    """
    real = function(np.float32(scales[0]) * (_STORED - zero_points[0]).astype(np.float32)).astype(np.float32)
    rescaled = half_away(real * (np.float32(1) / np.float32(scales[1])), 1.0)
    return np.clip(rescaled + zero_points[1], *bounds)


def hard_swish(scales: Pair, zero_points: Integers, bounds: Integers) -> np.ndarray:
    """Return ``x * clip(x / 6 + 1/2, 0, 1)`` stored, for each stored int8 input from -128 on, in 16-bit fixed point.

    The input is lifted by 7 bits; one product brings it to the output's scale but for a shift, another to thirds from
    -1 to 1, saturated; the product of both is shifted.
    """
    fine = np.float32(scales[0]) * np.float32(1 / 128)
    to_output, shift = short_multiplier(float(fine / np.float32(scales[1])))
    to_thirds, lift = short_multiplier(float(fine / np.float32(3 / 32768)))
    lifted = (_STORED - zero_points[0]) << 7
    share = _saturated(lifted << (lift - 1)) if lift > 0 else lifted
    share = _rounded_high(share, to_thirds)
    share = _saturated(share << 1) if lift > 0 else _shifted(share, -lift)
    share = (share + (1 << 15)) >> 1
    product = share * _rounded_high(lifted, to_output)
    high = np.sign(product) * (np.abs(product) >> 15)
    return np.clip(_shifted(high, -shift) + zero_points[1], *bounds)


def short_multiplier(real: float) -> tuple[int, int]:
    """Return a positive multiplier as 16-bit mantissa and exponent: mantissa / 2^15 * 2^exponent."""
    fraction, exponent = np.frexp(np.float64(real))
    mantissa = int(np.floor(fraction * (1 << 31) + 0.5))
    if mantissa == 1 << 31:
        mantissa, exponent = mantissa >> 1, exponent + 1
    return min((mantissa + (1 << 15)) >> 16, _MOST), int(exponent)


def _saturated(values: np.ndarray) -> np.ndarray:
    return np.clip(values, _LEAST, _MOST)


def _rounded_high(values: np.ndarray, multiplier: int) -> np.ndarray:
    """gemmlowp's SaturatingRoundingDoublingHighMul of 16 bits."""
    product = values * multiplier
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.sign(nudged) * (np.abs(nudged) >> 15)


def _shifted(values: np.ndarray, bits: int) -> np.ndarray:
    """gemmlowp's RoundingDivideByPOT: half away from zero."""
    mask = (1 << bits) - 1
    return (values >> bits) + ((values & mask) > (mask >> 1) + (values < 0))


#: Tables by the name of the vector unit's function, each of (scales, zero points, bounds).
TABLES: dict[str, Callable[[Pair, Integers, Integers], np.ndarray]] = {
    "sigmoid": partial(lookup, sigmoid), "tanh": partial(lookup, np.tanh), "hardswish": hard_swish,
}  # fmt: skip
