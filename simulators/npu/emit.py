"""Tiles to commands: the walk over a plan's tiles, and which token each command waits for and gives.

The first pass counts the commands, the second writes them; both are this one walk.
"""

from __future__ import annotations

import numpy as np

from simulators.kernels import kernel
from simulators.npu.config import IS, OS, C
from simulators.npu.emit_array import (
    fused_passes,
    output_stationary_folds,
    requantize_tile,
    set_pixels,
    stationary_folds,
)
from simulators.npu.emit_transfers import (
    load_activations,
    load_biases,
    load_parameters,
    load_weights,
    new_command,
    store_outputs,
)
from simulators.npu.plan import ACTIVATIONS_OUTER, EVERY, FENCED, LATE, MATRIX, MOVE, WALK, G
from simulators.npu.tiles import ceil_div, input_extent, part, pixel_tile, pixel_tiles
from simulators.npu.tokens import (
    ACT_FREE,
    ACT_READY,
    BIAS_DONE,
    BIAS_FREE,
    BIAS_READY,
    COPY_FREE,
    COPY_READY,
    OPERAND_FREE,
    OPERAND_READY,
    OUT_FREE,
    OUT_READY,
    PARAMETER_FREE,
    PARAMETER_READY,
    SUMS_FREE,
    SUMS_READY,
    WEIGHT_FREE,
    WEIGHT_READY,
)  # fmt: skip
from simulators.program import (
    DEPTHWISE,
    PARAMETER_NONE,
    SCRATCHPAD,
    VECTOR,
    F,
)  # fmt: skip

_FLOW = C["dataflow"]
(_WAITS, _MEM, _ADDRESS, _LN0, _LS0, _LN1, _LS1, _COUNT, _UC) = (
    F[k] for k in ("waits", "memory", "address", "lane_n0", "lane_s0", "lane_n1", "lane_s1", "count", "used_cols")
)
(_DEST, _D0, _D1, _DL, _WA, _WS, _VALUE, _PMODE, _PADDRESS) = (
    F[k]
    for k in (
        "destination",
        "d_s0",
        "d_s1",
        "d_lane",
        "weight_address",
        "weight_stride",
        "value",
        "parameter_mode",
        "parameter_address",
    )
)
(_Z0, _Z1, _ZO, _LOW, _HIGH) = (F[k] for k in ("zero_point_0", "zero_point_1", "output_zero_point", "low", "high"))
(_KIND, _OUT_C, _KH, _KW, _SH, _SW, _DH, _DW, _GROUPS) = (
    G[k] for k in ("kind", "out_c", "kh", "kw", "sh", "sw", "dh", "dw", "groups")
)
(_CC, _N, _TN, _TC, _ORDER, _OPERANDS, _FUNCTION, _RESIDENT, _FUSED) = (
    G[k] for k in ("c", "n", "tn", "tc", "order", "operands", "function", "resident", "fused")
)
(_ASLOTS, _ASIZE, _OBASE, _OSLOTS, _OSIZE, _WSLOTS, _WSIZE, _XSLOTS, _XSIZE) = (
    G[k] for k in ("a_slots", "a_size", "o_base", "o_slots", "o_size", "w_slots", "w_size", "acc_slots", "acc_size")
)
(_PSLOTS, _PSIZE, _GPMODE, _GZ0, _GZ1, _GZO, _GLOW, _GHIGH) = (
    G[k] for k in ("p_slots", "p_size", "parameter_mode", "z0", "z1", "zo", "low", "high")
)
(_AT, _ALOADS, _WLOADS, _PLOADS, _AID, _WID, _PID, _AUSED, _WUSED) = (
    WALK[k] for k in ("at", "a_loads", "w_loads", "p_loads", "a_id", "w_id", "p_id", "a_used", "w_used")
)
(_PUSED, _AIN, _WIN, _PIN, _XTILES, _OTILES, _BTILES) = (
    WALK[k] for k in ("p_used", "a_in", "w_in", "p_in", "x_tiles", "o_tiles", "b_tiles")
)
_LOADS, _BIAS = G["loads"], G["bias"]


@kernel
def _ids(where):
    """Return what the activation, weight and parameter tiles of a step are, as numbers."""
    group, m, n, k = where
    return (group * (1 << 20) + m) * (1 << 12) + k, (group * (1 << 20) + n) * (1 << 12) + k, group * (1 << 20) + n


