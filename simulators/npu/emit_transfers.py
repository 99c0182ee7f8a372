"""Commands that move tiles: loads with halo and padding, weights, parameters, stores."""

from __future__ import annotations

from simulators.kernels import kernel
from simulators.npu.config import PARAMETER_BITS, C
from simulators.npu.placement import weight_offset
from simulators.npu.plan import MATRIX, WALK, G
from simulators.npu.tiles import depth_of, input_extent, part, pixel_tile
from simulators.npu.tokens import (
    PARAMETER_FREE,
    PARAMETER_READY,
)  # fmt: skip
from simulators.program import (
    FILL,
    LOAD,
    PARAMETER_WORDS,
    PARAMETERS,
    SCRATCHPAD,
    STORE,
    WEIGHT_BUFFER,
    F,
)  # fmt: skip

_ABITS = C["activation_bits"]
(_OP, _WAITS, _GIVES, _MEM, _ADDRESS, _N0, _N1, _S1, _S2) = (
    F[k] for k in ("opcode", "waits", "gives", "memory", "address", "n0", "n1", "s1", "s2")
)
(_LN0, _LN1, _COUNT, _D0, _D1, _DRAM, _VALUE) = (
    F[k] for k in ("lane_n0", "lane_n1", "count", "d_s0", "d_s1", "dram_address", "value")
)
(_KIND, _IN_H, _IN_W, _IN_C, _OUT_H, _OUT_W, _OUT_C, _KH, _KW) = (
    G[k] for k in ("kind", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "kh", "kw")
)
(_SH, _SW, _DH, _DW, _PT, _PL, _CC, _N, _TN) = (G[k] for k in ("sh", "sw", "dh", "dw", "pt", "pl", "c", "n", "tn"))
(_TC, _OPERANDS, _ASLOTS, _ASIZE, _WSLOTS, _WSIZE, _PSLOTS, _PSIZE, _DIN) = (
    G[k] for k in ("tc", "operands", "a_slots", "a_size", "w_slots", "w_size", "p_slots", "p_size", "dram_in")
)
(_DIN2, _DWEIGHTS, _DPARAMETERS, _DOUT, _PAD) = (
    G[k] for k in ("dram_in2", "dram_weights", "dram_parameters", "dram_out", "pad_value")
)
_STORE_C = G["store_c"]
(_AT, _ALOADS, _WLOADS, _PLOADS) = (WALK[k] for k in ("at", "a_loads", "w_loads", "p_loads"))


@kernel
def new_command(table, st, opcode, waits, gives):
    """Append a command; return its index (the last row is scratch space when only counting)."""
    index = min(st[_AT], table.shape[0] - 1)
    row = table[index]
    st[_AT] += 1
    for i in range(row.shape[0]):
        row[i] = 0
    row[_OP], row[_WAITS], row[_GIVES] = opcode, waits, gives
    row[_N0] = row[_N1] = row[_LN0] = row[_LN1] = row[_COUNT] = 1
    return index


@kernel
def set_transfer(row, memory, address, dram, extents, on_chip, off_chip):
    """Fill in a copy of planes x rows x elements; a dimension without gaps on both sides joins the one below."""
    count, n1, n0 = extents
    row[_MEM], row[_ADDRESS], row[_DRAM] = memory, address, dram
    row[_COUNT], row[_N1], row[_N0] = count, n1, n0
    row[_S2], row[_S1] = on_chip
    row[_D1], row[_D0] = off_chip


@kernel
def _bytes(elements, bits):
    return (elements * bits + 7) // 8


@kernel
def _fill(table, st, g, waits, address, count, elements, stride):
    """Write padding: `count` rows of `elements`, `stride` apart."""
    row = table[new_command(table, st, FILL, waits, 0)]
    set_transfer(row, SCRATCHPAD, address, 0, (1, count, elements), (0, stride), (0, 0))
    row[_VALUE] = g[_PAD]


@kernel
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
    row = table[new_command(table, st, LOAD, waits, gives)]
    first = dram + ((image * g[_IN_H] + y0 + top) * g[_IN_W] + x0 + left) * pixel + c0 * bits // 8
    address = base + top * pitch + left * tc
    if tc == g[_IN_C] and pixel * 8 == tc * bits:
        if columns == g[_IN_W] and left + right == 0:
            set_transfer(row, SCRATCHPAD, address, first, (1, 1, rows * columns * tc), (0, 0), (0, 0))
        else:
            set_transfer(row, SCRATCHPAD, address, first, (1, rows, columns * tc), (0, pitch), (0, g[_IN_W] * pixel))
    else:
        set_transfer(row, SCRATCHPAD, address, first, (rows, columns, tc), (pitch, tc), (g[_IN_W] * pixel, pixel))


