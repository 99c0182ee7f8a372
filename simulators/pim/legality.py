"""Is a list of commands legal? Checked straight from a device's table, apart from the kernel.

The kernel pushes delays forward when a command issues; here each command looks back, for every rule that names it, at
the last commands that stand in the rule's scope to each of its banks. Rows, windows of activates, DOTs that have not
ended, refreshes that are late and the command bus are checked too.
"""

from __future__ import annotations

import numpy as np

from simulators.kernels import kernel
from simulators.pim.commands import (
    ACT,
    COMMANDS,
    COMP,
    DOT,
    G_ACT,
    GWRITE,
    PIM_PRE,
    PRE,
    RD,
    READRES,
    REF,
    WR,
)
from simulators.pim.device import PimDevice

LEGAL, TOO_SOON, WRONG_STATE, WINDOW, BUS, DOT_BUSY, LATE_REFRESH = range(7)
_LONG_AGO = -(1 << 40)
_CLOCK, _COMMAND, _BANK, _ROW = range(4)
_WORDS = {
    WRONG_STATE: "its banks are not in a state for it",
    WINDOW: "too many activates before it",
    BUS: "the command bus is taken",
    DOT_BUSY: "a DOT has not ended",
    LATE_REFRESH: "a refresh waits for longer than from one to the next",
}


