"""A device's timing table asserted over a trace of commands, from the table and the trace alone."""

from __future__ import annotations

from collections.abc import Iterable

from simulators.pim.commands import (
    ALL_BANKS,
    COMMANDS,
    DOT,
    GROUP,
    ONE_GROUP,
    ONE_RANK,
    RANK,
    SAME,
    SCOPES,
)
from simulators.pim.device import PimDevice

Command = tuple[int, int, int, int]


def violations(device: PimDevice, commands: Iterable[Command], comps: Iterable[int]) -> list[str]:
    """Return every constraint that a trace breaks; `comps` are the COMPs of its DOTs, in order."""
    spans = device.spans
    organization = device.standard.organization
    of_group, of_rank = organization.banks, organization.banks * organization.bankgroups
    sizes = {ONE_GROUP: of_group, ONE_RANK: of_rank, ALL_BANKS: organization.ranks * of_rank}
    table = [(r.scope, r.before, r.after, device.standard.clocks(r.delay)) for r in device.constraints]
    last: dict[tuple[int, int], int] = {}  # clock of the last command of a kind that issued at a first bank
    found, dots, dot_end, before_clock = [], iter(comps), 0, -1
    for clock, command, begin, _ in commands:
        if clock <= before_clock:
            found.append(f"{clock}: a second command in a clock")
        before_clock = clock
        banks = range(begin, begin + sizes.get(spans[command], 1))
        for scope, before, after, delay in table:
            if after != command:
                continue
            for (kind, first), at in last.items():
                if kind != before or clock - at >= delay:
                    continue
                taken = range(first, first + sizes.get(spans[kind], 1))
                if any(_scope(bank, taken, of_group, of_rank) == scope for bank in banks):
                    found.append(f"{clock}: {COMMANDS[command]} {clock - at} clocks after {COMMANDS[kind]}, "
                                 f"{SCOPES[scope]}: {delay}")  # fmt: skip
        if command == DOT:
            if clock < dot_end:
                found.append(f"{clock}: DOT before the end of another, {dot_end}")
            dot_end = clock + device.dot_clocks(next(dots))
        last[command, begin] = clock
    return found


def _scope(bank: int, taken: range, of_group: int, of_rank: int) -> int:
    """Return in which scope of a command at `taken` a bank is; the last scope is that of other ranks."""
    if bank in taken:
        return SAME
    if bank // of_rank != taken[0] // of_rank:
        return RANK + 1
    return GROUP if bank // of_group == taken[0] // of_group else RANK
