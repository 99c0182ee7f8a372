"""When a channel must refresh, and whether what is asked for ends before that."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value

from rtl.pim.open_rows import OpenRows
from rtl.pim.scheduler_parameters import SchedulerParameters
from simulators.pim.commands import G_ACT, PIM_PRE

#: Bits of the count of refreshes that wait: one falls due while another, and the tile before it, ends.
WAITING_BITS = 3


class Refresh:
    """Counts the clocks between refreshes; adds its logic to `m`.

    Attributes
    ----------
    left : Value
        Clocks of this one's end to the next refresh's.
    pending : Value
        A refresh waits or falls due in this clock.
    rank : Value
        Which is next.
    """

    def __init__(self, m: Module, p: SchedulerParameters) -> None:
        self._m, self._p = m, p
        self.rank: Value = Signal(range(max(p.ranks, 2)), name="refresh_rank")
        self.left: Value = Const(0)
        self.pending: Value = Const(0, 1)
        if not p.interval:
            return
        self._left = Signal(range(p.interval), init=p.interval - 1, name="until_refresh")
        self._due = Signal(name="refresh_due")
        self._waiting = Signal(WAITING_BITS, name="refreshes_waiting")
        ends = self._left == 0
        m.d.sync += [self._left.eq(Mux(ends, p.interval - 1, self._left - 1)), self._due.eq(ends)]
        self.left = self._left
        self.pending = self._due | (self._waiting != 0)

    def count(self, issued: Value) -> None:
        """Take a REF of this clock, if `issued`."""
        p = self._p
        if not p.interval:
            return
        self._m.d.sync += self._waiting.eq(self._waiting + self._due - issued)
        with self._m.If(issued):
            if p.ranks > 1:
                self._m.d.sync += self.rank.eq(self.rank + 1)


def tile_clocks(p: SchedulerParameters, rows: OpenRows, comps: Value, readres: Value) -> Value:
    """Return the controller's estimate of a tile: closing other rows, opening its own, COMPs, READRES."""
    closing: Value = Const(0)
    opening: Value = Const(0)
    for first in range(0, p.banks, p.banks_of_group):
        banks = range(first, first + p.banks_of_group)
        opened, complete = Const(0), Const(1, 1)
        for bank in banks:
            complete = complete & rows.opened[bank] & rows.matches[bank]
            if rows.matches[bank] is rows.matches[banks[-1]]:
                opened = opened + rows.opened[bank]
            else:
                closing = closing + (rows.opened[bank] & ~rows.matches[bank])
        closing = closing + Mux(rows.matches[banks[-1]], 0, opened)
        opening = opening + ~complete
    settling = Mux(closing == 0, 0, p.settle_clocks)
    activates = _quotient_up(opening, max(1, p.span(G_ACT) // p.banks_of_group)) >> (p.ranks.bit_length() - 1)
    more = Mux(activates == 0, 0, activates - 1)[: len(activates)] * p.activate_clocks
    closes = _quotient_up(closing, p.span(PIM_PRE)) * p.close_clocks
    steps = Mux(comps < p.fill_steps, p.fill_steps, comps)
    readout = p.readres_clocks * Mux(readres == 0, 0, readres - 1)[: len(readres)]
    own = p.step * steps + readout + p.first_clocks
    return closes + settling + more + own


def _quotient_up(value: Value, divisor: int) -> Value:
    """Return the quotient by a power of two, rounded up."""
    return (value + (divisor - 1)) >> (divisor.bit_length() - 1)


def vector_clocks(p: SchedulerParameters, rows: OpenRows) -> Value:
    """Return the controller's estimate of a GWRITE: its row closed and opened, all columns moved."""
    if not p.vector_in_bank:
        return Const(p.gwrite_clocks)
    opens = p.gwrite_clocks + p.open_clocks
    closed = Mux(rows.vector_open, opens + p.close_clocks, opens)
    return Mux(rows.vector_open & rows.vector_matches, p.gwrite_clocks, closed)