@kernel
def _latest(last, command, scope, bank, size, of_group, of_rank, banks):
    """Return the clock of the last `command` (of `size` banks) to which `bank` stands in a scope."""
    latest = last[command, 0] * 0 + _LONG_AGO
    if scope == 0:
        return last[command, bank // size * size]
    begin, end = bank * 0, banks
    if scope == 1:
        begin, end = bank // of_group * of_group, bank // of_group * of_group + of_group
    elif scope == 2:
        begin, end = bank // of_rank * of_rank, bank // of_rank * of_rank + of_rank
    for first in range(begin // size * size, end, size):
        covers = first <= bank < first + size
        same_group, same_rank = first // of_group == bank // of_group, first // of_rank == bank // of_rank
        if covers or (scope == 2 and same_group) or (scope == 3 and same_rank):
            continue
        latest = max(latest, last[command, first])
    return latest


@kernel
def _state_fits(command, row, first, end, normal, compute, two_buffers, vector_in_bank):
    for b in range(first, end):
        fits = True
        if command == ACT:
            fits = normal[b] < 0 and not (two_buffers and compute[b] == row)
        elif command == PRE:
            fits = normal[b] >= 0
        elif command in (RD, WR) or (command == GWRITE and vector_in_bank):
            fits = normal[b] == row
        elif command == G_ACT:
            fits = compute[b] < 0 and not (two_buffers and normal[b] == row)
        elif command in (COMP, READRES, DOT):
            fits = compute[b] == row
        elif command == REF:
            fits = normal[b] < 0 and compute[b] < 0
        if not fits:
            return False
    if command == PIM_PRE:
        opened = first * 0
        for b in range(first, end):
            opened += compute[b] >= 0
        return opened > 0
    return True


@kernel
def check_commands(commands, dots, sizes, table, first_rule, shape, waits, windows, last, normal, compute, acts, found):
    """Check one channel's commands in order; return the first fault's kind, its place in `found`.

    Parameters
    ----------
    commands : int64 (commands, 4)
        Columns `kernel.TRACE`.
    dots : int64 (DOTs,)
        Clocks of each DOT.
    sizes : int64 (commands of the device,)
        Banks of each command.
    table, first_rule : int64 (rules, 3), int64 (commands + 1,)
        Command before, scope, delay; those that name a command after stand together.
    shape : int64 (6,)
        Banks of a group, of a rank, all; two buffers; vector in a bank; clocks between refreshes.
    waits : int64 (commands,)
        1 where a command waits for the end of a DOT.
    windows : int64 (windows, 2)
        Activates, clocks.
    last, normal, compute, acts : int64
        (commands, banks) clocks; (banks,) rows, twice (the same array with one buffer); (ranks, 32) clocks of ACTs.
    """
    of_group, of_rank, banks, interval = shape[0], shape[1], shape[2], shape[5]
    dot, dot_end, clock_before, refreshes = (
        commands[0, _CLOCK] * 0,
        _LONG_AGO,
        commands[0, _CLOCK] * 0 - 1,
        sizes[0] * 0,
    )
    for i in range(commands.shape[0]):
        clock, command, begin, row = commands[i, 0], commands[i, 1], commands[i, 2], commands[i, 3]
        end = begin + sizes[command]
        found[0] = i
        if clock <= clock_before:
            return BUS
        clock_before = clock
        if interval > 0 and clock // interval > refreshes + 1:
            return LATE_REFRESH
        if not _state_fits(command, row, begin, end, normal, compute, shape[3] == 1, shape[4] == 1):
            return WRONG_STATE
        if waits[command] and clock < dot_end:
            return DOT_BUSY
        for r in range(first_rule[command], first_rule[command + 1]):
            size = sizes[table[r, 0]]
            for b in range(begin, end):
                at = _latest(last, table[r, 0], table[r, 1], b, size, of_group, of_rank, banks)
                if clock - at < table[r, 2]:
                    found[1] = r
                    return TOO_SOON
        if command in (ACT, G_ACT):
            for rank in range(begin // of_rank, (end - 1) // of_rank + 1):
                for w in range(windows.shape[0]):
                    if clock - acts[rank, windows[w, 0] - 1] < windows[w, 1]:
                        return WINDOW
        if command == ACT:
            for j in range(acts.shape[1] - 1, 0, -1):
                acts[begin // of_rank, j] = acts[begin // of_rank, j - 1]
            acts[begin // of_rank, 0] = clock
        if command == DOT:
            dot_end = clock + dots[dot]
            dot += 1
        refreshes += command == REF
        last[command, begin] = clock
        for b in range(begin, end):
            if command in (ACT, PRE):
                normal[b] = row if command == ACT else -1
            elif command in (G_ACT, PIM_PRE):
                compute[b] = row if command == G_ACT else -1
    return LEGAL


def first_fault(device: PimDevice, commands: np.ndarray, comps: np.ndarray) -> str:
    """Return the first fault of a channel's commands in words; an empty string when all are legal.

    Parameters
    ----------
    commands : int64 (commands, 4)
        `channel.PimChannel.commands`, from the channel's first clock.
    comps : int64 (DOTs,)
        COMPs of each DOT, in order.
    """
    if not len(commands):
        return ""
    o, clocks = device.standard.organization, device.standard.clocks
    banks_of = (1, o.banks, o.banks * o.bankgroups, device.banks)
    sizes = np.array([banks_of[span] for span in device.spans], np.int64)
    rules = sorted(device.constraints, key=lambda rule: rule.after)
    table = np.array([(rule.before, rule.scope, clocks(rule.delay)) for rule in rules], np.int64)
    first_rule = np.searchsorted([rule.after for rule in rules], np.arange(len(COMMANDS) + 1)).astype(np.int64)
    interval = device.standard.timing["tREFI"] // o.ranks if device.refresh else 0
    two = device.row_buffers == 2
    shape = np.array([o.banks, o.banks * o.bankgroups, device.banks, two, device.vector_in_bank, interval], np.int64)
    waits = np.zeros(len(COMMANDS), np.int64)
    waits[list(device.held_by_dot)] = 1
    windows = np.array([(w.count, clocks(w.span)) for w in device.standard.windows], np.int64).reshape(-1, 2)
    dots = np.array([device.dot_clocks(int(n)) for n in comps], np.int64)
    normal = np.full(device.banks, -1, np.int64)
    compute = normal.copy() if two else normal
    last, acts = np.full((len(COMMANDS), device.banks), _LONG_AGO), np.full((o.ranks, 32), _LONG_AGO)
    found = np.zeros(2, np.int64)
    state = (last, normal, compute, acts, found)
    kind = check_commands(commands, dots, sizes, table, first_rule, shape, waits, windows, *state)
    if kind == LEGAL:
        return ""
    clock, command, bank, row = commands[found[0]].tolist()
    said = f"too soon; {rules[found[1]]}" if kind == TOO_SOON else _WORDS[kind]
    return f"{COMMANDS[command]} of bank {bank} row {row} at {clock}: {said}"
