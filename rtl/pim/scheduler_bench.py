# amaranth: UnusedElaboratable=no
# (a bench is also made to read its ports)
"""The scheduler in a bench, and the cocotb test that gives it a list of commands and notes what it issues.

::

    issued = run_scheduler(device, program, arrivals)      # int64 (commands, 4): clock, command, first bank, row
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import verilog_of
from rtl.pim.scheduler import Scheduler, listed_layout
from rtl.pim.scheduler_parameters import LISTED, SchedulerParameters, scheduler_parameters
from rtl.pim.simulation import simulate
from simulators.pim.device import PimDevice
from workloads.errors import CodesignError

TOP = "scheduler_bench"
CLOCK_BITS = 40
PORTS = ("item", "has", "not_before", "woken", "last")


class SchedulerBench(wiring.Component):
    """A scheduler, a clock counter, and what issued last.

    Attributes
    ----------
    item, has, not_before : In
        Head of the list (`listed_layout`), whether there is one, the clock from which it is offered.
    woken : Out(1)
        Changes a clock after every issue.
    last : Out
        Low bits first: the head left, row, bank, command, clock of the last issue.
    """

    def __init__(self, parameters: SchedulerParameters) -> None:
        self.scheduler = s = Scheduler(parameters)
        self.fields = (s.row, s.bank, s.command)
        width = 1 + sum(map(len, self.fields)) + CLOCK_BITS
        super().__init__({
            "item": In(listed_layout(parameters).size), "has": In(1), "not_before": In(CLOCK_BITS),
            "woken": Out(1), "last": Out(width),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Count, note."""
        m = Module()
        m.submodules.scheduler = s = self.scheduler
        clock = Signal(CLOCK_BITS)
        m.d.sync += clock.eq(clock + 1)
        m.d.comb += [s.listed.payload.eq(self.item), s.listed.valid.eq(self.has & (clock >= self.not_before))]
        with m.If(s.valid):
            m.d.sync += [self.woken.eq(~self.woken), self.last.eq(Cat(s.listed.ready, *self.fields, clock))]
        return m


@cache
def bench_verilog(parameters: SchedulerParameters) -> str:
    """Return the bench's Verilog."""
    return verilog_of(SchedulerBench(parameters), TOP)


def packed_items(parameters: SchedulerParameters, program: np.ndarray) -> list[int]:
    """Return listed commands as the bench's `item` takes them.

    Raises
    ------
    CodesignError
        For a command that a list does not hold, or a number that its field does not.
    """
    layout = listed_layout(parameters)
    items = []
    for place, command in enumerate(program.tolist()):
        if command[0] not in LISTED:
            raise CodesignError(
                f"command list, item {place}: {command[0]} is none of GWRITE, HEADER, COMP, READRES, DOT"
            )
        packed = 0
        for value, (name, field) in zip(command, layout, strict=True):
            if value >> field.width:
                raise CodesignError(f"command list, item {place}: {name} {value} does not fit in {field.width} bits")
            packed |= value << field.offset
        items.append(packed)
    return items


def run_scheduler(
    device: PimDevice, program: np.ndarray, arrivals: np.ndarray | None = None, simulator: str = "verilator"
) -> np.ndarray:
    """Return the commands that the RTL issues for a list, int64 (commands, 4): clock, command, first bank, row.

    Parameters
    ----------
    device : PimDevice
    program : int64 (items, 4)
        `simulators.pim.attention.program_of`; its last item ends the run.
    arrivals : int64 (items,), optional
        Clock from which each item is there; all from 0 without it.
    simulator : str
        ``verilator`` or ``icarus``.

    Raises
    ------
    CodesignError
        For a list that the scheduler cannot hold, a missing tool, or nothing issued in longer than any wait.
    """
    parameters = scheduler_parameters(device)
    arrivals = np.zeros(len(program), np.int64) if arrivals is None else arrivals
    words = [f"{item:x}" for item in packed_items(parameters, program)]
    bench = SchedulerBench(parameters)
    job: dict[str, Any] = {
        "items": np.array(words), "arrivals": arrivals, "widths": [1, *map(len, bench.fields), CLOCK_BITS],
    }  # fmt: skip
    result = simulate(bench_verilog(parameters), TOP, PORTS, "rtl.pim.scheduler_test", job, simulator)
    return result["issued"]
