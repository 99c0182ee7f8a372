"""The cocotb test that runs inside the simulator: it wakes on every issue, notes it, and offers the next item."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadWrite, SimTimeoutError, ValueChange, with_timeout

_PERIOD_NS = 10
#: Nothing issued for so long: the channel stands still.
QUIET_CLOCKS = 50_000


@cocotb.test()
async def run_list(dut: Any) -> None:
    """Run one list to its end."""
    with np.load("job.npz", allow_pickle=False) as job:
        items = [int(word, 16) for word in job["items"].tolist()]
        arrivals, widths = job["arrivals"].tolist(), job["widths"].tolist()
    dut.clk.value, dut.rst.value = 0, 1
    dut.item.value, dut.has.value, dut.not_before.value = items[0], 1, arrivals[0]
    Clock(dut.clk, _PERIOD_NS, unit="ns").start(start_high=False)
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    head = 0
    issued: list[tuple[int, int, int, int]] = []
    woken = ValueChange(dut.woken)
    while head < len(items):
        quiet = QUIET_CLOCKS + max(0, arrivals[head] - (issued[-1][0] if issued else 0))
        try:
            await with_timeout(woken, quiet * _PERIOD_NS, "ns")
        except SimTimeoutError as error:
            raise AssertionError(f"item {head}: nothing was issued for {quiet} clocks") from error
        await ReadWrite()  # all registers of this edge have moved
        last, fields = int(dut.last.value), []
        for width in widths:
            fields.append(last & ((1 << width) - 1))
            last >>= width
        left, row, bank, command, clock = fields
        issued.append((clock, command, bank, row))
        if left:
            head += 1
            dut.has.value = head < len(items)
            if head < len(items):
                dut.item.value, dut.not_before.value = items[head], arrivals[head]
    np.savez("result.npz", issued=np.array(issued, np.int64))