@kernel
def _load_step(table, st, config, g, where, k_tiles, ahead):
    """Load what a step needs and the step before it did not have.

    `ahead`: only into buffers with two slots, or only into the others. What follows biases that wait for the tile
    before must not stand ahead of that tile's commands.
    """
    group, m, n, k = where
    a_id, w_id, p_id = _ids(where)
    biased = k == 0 and g[_BIAS] != LATE
    fenced = biased and (g[_BIAS] == FENCED or g[_XSLOTS] == 1)
    if biased and fenced != ahead:
        _load_biases(table, st, g, group, m, n)
    if (st[_AID] != a_id or g[_LOADS] == EVERY) and (g[_ASLOTS] > 1 and not fenced) == ahead:
        load_activations(table, st, config, g, group, m, k, ACT_READY, ACT_FREE)
        st[_AID] = a_id
    if (st[_WID] != w_id or g[_LOADS] == EVERY) and (g[_WSLOTS] > 1 and not fenced) == ahead:
        load_weights(table, st, config, g, group, n, k, WEIGHT_READY, WEIGHT_FREE)
        st[_WID] = w_id
    if k == k_tiles - 1 and st[_PID] != p_id and (g[_PSLOTS] > 1) == ahead:
        load_parameters(table, st, g, group * g[_N] + n * g[_TN], part(g[_N], g[_TN], n))
        st[_PID] = p_id


@kernel
def _load_biases(table, st, g, group, m, n):
    """Fetch the biases of a tile's sums once their slot is free and, fenced, the array is done with the tile before."""
    _, _, _, images, th, tw = pixel_tile(g, m)
    waits = BIAS_FREE if st[_BTILES] >= g[_XSLOTS] else 0
    if g[_BIAS] == FENCED and st[_BTILES] > 0:
        waits |= BIAS_DONE
    outputs = part(g[_N], g[_TN], n)
    load_biases(table, st, g, group * g[_N] + n * g[_TN], outputs, images * th * tw, waits, BIAS_READY)
    st[_BTILES] += 1


@kernel
def _compute_step(table, st, config, g, codes, where, k_tiles, keep):
    """One (group, pixel, output, channel) tile through array, vector unit and store.

    keep: whether (activations, weights, parameters) stay for the next tile.
    """
    group, m, n, k = where
    _, _, _, images, th, tw = pixel_tile(g, m)
    tc, outputs, pixels = part(g[_CC], g[_TC], k), part(g[_N], g[_TN], n), images * th * tw
    height, width = input_extent(th, g[_SH], g[_DH], g[_KH]), input_extent(tw, g[_SW], g[_DW], g[_KW])
    a_wait = w_wait = x_wait = a_give = w_give = x_give = 0
    bases = (group * g[_ASIZE], group * g[_WSIZE], group * g[_XSIZE])
    if not g[_RESIDENT]:
        a_id, w_id, _ = _ids(where)
        if st[_AIN] != a_id or g[_LOADS] == EVERY:
            st[_AUSED], st[_AIN], a_wait = st[_AUSED] + 1, a_id, ACT_READY
        if st[_WIN] != w_id or g[_LOADS] == EVERY:
            st[_WUSED], st[_WIN], w_wait = st[_WUSED] + 1, w_id, WEIGHT_READY
        a_give, w_give = 0 if keep[0] else ACT_FREE, 0 if keep[1] else WEIGHT_FREE
        if k == 0 and st[_XTILES] >= g[_XSLOTS]:
            x_wait = SUMS_FREE
        if k == 0 and g[_BIAS] != LATE:
            x_wait |= BIAS_READY
        if k == k_tiles - 1:
            x_give = SUMS_READY | (BIAS_DONE if g[_BIAS] == FENCED else 0)
        bases = (((st[_AUSED] - 1) % g[_ASLOTS]) * g[_ASIZE], ((st[_WUSED] - 1) % g[_WSLOTS]) * g[_WSIZE],
                 (st[_XTILES] % g[_XSLOTS]) * g[_XSIZE])  # fmt: skip
    tile = (pixels, tc, outputs, height, width, th, tw)
    if config[_FLOW] == OS:
        output_stationary_folds(
            table, st, config, g, tile, bases, (a_wait, w_wait, x_wait), (a_give, w_give, x_give), k > 0
        )
    elif config[_FLOW] == IS:
        stationary_folds(table, st, config, g, tile, bases, (a_wait, w_wait, x_wait), (a_give, w_give, x_give), k > 0)
    else:
        stationary_folds(table, st, config, g, tile, bases, (w_wait, a_wait, x_wait), (w_give, a_give, x_give), k > 0)
    if k == k_tiles - 1:
        if not g[_RESIDENT]:
            _finish_tile(table, st, config, g, codes, where, (pixels, outputs), bases[2], keep[2])
        st[_XTILES] += 1


