"""Runs a datapath, a case a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from rtl.pe.interface import MultiplyAdd


def run_datapath(dut: MultiplyAdd, cases: Iterable[tuple[int, int]], addend: Callable[[int, int], int]) -> list[int]:
    """Return the result in each cycle; ``addend(t, result of the cycle before)`` is that of cycle t."""
    found: list[int] = []
    m = Module()
    m.domains.sync = ClockDomain()  # a datapath of latency 1 has no register
    m.submodules.dut = dut

    async def bench(ctx) -> None:
        ctx.set(dut.enable, 1)
        for t, (stream, weight) in enumerate(cases):
            ctx.set(dut.stream, stream)
            ctx.set(dut.weight, weight)
            ctx.set(dut.addend, addend(t, found[-1] if found else 0))
            *_, result = await ctx.tick().sample(dut.result)
            found.append(result)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found