@kernel
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


@kernel
def load_weights(table, st, config, g, group, n, k, ready, free):
    """Load a weight block into the next weight slot."""
    waits = free if st[_WLOADS] >= g[_WSLOTS] else 0
    row = table[new_command(table, st, LOAD, waits, ready)]
    elements = g[_KH] * g[_KW] * part(g[_CC], g[_TC], k)
    if g[_KIND] == MATRIX:
        elements = depth_of(config, g, part(g[_CC], g[_TC], k)) * part(g[_N], g[_TN], n)
    dram = g[_DWEIGHTS] + weight_offset(config, g, group, n, k)
    address = (st[_WLOADS] % g[_WSLOTS]) * g[_WSIZE]
    set_transfer(row, WEIGHT_BUFFER, address, dram, (1, 1, elements), (0, 0), (0, 0))
    st[_WLOADS] += 1


@kernel
def load_parameters(table, st, g, first, channels):
    """Load the parameters of some channels into the next parameter slot."""
    waits = PARAMETER_FREE if st[_PLOADS] >= g[_PSLOTS] else 0
    row = table[new_command(table, st, LOAD, waits, PARAMETER_READY)]
    words = channels * PARAMETER_WORDS
    dram = g[_DPARAMETERS] + first * PARAMETER_WORDS * (PARAMETER_BITS // 8)
    set_transfer(
        row, PARAMETERS, (st[_PLOADS] % g[_PSLOTS]) * g[_PSIZE] * PARAMETER_WORDS, dram, (1, 1, words), (0, 0), (0, 0)
    )
    st[_PLOADS] += 1


@kernel
def load_biases(table, st, g, first, channels, pixels, waits, ready):
    """Fetch a row of biases for each of a tile's pixels: the same row again and again, behind the parameters' slots."""
    row = table[new_command(table, st, LOAD, waits, ready)]
    address = g[_PSLOTS] * g[_PSIZE] * PARAMETER_WORDS
    dram = g[_DPARAMETERS] + first * (PARAMETER_BITS // 8)
    set_transfer(row, PARAMETERS, address, dram, (1, pixels, channels), (0, 0), (0, 0))


@kernel
def store_outputs(table, st, config, g, m, first, channels, base, waits, gives):
    """Store an output tile, channels last, into the whole tensor: rows of `store_c` channels, or as long as can be."""
    b0, oy, ox, images, th, tw = pixel_tile(g, m)
    bits = config[_ABITS]
    pixel = _bytes(g[_OUT_C], bits)
    dram = g[_DOUT] + ((b0 * g[_OUT_H] + oy) * g[_OUT_W] + ox) * pixel + first * bits // 8
    together = images if th == g[_OUT_H] else 1
    step = g[_STORE_C] if 0 < g[_STORE_C] < channels else channels
    for image in range(0, images, together):
        for c in range(0, channels, step):
            gave = gives if image + together >= images and c + step >= channels else 0
            row = table[new_command(table, st, STORE, waits, gave)]
            waits = 0
            _store_rows(
                row, config, g, (base + image * th * tw * channels, dram + image * g[_OUT_H] * g[_OUT_W] * pixel),
                (together * th, tw, channels), c, min(step, channels - c),
            )  # fmt: skip


@kernel
def _store_rows(row, config, g, start, tile, c, count):
    """Fill in a store of channels `c` .. `c + count - 1`. start: on chip, in DRAM; tile: rows, columns, channels."""
    base, dram = start
    rows, tw, channels = tile
    bits = config[_ABITS]
    pixel = _bytes(g[_OUT_C], bits)
    dense = count == g[_OUT_C] and pixel * 8 == channels * bits
    if dense and tw == g[_OUT_W]:
        set_transfer(row, SCRATCHPAD, base, dram, (1, 1, rows * tw * channels), (0, 0), (0, 0))
    elif dense:
        set_transfer(row, SCRATCHPAD, base, dram, (1, rows, tw * channels), (0, tw * channels), (0, g[_OUT_W] * pixel))
    else:
        set_transfer(
            row, SCRATCHPAD, base + c, dram + c * bits // 8, (rows, tw, count), (tw * channels, channels),
            (g[_OUT_W] * pixel, pixel),
        )  # fmt: skip
