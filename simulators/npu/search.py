"""The cheapest of a table of tilings: what fits is estimated, what cannot win is dropped early."""

from __future__ import annotations

import numpy as np

from simulators.kernels import kernel
from simulators.npu.config import IS, OS, C
from simulators.npu.fast import CYCLES, LOAD_BYTES, STORE_BYTES, TOTALS, estimate_into
from simulators.npu.placement import FITS, place
from simulators.npu.plan import MATRIX, G
from simulators.npu.tiles import ceil_div, folds_of, part, pixel_tiles

_ROWS, _COLS, _FLOW, _DRAIN = C["rows"], C["cols"], C["dataflow"], C["drain"]
_KIND, _BATCH, _OUT_H, _OUT_W, _GROUPS = G["kind"], G["batch"], G["out_h"], G["out_w"], G["groups"]
_KH, _KW, _CC, _N, _TN, _TC = G["kh"], G["kw"], G["c"], G["n"], G["tn"], G["tc"]
_FIRST = G["tb"]  # tb, th, tw, tn, tc, order stand together


@kernel
def _folds_in_all(config, g):
    """Return (K folds, output folds) summed over a plan's channel and output tiles of one group."""
    k_tiles, n_tiles = ceil_div(g[_CC], g[_TC]), ceil_div(g[_N], g[_TN])
    k_full, _ = folds_of(config, g, 1, g[_TC], 1)
    k_last, _ = folds_of(config, g, 1, part(g[_CC], g[_TC], k_tiles - 1), 1)
    n_folds = (n_tiles - 1) * ceil_div(g[_TN], config[_COLS]) + ceil_div(
        part(g[_N], g[_TN], n_tiles - 1), config[_COLS]
    )
    return (k_tiles - 1) * k_full + k_last, n_folds


@kernel
def array_bound(config, g):
    """Return cycles that the array's folds take at least, in constant time: it discards hopeless tilings."""
    if g[_KIND] != MATRIX:
        return 0
    b, y, x = pixel_tiles(g)
    m_tiles, pixels = b * y * x, g[_BATCH] * g[_OUT_H] * g[_OUT_W]
    k_folds, n_folds = _folds_in_all(config, g)
    if config[_FLOW] == OS:
        m_folds = max(m_tiles, ceil_div(pixels, config[_ROWS]))
        return g[_GROUPS] * m_folds * n_folds * (g[_KH] * g[_KW] * g[_CC] + ceil_div(g[_CC], g[_TC]) * config[_DRAIN])
    if config[_FLOW] == IS:
        m_folds = max(m_tiles, ceil_div(pixels, config[_COLS]))
        return g[_GROUPS] * m_folds * k_folds * max(g[_N], ceil_div(g[_N], g[_TN]) * (config[_ROWS] + 1))
    return g[_GROUPS] * n_folds * k_folds * max(pixels, m_tiles * (config[_ROWS] + 1))


@kernel
def search(config, functions, capacity, doubled, g, codes, candidates, weights, totals, now, free):
    """Return the index of the cheapest candidate that fits, -1 when none does.

    candidates: int64 (n, 6), the tiling of each: images, rows, columns, output channels, input channels, order.
    weights: float64 (TOTALS,), cost per unit of each total (1 for cycles alone: least cycles; pJ: least energy).
    Ties go to the least DRAM traffic, then to the first.
    """
    chosen, least, least_bytes = -1, np.inf, np.int64(0)
    for i in range(candidates.shape[0]):
        for j in range(6):
            g[_FIRST + j] = candidates[i, j]
        if place(config, capacity, doubled, g) != FITS:
            continue
        bound = np.int64(1) << 62
        if chosen >= 0 and weights[CYCLES] > 0:
            bound = np.int64(least / weights[CYCLES]) + 1
        if array_bound(config, g) > bound + config[_ROWS]:
            continue
        estimate_into(config, functions, g, codes, bound, totals, now, free)
        if totals[CYCLES] > bound:
            continue
        cost = 0.0
        for j in range(TOTALS):
            cost += weights[j] * totals[j]
        size = totals[LOAD_BYTES] + totals[STORE_BYTES]
        if cost < least or (cost == least and size < least_bytes):
            chosen, least, least_bytes = i, cost, size
    return chosen
