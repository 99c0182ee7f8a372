"""Commands that compute a tile: folds of the array with their address nests, and the vector passes after them."""

from __future__ import annotations

from simulators.kernels import kernel
from simulators.npu.config import IS, C
from simulators.npu.emit_transfers import new_command
from simulators.npu.plan import G
from simulators.npu.tiles import ceil_div, depth_of, part
from simulators.program import (
    ACCUMULATOR,
    MATMUL,
    PARAMETER_LANE,
    PARAMETER_POSITION,
    PRELOAD,
    REQUANTIZE,
    SCRATCHPAD,
    VECTOR,
    WEIGHT_BUFFER,
    F,
)  # fmt: skip

(_ROWS, _COLS, _FLOW, _SERIAL, _IM2COL) = (C[k] for k in ("rows", "cols", "dataflow", "serializer", "im2col"))
(_GIVES, _MEM, _ADDRESS, _N0, _S0, _N1, _S1, _S2, _START) = (
    F[k] for k in ("gives", "memory", "address", "n0", "s0", "n1", "s1", "s2", "start")
)
(_LN0, _LS0, _LN1, _LS1, _LS2, _LSTART, _COUNT, _UR, _UC) = (
    F[k]
    for k in ("lane_n0", "lane_s0", "lane_n1", "lane_s1", "lane_s2", "lane_start", "count", "used_rows", "used_cols")
)
(_DEST, _D0, _DL, _WA, _WS, _ADD, _SWAP, _VALUE, _PMODE) = (
    F[k]
    for k in (
        "destination",
        "d_s0",
        "d_lane",
        "weight_address",
        "weight_stride",
        "accumulate",
        "swap",
        "value",
        "parameter_mode",
    )
)
(_PADDRESS, _ZO, _LOW, _HIGH) = (F[k] for k in ("parameter_address", "output_zero_point", "low", "high"))
(_KH, _KW, _SH, _SW, _DH, _DW, _FUSED, _GZO, _GLOW) = (
    G[k] for k in ("kh", "kw", "sh", "sw", "dh", "dw", "fused", "zo", "low")
)
_GHIGH = G["high"]


@kernel
def set_pixels(row, g, tc, width, height, th, tw):
    """The nest of output pixels over an input tile, channels last."""
    row[_N0], row[_S0] = tw, g[_SW] * tc
    row[_N1], row[_S1] = th, g[_SH] * width * tc
    row[_S2] = height * width * tc


@kernel
def _pixel_lanes(row, g, tc, width, height, th, tw):
    row[_LN0], row[_LS0] = tw, g[_SW] * tc
    row[_LN1], row[_LS1] = th, g[_SH] * width * tc
    row[_LS2] = height * width * tc


@kernel
def _taps(row, g, tc, width):
    """The nest of the summed dimension of an im2col stream: channel, filter column, filter row."""
    row[_N0], row[_S0] = tc, 1
    row[_N1], row[_S1] = g[_KW], g[_DW] * tc
    row[_S2] = g[_DH] * width * tc


@kernel
def _tap_lanes(row, g, tc, width):
    row[_LN0], row[_LS0] = tc, 1
    row[_LN1], row[_LS1] = g[_KW], g[_DW] * tc
    row[_LS2] = g[_DH] * width * tc


