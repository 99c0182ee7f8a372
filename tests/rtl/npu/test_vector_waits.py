"""When does the vector engine start, wait and end, whatever its queue and its tokens do?"""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.sim import Simulator

from rtl.encoding import ENGINE_BITS, encode_command
from rtl.npu.vector import VectorEngine
from simulators.program import FUNCTIONS
from tests.rtl.npu.vector_cases import MACHINES, NAMES, machine_and_parameters, random_program

CYCLES = 600


@pytest.mark.parametrize("row", MACHINES, ids=NAMES)
def test_starts_waits_and_ends(row: tuple) -> None:
    """A head that comes and goes unseen, tokens that come late: starts only with both and when idle; ends on time."""
    machine, p = machine_and_parameters(row)
    rng = np.random.default_rng(MACHINES.index(row))
    program = random_program(rng, machine, p, 12)
    program["count"] = program["n0"]
    words = [encode_command(p, i, command) >> ENGINE_BITS for i, command in enumerate(program)]
    durations = {name: (p.vector_read_latency + latency, passes) for name, latency, passes in p.functions}
    engine = VectorEngine(p)
    seen = {"started": 0, "waited": 0, "idle": 0, "busy": 0}

    async def testbench(ctx) -> None:
        at, end, arrived = 0, -1, False
        for cycle in range(CYCLES):
            arrived = arrived or bool(rng.random() < 0.15)
            tokens = bool(rng.random() < 0.3)
            command = program[at % len(program)]
            ctx.set(engine.head.valid, arrived)
            ctx.set(engine.head.payload.as_value(), words[at % len(program)])
            ctx.set(engine.tokens_ready, tokens)
            _, _, ready, pulse, gives, counts = await ctx.tick().sample(
                engine.head.ready, engine.end.pulse, engine.end.gives, engine.counts
            )
            idle = cycle > end
            assert ready == (idle and arrived and tokens)
            assert counts.vector_wait_token == (idle and arrived and not tokens)
            if ready:
                latency, passes = durations[FUNCTIONS[command["value"]]]
                groups = -(-int(command["used_cols"]) // p.lanes)
                slots = int(command["count"] * command["lane_n0"] * command["lane_n1"]) * groups * passes
                end, given = cycle + slots - 1 + latency, words[at % len(program)]
                at, arrived = at + 1, False
            assert pulse == (cycle == end)
            if pulse:
                assert gives == given >> 16 & 0xFFFF
            if cycle > end:
                assert not any(counts[name] for name, _ in counts.shape() if name != "vector_wait_token")
            kind = "started" if ready else "waited" if counts.vector_wait_token else "idle" if idle else "busy"
            seen[kind] += 1

    simulator = Simulator(engine)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert min(seen.values()) >= 4, seen