@kernel
def _finish_tile(table, st, config, g, codes, where, tile, x_base, keep_parameters):
    """Requantize and store a tile whose sums are complete."""
    group, m, n, _ = where
    pixels, outputs = tile
    waits, gives = SUMS_READY, SUMS_FREE | OUT_READY
    if not keep_parameters:
        gives |= PARAMETER_FREE
    if g[_BIAS] != LATE:
        gives |= BIAS_FREE
    _, _, p_id = _ids(where)
    if st[_PIN] != p_id:
        st[_PUSED], st[_PIN] = st[_PUSED] + 1, p_id
        waits |= PARAMETER_READY
    if st[_OTILES] >= g[_OSLOTS]:
        waits |= OUT_FREE
    o_base = g[_OBASE] + (st[_OTILES] % g[_OSLOTS]) * g[_OSIZE]
    p_base = ((st[_PUSED] - 1) % g[_PSLOTS]) * g[_PSIZE]
    requantize_tile(table, st, config, g, (pixels, outputs), x_base, p_base, o_base, waits, gives)
    fused_passes(table, st, g, codes, pixels, outputs, o_base, gives)
    store_outputs(table, st, config, g, m, group * g[_N] + n * g[_TN], outputs, o_base, OUT_READY, OUT_FREE)
    st[_OTILES] += 1


@kernel
def tile_at(g, m_tiles, n_tiles, i):
    """Return (group, pixel tile, output tile) of tile `i` in the plan's order; group -1 beyond the last."""
    per_group = m_tiles * n_tiles
    group, i = i // per_group, i % per_group
    if group >= g[_GROUPS]:
        return -1, -1, -1
    if g[_ORDER] == ACTIVATIONS_OUTER:
        return group, i // n_tiles, i % n_tiles
    return group, i % m_tiles, i // m_tiles


