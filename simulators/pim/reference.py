"""A channel that computes in plain Python, clock by clock: the rules as they are, and the twin the kernel must equal.

A clock: (1) a due refresh joins those that wait; (2) while one waits, only its rank's closing and REF issue; (3) else
the head of the PIM queue: a GWRITE or HEADER starts only if, by the controller's estimate, it ends before the next
refresh, or the queue rests until that refresh is done. A HEADER closes what other rows its banks hold; the command
behind it opens its row, group by group. After a GWRITE the queue waits until the vector is in the global buffer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from simulators.dram.constraints import AL, tRCDRD, tRP, tRTP
from simulators.pim.commands import (
    ACT,
    ADDER_TREE_STEPS,
    ALL_BANKS,
    COMMANDS,
    DOT,
    G_ACT,
    GROUP,
    GWRITE,
    HEADER,
    ONE_BANK,
    ONE_GROUP,
    OTHER_RANKS,
    PIM_PRE,
    PRE,
    RANK,
    REF,
    SAME,
)
from simulators.pim.device import PimDevice, close_estimate

Place = tuple[int, int, int]
Item = tuple[int, int, int, int]
NEVER = 1 << 62
VECTOR_PLACE: Place = (0, 0, 0)


class ReferenceChannel:
    """One channel of a device.

    Attributes
    ----------
    commands : list of (clock, command, first bank, row)
    """

    def __init__(self, device: PimDevice) -> None:
        self.device, o = device, device.standard.organization
        self.places: list[Place] = [
            (r, g, b) for r in range(o.ranks) for g in range(o.bankgroups) for b in range(o.banks)
        ]
        self.normal = dict.fromkeys(self.places, -1)
        self.compute = dict.fromkeys(self.places, -1) if device.row_buffers == 2 else self.normal
        self.ready: dict[tuple[Place, int], int] = {}
        self._spans: dict[tuple[int, Place], list[Place]] = {}
        self.interval = device.standard.timing["tREFI"] // o.ranks if device.refresh else 0
        self.clock, self.rank, self.waiting, self.skip, self.admitted, self.buffer_busy = 0, 0, 0, False, False, 0
        self.slack, self.reserved = 0, -1
        self.rules: list[list[tuple[int, int, int]]] = [[] for _ in COMMANDS]
        for rule in device.constraints:
            self.rules[rule.before].append((rule.scope, rule.after, device.standard.clocks(rule.delay)))
        self.commands: list[tuple[int, int, int, int]] = []

    def run(self, program: Iterable[Item], until: int | None = None) -> int:
        """Run a program to its last command (nothing, to a clock) and return the clocks that it took."""
        queue, begin = [(int(c), int(r), int(n), int(m)) for c, r, n, m in program], self.clock
        while queue or (until is not None and self.clock < until):
            self._tick(queue)
            self.clock += 1
        return self.clock - begin

    def _tick(self, queue: list[Item]) -> None:
        if self.interval and self.clock and self.clock % self.interval == 0:
            self.waiting += 1
        if self.waiting:
            self._refresh()
        elif queue and not self.skip and self._head(queue[0]):
            queue.pop(0)
            self.admitted = False

    def _span(self, command: int, place: Place) -> list[Place]:
        if (command, place) not in self._spans:
            length = {ONE_BANK: 3, ONE_GROUP: 2, ALL_BANKS: 0}.get(self.device.spans[command], 1)
            self._spans[command, place] = [p for p in self.places if p[:length] == place[:length]]
        return self._spans[command, place]

    def _is_ready(self, command: int, place: Place) -> bool:
        return all(self.ready.get((p, command), 0) <= self.clock for p in self._span(command, place))

    def _issue(self, command: int, place: Place, row: int, comps: int = 0) -> None:
        taken = self._span(command, place)
        for p in taken:
            if command in (ACT, PRE):
                self.normal[p] = row if command == ACT else -1
            elif command in (G_ACT, PIM_PRE):
                self.compute[p] = row if command == G_ACT else -1
        others = {
            SAME: taken,
            GROUP: [p for p in self.places if p not in taken and p[:2] == taken[0][:2]],
            RANK: [p for p in self.places if p not in taken and p[0] == taken[0][0] and p[1] != taken[0][1]],
            OTHER_RANKS: [p for p in self.places if p not in taken and p[0] != taken[0][0]],
        }
        for scope, after, clocks in self.rules[command]:
            self._delay(others[scope], after, clocks)
        if command == DOT:
            for after in self.device.held_by_dot:
                self._delay(self.places, after, self.device.dot_clocks(comps))
        self.commands.append((self.clock, command, self.places.index(taken[0]), row))

    def _delay(self, places: list[Place], after: int, clocks: int) -> None:
        for p in places:
            self.ready[p, after] = max(self.ready.get((p, after), 0), self.clock + clocks)

    def _refresh(self) -> None:
        mine = [p for p in self.places if p[0] == self.rank]
        one_by_one = self.device.row_buffers == 2 or self.device.precharge == "bank"
        closing = [
            (PRE if self.normal[p] >= 0 and one_by_one else PIM_PRE, p)
            for p in mine
            if max(self.normal[p], self.compute[p]) >= 0
        ]
        for command, place in closing:
            if self._is_ready(command, place):
                self._issue(command, place, -1)
                return
        if not closing and self._is_ready(REF, mine[0]):
            self._issue(REF, mine[0], -1)
            self.waiting -= 1
            self.skip = False
            self.rank = (self.rank + 1) % self.device.standard.organization.ranks

    def _fits(self, item: Item) -> bool:
        until_refresh = self.interval - 1 - self.clock % self.interval if self.interval else NEVER
        self.slack = max(0, until_refresh - self._estimate(item))
        return self.slack > 0

    def _estimate(self, item: Item) -> int:
        command, row, comps, readres = item
        clocks, t = self.device.standard.clocks, self.device.standard.timing
        if command == GWRITE:
            opened = self.normal[VECTOR_PLACE]
            if opened == row or not self.device.vector_in_bank:
                return clocks(self.device.gwrite)
            return clocks(self.device.gwrite) + clocks(tRP + tRCDRD) + (clocks(AL + tRTP) if opened >= 0 else 0)
        activates = precharges = 0
        for group in sorted({p[:2] for p in self.places}):
            rows = [self.compute[p] for p in self.places if p[:2] == group]
            if any(r != row for r in rows):
                activates += 1
                precharges += sum(r not in (-1, row) for r in rows)
        device, ranks = self.device, self.device.standard.organization.ranks
        closing = close_estimate(device) if precharges else 0
        closing += math.ceil(precharges / device.banks_of(device.precharge)) * clocks(AL + tRTP)
        of_group = device.standard.organization.banks
        activates = math.ceil(activates / max(1, device.banks_of(device.activate) // of_group))
        opening = t["tFAW"] * max(0, activates // ranks - 1) + clocks(device.activate_to_comp)
        readout = max(t["BURST"], t["tCCD_L"]) * (readres - 1)
        return closing + opening + device.comp_clocks * max(comps, ADDER_TREE_STEPS) + readout

    def _head(self, item: Item) -> bool:
        """Let the head of the queue go on; return whether it left."""
        command, row, comps, _ = item
        if self.clock < self.buffer_busy:
            return False
        if command == HEADER or (command == GWRITE and not self.admitted):
            if not self._fits(item):
                self.skip = True
                return False
            self.admitted = True
            self.reserved = row if command == HEADER else self.reserved
        needs = [self._gwrite_needs(row)] if command == GWRITE else self._tile_needs(command, row)
        for needed, place in needs:
            if self._is_ready(needed, place):
                self._issue(needed, place, row if needed != PRE and needed != PIM_PRE else -1, comps)
                if needed == GWRITE:
                    self.buffer_busy = self.clock + self.device.standard.clocks(self.device.gwrite)
                return needed == command
        return False

    def _gwrite_needs(self, row: int) -> tuple[int, Place]:
        opened = self.normal[VECTOR_PLACE]
        if not self.device.vector_in_bank:
            return GWRITE, VECTOR_PLACE
        if self.device.row_buffers == 2 and self.compute[VECTOR_PLACE] == row:
            return PIM_PRE, VECTOR_PLACE
        if opened == row:
            return GWRITE, VECTOR_PLACE
        return (ACT if opened < 0 else PRE), VECTOR_PLACE

    def _tile_needs(self, command: int, row: int) -> list[tuple[int, Place]]:
        """Return what may issue before a HEADER or an all-bank command, in bank order; itself when nothing must."""
        needs = []
        for p in self.places:
            if self.compute[p] not in (-1, row):
                needs.append((PIM_PRE, p))
            elif self.device.row_buffers == 2 and self.compute[p] < 0 and self.normal[p] == row:
                needs.append((PRE, p))
            elif self.compute[p] < 0 and command != HEADER:
                needs.append(self._to_open(p, row))
        return needs or [(command, self.places[0])]

    def _to_open(self, place: Place, row: int) -> tuple[int, Place]:
        """Return G_ACT, or what closes a row first in a bank that it takes too."""
        for p in self._span(G_ACT, place):
            if self.compute[p] >= 0:
                return PIM_PRE, p
            if self.device.row_buffers == 2 and self.normal[p] == row:
                return PRE, p
        return G_ACT, place


def names_of(commands: Iterable[tuple[int, int, int, int]]) -> list[str]:
    """Return commands in words, for a reader."""
    return [f"{clock} {COMMANDS[command]} bank {bank} row {row}" for clock, command, bank, row in commands]
