"""The cocotb test that runs inside the simulator: banks with rows that commands open and close, a clock a step."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from simulators.pim.commands import ACT, G_ACT, PIM_PRE, PRE

_PERIOD_NS = 10
_CLOSED = -1


class _Banks:
    """Rows, and which of them is open in each buffer of each bank."""

    def __init__(self, job: Any) -> None:
        self.rows, self.spans = job["rows"], job["spans"].tolist()
        self.normal = [_CLOSED] * self.rows.shape[1]
        self.compute = self.normal if int(job["buffers"]) == 1 else list(self.normal)

    def take(self, command: int, bank: int, row: int) -> None:
        """Open or close."""
        for b in range(bank, bank + self.spans[command]):
            if command in (ACT, PRE):
                self.normal[b] = row if command == ACT else _CLOSED
            elif command in (G_ACT, PIM_PRE):
                self.compute[b] = row if command == G_ACT else _CLOSED

    def read(self, column: int, loading: int) -> int:
        """Return a column of every bank's open row, bank 0 in the low bits; ones where none is open."""
        opened = self.normal if loading else self.compute
        parts = [
            self.rows[row, b, column].tobytes() if row != _CLOSED else b"\xff" * self.rows.shape[3]
            for b, row in enumerate(opened)
        ]
        return int.from_bytes(b"".join(parts), "little")


@cocotb.test()
async def run_channel(dut: Any) -> None:
    """Run one list to its last result."""
    with np.load("job.npz", allow_pickle=False) as job:
        items = [int(word, 16) for word in job["items"].tolist()]
        widths, after, banks = job["widths"].tolist(), int(job["after"]), _Banks(job)
    dut.clk.value, dut.rst.value, dut.columns.value = 0, 1, 0
    dut.item.value, dut.has.value = items[0], 1
    Clock(dut.clk, _PERIOD_NS, unit="ns").start(start_high=False)
    edge = FallingEdge(dut.clk)
    for _ in range(3):
        await edge
    dut.rst.value = 0
    head, results = 0, []
    while after:
        await edge
        seen, fields = int(dut.seen.value), []
        for width in widths:
            fields.append(seen & ((1 << width) - 1))
            seen >>= width
        left, result, read, loading, column, valid, command, bank, row = fields
        if valid:
            banks.take(command, bank, row)
        if read:
            dut.columns.value = banks.read(column, loading)
        if result:
            results.append(int(dut.results.value))
        if left:
            head += 1
            dut.has.value = head < len(items)
            dut.item.value = items[min(head, len(items) - 1)]
        after -= head == len(items)
    count = banks.rows.shape[1]
    found = [[value >> 32 * b & 0xFFFFFFFF for b in range(count)] for value in results]
    np.savez("result.npz", results=np.array(found, np.uint32).reshape(-1, count))
