"""What a command reads and writes: one record an access, as rows of elements or as their bounding interval."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulators.program import (
    ACCUMULATOR,
    ADD,
    DEPTHWISE,
    FILL,
    LOAD,
    MATMUL,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_POSITION,
    PARAMETER_WORDS,
    PARAMETERS,
    PRELOAD,
    SCRATCHPAD,
    STORE,
    WEIGHT_BUFFER,
    F,
)

#: DRAM as a fifth memory; its addresses are bytes.
DRAM = 4
#: Lanes within which commands end in order.
LANE_OF_OPCODE = (0, 0, 1, 2, 3, 4)
LANES = 5

# Columns of an access: who, where, bounds [LOW, HIGH), and the rows: BASE + p*S2 + r*S1, WIDTH elements each.
COMMAND, MEMORY, WRITE, LOW, HIGH, BASE, WIDTH, N1, S1, N2, S2 = range(11)
ACCESS_COLUMNS = 11
MOST_ACCESSES = 5

_OPCODE, _MEMORY, _ADDRESS, _COUNT = F["opcode"], F["memory"], F["address"], F["count"]
_N0, _LANE_N0, _START, _LANE_START = F["n0"], F["lane_n0"], F["start"], F["lane_start"]
_N1, _S1, _S2 = F["n1"], F["s1"], F["s2"]
_ROWS, _COLS, _DESTINATION = F["used_rows"], F["used_cols"], F["destination"]
_D0, _D1, _DL, _DRAM = F["d_s0"], F["d_s1"], F["d_lane"], F["dram_address"]
_WEIGHT, _STRIDE, _VALUE = F["weight_address"], F["weight_stride"], F["value"]
_MODE, _PARAMETER = F["parameter_mode"], F["parameter_address"]


@njit(cache=True)
def nest_bounds(n0, s0, n1, s1, s2, first, last):
    """Return least and greatest offset of a nest over indices first..last, exactly."""
    boxes = np.zeros((5, 6), np.int64)
    a0, a1, a2 = first % n0, first // n0 % n1, first // (n0 * n1)
    b0, b1, b2 = last % n0, last // n0 % n1, last // (n0 * n1)
    full0, full1 = n0 - 1, n1 - 1
    if a2 == b2 and a1 == b1:
        _box(boxes, 0, a2, a2, a1, a1, a0, b0)
        used = 1
    elif a2 == b2:
        _box(boxes, 0, a2, a2, a1, a1, a0, full0)
        _box(boxes, 1, a2, a2, a1 + 1, b1 - 1, 0, full0)
        _box(boxes, 2, a2, a2, b1, b1, 0, b0)
        used = 3
    else:
        _box(boxes, 0, a2, a2, a1, a1, a0, full0)
        _box(boxes, 1, a2, a2, a1 + 1, full1, 0, full0)
        _box(boxes, 2, a2 + 1, b2 - 1, 0, full1, 0, full0)
        _box(boxes, 3, b2, b2, 0, b1 - 1, 0, full0)
        _box(boxes, 4, b2, b2, b1, b1, 0, b0)
        used = 5
    low, high, any_box = np.int64(0), np.int64(0), False
    for i in range(used):
        box = boxes[i]
        if box[0] > box[1] or box[2] > box[3] or box[4] > box[5]:
            continue
        lo = min(box[0] * s2, box[1] * s2) + min(box[2] * s1, box[3] * s1) + min(box[4] * s0, box[5] * s0)
        hi = max(box[0] * s2, box[1] * s2) + max(box[2] * s1, box[3] * s1) + max(box[4] * s0, box[5] * s0)
        low = lo if not any_box else min(low, lo)
        high = hi if not any_box else max(high, hi)
        any_box = True
    return low, high


@njit(cache=True)
def _box(boxes, i, lo2, hi2, lo1, hi1, lo0, hi0):
    boxes[i, 0], boxes[i, 1], boxes[i, 2] = lo2, hi2, lo1
    boxes[i, 3], boxes[i, 4], boxes[i, 5] = hi1, lo0, hi0


@njit(cache=True)
def _rows(out, n, who, memory, write, base, width, n1, s1, n2, s2):
    """Append rows of elements."""
    reach1, reach2 = (n1 - 1) * s1, (n2 - 1) * s2
    out[n, COMMAND], out[n, MEMORY], out[n, WRITE] = who, memory, write
    out[n, LOW] = base + min(reach1, 0) + min(reach2, 0)
    out[n, HIGH] = base + max(reach1, 0) + max(reach2, 0) + width
    out[n, BASE], out[n, WIDTH] = base, width
    out[n, N1], out[n, S1], out[n, N2], out[n, S2] = n1, s1, n2, s2
    return n + 1


@njit(cache=True)
def _span(out, n, who, memory, write, low, high):
    """Append the bounding interval [low, high)."""
    return _rows(out, n, who, memory, write, low, high - low, 1, 0, 1, 0)


@njit(cache=True)
def _nests(row, positions, lanes):
    """Return least and greatest address over positions and lanes."""
    s, e = _START, _LANE_START
    low0, high0 = nest_bounds(row[_N0], row[_N0 + 1], row[_N1], row[_S1], row[_S2], row[s], row[s] + positions - 1)
    k = _LANE_N0
    low1, high1 = nest_bounds(row[k], row[k + 1], row[k + 2], row[k + 3], row[k + 4], row[e], row[e] + lanes - 1)
    return row[_ADDRESS] + low0 + low1, row[_ADDRESS] + high0 + high1


@njit(cache=True)
def accesses(table, rows, bits, is_os, blocks):
    """Return every access of a program, in program order, as int64 (accesses, ACCESS_COLUMNS).

    Parameters
    ----------
    table : int64 (commands, fields)
    rows : int
        Rows of the array.
    bits : int64 (4,)
        Width of an element of each on-chip memory.
    is_os, blocks : bool
        Dataflow os; steps come in blocks of `rows` (os with shifted convolution).
    """
    out = np.zeros((len(table) * MOST_ACCESSES, ACCESS_COLUMNS), np.int64)
    n = 0
    for i in range(len(table)):
        row = table[i]
        opcode = row[_OPCODE]
        if opcode in (LOAD, FILL, STORE):
            n = _transfer(out, n, i, row, bits)
        elif opcode == PRELOAD:
            if row[_ROWS] > 0 and row[_COLS] > 0:
                low, high = _nests(row, row[_ROWS], row[_COLS])
                n = _span(out, n, i, row[_MEMORY], 0, low, high + 1)
        elif opcode == MATMUL:
            n = _matmul(out, n, i, row, rows, is_os, blocks)
        else:
            n = _vector(out, n, i, row)
    return out[:n]


@njit(cache=True)
def _transfer(out, n, i, row, bits):
    memory, width, n1, planes = row[_MEMORY], row[_N0], row[_N1], row[_COUNT]
    write = 0 if row[_OPCODE] == STORE else 1
    n = _rows(out, n, i, memory, write, row[_ADDRESS], width, n1, row[_S1], planes, row[_S2])
    if row[_OPCODE] != FILL:
        size = (width * bits[memory] + 7) // 8
        n = _rows(out, n, i, DRAM, 1 - write, row[_DRAM], size, n1, row[_D0], planes, row[_D1])
    return n


@njit(cache=True)
def _matmul(out, n, i, row, rows, is_os, blocks):
    if row[_ROWS] > 0:
        low, high = _nests(row, row[_COUNT], row[_ROWS])
        n = _span(out, n, i, row[_MEMORY], 0, low, high + (rows if is_os and blocks else 1))
    if row[_COLS] == 0:
        return n
    words = row[_COUNT]
    if is_os:
        steps, words = row[_COUNT] * (rows if blocks else 1), row[_ROWS]
        reach = (steps - 1) * row[_STRIDE]
        first = row[_WEIGHT]
        n = _span(out, n, i, WEIGHT_BUFFER, 0, first + min(reach, 0), first + max(reach, 0) + row[_COLS])
    if words > 0:
        n = _span(out, n, i, ACCUMULATOR, 1, row[_DESTINATION], row[_DESTINATION] + words)
    return n


@njit(cache=True)
def _vector(out, n, i, row):
    channels, taps, count = row[_COLS], row[_LANE_N0] * row[_LANE_N0 + 2], row[_COUNT]
    low, high = _nests(row, count, taps)
    width = 1 if row[_MEMORY] == ACCUMULATOR else channels
    n = _span(out, n, i, row[_MEMORY], 0, low, high + width)
    if row[_VALUE] == DEPTHWISE:
        reach = (taps - 1) * row[_STRIDE]
        first = row[_WEIGHT]
        n = _span(out, n, i, WEIGHT_BUFFER, 0, first + min(reach, 0), first + max(reach, 0) + channels)
    if row[_MODE] != PARAMETER_NONE:
        entries = 1
        if row[_VALUE] == ADD:
            entries = taps
        elif row[_MODE] == PARAMETER_LANE:
            entries = channels
        elif row[_MODE] == PARAMETER_POSITION:
            entries = count
        first = row[_PARAMETER] * PARAMETER_WORDS
        n = _span(out, n, i, PARAMETERS, 0, first, first + entries * PARAMETER_WORDS)
    n0, planes = min(row[_N0], count), (count - 1) // row[_N0] + 1
    if row[_DL] == 1:
        return _rows(out, n, i, SCRATCHPAD, 1, row[_DESTINATION], channels, n0, row[_D0], planes, row[_D1])
    reach = (channels - 1) * row[_DL]
    if row[_D0] == 1 and planes == 1:  # channels are planes: a run of positions for each
        return _rows(out, n, i, SCRATCHPAD, 1, row[_DESTINATION], n0, channels, row[_DL], 1, 0)
    low = row[_DESTINATION] + min(reach, 0) + min((n0 - 1) * row[_D0], 0) + min((planes - 1) * row[_D1], 0)
    high = row[_DESTINATION] + max(reach, 0) + max((n0 - 1) * row[_D0], 0) + max((planes - 1) * row[_D1], 0)
    return _span(out, n, i, SCRATCHPAD, 1, low, high + 1)
