"""Where a plan's tiles lie: slots in the on-chip buffers, tensors in DRAM; and which buffer is too small."""

from __future__ import annotations

from simulators.kernels import kernel
from simulators.npu.config import OS, PARAMETER_BITS, C
from simulators.npu.plan import EVERY, LATE, MATRIX, MOVE, VECTOR_LAYER, G
from simulators.npu.tiles import accumulator_words, ceil_div, depth_of, input_extent, pixel_tiles
from simulators.program import DEPTHWISE, PARAMETER_WORDS

_FLOW, _ROWS, _COLS, _BURST = C["dataflow"], C["rows"], C["cols"], C["burst_bytes"]
_ABITS, _WBITS = C["activation_bits"], C["weight_bits"]
(_KIND, _BATCH, _IN_H, _IN_W, _IN_C, _OUT_H, _OUT_W, _OUT_C) = (
    G[k] for k in ("kind", "batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c")
)
(_KH, _KW, _SH, _SW, _DH, _DW) = (G[k] for k in ("kh", "kw", "sh", "sw", "dh", "dw"))
(_GROUPS, _CC, _N, _TB, _TH, _TW, _TN, _TC) = (G[k] for k in ("groups", "c", "n", "tb", "th", "tw", "tn", "tc"))
_LOADS, _BIAS, _STORE_C = G["loads"], G["bias"], G["store_c"]
(_OPERANDS, _FUNCTION, _RESIDENT, _PMODE) = (G[k] for k in ("operands", "function", "resident", "parameter_mode"))
(_ASLOTS, _ASIZE, _OBASE, _OSLOTS, _OSIZE) = (G[k] for k in ("a_slots", "a_size", "o_base", "o_slots", "o_size"))
(_WSLOTS, _WSIZE, _XSLOTS, _XSIZE, _PSLOTS, _PSIZE) = (
    G[k] for k in ("w_slots", "w_size", "acc_slots", "acc_size", "p_slots", "p_size")
)
(_DIN, _DIN2, _DWEIGHTS, _DPARAMETERS, _DOUT, _DEND) = (
    G[k] for k in ("dram_in", "dram_in2", "dram_weights", "dram_parameters", "dram_out", "dram_end")
)

#: Answers of `place`: the plan fits, or the buffer that does not hold it (the order of `Compiled.capacity`), or
#: a tile's channels start inside a byte of DRAM (formats below 8 bits).
FITS, UNALIGNED = -1, 4


@kernel
def weight_block_bytes(config, g, n, k):
    """Return the bytes of the weights of output tile `n`, channel tile `k` as they lie in DRAM."""
    channels = min(g[_TC], g[_CC] - k * g[_TC])
    elements = g[_KH] * g[_KW] * channels
    if g[_KIND] == MATRIX:
        elements = depth_of(config, g, channels) * min(g[_TN], g[_N] - n * g[_TN])
    return (elements * config[_WBITS] + 7) // 8


@kernel
def weight_offset(config, g, group, n, k):
    """Return the DRAM offset in bytes of a weight block; blocks lie in the order group, output tile, channel tile."""
    k_tiles, n_tiles = ceil_div(g[_CC], g[_TC]), ceil_div(g[_N], g[_TN])
    full = (k_tiles - 1) * weight_block_bytes(config, g, 0, 0) + weight_block_bytes(config, g, 0, k_tiles - 1)
    if g[_KIND] != MATRIX:
        return k * weight_block_bytes(config, g, 0, 0)
    ragged = (k_tiles - 1) * weight_block_bytes(config, g, n_tiles - 1, 0) + weight_block_bytes(
        config, g, n_tiles - 1, k_tiles - 1
    )
    return group * ((n_tiles - 1) * full + ragged) + n * full + k * weight_block_bytes(config, g, n, 0)


@kernel
def weights_bytes(config, g):
    """Return the bytes of all of a plan's packed weights."""
    if g[_KIND] == MATRIX:
        return weight_offset(config, g, g[_GROUPS], 0, 0)
    if g[_KIND] == VECTOR_LAYER and g[_FUNCTION] == DEPTHWISE:
        last = ceil_div(g[_CC], g[_TC]) - 1
        return weight_offset(config, g, 0, 0, last) + weight_block_bytes(config, g, 0, last)
    return 0


@kernel
def _size(config, g):
    """Write one slot's size of every buffer.

    Return the tiles that pass through: (activations, outputs, weights, parameters).
    """
    height, width = input_extent(g[_TH], g[_SH], g[_DH], g[_KH]), input_extent(g[_TW], g[_SW], g[_DW], g[_KW])
    b, y, x = pixel_tiles(g)
    m_tiles, k_tiles, n_tiles = b * y * x, ceil_div(g[_CC], g[_TC]), ceil_div(g[_N], g[_TN])
    pixels, operand = g[_TB] * g[_TH] * g[_TW], g[_TB] * height * width * g[_TC]
    if g[_KIND] == MATRIX:
        g[_ASIZE] = operand + (config[_ROWS] if config[_FLOW] == OS else 0)
        g[_OSIZE], g[_PSIZE] = pixels * g[_TN], g[_TN]
        g[_WSIZE] = depth_of(config, g, g[_TC]) * g[_TN]
        g[_XSIZE] = accumulator_words(config, pixels, g[_TN])
        groups, steps = g[_GROUPS], g[_GROUPS] * m_tiles * n_tiles * k_tiles
        if g[_LOADS] == EVERY:
            return steps, groups * m_tiles * n_tiles, steps, groups * n_tiles
        return groups * m_tiles * k_tiles, groups * m_tiles * n_tiles, groups * n_tiles * k_tiles, groups * n_tiles
    depthwise = g[_KIND] == VECTOR_LAYER and g[_FUNCTION] == DEPTHWISE
    g[_ASIZE], g[_OSIZE] = operand * g[_OPERANDS], 0 if g[_KIND] == MOVE else pixels * g[_TC]
    g[_WSIZE], g[_XSIZE] = g[_KH] * g[_KW] * g[_TC] if depthwise else 0, 0
    g[_PSIZE] = g[_TC] if depthwise else (max(1, g[_OPERANDS]) if g[_PMODE] else 0)
    return m_tiles * k_tiles, m_tiles * k_tiles, k_tiles, k_tiles


