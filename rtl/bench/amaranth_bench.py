"""Amaranth's own simulator: slow, and on every machine where the RTL can be generated at all."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from rtl.bench.job import Job, Options, Run, noted
from rtl.bench.memory import PortMemory, Request
from rtl.bench.shape import START_EVENTS
from simulators.activity import COUNTERS
from simulators.dram.counts import memory_counts
from simulators.npu.state import new_memory
from workloads.errors import CodesignError


def run_amaranth(job: Job, options: Options) -> Run:
    """Run a prepared program.

    Raises
    ------
    CodesignError
        When the run stands still, or a waveform is asked for in another format than VCD.
    """
    if options.waves and Path(options.waves).suffix != ".vcd":
        raise CodesignError(f"{options.waves}: Amaranth's simulator writes waveforms as .vcd")
    bench = _Bench(job)
    simulator = Simulator(bench.top)
    simulator.add_clock(10e-9)
    simulator.add_testbench(bench.drive)
    with simulator.write_vcd(options.waves) if options.waves else nullcontext():
        simulator.run()
    start, end = noted(job, bench.log)
    if bench.stuck_at >= 0:
        raise job.stuck(bench.stuck_at, start, end)
    cycles = int(end.max())
    memory = memory_counts(bench.memory.state, job.config, cycles)
    return Run(cycles, start, end, bench.counts, memory=memory)


class _Bench:
    """One testbench that plays commands, memory and recorder; a cycle is a turn of its loop."""

    def __init__(self, job: Job):
        p = job.design.parameters
        self.job, self.top = job, job.design.component()
        self.memory = PortMemory(
            job.config, job.stalls, job.dram, p.bus_bytes, p.burst_bytes, new_memory(job.machine, job.config)
        )
        self.log: list[tuple[int, int]] = []
        self.counts = np.zeros(len(COUNTERS), np.int64)
        self.pushed, self.stuck_at = 0, -1

    async def drive(self, ctx: Any) -> None:
        """Run to the cycle after the last end."""
        cycle = ended = quiet = 0
        ctx.set(self.top.execute_commands, self.job.execute_commands)
        self._offer(ctx)
        while ended < len(self.job.program):
            moved = self._port(ctx, cycle)
            events = ctx.get(self.top.events)
            if events:
                self.log.append((cycle, events))
                ended += (events >> START_EVENTS).bit_count()
            push = ctx.get(self.top.command.valid) and ctx.get(self.top.command.ready)
            quiet = 0 if moved or events or push else quiet + 1
            if quiet > self.job.quiet_limit:
                self.stuck_at = cycle
                break
            await ctx.tick()
            if push:
                self.pushed += 1
                self._offer(ctx)
            cycle += 1
        self._read_counters(ctx)

    def _offer(self, ctx: Any) -> None:
        more = self.pushed < len(self.job.words)
        ctx.set(self.top.command.valid, int(more))
        if more:
            ctx.set(self.top.command.payload, int.from_bytes(self.job.words[self.pushed].tobytes(), "little"))

    def _port(self, ctx: Any, cycle: int) -> bool:
        """Answer the memory port in one cycle; return whether anything passed."""
        top, ready = self.top, self.memory.ready(cycle)
        response = self.memory.respond(cycle)
        ctx.set(top.response.valid, int(response is not None))
        if response is not None:
            identity, data = response
            ctx.set(top.response.payload, {"id": identity, "data": data})
        ctx.set(top.request.ready, int(ready))
        taken = ready and ctx.get(top.request.valid)
        if taken:
            self.memory.take(cycle, Request(*(ctx.get(getattr(top.request.payload, name)) for name in Request._fields)))
        return bool(taken) or response is not None

    def _read_counters(self, ctx: Any) -> None:
        packed, width = ctx.get(self.top.counters), len(self.top.counters) // len(COUNTERS)
        self.counts[:] = [packed >> i * width & ((1 << width) - 1) for i in range(len(COUNTERS))]