@kernel
def _fold_k(config, g, tc, width, fold):
    """Return (first k, used rows, address offset) of a fold of the summed dimension."""
    if config[_IM2COL]:
        first = fold * config[_ROWS]
        return first, min(config[_ROWS], g[_KH] * g[_KW] * tc - first), 0
    blocks = ceil_div(tc, config[_ROWS])
    tap, c0 = fold // blocks, fold % blocks * config[_ROWS]
    offset = (tap // g[_KW] * g[_DH] * width + tap % g[_KW] * g[_DW]) * tc + c0
    return tap * tc + c0, min(config[_ROWS], tc - c0), offset


@kernel
def stationary_folds(table, st, config, g, tile, bases, waits, gives, accumulate):
    """ws: for each output fold, for each fold of K, a preload and a matmul. is: the same, operands exchanged."""
    pixels, tc, outputs, height, width, th, tw = tile
    a_base, w_base, x_base = bases
    exchanged = config[_FLOW] == IS
    depth = g[_KH] * g[_KW] * tc
    k_folds = ceil_div(depth, config[_ROWS]) if config[_IM2COL] else g[_KH] * g[_KW] * ceil_div(tc, config[_ROWS])
    stationary = pixels if exchanged else outputs
    streamed = outputs if exchanged else pixels
    folds = ceil_div(stationary, config[_COLS])
    stay_waits, stream_waits, stay_gives, stream_gives, sums_waits, sums_gives = (
        waits[0],
        waits[1],
        gives[0],
        gives[1],
        waits[2],
        gives[2],
    )
    for f in range(folds):
        used = part(stationary, config[_COLS], f)
        for kf in range(k_folds):
            last = f == folds - 1 and kf == k_folds - 1
            k0, used_rows, offset = _fold_k(config, g, tc, width, kf)
            row = table[new_command(table, st, PRELOAD, stay_waits, stay_gives if last else 0)]
            row[_UR], row[_UC], row[_COUNT] = used_rows, used, used_rows
            if exchanged:
                row[_MEM], row[_ADDRESS], row[_START], row[_LSTART] = SCRATCHPAD, a_base, k0, f * config[_COLS]
                _taps(row, g, tc, width)
                _pixel_lanes(row, g, tc, width, height, th, tw)
            else:
                row[_MEM], row[_ADDRESS] = WEIGHT_BUFFER, w_base + f * config[_COLS] * depth + k0 * used
                row[_N0], row[_S0], row[_LN0], row[_LS0] = config[_ROWS], used, config[_COLS], 1
            row = table[new_command(table, st, MATMUL, stream_waits | sums_waits, 0)]
            if last:
                row[_GIVES] = stream_gives | sums_gives
            stay_waits = stream_waits = sums_waits = 0
            row[_COUNT], row[_UR], row[_UC], row[_SWAP] = streamed, used_rows, used, 1
            row[_DEST], row[_ADD] = x_base + f * streamed, accumulate or kf > 0
            if exchanged:
                row[_MEM], row[_ADDRESS] = WEIGHT_BUFFER, w_base + k0 * outputs
                row[_N0], row[_S0], row[_LN0], row[_LS0] = outputs, used_rows, config[_ROWS], 1
                continue
            row[_MEM], row[_ADDRESS] = SCRATCHPAD, a_base + offset
            set_pixels(row, g, tc, width, height, th, tw)
            if config[_IM2COL]:
                row[_LSTART] = k0
                _tap_lanes(row, g, tc, width)
            else:
                row[_LN0], row[_LS0] = config[_ROWS], 1


@kernel
def output_stationary_folds(table, st, config, g, tile, bases, waits, gives, accumulate):
    """os: for each output fold, for each pixel fold, one matmul over all of K."""
    pixels, tc, outputs, height, width, th, tw = tile
    a_base, w_base, x_base = bases
    depth = depth_of(config, g, tc)
    m_folds, n_folds = ceil_div(pixels, config[_ROWS]), ceil_div(outputs, config[_COLS])
    wait = waits[0] | waits[1] | waits[2]
    for nf in range(n_folds):
        used = part(outputs, config[_COLS], nf)
        for mf in range(m_folds):
            last = nf == n_folds - 1 and mf == m_folds - 1
            row = table[new_command(table, st, MATMUL, wait, (gives[0] | gives[1] | gives[2]) if last else 0)]
            wait = 0
            row[_UR], row[_UC] = part(pixels, config[_ROWS], mf), used
            row[_MEM], row[_ADDRESS], row[_LSTART] = SCRATCHPAD, a_base, mf * config[_ROWS]
            _pixel_lanes(row, g, tc, width, height, th, tw)
            _taps(row, g, tc, width)
            row[_COUNT] = depth
            if config[_SERIAL]:
                row[_COUNT] = depth // config[_ROWS]
                row[_N0], row[_S0] = ceil_div(tc, config[_ROWS]), config[_ROWS]
            row[_WA], row[_WS] = w_base + nf * config[_COLS] * depth, used
            row[_DEST], row[_ADD] = x_base + nf * pixels + mf * config[_ROWS], accumulate


@kernel
def requantize_tile(table, st, config, g, tile, x_base, p_base, o_base, waits, gives):
    """Sums to outputs: a vector command a fold."""
    pixels, outputs = tile
    exchanged = config[_FLOW] == IS
    lanes_of = pixels if exchanged else outputs
    positions = outputs if exchanged else pixels
    folds = ceil_div(lanes_of, config[_COLS])
    last_gives = 0 if g[_FUSED] else gives
    for f in range(folds):
        row = table[new_command(table, st, VECTOR, waits if f == 0 else 0, last_gives if f == folds - 1 else 0)]
        row[_VALUE], row[_MEM], row[_ADDRESS] = REQUANTIZE, ACCUMULATOR, x_base + f * positions
        row[_COUNT] = row[_N0] = positions
        row[_S0], row[_UC] = 1, part(lanes_of, config[_COLS], f)
        row[_PMODE], row[_PADDRESS] = PARAMETER_LANE, p_base + f * config[_COLS]
        row[_DEST], row[_D0], row[_DL] = o_base + f * config[_COLS], outputs, 1
        if exchanged:
            row[_PMODE], row[_PADDRESS] = PARAMETER_POSITION, p_base
            row[_DEST], row[_D0], row[_DL] = o_base + f * config[_COLS] * outputs, 1, outputs
        row[_ZO], row[_LOW], row[_HIGH] = g[_GZO], g[_GLOW], g[_GHIGH]


@kernel
def fused_passes(table, st, g, codes, pixels, outputs, base, gives):
    """Functions applied to the output tile in place: a vector command each."""
    for i in range(g[_FUSED]):
        row = table[new_command(table, st, VECTOR, 0, gives if i == g[_FUSED] - 1 else 0)]
        row[_VALUE], row[_MEM], row[_ADDRESS], row[_DEST] = codes[i], SCRATCHPAD, base, base
        row[_COUNT] = row[_N0] = pixels
        row[_S0] = row[_D0] = row[_UC] = outputs
        row[_DL], row[_LOW], row[_HIGH] = 1, g[_GLOW], g[_GHIGH]