@kernel
def _starts_in_byte(config, g):
    """Return whether a tile's first channel lies inside a byte of DRAM, in the input or the output."""
    bits = config[_ABITS]
    if bits >= 8:
        return False
    if g[_STORE_C] * bits % 8 != 0:
        return True
    n_tiles, tile = (ceil_div(g[_N], g[_TN]), g[_TN]) if g[_KIND] == MATRIX else (1, g[_TC])
    if (g[_TC] < g[_CC] and g[_TC] * bits % 8 != 0) or (n_tiles > 1 and tile * bits % 8 != 0):
        return True
    return g[_GROUPS] > 1 and (g[_CC] * bits % 8 != 0 or g[_N] * bits % 8 != 0)


@kernel
def _slots(doubled, tiles):
    return 2 if doubled and tiles > 1 else 1


@kernel
def _address(config, g):
    """Lay the layer's tensors out in DRAM, each at a burst boundary."""
    burst, bits = config[_BURST], config[_ABITS]
    one = ceil_div(g[_BATCH] * g[_IN_H] * g[_IN_W] * ((g[_IN_C] * bits + 7) // 8), burst) * burst
    g[_DIN], g[_DIN2] = 0, one
    g[_DWEIGHTS] = one * g[_OPERANDS]
    g[_DPARAMETERS] = g[_DWEIGHTS] + (weights_bytes(config, g) + burst - 1) // burst * burst
    channels = g[_OUT_C] if g[_KIND] == MATRIX or g[_FUNCTION] == DEPTHWISE else max(1, g[_OPERANDS])
    g[_DOUT] = g[_DPARAMETERS] + ceil_div(channels * PARAMETER_WORDS * PARAMETER_BITS // 8, burst) * burst
    g[_DEND] = g[_DOUT] + g[_BATCH] * g[_OUT_H] * g[_OUT_W] * ((g[_OUT_C] * bits + 7) // 8)


@kernel
def parameter_words(g):
    """Return the words of the parameter buffer: its slots, and a row of biases behind them."""
    return g[_PSLOTS] * g[_PSIZE] * PARAMETER_WORDS + (g[_TN] if g[_BIAS] != LATE else 0)


@kernel
def place(config, capacity, doubled, g):
    """Write sizes, slots and addresses into the plan; return `FITS`, the first buffer that is too small or `UNALIGNED`.

    capacity: elements of scratchpad and weight buffer, accumulator words, parameter words; doubled: whether each of
    them is double-buffered.
    """
    a_tiles, o_tiles, w_tiles, p_tiles = _size(config, g)
    _address(config, g)
    g[_ASLOTS] = g[_OSLOTS] = g[_WSLOTS] = g[_XSLOTS] = g[_PSLOTS] = 1
    if g[_RESIDENT]:
        g[_OBASE] = g[_ASIZE]
        return FITS
    if _starts_in_byte(config, g):
        return UNALIGNED
    g[_ASLOTS], g[_OSLOTS] = _slots(doubled[0], a_tiles), _slots(doubled[0], o_tiles)
    g[_WSLOTS], g[_XSLOTS], g[_PSLOTS] = (
        _slots(doubled[1], w_tiles),
        _slots(doubled[2], o_tiles),
        _slots(doubled[3], p_tiles),
    )
    if g[_KIND] != MATRIX:  # a vector layer frees weights and parameters with one token
        g[_WSLOTS] = g[_PSLOTS] = min(g[_WSLOTS], g[_PSLOTS])
    g[_OBASE] = g[_ASLOTS] * g[_ASIZE]
    if g[_OBASE] + g[_OSLOTS] * g[_OSIZE] > capacity[0]:
        return 0
    if g[_WSLOTS] * g[_WSIZE] > capacity[1]:
        return 1
    if g[_XSLOTS] * g[_XSIZE] > capacity[2]:
        return 2
    if parameter_words(g) > capacity[3]:
        return 3
    return FITS


@kernel
def needs(g, buffer):
    """Return what a plan needs of a buffer, in its own units."""
    if buffer == 0:
        return g[_OBASE] + g[_OSLOTS] * g[_OSIZE]
    if buffer == 1:
        return g[_WSLOTS] * g[_WSIZE]
    if buffer == 2:
        return g[_XSLOTS] * g[_XSIZE]
    return parameter_words(g)
