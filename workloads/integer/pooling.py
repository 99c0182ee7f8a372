"""Max and average pooling over windows of an image."""

from __future__ import annotations

import numpy as np

from workloads.integer.products import windows
from workloads.requantize import requantize, round_half_even

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


def max_pool(image: np.ndarray, kernel: Pair, stride: Pair, pads: Pads, dilation: Pair = (1, 1)) -> np.ndarray:
    """Return the greatest stored value of each window as int64, shape (N, C, OH, OW); padding never wins."""
    least = int(np.iinfo(np.int64).min)
    return windows(image.astype(np.int64), kernel, stride, pads, dilation, fill=least).max(axis=(4, 5))


def window_sums(image: np.ndarray, zero_point: int, kernel: Pair, stride: Pair, pads: Pads) -> np.ndarray:
    """Return the sum of ``value - zero_point`` over each window as int64, shape (N, C, OH, OW)."""
    return windows(image.astype(np.int64) - zero_point, kernel, stride, pads).sum(axis=(4, 5))


def window_counts(height: int, width: int, kernel: Pair, stride: Pair, pads: Pads, with_padding: bool) -> np.ndarray:
    """Return how many elements each window averages over, int64, shape (OH, OW).

    Parameters
    ----------
    with_padding : bool
        Count the padding as well (ONNX ``count_include_pad``).
    """
    ones = np.ones((1, 1, height, width), np.int64)
    if with_padding:
        ones = np.pad(ones, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=1)
        pads = (0, 0, 0, 0)
    return windows(ones, kernel, stride, pads).sum(axis=(4, 5))[0, 0]


def average_pool(
    sums: np.ndarray, counts: np.ndarray, multiplier: float, zero_point: int, low: int, high: int, rounding: str
) -> np.ndarray:
    """Return the average of each window: ``clamp(zero_point + sum * (multiplier / count))``, int64.

    Parameters
    ----------
    sums : (N, C, OH, OW)
    counts : (OH, OW) or scalar
    multiplier : float
        Input scale over output scale.
    """
    return requantize(sums, multiplier / counts, zero_point, low, high, rounding)


def average_pool_in_float(
    image: np.ndarray,
    scales: tuple[np.float32, np.float32],
    zero_points: tuple[int, int],
    window: tuple[Pair, Pair, Pads],
    counts: np.ndarray,
    bounds: tuple[int, int],
) -> np.ndarray:
    """Return the average of each window as onnxruntime's QLinearAveragePool computes it, int64.

    It adds the real values in float32 row by row, divides by the count, then by the output scale, adds the zero
    point and rounds half even: four float roundings that no single multiplier reproduces.

    Parameters
    ----------
    scales, zero_points : pair
        Of the input and of the output.
    window : tuple
        Kernel, stride and pads.
    """
    kernel, stride, pads = window
    real = (image.astype(np.int64) - zero_points[0]).astype(np.float32) * scales[0]
    view = windows(real, kernel, stride, pads)
    total = np.zeros(view.shape[:4], np.float32)
    for row in range(view.shape[4]):
        for column in range(view.shape[5]):
            total += view[..., row, column]
    scaled = total / counts.astype(np.float32) / scales[1] + np.float32(zero_points[1])
    return np.clip(round_half_even(scaled), *bounds)
