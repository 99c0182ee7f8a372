"""Sums of products: convolution of any stride, padding, dilation and groups, and matrix products."""

from __future__ import annotations

import numpy as np

#: float64 holds every integer up to here, so a product through BLAS is exact below it.
_EXACT = 1 << 53


def windows(
    image: np.ndarray,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    fill: float = 0,
) -> np.ndarray:
    """Return every window of an image as a view, shape (N, C, OH, OW, KH, KW).

    Parameters
    ----------
    image : (N, C, H, W)
    pads : tuple of int
        Top, left, bottom, right, in the ONNX order.
    fill : float
        Value of the padding.
    """
    top, left, bottom, right = pads
    padded = np.pad(image, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    span = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def convolution_sums(
    image: np.ndarray,
    weights: np.ndarray,
    stride: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """Return the sums of a convolution, shape (N, O, OH, OW): int64, or float32 for float operands.

    Both operands come with their zero points already subtracted; the padding is then 0, which is the input's
    zero point as stored.

    Parameters
    ----------
    image : (N, C, H, W)
    weights : (O, C / groups, KH, KW)
    """
    batch, channels = image.shape[:2]
    outputs, per_group, *kernel = weights.shape
    view = windows(image, (kernel[0], kernel[1]), stride, pads, dilation)
    out_h, out_w = view.shape[2:4]
    grouped = view.reshape(batch, groups, channels // groups, out_h, out_w, *kernel)
    columns = grouped.transpose(1, 0, 3, 4, 2, 5, 6).reshape(groups, batch * out_h * out_w, -1)
    rows = weights.reshape(groups, outputs // groups, per_group * kernel[0] * kernel[1])
    sums = matrix_sums(columns, rows.transpose(0, 2, 1))
    return sums.reshape(groups, batch, out_h, out_w, -1).transpose(1, 0, 4, 2, 3).reshape(batch, outputs, out_h, out_w)


def matrix_sums(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``left @ right``: exactly, as int64, or in float32 for float operands.

    An integer product runs through float64 BLAS while every partial sum stays below 2^53, else in int64.

    Parameters
    ----------
    left : (..., M, K)
    right : (..., K, N)
    """
    if np.issubdtype(left.dtype, np.floating) or np.issubdtype(right.dtype, np.floating):
        return left.astype(np.float32) @ right.astype(np.float32)
    greatest = [int(np.abs(side.astype(np.int64)).max(initial=0)) for side in (left, right)]
    if greatest[0] * greatest[1] * left.shape[-1] < _EXACT:
        return (left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)
    return left.astype(np.int64) @ right.astype(np.int64)
