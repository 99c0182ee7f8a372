"""Open rows of a channel's banks, as commands leave them.

A G_ACT opens one row in whole groups, so a group has one register for it and each bank a bit that says open. Bank 0 has
a row of its own for the vector that GWRITE takes: its second row buffer's, or, of one buffer, what it has open.
"""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import Module, Signal, Value

from rtl.pim.scheduler_parameters import VECTOR_BANK, Place, SchedulerParameters
from simulators.pim.commands import ACT, G_ACT, PIM_PRE, PRE


class OpenRows:
    """Registers of open rows; adds its logic to `m`.

    Attributes
    ----------
    opened, matches : list of Value, by bank
        Rows that compute: open; open or not, the row is that of the head of the queue.
    vector_open, vector_matches : Value
        The same of the row that GWRITE takes.
    """

    def __init__(self, m: Module, p: SchedulerParameters, row: Value) -> None:
        self._m, self._p, self._row = m, p, row
        self._open = [Signal(name=f"open_{bank}") for bank in range(p.banks)]
        groups = p.ranks * p.groups
        self._rows = [Signal(range(p.rows), name=f"row_of_group_{g}", reset_less=True) for g in range(groups)]
        self._vector_row = Signal(range(p.rows), name="vector_row", reset_less=True)
        self._vector_open = Signal(name="vector_open") if p.dual else self._open[VECTOR_BANK]
        of_group = [Signal(name=f"match_of_group_{g}") for g in range(groups)]
        vector = Signal(name="vector_match")
        m.d.comb += [match.eq(register == row) for match, register in zip(of_group, self._rows, strict=True)]
        m.d.comb += vector.eq(self._vector_row == row)
        self.opened: list[Value] = list(self._open)
        self.matches: list[Value] = [of_group[bank // p.banks_of_group] for bank in range(p.banks)]
        if not p.dual and p.vector_in_bank:
            self.matches[VECTOR_BANK] = vector
        self.vector_open, self.vector_matches = self._vector_open, vector

    def follow(self, issues: Mapping[tuple[int, Place], Value]) -> None:
        """Take the commands of this clock."""
        for (command, (begin, end)), issue in issues.items():
            with self._m.If(issue):
                if command == ACT:
                    self._m.d.sync += [self._vector_open.eq(1), self._vector_row.eq(self._row)]
                elif command == PRE:
                    closed = self._vector_open if self._p.dual else self._open[begin]
                    self._m.d.sync += closed.eq(0)
                elif command == PIM_PRE:
                    self._m.d.sync += [bit.eq(0) for bit in self._open[begin:end]]
                elif command == G_ACT:
                    self._m.d.sync += [bit.eq(1) for bit in self._open[begin:end]]
                    groups = slice(begin // self._p.banks_of_group, end // self._p.banks_of_group)
                    self._m.d.sync += [register.eq(self._row) for register in self._rows[groups]]
                    if begin == VECTOR_BANK and not self._p.dual:
                        self._m.d.sync += self._vector_row.eq(self._row)
