"""Tiles to commands: loads with halo and padding, folds of the array, vector passes, stores, and their tokens.

The first pass counts the commands, the second writes them; both are this one walk.
"""

from __future__ import annotations

import numpy as np

from simulators.kernels import view_kernel
from simulators.npu.config import IS, OS, PARAMETER_BITS, C
from simulators.npu.placement import weight_offset
from simulators.npu.plan import ACTIVATIONS_OUTER, MATRIX, MOVE, G
from simulators.npu.tiles import accumulator_words, ceil_div, depth_of, input_extent, part, pixel_tile, pixel_tiles
from simulators.program import (
    ACCUMULATOR, DEPTHWISE, FIELDS, FILL, LOAD, MATMUL, PARAMETER_LANE, PARAMETER_NONE, PARAMETER_POSITION,
    PARAMETER_WORDS, PARAMETERS, PRELOAD, REQUANTIZE, SCRATCHPAD, STORE, VECTOR, WEIGHT_BUFFER, F, mask, token,
)  # fmt: skip

_ROWS, _COLS, _FLOW, _SERIAL, _IM2COL = C["rows"], C["cols"], C["dataflow"], C["serializer"], C["im2col"]
_ABITS, _WBITS = C["activation_bits"], C["weight_bits"]

# Tokens: what they mean. Queue order: load 0, execute 1, vector 2, store 3.
ACT_READY, ACT_FREE = mask(token(0, 1, 0)), mask(token(1, 0, 0))
WEIGHT_READY, WEIGHT_FREE = mask(token(0, 1, 1)), mask(token(1, 0, 1))
SUMS_READY, SUMS_FREE = mask(token(1, 2, 0)), mask(token(2, 1, 0))
PARAMETER_READY, PARAMETER_FREE = mask(token(0, 2, 0)), mask(token(2, 0, 0))
OPERAND_READY, OPERAND_FREE = mask(token(0, 2, 1)), mask(token(2, 0, 1))
OUT_READY, OUT_FREE = mask(token(2, 3, 0)), mask(token(3, 2, 0))
COPY_READY, COPY_FREE = mask(token(0, 3, 0)), mask(token(3, 0, 0))

_NAMES = ("opcode", "waits", "gives", "memory", "address", "n0", "s0", "n1", "s1", "s2", "start", "lane_n0", "lane_s0",
          "lane_n1", "lane_s1", "lane_s2", "lane_start", "count", "used_rows", "used_cols", "destination", "d_s0", "d_s1",
          "d_lane", "dram_address", "weight_address", "weight_stride", "accumulate", "swap", "value", "parameter_mode",
          "parameter_address", "zero_point_0", "zero_point_1", "output_zero_point", "low", "high")  # fmt: skip
assert _NAMES == FIELDS
(_OP, _WAITS, _GIVES, _MEM, _ADDRESS, _N0, _S0, _N1, _S1, _S2, _START, _LN0, _LS0, _LN1, _LS1, _LS2, _LSTART, _COUNT,
 _UR, _UC, _DEST, _D0, _D1, _DL, _DRAM, _WA, _WS, _ADD, _SWAP, _VALUE, _PMODE, _PADDRESS, _Z0, _Z1, _ZO, _LOW,
 _HIGH) = range(len(FIELDS))  # fmt: skip

