"""The cocotb test that runs inside the simulator: it wakes when a request is accepted, and plans the answers.

It reads ``job.npz`` and writes ``result.npz`` in its working folder (`rtl.bench.cocotb_bench`).
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, ValueChange

from rtl.bench.memory import Timing

CYCLE_WIDTH = 40
_NEVER = (1 << CYCLE_WIDTH) - 1
_PERIOD_NS = 10


class _Planner:
    """The simulator's memory, looking ahead."""

    def __init__(self, job: Any):
        self.timing = Timing(job["config"], job["stalls"])
        self.widths = [int(width) for width in job["widths"]]  # id, beats, address
        self.bus_bytes, self.answered = int(job["bus_bytes"]), 0
        self.due = np.full(1 << self.widths[0], _NEVER, np.int64)

    def take(self, taken: int) -> int:
        """Accept what the bench reports in ``taken``; return the new ``plan``."""
        parts = []
        for width in self.widths:
            parts.append(taken & ((1 << width) - 1))
            taken >>= width
        identity, beats, address = parts
        self.timing.advance(self.answered, taken, self.due)
        self.timing.accept(taken, identity, address, beats * self.bus_bytes)
        self.answered = taken + 1
        return self.packed(self.timing.plan(self.answered, self.due))

    def packed(self, room_from: int) -> int:
        """Return the port ``plan`` of the bench."""
        value = 0
        for due in reversed(self.due.tolist()):
            value = value << CYCLE_WIDTH | due
        return value << CYCLE_WIDTH | room_from


@cocotb.test()
async def run_program(dut: Any) -> None:
    """Run one program to its end."""
    with np.load("job.npz", allow_pickle=False) as job:
        planner = _Planner(job)
        for name in ("commands", "execute_commands", "quiet_limit"):
            getattr(dut, name).value = int(job[name])
    dut.clk.value, dut.rst.value, dut.plan.value = 0, 1, planner.packed(0)
    Clock(dut.clk, _PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    status = 0
    woken = ValueChange(dut.wake)
    while not status:
        await woken
        status = int(dut.status.value)
        if not status:
            dut.plan.value = planner.take(int(dut.taken.value))
    await ReadOnly()  # all registers of this edge have moved
    counters = str(dut.counters.value)
    np.savez("result.npz", status=status, cycle=int(dut.cycle.value), counters=counters)
