"""One untimed run of a program: does it end, and what is known to have started and ended before what.

The network of queues and tokens is confluent: if one order of starts runs to the end, every timing does. The
same order carries vector clocks over five lanes (load, preload, matmul, vector, store), in which ends are in
order. A queue starts its commands in order; the k-th take of a token is the k-th give.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulators.npu.checker_accesses import LANES
from simulators.program import MATMUL, PRELOAD, VECTOR, F

_OPCODE, _WAITS, _GIVES, _SWAP = F["opcode"], F["waits"], F["gives"], F["swap"]

#: Why a head stands still.
NOT_STUCK, NO_TOKEN, TILE_NOT_TAKEN, NO_TILE = range(4)


@njit(cache=True)
def give_lists(table, counters):
    """Return (first, commands): commands that give counter c, in order, are commands[first[c]:first[c + 1]]."""
    first = np.zeros(counters + 1, np.int64)
    for i in range(len(table)):
        for c in range(counters):
            first[c + 1] += (table[i, _GIVES] >> c) & 1
    for c in range(counters):
        first[c + 1] += first[c]
    commands, filled = np.zeros(first[counters], np.int64), first[:counters].copy()
    for i in range(len(table)):
        for c in range(counters):
            if (table[i, _GIVES] >> c) & 1:
                commands[filled[c]] = i
                filled[c] += 1
    return first, commands


@njit(cache=True)
def untimed_run(table, queue_of, depths, counters):
    """Run without time: a command that starts ends at once.

    Returns
    -------
    order : int64 (started,)
        Commands in the order in which they started; all of them if nothing stands still.
    tokens : int64 (counters,)
        What the counters hold at the end.
    heads : int64 (4,)
        Command at the head of each queue, -1 if empty.
    pushed : int
        The command at which the sequencer stands.
    tile : bool
        Whether a preloaded tile waits to be taken.
    """
    n = len(table)
    tokens = np.zeros(counters, np.int64)
    members = np.full((4, n), -1, np.int64)
    head, tail = np.zeros(4, np.int64), np.zeros(4, np.int64)
    order, started, pushed, tile = np.zeros(n, np.int64), 0, 0, False
    moved = True
    while moved:
        moved = False
        while pushed < n:
            q = queue_of[table[pushed, _OPCODE]]
            if tail[q] - head[q] >= depths[q]:
                break
            members[q, tail[q]] = pushed
            tail[q] += 1
            pushed += 1
            moved = True
        for q in range(4):
            while head[q] < tail[q]:
                i = members[q, head[q]]
                if stuck(table[i], tokens, tile, counters) != NOT_STUCK:
                    break
                for c in range(counters):
                    tokens[c] += ((table[i, _GIVES] >> c) & 1) - ((table[i, _WAITS] >> c) & 1)
                if table[i, _OPCODE] == PRELOAD:
                    tile = True
                elif table[i, _OPCODE] == MATMUL and table[i, _SWAP] != 0:
                    tile = False
                order[started] = i
                started += 1
                head[q] += 1
                moved = True
    heads = np.full(4, -1, np.int64)
    for q in range(4):
        if head[q] < tail[q]:
            heads[q] = members[q, head[q]]
    return order[:started], tokens, heads, pushed, tile


@njit(cache=True)
def stuck(row, tokens, tile, counters):
    """Return why a head may not start."""
    for c in range(counters):
        if (row[_WAITS] >> c) & 1 and tokens[c] < 1:
            return NO_TOKEN
    if row[_OPCODE] == PRELOAD and tile:
        return TILE_NOT_TAKEN
    if row[_OPCODE] == MATMUL and row[_SWAP] != 0 and not tile:
        return NO_TILE
    return NOT_STUCK


@njit(cache=True)
def clocks(table, order, lane_of, queue_of, overlap, is_os, gives_first, gives, counters):
    """Carry vector clocks along an order of starts: what is known when, for each command.

    Returns
    -------
    position : int64 (commands,)
        Number of the command within its lane.
    ended : int64 (commands, lanes)
        Commands of each lane that have ended before this one starts, under any timing.
    started_at_end : int64 (commands, lanes)
        Commands of each lane that have started before this one ends.
    takes : int64 (gives,)
        The command that takes each token, beside the command that gives it in `gives`; -1: none.
    """
    n = len(table)
    ended, started = np.zeros((n, LANES), np.int64), np.zeros((n, LANES), np.int64)
    ended_at_end, started_at_end = np.zeros((n, LANES), np.int64), np.zeros((n, LANES), np.int64)
    position, length = np.zeros(n, np.int64), np.zeros(LANES, np.int64)
    last_in_queue, last_in_lane = np.full(4, -1, np.int64), np.full(LANES, -1, np.int64)
    taken = np.zeros(counters, np.int64)
    takes = np.full(gives_first[counters], -1, np.int64)
    for k in range(n):
        i = order[k]
        opcode = table[i, _OPCODE]
        lane, q = lane_of[opcode], queue_of[opcode]
        if last_in_queue[q] >= 0:
            _join(ended[i], ended[last_in_queue[q]])
            _join(started[i], started[last_in_queue[q]])
        for c in range(counters):
            if (table[i, _WAITS] >> c) & 1:
                giver = gives[gives_first[c] + taken[c]]
                takes[gives_first[c] + taken[c]] = i
                taken[c] += 1
                _join(ended[i], ended_at_end[giver])
                _join(started[i], started_at_end[giver])
        before = -1
        if opcode == VECTOR:
            before = last_in_lane[lane]
        elif not overlap and (opcode == PRELOAD or (opcode == MATMUL and is_os)):
            before = last_in_lane[lane_of[MATMUL]]
        if before >= 0:
            _join(ended[i], ended_at_end[before])
            _join(started[i], started_at_end[before])
        position[i] = length[lane]
        length[lane] += 1
        started[i, lane] = max(started[i, lane], length[lane])
        _join(ended_at_end[i], ended[i])
        _join(started_at_end[i], started[i])
        sources = (last_in_lane[lane], last_in_lane[lane_of[PRELOAD]] if opcode == MATMUL and table[i, _SWAP] else -1)
        for source in sources:
            if source >= 0:
                _join(ended_at_end[i], ended_at_end[source])
                _join(started_at_end[i], started_at_end[source])
        ended_at_end[i, lane] = max(ended_at_end[i, lane], length[lane])
        last_in_queue[q], last_in_lane[lane] = i, i
    return position, ended, started_at_end, takes


@njit(cache=True)
def _join(target, source):
    for lane in range(len(target)):
        if source[lane] > target[lane]:
            target[lane] = source[lane]


@njit(cache=True)
def overflow(table, lane_of, position, started_at_end, gives_first, gives, takes, greatest, counters):
    """Return (counter, giver, taker) of the first counter that some timing overflows; counter -1: none.

    A counter passes `greatest` if its k-th give can come before its (k - greatest)-th take; taker -1: no such take.
    """
    for c in range(counters):
        for k in range(gives_first[c] + greatest, gives_first[c + 1]):
            giver, taker = gives[k], takes[k - greatest]
            if taker < 0:
                return c, giver, taker
            if started_at_end[giver, lane_of[table[taker, _OPCODE]]] <= position[taker]:
                return c, giver, taker
    return -1, -1, -1