(_KIND, _IN_H, _IN_W, _IN_C, _OUT_H, _OUT_W, _OUT_C) = (G[k] for k in ("kind", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c"))
(_KH, _KW, _SH, _SW, _DH, _DW, _PT, _PL) = (G[k] for k in ("kh", "kw", "sh", "sw", "dh", "dw", "pt", "pl"))
(_GROUPS, _CC, _N, _TN, _TC, _ORDER) = (G[k] for k in ("groups", "c", "n", "tn", "tc", "order"))
(_OPERANDS, _FUNCTION, _RESIDENT, _FUSED) = (G[k] for k in ("operands", "function", "resident", "fused"))
(_ASLOTS, _ASIZE, _OBASE, _OSLOTS, _OSIZE) = (G[k] for k in ("a_slots", "a_size", "o_base", "o_slots", "o_size"))
(_WSLOTS, _WSIZE, _XSLOTS, _XSIZE, _PSLOTS, _PSIZE) = (G[k] for k in ("w_slots", "w_size", "acc_slots", "acc_size", "p_slots", "p_size"))
(_DIN, _DIN2, _DWEIGHTS, _DPARAMETERS, _DOUT) = (G[k] for k in ("dram_in", "dram_in2", "dram_weights", "dram_parameters", "dram_out"))
(_GPMODE, _PAD, _GZ0, _GZ1, _GZO, _GLOW, _GHIGH) = (G[k] for k in ("parameter_mode", "pad_value", "z0", "z1", "zo", "low", "high"))

# Walk state: next command; loads of each buffer so far and what was loaded last; the same as the compute side, a
# step behind, sees it; sums and outputs so far.
_AT, _ALOADS, _WLOADS, _PLOADS, _AID, _WID, _PID, _AUSED, _WUSED, _PUSED, _AIN, _WIN, _PIN, _XTILES, _OTILES = range(15)
_STATE = 15


@view_kernel
def _new(table, st, opcode, waits, gives):
    """Append a command; return its row (the last row is scratch space when only counting)."""
    row = table[min(st[_AT], table.shape[0] - 1)]
    st[_AT] += 1
    for i in range(row.shape[0]):
        row[i] = 0
    row[_OP], row[_WAITS], row[_GIVES] = opcode, waits, gives
    row[_N0] = row[_N1] = row[_LN0] = row[_LN1] = row[_COUNT] = 1
    return row


@view_kernel
def _transfer(row, memory, address, dram, extents, on_chip, off_chip):
    """Fill in a copy of planes x rows x elements; a dimension without gaps on both sides joins the one below."""
    count, n1, n0 = extents
    row[_MEM], row[_ADDRESS], row[_DRAM] = memory, address, dram
    row[_COUNT], row[_N1], row[_N0] = count, n1, n0
    row[_S2], row[_S1] = on_chip
    row[_D1], row[_D0] = off_chip


@view_kernel
def _bytes(elements, bits):
    return (elements * bits + 7) // 8


@view_kernel
def _fill(table, st, g, waits, address, count, elements, stride):
    """Write padding: `count` rows of `elements`, `stride` apart."""
    row = _new(table, st, FILL, waits, 0)
    _transfer(row, SCRATCHPAD, address, 0, (1, count, elements), (0, stride), (0, 0))
    row[_VALUE] = g[_PAD]


@view_kernel
def _load_image(table, st, config, g, waits, gives, base, dram, box, channels):
    """Load one image's input tile with its padding. box: (image, first row, rows, first column, columns)."""
    image, y0, height, x0, width = box
    c0, tc = channels
    bits = config[_ABITS]
    top, bottom = max(0, -y0), max(0, y0 + height - g[_IN_H])
    left, right = max(0, -x0), max(0, x0 + width - g[_IN_W])
    rows, columns, pitch = height - top - bottom, width - left - right, width * tc
    pixel = _bytes(g[_IN_C], bits)
    if rows <= 0 or columns <= 0:
        _fill(table, st, g, waits, base, 1, height * pitch, 0)
        table[min(st[_AT], table.shape[0]) - 1, _GIVES] = gives
        return
    if top:
        _fill(table, st, g, waits, base, 1, top * pitch, 0)
        waits = 0
    if bottom:
        _fill(table, st, g, waits, base + (height - bottom) * pitch, 1, bottom * pitch, 0)
        waits = 0
    if left:
        _fill(table, st, g, waits, base + top * pitch, rows, left * tc, pitch)
        waits = 0
    if right:
        _fill(table, st, g, waits, base + top * pitch + (left + columns) * tc, rows, right * tc, pitch)
        waits = 0
    row = _new(table, st, LOAD, waits, gives)
    first = dram + ((image * g[_IN_H] + y0 + top) * g[_IN_W] + x0 + left) * pixel + c0 * bits // 8
    address = base + top * pitch + left * tc
    if tc == g[_IN_C] and pixel * 8 == tc * bits:
        if columns == g[_IN_W] and left + right == 0:
            _transfer(row, SCRATCHPAD, address, first, (1, 1, rows * columns * tc), (0, 0), (0, 0))
        else:
            _transfer(row, SCRATCHPAD, address, first, (1, rows, columns * tc), (0, pitch), (0, g[_IN_W] * pixel))
    else:
        _transfer(row, SCRATCHPAD, address, first, (rows, columns, tc), (pitch, tc), (g[_IN_W] * pixel, pixel))


@view_kernel
def load_activations(table, st, config, g, group, m, k, ready, free):
    """Load the input tile of pixel tile `m`, channel tile `k` (all operands) into the next activation slot."""
    b0, oy, ox, images, th, tw = pixel_tile(g, m)
    tc = part(g[_CC], g[_TC], k)
    c0 = group * g[_CC] + k * g[_TC]
    height, width = input_extent(th, g[_SH], g[_DH], g[_KH]), input_extent(tw, g[_SW], g[_DW], g[_KW])
    slot = (st[_ALOADS] % g[_ASLOTS]) * g[_ASIZE]
    waits = free if st[_ALOADS] >= g[_ASLOTS] else 0
    operand = g[_ASIZE] // g[_OPERANDS]
    for o in range(g[_OPERANDS]):
        dram = g[_DIN] if o == 0 else g[_DIN2] + (o - 1) * (g[_DIN2] - g[_DIN])
        for b in range(images):
            last = o == g[_OPERANDS] - 1 and b == images - 1
            base = slot + o * operand + b * height * width * tc
            box = (b0 + b, oy * g[_SH] - g[_PT], height, ox * g[_SW] - g[_PL], width)
            _load_image(table, st, config, g, waits, ready if last else 0, base, dram, box, (c0, tc))
            waits = 0
    st[_ALOADS] += 1


@view_kernel
def load_weights(table, st, config, g, group, n, k, ready, free):
    """Load a weight block into the next weight slot."""
    waits = free if st[_WLOADS] >= g[_WSLOTS] else 0
    row = _new(table, st, LOAD, waits, ready)
    elements = g[_KH] * g[_KW] * part(g[_CC], g[_TC], k)
    if g[_KIND] == MATRIX:
        elements = depth_of(config, g, part(g[_CC], g[_TC], k)) * part(g[_N], g[_TN], n)
    dram = g[_DWEIGHTS] + weight_offset(config, g, group, n, k)
    address = (st[_WLOADS] % g[_WSLOTS]) * g[_WSIZE]
    _transfer(row, WEIGHT_BUFFER, address, dram, (1, 1, elements), (0, 0), (0, 0))
    st[_WLOADS] += 1


@view_kernel
def load_parameters(table, st, g, first, channels):
    """Load the parameters of some channels into the next parameter slot."""
    waits = PARAMETER_FREE if st[_PLOADS] >= g[_PSLOTS] else 0
    row = _new(table, st, LOAD, waits, PARAMETER_READY)
    words = channels * PARAMETER_WORDS
    dram = g[_DPARAMETERS] + first * PARAMETER_WORDS * (PARAMETER_BITS // 8)
    _transfer(row, PARAMETERS, (st[_PLOADS] % g[_PSLOTS]) * g[_PSIZE] * PARAMETER_WORDS, dram, (1, 1, words), (0, 0), (0, 0))
    st[_PLOADS] += 1


@view_kernel
def _pixels(row, g, tc, width, height, th, tw):
    """The nest of output pixels over an input tile, channels last."""
    row[_N0], row[_S0] = tw, g[_SW] * tc
    row[_N1], row[_S1] = th, g[_SH] * width * tc
    row[_S2] = height * width * tc


@view_kernel
def _pixel_lanes(row, g, tc, width, height, th, tw):
    row[_LN0], row[_LS0] = tw, g[_SW] * tc
    row[_LN1], row[_LS1] = th, g[_SH] * width * tc
    row[_LS2] = height * width * tc


@view_kernel
def _taps(row, g, tc, width):
    """The nest of the summed dimension of an im2col stream: channel, filter column, filter row."""
    row[_N0], row[_S0] = tc, 1
    row[_N1], row[_S1] = g[_KW], g[_DW] * tc
    row[_S2] = g[_DH] * width * tc


@view_kernel
def _tap_lanes(row, g, tc, width):
    row[_LN0], row[_LS0] = tc, 1
    row[_LN1], row[_LS1] = g[_KW], g[_DW] * tc
    row[_LS2] = g[_DH] * width * tc


@view_kernel
def _fold_k(config, g, tc, width, fold):
    """Return (first k, used rows, address offset) of a fold of the summed dimension."""
    if config[_IM2COL]:
        first = fold * config[_ROWS]
        return first, min(config[_ROWS], g[_KH] * g[_KW] * tc - first), 0
    blocks = ceil_div(tc, config[_ROWS])
    tap, c0 = fold // blocks, fold % blocks * config[_ROWS]
    offset = (tap // g[_KW] * g[_DH] * width + tap % g[_KW] * g[_DW]) * tc + c0
    return tap * tc + c0, min(config[_ROWS], tc - c0), offset


@view_kernel
def _stationary(table, st, config, g, tile, bases, waits, gives, accumulate):
    """ws: for each output fold, for each fold of K, a preload and a matmul. is: the same, operands exchanged."""
    pixels, tc, outputs, height, width, th, tw = tile
    a_base, w_base, x_base = bases
    exchanged = config[_FLOW] == IS
    depth = g[_KH] * g[_KW] * tc
    k_folds = ceil_div(depth, config[_ROWS]) if config[_IM2COL] else g[_KH] * g[_KW] * ceil_div(tc, config[_ROWS])
    stationary = pixels if exchanged else outputs
    streamed = outputs if exchanged else pixels
    folds = ceil_div(stationary, config[_COLS])
    stay_waits, stream_waits, stay_gives, stream_gives, sums_waits, sums_gives = waits[0], waits[1], gives[0], gives[1], waits[2], gives[2]
    for f in range(folds):
        used = part(stationary, config[_COLS], f)
        for kf in range(k_folds):
            last = f == folds - 1 and kf == k_folds - 1
            k0, used_rows, offset = _fold_k(config, g, tc, width, kf)
            row = _new(table, st, PRELOAD, stay_waits, stay_gives if last else 0)
            row[_UR], row[_UC], row[_COUNT] = used_rows, used, used_rows
            if exchanged:
                row[_MEM], row[_ADDRESS], row[_START], row[_LSTART] = SCRATCHPAD, a_base, k0, f * config[_COLS]
                _taps(row, g, tc, width)
                _pixel_lanes(row, g, tc, width, height, th, tw)
            else:
                row[_MEM], row[_ADDRESS] = WEIGHT_BUFFER, w_base + f * config[_COLS] * depth + k0 * used
                row[_N0], row[_S0], row[_LN0], row[_LS0] = config[_ROWS], used, config[_COLS], 1
            row = _new(table, st, MATMUL, stream_waits | sums_waits, 0)
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
            _pixels(row, g, tc, width, height, th, tw)
            if config[_IM2COL]:
                row[_LSTART] = k0
                _tap_lanes(row, g, tc, width)
            else:
                row[_LN0], row[_LS0] = config[_ROWS], 1


@view_kernel
def _output_stationary(table, st, config, g, tile, bases, waits, gives, accumulate):
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
            row = _new(table, st, MATMUL, wait, (gives[0] | gives[1] | gives[2]) if last else 0)
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


@view_kernel
def _requantize(table, st, config, g, tile, x_base, p_base, o_base, waits, gives):
    """Sums to outputs: a vector command a fold."""
    pixels, outputs = tile
    exchanged = config[_FLOW] == IS
    lanes_of = pixels if exchanged else outputs
    positions = outputs if exchanged else pixels
    folds = ceil_div(lanes_of, config[_COLS])
    last_gives = 0 if g[_FUSED] else gives
    for f in range(folds):
        row = _new(table, st, VECTOR, waits if f == 0 else 0, last_gives if f == folds - 1 else 0)
        row[_VALUE], row[_MEM], row[_ADDRESS] = REQUANTIZE, ACCUMULATOR, x_base + f * positions
        row[_COUNT] = row[_N0] = positions
        row[_S0], row[_UC] = 1, part(lanes_of, config[_COLS], f)
        row[_PMODE], row[_PADDRESS] = PARAMETER_LANE, p_base + f * config[_COLS]
        row[_DEST], row[_D0], row[_DL] = o_base + f * config[_COLS], outputs, 1
        if exchanged:
            row[_PMODE], row[_PADDRESS] = PARAMETER_POSITION, p_base
            row[_DEST], row[_D0], row[_DL] = o_base + f * config[_COLS] * outputs, 1, outputs
        row[_ZO], row[_LOW], row[_HIGH] = g[_GZO], g[_GLOW], g[_GHIGH]


@view_kernel
def fused_passes(table, st, g, codes, pixels, outputs, base, gives):
    """Functions applied to the output tile in place: a vector command each."""
    for i in range(g[_FUSED]):
        row = _new(table, st, VECTOR, 0, gives if i == g[_FUSED] - 1 else 0)
        row[_VALUE], row[_MEM], row[_ADDRESS], row[_DEST] = codes[i], SCRATCHPAD, base, base
        row[_COUNT] = row[_N0] = pixels
        row[_S0] = row[_D0] = row[_UC] = outputs
        row[_DL], row[_LOW], row[_HIGH] = 1, g[_GLOW], g[_GHIGH]


@view_kernel
def store_outputs(table, st, config, g, m, first, channels, base, waits, gives):
    """Store an output tile, channels last, into the whole tensor."""
    b0, oy, ox, images, th, tw = pixel_tile(g, m)
    bits = config[_ABITS]
    pixel = _bytes(g[_OUT_C], bits)
    row = _new(table, st, STORE, waits, gives)
    dram = g[_DOUT] + ((b0 * g[_OUT_H] + oy) * g[_OUT_W] + ox) * pixel + first * bits // 8
    dense = channels == g[_OUT_C] and pixel * 8 == channels * bits
    if dense and tw == g[_OUT_W]:
        _transfer(row, SCRATCHPAD, base, dram, (1, 1, images * th * tw * channels), (0, 0), (0, 0))
    elif dense:
        _transfer(row, SCRATCHPAD, base, dram, (1, images * th, tw * channels), (0, tw * channels), (0, g[_OUT_W] * pixel))
    else:
        _transfer(row, SCRATCHPAD, base, dram, (images * th, tw, channels), (tw * channels, channels), (g[_OUT_W] * pixel, pixel))


@view_kernel
def _ids(where):
    """Return what the activation, weight and parameter tiles of a step are, as numbers."""
    group, m, n, k = where
    return (group * (1 << 20) + m) * (1 << 12) + k, (group * (1 << 20) + n) * (1 << 12) + k, group * (1 << 20) + n


@view_kernel
def _load_step(table, st, config, g, where, k_tiles, ahead):
    """Load what a step needs and the step before it did not have; `ahead`: only into buffers with two slots, or only the others."""
    group, m, n, k = where
    a_id, w_id, p_id = _ids(where)
    if st[_AID] != a_id and (g[_ASLOTS] > 1) == ahead:
        load_activations(table, st, config, g, group, m, k, ACT_READY, ACT_FREE)
        st[_AID] = a_id
    if st[_WID] != w_id and (g[_WSLOTS] > 1) == ahead:
        load_weights(table, st, config, g, group, n, k, WEIGHT_READY, WEIGHT_FREE)
        st[_WID] = w_id
    if k == k_tiles - 1 and st[_PID] != p_id and (g[_PSLOTS] > 1) == ahead:
        load_parameters(table, st, g, group * g[_N] + n * g[_TN], part(g[_N], g[_TN], n))
        st[_PID] = p_id


@view_kernel
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
        if st[_AIN] != a_id:
            st[_AUSED], st[_AIN], a_wait = st[_AUSED] + 1, a_id, ACT_READY
        if st[_WIN] != w_id:
            st[_WUSED], st[_WIN], w_wait = st[_WUSED] + 1, w_id, WEIGHT_READY
        a_give, w_give = 0 if keep[0] else ACT_FREE, 0 if keep[1] else WEIGHT_FREE
        if k == 0 and st[_XTILES] >= g[_XSLOTS]:
            x_wait = SUMS_FREE
        if k == k_tiles - 1:
            x_give = SUMS_READY
        bases = (((st[_AUSED] - 1) % g[_ASLOTS]) * g[_ASIZE], ((st[_WUSED] - 1) % g[_WSLOTS]) * g[_WSIZE],
                 (st[_XTILES] % g[_XSLOTS]) * g[_XSIZE])  # fmt: skip
    tile = (pixels, tc, outputs, height, width, th, tw)
    if config[_FLOW] == OS:
        _output_stationary(table, st, config, g, tile, bases, (a_wait, w_wait, x_wait), (a_give, w_give, x_give), k > 0)
    elif config[_FLOW] == IS:
        _stationary(table, st, config, g, tile, bases, (a_wait, w_wait, x_wait), (a_give, w_give, x_give), k > 0)
    else:
        _stationary(table, st, config, g, tile, bases, (w_wait, a_wait, x_wait), (w_give, a_give, x_give), k > 0)
    if k == k_tiles - 1:
        if not g[_RESIDENT]:
            _finish_tile(table, st, config, g, codes, where, (pixels, outputs), bases[2], keep[2])
        st[_XTILES] += 1


@view_kernel
def _finish_tile(table, st, config, g, codes, where, tile, x_base, keep_parameters):
    """Requantize and store a tile whose sums are complete."""
    group, m, n, _ = where
    pixels, outputs = tile
    waits, gives = SUMS_READY, SUMS_FREE | OUT_READY
    if not keep_parameters:
        gives |= PARAMETER_FREE
    _, _, p_id = _ids(where)
    if st[_PIN] != p_id:
        st[_PUSED], st[_PIN] = st[_PUSED] + 1, p_id
        waits |= PARAMETER_READY
    if st[_OTILES] >= g[_OSLOTS]:
        waits |= OUT_FREE
    o_base = g[_OBASE] + (st[_OTILES] % g[_OSLOTS]) * g[_OSIZE]
    p_base = ((st[_PUSED] - 1) % g[_PSLOTS]) * g[_PSIZE]
    _requantize(table, st, config, g, (pixels, outputs), x_base, p_base, o_base, waits, gives)
    fused_passes(table, st, g, codes, pixels, outputs, o_base, gives)
    store_outputs(table, st, config, g, m, group * g[_N] + n * g[_TN], outputs, o_base, OUT_READY, OUT_FREE)
    st[_OTILES] += 1


@view_kernel
def _tile_at(g, m_tiles, n_tiles, i):
    """Return (group, pixel tile, output tile) of tile `i` in the plan's order; group -1 beyond the last."""
    per_group = m_tiles * n_tiles
    group, i = i // per_group, i % per_group
    if group >= g[_GROUPS]:
        return -1, -1, -1
    if g[_ORDER] == ACTIVATIONS_OUTER:
        return group, i // n_tiles, i % n_tiles
    return group, i % m_tiles, i // m_tiles


@view_kernel
def _matrix_tiles(table, st, config, g, codes):
    """Walk the steps; a step's loads go out before the commands of the step before it, so that they overlap."""
    b, y, x = pixel_tiles(g)
    m_tiles, n_tiles, k_tiles = b * y * x, ceil_div(g[_N], g[_TN]), ceil_div(g[_CC], g[_TC])
    alone, steps = k_tiles == 1, g[_GROUPS] * m_tiles * n_tiles * k_tiles
    moves = not g[_RESIDENT]
    group, m, n = _tile_at(g, m_tiles, n_tiles, 0)
    if moves:
        _load_step(table, st, config, g, (group, m, n, 0), k_tiles, True)
        _load_step(table, st, config, g, (group, m, n, 0), k_tiles, False)
    for j in range(steps):
        i, k = j // k_tiles, j % k_tiles
        group, m, n = _tile_at(g, m_tiles, n_tiles, i)
        group1, m1, n1 = _tile_at(g, m_tiles, n_tiles, (j + 1) // k_tiles)
        following = (group1, m1, n1, (j + 1) % k_tiles)
        if moves and j + 1 < steps:
            _load_step(table, st, config, g, following, k_tiles, True)
        group2, m2, n2 = _tile_at(g, m_tiles, n_tiles, i + 1)
        same_m, same_n = group2 == group and m2 == m, group2 == group and n2 == n
        _compute_step(table, st, config, g, codes, (group, m, n, k), k_tiles, (alone and same_m, alone and same_n, same_n))
        if moves and j + 1 < steps:
            _load_step(table, st, config, g, following, k_tiles, False)


@view_kernel
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
    row = _new(table, st, VECTOR, waits, 0 if g[_FUSED] else gives)
    row[_VALUE], row[_MEM], row[_ADDRESS], row[_DEST] = g[_FUNCTION], SCRATCHPAD, a_base, o_base
    _pixels(row, g, tc, width, height, th, tw)
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


@view_kernel
def _vector_parameters(table, st, g, k, tc, depthwise):
    """Parameters of a vector layer: per channel for depthwise, else the layer's few entries."""
    if depthwise:
        load_parameters(table, st, g, k * g[_TC], tc)
        table[min(st[_AT], table.shape[0]) - 1, _WAITS] = 0
    else:
        load_parameters(table, st, g, 0, max(1, g[_OPERANDS]))


@view_kernel
def _vector_tiles(table, st, config, g, codes):
    b, y, x = pixel_tiles(g)
    for k in range(ceil_div(g[_CC], g[_TC])):
        for m in range(b * y * x):
            _vector_step(table, st, config, g, codes, m, k, m == b * y * x - 1)


@view_kernel
def _move_tiles(table, st, config, g):
    """Copy a tensor through the scratchpad."""
    b, y, x = pixel_tiles(g)
    for m in range(b * y * x):
        load_activations(table, st, config, g, 0, m, 0, COPY_READY, COPY_FREE)
        base = ((st[_ALOADS] - 1) % g[_ASLOTS]) * g[_ASIZE]
        store_outputs(table, st, config, g, m, 0, g[_OUT_C], base, COPY_READY, COPY_FREE)


@view_kernel
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
    return int(_emit(table, np.zeros(_STATE, np.int64), config, g, codes))
