# amaranth: UnusedElaboratable=no
# (a bench is also made to read its ports)
"""A whole channel under cocotb, with banks that hold rows: attention's commands in, dot products out.

::

    results = run_channel(device, "bf16", program, rows)        # uint32 (results, banks)
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, verilog_of
from rtl.pim.channel import ComputeChannel
from rtl.pim.parameters import UnitParameters, unit_parameters
from rtl.pim.scheduler import listed_layout
from rtl.pim.scheduler_bench import packed_items
from rtl.pim.scheduler_parameters import SchedulerParameters, scheduler_parameters
from rtl.pim.simulation import simulate
from simulators.pim.device import PimDevice
from workloads.errors import CodesignError

TOP = "channel_bench"
PORTS = ("item", "has", "seen", "columns", "results")


class ChannelBench(wiring.Component):
    """A channel; what it does in a clock as one register, so that Python sees it a clock later.

    Attributes
    ----------
    item, has : In
        Head of the list (`listed_layout`), whether there is one.
    columns, results : as of `ComputeUnit`
    seen : Out
        Low bits first: the head left, a result is there, read, loading, column, valid, command, bank, row.
    """

    def __init__(self, scheduler: SchedulerParameters, unit: UnitParameters, parts: Parts) -> None:
        self.channel = c = ComputeChannel(scheduler, unit, parts)
        self.fields = (c.listed.ready, c.result_valid, c.read, c.loading, c.column, c.valid, c.command, c.bank, c.row)
        super().__init__({
            "item": In(listed_layout(scheduler).size), "has": In(1), "columns": In(len(c.columns)),
            "results": Out(len(c.results)), "seen": Out(sum(map(len, self.fields))),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Connect, hold."""
        m = Module()
        m.submodules.channel = c = self.channel
        m.d.comb += [c.listed.payload.eq(self.item), c.listed.valid.eq(self.has), c.columns.eq(self.columns)]
        m.d.sync += [self.seen.eq(Cat(*self.fields)), self.results.eq(c.results)]
        return m


@cache
def bench_verilog(scheduler: SchedulerParameters, unit: UnitParameters) -> str:
    """Return the bench's Verilog."""
    parts = Parts()
    return verilog_of(ChannelBench(scheduler, unit, parts), TOP, parts)


def run_channel(
    device: PimDevice, form: str, program: np.ndarray, rows: np.ndarray, simulator: str = "verilator"
) -> np.ndarray:
    """Return what a channel's READRES give for a list of commands, uint32 (results, banks).

    Parameters
    ----------
    device : PimDevice
        With few banks: each has its MAC.
    form : str
        Of the MACs (`simulators.pim.bank_mac.MAC_FORMS`).
    program : int64 (items, 4)
        `simulators.pim.attention.program_of`.
    rows : uint8 (rows, banks, columns, bytes of a column)
        What the banks hold. A column of a bank whose row is not open reads as ones.
    simulator : str
        ``verilator`` or ``icarus``.

    Raises
    ------
    CodesignError
        For a list or device that the RTL cannot hold, a row that the banks have not, a missing tool.
    """
    scheduler, unit = scheduler_parameters(device), unit_parameters(device, form)
    if program[:, 1].max() >= len(rows):
        raise CodesignError(f"command list: row {program[:, 1].max()}, the banks hold {len(rows)}")
    bench = ChannelBench(scheduler, unit, Parts())
    job: dict[str, Any] = {
        "items": np.array([f"{item:x}" for item in packed_items(scheduler, program)]), "rows": rows,
        "widths": list(map(len, bench.fields)), "buffers": device.row_buffers,
        "spans": [scheduler.span(command) for command in range(len(device.spans))],
        "after": device.dot_clocks(unit.slices) + 4 * unit.mac.latency,
    }  # fmt: skip
    return simulate(bench_verilog(scheduler, unit), TOP, PORTS, "rtl.pim.channel_test", job, simulator)["results"]
