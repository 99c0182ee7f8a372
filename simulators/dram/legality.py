"""Is a list of commands legal? Checked straight from a standard's constraints, pair by pair, apart from the kernel.

Every command is held against every earlier one on its channel that a constraint can reach, against the rows that are
open, the windows of activates, and the command buses.
"""

from __future__ import annotations

import numpy as np

from simulators.dram.constraints import ACT, BANK, COMMANDS, GROUP, OTHER_RANKS, PRE, RANK, RD, RDA, REF, SCOPES, WRA
from simulators.dram.standard import Standard
from simulators.kernels import kernel

_CLOCK, _COMMAND, _RANK, _GROUP, _BANK, _ROW = 0, 1, 3, 4, 5, 6
LEGAL, TOO_SOON, WRONG_STATE, WINDOW, BUS, ORDER = range(6)


@kernel
def _scope_of(a, b):
    if a[_RANK] != b[_RANK]:
        return OTHER_RANKS
    if a[_COMMAND] == REF or b[_COMMAND] == REF:
        return BANK  # a whole rank and any bank of it: the bank's own rules hold, and those of the whole rank
    if a[_GROUP] != b[_GROUP]:
        return RANK
    return BANK if a[_BANK] == b[_BANK] else GROUP


@kernel
def _state_fits(command, rank, bank, row, open_rows):
    if command == REF:
        for other in range(open_rows.shape[1]):  # noqa: SIM110
            if open_rows[rank, other] >= 0:
                return False
        return True
    if command == ACT:
        return open_rows[rank, bank] < 0
    if command == PRE:
        return open_rows[rank, bank] >= 0
    return open_rows[rank, bank] == row


@kernel
def check_commands(commands, delays, windows, banks, two_buses, open_rows, found):
    """Check one channel's commands in order; return the first fault's kind, with the commands in `found`.

    Parameters
    ----------
    commands : int64 (commands, 8)
        Columns of `state.TRACE`.
    delays : int64 (commands, scopes, commands)
        Least clocks from a command to a later one; 0 where nothing is asked.
    windows : int64 (windows, 2)
        Activates, clocks.
    banks : int
        Banks of a group.
    open_rows : int64 (ranks, banks of a rank), all -1
    """
    longest = 0
    for before in range(delays.shape[0]):
        for scope in range(delays.shape[1]):
            for after in range(delays.shape[2]):
                longest = max(longest, delays[before, scope, after])
    for i in range(commands.shape[0]):
        now = commands[i]
        clock, command, rank = now[_CLOCK], now[_COMMAND], now[_RANK]
        bank = 0 if command == REF else now[_GROUP] * banks + now[_BANK]
        found[0], found[1] = i, i
        if not _state_fits(command, rank, bank, now[_ROW], open_rows):
            return WRONG_STATE
        acts = np.int64(1 if command == ACT else 0)
        j = i - 1
        while j >= 0:
            past = commands[j]
            gap = clock - past[_CLOCK]
            found[1] = j
            if gap < 0:
                return ORDER
            if gap == 0 and not (two_buses and (RD <= command <= WRA) != (RD <= past[_COMMAND] <= WRA)):
                return BUS
            if gap < delays[past[_COMMAND], _scope_of(past, now), command]:
                return TOO_SOON
            if command == ACT and past[_COMMAND] == ACT and past[_RANK] == rank:
                acts += 1
                for w in range(windows.shape[0]):
                    if acts > windows[w, 0] and gap < windows[w, 1]:
                        return WINDOW
                    longest = max(longest, windows[w, 1])
            if gap > longest:
                break
            j -= 1
        if command == ACT:
            open_rows[rank, bank] = now[_ROW]
        elif command in (PRE, RDA, WRA):
            open_rows[rank, bank] = -1
    return LEGAL


def least_gaps(standard: Standard) -> np.ndarray:
    """Return the table of `check_commands`, from the constraints as written."""
    gaps = np.zeros((len(COMMANDS), len(SCOPES), len(COMMANDS)), np.int64)
    for c in standard.constraints:
        scope = c.scope if c.scope <= OTHER_RANKS else BANK
        gaps[c.before, scope, c.after] = max(gaps[c.before, scope, c.after], standard.clocks(c.delay))
    return gaps


def first_fault(standard: Standard, commands: np.ndarray) -> str:
    """Return the first fault of a run's commands, all channels, in words; an empty string when all are legal."""
    o, gaps = standard.organization, least_gaps(standard)
    windows = np.array([(w.count, standard.clocks(w.span)) for w in standard.windows], np.int64).reshape(-1, 2)
    for channel in np.unique(commands[:, 2]):
        mine, found = np.ascontiguousarray(commands[commands[:, 2] == channel]), np.zeros(2, np.int64)
        rows = np.full((o.ranks, o.bankgroups * o.banks), -1, np.int64)
        kind = check_commands(mine, gaps, windows, o.banks, standard.row_and_column_bus, rows, found)
        if kind != LEGAL:
            return _in_words(standard, kind, mine[found[1]], mine[found[0]])
    return ""


def _in_words(standard: Standard, kind: int, past: np.ndarray, now: np.ndarray) -> str:
    one, two = (f"{COMMANDS[c[_COMMAND]]} of rank {c[3]} group {c[4]} bank {c[5]} at {c[_CLOCK]}" for c in (past, now))
    if kind == WRONG_STATE:
        return f"{two}: the bank is not in a state for it"
    if kind == WINDOW:
        return f"{two}: too many activates since {one}"
    if kind in (BUS, ORDER):
        return f"{two}: the bus is taken by {one}"
    rules = [str(c) for c in standard.constraints if (c.before, c.after) == (past[_COMMAND], now[_COMMAND])]
    return f"{two}: too soon after {one}; {'; '.join(rules)}"
