"""Extents and sizes of a plan's tiles, for the emitter, the closed form and the packer alike."""

from __future__ import annotations

from simulators.kernels import kernel
from simulators.npu.config import OS, C
from simulators.npu.plan import G

_ROWS, _COLS, _FLOW, _SERIAL, _IM2COL = C["rows"], C["cols"], C["dataflow"], C["serializer"], C["im2col"]
_KH, _KW, _SH, _SW, _DH, _DW = G["kh"], G["kw"], G["sh"], G["sw"], G["dh"], G["dw"]
_TB, _TH, _TW, _TN, _TC, _N, _CC = G["tb"], G["th"], G["tw"], G["tn"], G["tc"], G["n"], G["c"]
_BATCH, _OUT_H, _OUT_W = G["batch"], G["out_h"], G["out_w"]


@kernel
def ceil_div(a, b):
    """Return the quotient rounded up; both positive."""
    return (a + b - 1) // b


@kernel
def part(whole, tile, index):
    """Return the extent of tile `index` of a dimension: the last one may be ragged."""
    return min(tile, whole - index * tile)


@kernel
def pixel_tiles(g):
    """Return how many tiles the output pixels have: (images, rows, columns)."""
    return ceil_div(g[_BATCH], g[_TB]), ceil_div(g[_OUT_H], g[_TH]), ceil_div(g[_OUT_W], g[_TW])


@kernel
def pixel_tile(g, m):
    """Return (first image, row, column, images, rows, columns) of pixel tile `m`."""
    _, rows, columns = pixel_tiles(g)
    b, y, x = m // (rows * columns), m // columns % rows, m % columns
    return (b * g[_TB], y * g[_TH], x * g[_TW],
            part(g[_BATCH], g[_TB], b), part(g[_OUT_H], g[_TH], y), part(g[_OUT_W], g[_TW], x))  # fmt: skip


@kernel
def input_extent(outputs, stride, dilation, taps):
    """Return the input rows (columns) that some output rows need."""
    return (outputs - 1) * stride + (taps - 1) * dilation + 1


@kernel
def depth_of(config, g, channels):
    """Return the summed dimension of a K tile as weights hold it: os, shifted pads channels to whole words."""
    if config[_SERIAL]:
        channels = ceil_div(channels, config[_ROWS]) * config[_ROWS]
    return g[_KH] * g[_KW] * channels


@kernel
def folds_of(config, g, pixels, channels, outputs):
    """Return (summed-dimension folds, stationary folds): passes through the array for one tile and their layout.

    ws: (K folds, N folds); is: (K folds, M folds); os: (M folds, N folds).
    """
    if config[_IM2COL]:
        k_folds = ceil_div(g[_KH] * g[_KW] * channels, config[_ROWS])
    else:
        k_folds = g[_KH] * g[_KW] * ceil_div(channels, config[_ROWS])
    if config[_FLOW] == OS:
        return ceil_div(pixels, config[_ROWS]), ceil_div(outputs, config[_COLS])
    if config[_FLOW] == 0:
        return k_folds, ceil_div(outputs, config[_COLS])
    return k_folds, ceil_div(pixels, config[_COLS])


@kernel
def accumulator_words(config, pixels, outputs):
    """Return the accumulator words of a tile."""
    if config[_FLOW] == 2:
        return ceil_div(pixels, config[_COLS]) * outputs
    return ceil_div(outputs, config[_COLS]) * pixels
