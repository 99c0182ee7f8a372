"""The command scheduler of a channel that computes: a listed command in, every DRAM command out in its earliest clock.

Its rules are those of `simulators.pim.reference`. While a refresh is due only its rank closes and refreshes. Else the
head of the list goes on: a GWRITE or HEADER begins only if, by the controller's estimate, it ends before the next
refresh, or rests until that is done; rows in the way close, the row asked for opens, the first bank whose command may
issue goes first. Reads and writes beside it are not scheduled here: PIM commands and refresh only.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.pim.needs import Issues, Needs
from rtl.pim.open_rows import OpenRows
from rtl.pim.refresh import Refresh, tile_clocks, vector_clocks
from rtl.pim.scheduler_parameters import LISTED, SchedulerParameters
from rtl.pim.timers import Timers
from rtl.pim.unit import COMMAND_BITS
from simulators.pim.commands import GWRITE, HEADER, REF


def listed_layout(p: SchedulerParameters) -> data.StructLayout:
    """Return a listed command: the columns of `simulators.pim.attention.PROGRAM`."""
    return data.StructLayout({
        "command": COMMAND_BITS, "row": (p.rows - 1).bit_length(), "comps": p.slices.bit_length(),
        "readres": p.readres.bit_length(),
    })  # fmt: skip


class Scheduler(wiring.Component):
    """One command a clock.

    Attributes
    ----------
    listed : In(stream of listed_layout)
        The list; its head is taken in the clock in which it issues.
    valid, command, bank, row, comps : Out
        What issues in this clock, its first bank, the head's row and COMPs.
    """

    def __init__(self, parameters: SchedulerParameters) -> None:
        self.parameters = p = parameters
        layout = listed_layout(p)
        super().__init__({
            "listed": In(stream.Signature(layout)), "valid": Out(1), "command": Out(COMMAND_BITS),
            "bank": Out(range(p.banks)), "row": Out(range(p.rows)), "comps": Out(p.slices.bit_length()),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """What each bank needs, the first that may have it, or, when none needs any, the command itself."""
        m = Module()
        p, head = self.parameters, self.listed.payload
        self._rows = rows = OpenRows(m, p, head.row)
        self._timers = timers = Timers(m, p)
        self._refresh = refresh = Refresh(m, p)
        works = Signal()
        looks, fits = self._head_works(m)
        m.d.comb += works.eq(looks & ~refresh.pending)
        needs = Needs(m, p, rows, timers, refresh, works, head.command)
        issues = dict(needs.first)
        for command in LISTED:
            (place,) = p.places(command)
            at_head = works & (head.command == command)
            issues[command, place] = at_head & ~needs.any & timers.ready(command, place)
        for rank, place in enumerate(p.places(REF)):
            turn = refresh.pending & (refresh.rank == rank)
            issues[REF, place] = turn & ~needs.any & timers.ready(REF, place)
        # The estimate comes late: it decides last.
        go = self._wire(m, "go", fits | refresh.pending)
        issues = {key: self._wire(m, f"issue_{key[0]}_{key[1][0]}", value & go) for key, value in issues.items()}
        timers.count(issues, head.comps)
        rows.follow(issues)
        refreshes = Cat(*(issue for (command, _), issue in issues.items() if command == REF)).any()
        refresh.count(refreshes)
        self._leave(m, issues, refreshes)
        return m

    def _wire(self, m: Module, name: str, value: Value) -> Signal:
        wire = Signal(len(value), name=name)
        m.d.comb += wire.eq(value)
        return wire

    def _head_works(self, m: Module) -> tuple[Value, Value]:
        """Return whether the head may go on: no vector is on its way; and whether it ends before the next refresh."""
        p, head = self.parameters, self.listed.payload
        self._gwrite_left = Signal(range(p.gwrite_clocks))
        idle = self._gwrite_left == 0
        if not p.interval:
            return self.listed.valid & idle, Const(1, 1)
        self._rests = Signal()
        self._admitted = Signal()
        header, gwrite = head.command == HEADER, head.command == GWRITE
        estimate = Mux(header, tile_clocks(p, self._rows, head.comps, head.readres), vector_clocks(p, self._rows))
        asks = header | (gwrite & ~self._admitted)
        fits = self._wire(m, "fits", self._refresh.left > estimate)
        looks = self.listed.valid & ~self._rests & idle
        with m.If(looks & asks & ~self._refresh.pending):
            m.d.sync += [self._rests.eq(~fits), self._admitted.eq(fits)]
        return looks, ~asks | fits

    def _leave(self, m: Module, issues: Issues, refreshes: Value) -> None:
        """Drive what issues; let the head go."""
        p, head = self.parameters, self.listed.payload
        command: Value = Const(0, COMMAND_BITS)
        bank: Value = Const(0, len(self.bank))
        for (which, (begin, _)), issue in issues.items():
            command = command | Mux(issue, which, 0)
            bank = bank | Mux(issue, begin, 0)
        gone = Cat(*(issues[c, p.places(c)[0]] for c in LISTED)).any()
        m.d.comb += [
            self.valid.eq(Cat(*issues.values()).any()), self.command.eq(command), self.bank.eq(bank),
            self.row.eq(head.row), self.comps.eq(head.comps), self.listed.ready.eq(gone),
        ]  # fmt: skip
        gwrite = issues[GWRITE, p.places(GWRITE)[0]]
        with m.If(gwrite):
            m.d.sync += self._gwrite_left.eq(p.gwrite_clocks - 1)
        with m.Elif(self._gwrite_left != 0):
            m.d.sync += self._gwrite_left.eq(self._gwrite_left - 1)
        if p.interval:
            with m.If(gone):
                m.d.sync += self._admitted.eq(0)
            with m.If(refreshes):
                m.d.sync += self._rests.eq(0)