@kernel
def _matrix_tiles(table, st, config, g, codes):
    """Walk the steps; a step's loads go out before the commands of the step before it, so that they overlap."""
    b, y, x = pixel_tiles(g)
    m_tiles, n_tiles, k_tiles = b * y * x, ceil_div(g[_N], g[_TN]), ceil_div(g[_CC], g[_TC])
    alone, steps = k_tiles == 1 and g[_LOADS] != EVERY, g[_GROUPS] * m_tiles * n_tiles * k_tiles
    moves = not g[_RESIDENT]
    group, m, n = tile_at(g, m_tiles, n_tiles, 0)
    if moves:
        _load_step(table, st, config, g, (group, m, n, 0), k_tiles, True)
        _load_step(table, st, config, g, (group, m, n, 0), k_tiles, False)
    for j in range(steps):
        i, k = j // k_tiles, j % k_tiles
        group, m, n = tile_at(g, m_tiles, n_tiles, i)
        group1, m1, n1 = tile_at(g, m_tiles, n_tiles, (j + 1) // k_tiles)
        following = (group1, m1, n1, (j + 1) % k_tiles)
        if moves and j + 1 < steps:
            _load_step(table, st, config, g, following, k_tiles, True)
        group2, m2, n2 = tile_at(g, m_tiles, n_tiles, i + 1)
        same_m, same_n = group2 == group and m2 == m, group2 == group and n2 == n
        _compute_step(
            table, st, config, g, codes, (group, m, n, k), k_tiles, (alone and same_m, alone and same_n, same_n)
        )
        if moves and j + 1 < steps:
            _load_step(table, st, config, g, following, k_tiles, False)


@kernel
def _vector_step(table, st, config, g, codes, m, k, last):
    """One tile of a vector layer: operands in, a vector command, fused passes, store. last: of channel tile `k`."""
    _, _, _, images, th, tw = pixel_tile(g, m)
    tc, pixels = part(g[_CC], g[_TC], k), images * th * tw
    height, width = input_extent(th, g[_SH], g[_DH], g[_KH]), input_extent(tw, g[_SW], g[_DW], g[_KW])
    waits, gives = OPERAND_READY, OPERAND_FREE | OUT_READY
    load_activations(table, st, config, g, 0, m, k, OPERAND_READY, OPERAND_FREE)
    depthwise = g[_FUNCTION] == DEPTHWISE
    if last and g[_GPMODE] != PARAMETER_NONE:
        gives |= PARAMETER_FREE
    if st[_PID] != k and g[_GPMODE] != PARAMETER_NONE:
        if depthwise:
            load_weights(table, st, config, g, 0, 0, k, 0, PARAMETER_FREE)
        _vector_parameters(table, st, g, k, tc, depthwise)
        waits |= PARAMETER_READY
        st[_PID] = k
    if st[_OTILES] >= g[_OSLOTS]:
        waits |= OUT_FREE
    a_base = ((st[_ALOADS] - 1) % g[_ASLOTS]) * g[_ASIZE]
    o_base = g[_OBASE] + (st[_OTILES] % g[_OSLOTS]) * g[_OSIZE]
    row = table[new_command(table, st, VECTOR, waits, 0 if g[_FUSED] else gives)]
    row[_VALUE], row[_MEM], row[_ADDRESS], row[_DEST] = g[_FUNCTION], SCRATCHPAD, a_base, o_base
    set_pixels(row, g, tc, width, height, th, tw)
    row[_COUNT], row[_UC] = pixels, tc
    row[_LN0], row[_LS0], row[_LN1], row[_LS1] = g[_KW], g[_DW] * tc, g[_KH], g[_DH] * width * tc
    if g[_OPERANDS] > 1:
        row[_LN0], row[_LS0], row[_LN1] = g[_OPERANDS], g[_ASIZE] // g[_OPERANDS], 1
    row[_D0], row[_D1], row[_DL] = tc, tw * tc, 1
    row[_PMODE], row[_PADDRESS] = g[_GPMODE], ((st[_PLOADS] - 1) % g[_PSLOTS]) * g[_PSIZE]
    row[_WA], row[_WS] = ((st[_WLOADS] - 1) % g[_WSLOTS]) * g[_WSIZE], tc
    row[_Z0], row[_Z1], row[_ZO], row[_LOW], row[_HIGH] = g[_GZ0], g[_GZ1], g[_GZO], g[_GLOW], g[_GHIGH]
    fused_passes(table, st, g, codes, pixels, tc, o_base, gives)
    store_outputs(table, st, config, g, m, k * g[_TC], tc, o_base, OUT_READY, OUT_FREE)
    st[_OTILES] += 1


@kernel
def _vector_parameters(table, st, g, k, tc, depthwise):
    """Parameters of a vector layer: per channel for depthwise, else the layer's few entries."""
    if depthwise:
        load_parameters(table, st, g, k * g[_TC], tc)
        table[min(st[_AT], table.shape[0]) - 1, _WAITS] = 0
    else:
        load_parameters(table, st, g, 0, max(1, g[_OPERANDS]))


@kernel
def _vector_tiles(table, st, config, g, codes):
    b, y, x = pixel_tiles(g)
    for k in range(ceil_div(g[_CC], g[_TC])):
        for m in range(b * y * x):
            _vector_step(table, st, config, g, codes, m, k, m == b * y * x - 1)


@kernel
def _move_tiles(table, st, config, g):
    """Copy a tensor through the scratchpad."""
    b, y, x = pixel_tiles(g)
    for m in range(b * y * x):
        load_activations(table, st, config, g, 0, m, 0, COPY_READY, COPY_FREE)
        base = ((st[_ALOADS] - 1) % g[_ASLOTS]) * g[_ASIZE]
        store_outputs(table, st, config, g, m, 0, g[_OUT_C], base, COPY_READY, COPY_FREE)


@kernel
def _emit(table, st, config, g, codes):
    st[_AID] = st[_WID] = st[_PID] = st[_AIN] = st[_WIN] = st[_PIN] = -1
    if g[_KIND] == MATRIX:
        _matrix_tiles(table, st, config, g, codes)
    elif g[_KIND] == MOVE:
        _move_tiles(table, st, config, g)
    else:
        _vector_tiles(table, st, config, g, codes)
    return st[_AT]


def emit(table: np.ndarray, config: np.ndarray, g: np.ndarray, codes: np.ndarray) -> int:
    """Write the plan's commands into `table`; return how many there are (more than rows: only counted)."""
    return int(_emit(table, np.zeros(len(WALK), np.int64), config, g, codes))
