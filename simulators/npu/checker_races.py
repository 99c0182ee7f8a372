"""Accesses of different lanes that overlap and that nothing orders."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulators.npu.checker_accesses import (
    BASE,
    COMMAND,
    DRAM,
    HIGH,
    LANES,
    LOW,
    MEMORY,
    N1,
    N2,
    S1,
    S2,
    WIDTH,
    WRITE,
)
from simulators.program import F

_OPCODE = F["opcode"]
MEMORIES = 5
BLOCK = 64
STORE_LANE = 4


@njit(cache=True)
def overlap(a, b):
    """Whether two accesses share an element, row by row."""
    if a[LOW] >= b[HIGH] or b[LOW] >= a[HIGH]:
        return False
    if a[N1] * a[N2] > b[N1] * b[N2]:
        a, b = b, a
    for p in range(a[N2]):
        for r in range(a[N1]):
            low = a[BASE] + p * a[S2] + r * a[S1]
            for plane in range(b[N2]):
                if _hits(low, a[WIDTH], b[BASE] + plane * b[S2], b[WIDTH], b[N1], b[S1]):
                    return True
    return False


@njit(cache=True)
def _hits(low, width, base, row_width, rows, stride):
    """Whether [low, low + width) meets one of `rows` rows of `row_width` at base + r*stride."""
    if stride < 0:
        base, stride = base + (rows - 1) * stride, -stride
    if stride == 0 or rows == 1:
        return low < base + row_width and base < low + width
    first = max((low - base - row_width) // stride + 1, 0)  # least r whose end lies beyond low
    return first < rows and base + first * stride < low + width


@njit(cache=True)
def streams(found, table, lane_of):
    """Return (first, members): accesses of each (lane, memory, write), in program order."""
    groups = LANES * MEMORIES * 2
    first = np.zeros(groups + 1, np.int64)
    for k in range(len(found)):
        first[_group(found[k], table, lane_of) + 1] += 1
    for g in range(groups):
        first[g + 1] += first[g]
    filled, members = first[:groups].copy(), np.zeros(len(found), np.int64)
    for k in range(len(found)):
        g = _group(found[k], table, lane_of)
        members[filled[g]] = k
        filled[g] += 1
    return first, members


@njit(cache=True)
def _group(access, table, lane_of):
    return (lane_of[table[access[COMMAND], _OPCODE]] * MEMORIES + access[MEMORY]) * 2 + access[WRITE]


@njit(cache=True)
def race(found, table, lane_of, position, ended):
    """Return the first pair of accesses that overlap, one of them a write, in no order: indices, or (-1, -1).

    Each access meets those of other lanes that come before it in the program and are not known to have ended
    when it starts; blocks of accesses whose bounds lie elsewhere are skipped whole.
    """
    first, members = streams(found, table, lane_of)
    block_low, block_high = _block_bounds(found, first, members)
    done = first[:-1].copy()  # members before it belong to earlier commands
    for k in range(len(found)):
        b = found[k]
        own, command = lane_of[table[b[COMMAND], _OPCODE]], b[COMMAND]
        for lane in range(LANES):
            if lane == own and not (lane == STORE_LANE and b[MEMORY] == DRAM):
                continue
            for write in range(2):
                if not (write or b[WRITE]):
                    continue
                g = (lane * MEMORIES + b[MEMORY]) * 2 + write
                low = _window(found, members, position, first[g], done[g], ended[command, lane])
                a = _meets(found, members, b, low, done[g], block_low, block_high, position, ended, own)
                if a >= 0:
                    return a, k
        g = _group(b, table, lane_of)
        done[g] += 1
    return -1, -1


@njit(cache=True)
def _block_bounds(found, first, members):
    """Return the bounds of each run of BLOCK members; one that spans two streams has the bounds of both."""
    blocks = len(members) // BLOCK + 1
    low, high = np.full(blocks, np.iinfo(np.int64).max), np.full(blocks, np.iinfo(np.int64).min)
    for m in range(len(members)):
        access = found[members[m]]
        low[m // BLOCK] = min(low[m // BLOCK], access[LOW])
        high[m // BLOCK] = max(high[m // BLOCK], access[HIGH])
    return low, high


@njit(cache=True)
def _window(found, members, position, low, high, ended):
    """Return the first member in [low, high) whose command is not known to have ended."""
    while low < high:
        middle = (low + high) // 2
        if position[found[members[middle], COMMAND]] < ended:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _meets(found, members, b, low, high, block_low, block_high, position, ended, own):
    """Return the first member of [low, high) that conflicts with access `b`, or -1."""
    m = low
    while m < high:
        block = m // BLOCK
        if block_low[block] >= b[HIGH] or block_high[block] <= b[LOW]:
            m = (block + 1) * BLOCK
            continue
        a = found[members[m]]
        unordered = a[COMMAND] != b[COMMAND] and ended[a[COMMAND], own] <= position[b[COMMAND]]
        if unordered and overlap(a, b):
            return members[m]
        m += 1
    return -1
