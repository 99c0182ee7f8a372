"""The cocotb test that runs inside the simulator: a clock a step, commands in, columns of the open row a clock late."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

_PERIOD_NS = 10
#: Clocks behind the last command, in which its result comes.
_AFTER = 400


@cocotb.test()
async def run_commands(dut: Any) -> None:
    """Run all commands of a job."""
    with np.load("job.npz", allow_pickle=False) as job:
        commands, rows, banks = job["commands"].tolist(), job["rows"], int(job["banks"])
    dut.clk.value, dut.rst.value, dut.valid.value, dut.columns.value = 0, 1, 0, 0
    dut.command.value, dut.comps.value = 0, 0
    Clock(dut.clk, _PERIOD_NS, unit="ns").start(start_high=False)
    edge = FallingEdge(dut.clk)
    for _ in range(3):
        await edge
    dut.rst.value = 0
    clocks: list[int] = []
    results: list[int] = []
    at, row, offered = 0, 0, False
    for clock in range(commands[-1][0] + _AFTER):
        given = at < len(commands) and commands[at][0] == clock
        if given:
            _, dut.command.value, dut.comps.value, row = commands[at]
            at += 1
        if given != offered:
            dut.valid.value = offered = given
        await edge  # the rising edge of this clock is behind: registers have moved
        if dut.was_read.value:
            dut.columns.value = int.from_bytes(rows[row, int(dut.at_column.value)].tobytes(), "little")
        if dut.result_valid.value:
            clocks.append(clock + 1)
            results.append(int(dut.results.value))
    np.savez(
        "result.npz", clocks=np.array(clocks, np.int64),
        results=np.array([[value >> 32 * b & 0xFFFFFFFF for b in range(banks)] for value in results], np.uint32),
    )  # fmt: skip
