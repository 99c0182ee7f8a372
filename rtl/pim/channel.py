"""A whole channel that computes: its command scheduler and its compute unit; the banks' arrays are outside."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, verilog_of
from rtl.pim.parameters import UnitParameters
from rtl.pim.scheduler import Scheduler, listed_layout
from rtl.pim.scheduler_parameters import SchedulerParameters
from rtl.pim.unit import COMMAND_BITS, ComputeUnit

TOP = "codesign_pim_channel"


class ComputeChannel(wiring.Component):
    """A list of commands in; commands to the banks' rows, column accesses, and results out.

    Parameters
    ----------
    scheduler : SchedulerParameters
    unit : UnitParameters
    parts : Parts
        `rtl.emission.place`.

    Attributes
    ----------
    listed : In(stream)
        As of `Scheduler`.
    valid, command, bank, row : Out
        What issues in this clock.
    read, column, loading, columns, results, result_valid
        As of `ComputeUnit`.
    """

    def __init__(self, scheduler: SchedulerParameters, unit: UnitParameters, parts: Parts) -> None:
        self.scheduler_parameters, self.unit_parameters, self.parts = scheduler, unit, parts
        super().__init__({
            "listed": In(stream.Signature(listed_layout(scheduler))), "valid": Out(1), "command": Out(COMMAND_BITS),
            "bank": Out(range(scheduler.banks)), "row": Out(range(scheduler.rows)), "read": Out(1),
            "column": Out(range(unit.columns)), "loading": Out(1), "columns": In(unit.banks * unit.column_bits),
            "results": Out(unit.result_bits), "result_valid": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Connect: the unit takes every command as it issues."""
        m = Module()
        m.submodules.scheduler = scheduler = Scheduler(self.scheduler_parameters)
        m.submodules.unit = unit = ComputeUnit(self.unit_parameters, self.parts)
        m.d.comb += [
            scheduler.listed.payload.eq(self.listed.payload),
            scheduler.listed.valid.eq(self.listed.valid),
            self.listed.ready.eq(scheduler.listed.ready),
            unit.valid.eq(scheduler.valid), unit.command.eq(scheduler.command), unit.comps.eq(scheduler.comps),
            unit.columns.eq(self.columns),
        ]  # fmt: skip
        for part, names in (
            (scheduler, ("valid", "command", "bank", "row")),
            (unit, ("read", "column", "loading", "results", "result_valid")),
        ):
            m.d.comb += [getattr(self, name).eq(getattr(part, name)) for name in names]
        return m


def channel_verilog(scheduler: SchedulerParameters, unit: UnitParameters) -> str:
    """Return a channel's Verilog, its bank MAC emitted once."""
    parts = Parts()
    return verilog_of(ComputeChannel(scheduler, unit, parts), TOP, parts)
