"""What must issue before the head of the list, or before a refresh, and which of it goes first.

Each bank has at most one need: a row in the way closes, a row that is missing opens. Of those that may issue the one
of the first bank goes. A G_ACT takes more banks than the one that needs it: those of them with a row open close first.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Signal, Value

from rtl.pim.open_rows import OpenRows
from rtl.pim.refresh import Refresh
from rtl.pim.scheduler_parameters import VECTOR_BANK, Place, SchedulerParameters
from rtl.pim.timers import Timers
from simulators.pim.commands import ACT, G_ACT, GWRITE, HEADER, PIM_PRE, PRE

Issues = dict[tuple[int, Place], Value]


class _Need(NamedTuple):
    """Something wanted for a bank: whether, whether it may issue, and the issues that it then is."""

    wanted: Value
    able: Value
    issues: Issues


class Needs:
    """The needs of all banks; adds its logic to `m`.

    Parameters
    ----------
    m, p, rows, timers, refresh
        The scheduler's parts.
    works, command : Value
        The head may go on, as far as is known before its estimate; its command.

    Attributes
    ----------
    any : Value
        Something is needed.
    first : Issues
        What of it goes first, by command and place.
    """

    def __init__(
        self, m: Module, p: SchedulerParameters, rows: OpenRows, timers: Timers, refresh: Refresh, works: Value,
        command: Value,
    ) -> None:  # fmt: skip
        self._m, self._p, self._rows, self._timers, self._refresh = m, p, rows, timers, refresh
        self._gwrite = works & (command == GWRITE)
        self._tile = self._wire("tile", works & (command != GWRITE))
        self._opens = self._wire("opens", works & (command != GWRITE) & (command != HEADER))
        self._in_way = Const(0, 1)
        if p.dual:
            vector = rows.vector_open & rows.vector_matches
            self._in_way = self._wire("vector_in_way", self._tile & ~rows.opened[VECTOR_BANK] & vector)
        self._spans = {place: self._to_close(place) for place in p.places(G_ACT)}
        needs = [need for bank in range(p.banks) for need in (*self._closing(bank), *self._opening(bank))]
        self.any: Value = self._wire("any_need", Cat(*(need.wanted for need in needs)).any())
        able = self._wire("able", Cat(*(need.able for need in needs)))
        first = self._wire("first", able & ~_below(able))
        self.first: Issues = {}
        for place, need in enumerate(needs):
            for key, share in need.issues.items():
                issue = first[place] & share
                self.first[key] = self.first[key] | issue if key in self.first else issue

    def _wire(self, name: str, value: Value) -> Signal:
        wire = Signal(len(value), name=name)
        self._m.d.comb += wire.eq(value)
        return wire

    def _need(self, wanted: Value, command: int, bank: int) -> _Need:
        place = self._p.place_of(command, bank)
        wire = self._wire(f"wants_{command}_{bank}", wanted)
        return _Need(wire, wire & self._timers.ready(command, place), {(command, place): Const(1, 1)})

    def _closing(self, bank: int) -> list[_Need]:
        """Return what closes a row of a bank; of bank 0 what the vector of a GWRITE needs, too."""
        p, rows = self._p, self._rows
        refreshed = self._refresh.pending & (self._refresh.rank == bank // p.of_rank)
        opened, match = rows.opened[bank], rows.matches[bank]
        pim_pre = self._tile & opened & ~match
        if bank != VECTOR_BANK:
            if p.dual or p.span(PIM_PRE) > 1:
                return [self._need(pim_pre | (refreshed & opened), PIM_PRE, bank)]
            return [self._need(refreshed & opened, PRE, bank), self._need(pim_pre, PIM_PRE, bank)]
        pre, act = Const(0, 1), Const(0, 1)
        if p.dual:
            own = self._gwrite & opened & match
            vector = self._gwrite & ~own
            pre = self._in_way | (refreshed & rows.vector_open)
            pim_pre = pim_pre | own | (refreshed & opened & ~rows.vector_open)
        else:
            vector = self._gwrite
            one_by_one = p.span(PIM_PRE) == 1
            pre, pim_pre = (refreshed & opened, pim_pre) if one_by_one else (pre, pim_pre | (refreshed & opened))
        if p.vector_in_bank:
            pre = pre | (vector & rows.vector_open & ~rows.vector_matches)
            act = vector & ~rows.vector_open
        return [self._need(act, ACT, bank), self._need(pre, PRE, bank), self._need(pim_pre, PIM_PRE, bank)]

    def _to_close(self, place: Place) -> tuple[Value, Value, Issues]:
        """Return whether a bank that a G_ACT takes is open, whether the first may close, and that as an issue."""
        opened = self._wire(f"opened_{place[0]}", Cat(*self._rows.opened[slice(*place)]))
        first = self._wire(f"first_open_{place[0]}", opened & ~_below(opened))
        issues: Issues = {}
        ready = Const(0, 1)
        for i, bank in enumerate(range(*place)):
            key = PIM_PRE, self._p.place_of(PIM_PRE, bank)
            ready = ready | (first[i] & self._timers.ready(*key))
            issues[key] = issues[key] | first[i] if key in issues else first[i]
        return opened.any(), self._wire(f"may_close_{place[0]}", ready), issues

    def _opening(self, bank: int) -> list[_Need]:
        """Return the G_ACT that a closed bank needs, or what closes a row first in a bank that it takes."""
        place = self._p.place_of(G_ACT, bank)
        act = self._opens & ~self._rows.opened[bank]
        if VECTOR_BANK in range(*place):
            act = act & ~self._in_way
        any_open, may_close, issues = self._spans[place]
        closes = self._wire(f"closes_for_{bank}", act & any_open)
        return [_Need(closes, closes & may_close, issues), self._need(act & ~any_open, G_ACT, bank)]


def _below(bits: Value) -> Value:
    """Return for each bit whether a lower one is set."""
    reach, found = 1, bits
    while reach < len(bits):
        found = found | (found << reach)[: len(bits)]
        reach *= 2
    return (found << 1)[: len(bits)]
