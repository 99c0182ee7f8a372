"""Tiles seen before: beginning in the same state, relative to the clock, they take the same clocks and leave the same.

What a tile does depends on the delays that are still running, on which rows are open (none, its own, another), and on
its own commands; on the refresh only in that it must not come before the tile's end. So the kernel keeps what tiles
did and repeats it. This is exact: every delay of every bank is compared, no state is approximated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.kernels import kernel
from simulators.pim.commands import COMMANDS, GWRITE, HEADER, REF

ENTRIES, LONGEST = 1024, 72  # tiles kept; commands of the longest that is
KEPT = REF + 1  # commands whose delays matter to PIM alone
_TOLD, _READRES, _COMMANDS = range(3)  # of a tile's key; then a command and its COMPs each
_VALID, _CLOCKS, _MARGIN, _COUNTS = range(4)  # of an outcome


class TileMemo(NamedTuple):
    """Tiles by where they began, all int64.

    Attributes
    ----------
    states, left : (ENTRIES, state)
        Delays (KEPT, banks) that run and rows (2, banks) as 0 closed, 1 the tile's own, 2 another; at the begin and
        at the end.
    tiles : (ENTRIES, 3 + 2 LONGEST)
        COMPs and READRES told, commands, then each command and its COMPs.
    outcomes : (ENTRIES, 3 + counts)
        1 when complete; clocks; greatest sum of clocks gone by and estimated, at a look whether it fits; commands.
    """

    states: np.ndarray
    left: np.ndarray
    tiles: np.ndarray
    outcomes: np.ndarray


def empty_memo(banks: int) -> TileMemo:
    """Return a memo without tiles for channels of so many banks."""
    size = (KEPT + 2) * banks
    return TileMemo(
        np.zeros((ENTRIES, size), np.int64), np.zeros((ENTRIES, size), np.int64),
        np.zeros((ENTRIES, 3 + 2 * LONGEST), np.int64), np.zeros((ENTRIES, _COUNTS + len(COMMANDS) + 1), np.int64),
    )  # fmt: skip


@kernel
def _state(ready, rows, clock, row, into):
    """Write the delays that run and the rows, as the tile of `row` sees them."""
    banks, at = ready.shape[1], clock * 0
    for command in range(KEPT):
        for b in range(banks):
            into[at + b] = max(ready[command, b] - clock, 0)
        at += banks
    for buffer in range(2):
        for b in range(banks):
            opened = rows[buffer, b]
            into[at + b] = 0 if opened < 0 else (1 if opened == row else 2)
        at += banks


@kernel
def tile_end(program, head):
    """Return the place behind a HEADER's tile; the HEADER's own when the tile is too long, or not of one row."""
    end = head + 1
    while end < program.shape[0] and program[end, 0] != HEADER and program[end, 0] != GWRITE:
        if program[end, 1] != program[head, 1] or end - head > LONGEST:
            return head
        end += 1
    return end


@kernel
def _same_tile(program, head, end, tile):
    if tile[_TOLD] != program[head, 2] or tile[_READRES] != program[head, 3] or tile[_COMMANDS] != end - head - 1:
        return False
    for i in range(end - head - 1):
        if tile[3 + 2 * i] != program[head + 1 + i, 0] or tile[4 + 2 * i] != program[head + 1 + i, 2]:
            return False
    return True


@kernel
def _difference(delays, clock, state, at):
    """Return 0 when a command's delays that run are those of a state."""
    differ = clock * 0
    for b in range(delays.shape[0]):
        differ |= max(delays[b] - clock, 0) ^ state[at + b]
    return differ


@kernel
def _same_state(ready, rows, clock, row, state):
    banks, at = ready.shape[1], clock * 0
    for command in range(KEPT):
        if _difference(ready[command], clock, state, at) != 0:
            return False
        at += banks
    for buffer in range(2):
        for b in range(banks):
            opened = rows[buffer, b]
            if state[at + b] != (0 if opened < 0 else (1 if opened == row else 2)):
                return False
        at += banks
    return True


@kernel
def find(program, head, end, ready, rows, clock, states, tiles, outcomes):
    """Return the entry for a tile that begins now, and whether it holds what the tile does."""
    banks = ready.shape[1]
    mixed = program[head, 2] * 7919 + (end - head) * 104729 + program[end - 1, 2] * 1299709
    for command in range(KEPT):
        for b in range(command % 5, banks, 11):
            mixed = (mixed * 31 + max(ready[command, b] - clock, 0)) & 0xFFFFFFFFFFFF
    entry = (mixed ^ (mixed >> 17)) % ENTRIES
    known = outcomes[entry, _VALID] != 0 and _same_tile(program, head, end, tiles[entry])
    return entry, known and _same_state(ready, rows, clock, program[head, 1], states[entry])


@kernel
def begin(program, head, end, ready, rows, clock, counts, entry, states, tiles, outcomes):
    """Let an entry hold where a tile begins."""
    outcomes[entry, _VALID], outcomes[entry, _CLOCKS], outcomes[entry, _MARGIN] = 0, 0, 0
    _state(ready, rows, clock, program[head, 1], states[entry])
    tiles[entry, _TOLD], tiles[entry, _READRES], tiles[entry, _COMMANDS] = (
        program[head, 2], program[head, 3], end - head - 1,
    )  # fmt: skip
    for i in range(end - head - 1):
        tiles[entry, 3 + 2 * i], tiles[entry, 4 + 2 * i] = program[head + 1 + i, 0], program[head + 1 + i, 2]
    for i in range(counts.shape[0]):
        outcomes[entry, _COUNTS + i] = -counts[i]


@kernel
def finish(ready, rows, clock, row, clocks, margin, counts, entry, left, outcomes):
    """Let an entry hold what its tile has done."""
    _state(ready, rows, clock, row, left[entry])
    outcomes[entry, _VALID], outcomes[entry, _CLOCKS], outcomes[entry, _MARGIN] = 1, clocks, margin
    for i in range(counts.shape[0]):
        outcomes[entry, _COUNTS + i] += counts[i]


@kernel
def repeat(ready, rows, clock, row, due, counts, entry, left, outcomes):
    """Do what an entry's tile did; return its clocks, 0 when the refresh would come before its end."""
    clocks = outcomes[entry, _CLOCKS]
    if due < clock + clocks or due - 1 - clock <= outcomes[entry, _MARGIN]:
        return clocks * 0
    banks, at, state = ready.shape[1], clock * 0, left[entry]
    for command in range(KEPT):
        delays = ready[command]
        for b in range(banks):
            delays[b] = clock + clocks + state[at + b]
        at += banks
    for buffer in range(2):
        for b in range(banks):
            if state[at + b] < 2:
                rows[buffer, b] = row if state[at + b] else -1
        at += banks
    for i in range(counts.shape[0]):
        counts[i] += outcomes[entry, _COUNTS + i]
    return clocks
