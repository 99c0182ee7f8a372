"""Does the memory port's arbiter take turns as docs/npu.md says, and does an offer pass through it whole?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rtl.npu.port import PortArbiter
from tests.rtl.npu.dma_cases import MACHINES, machine_of, run_bench

CYCLES = 400
LOAD, STORE = 0, 1


@pytest.mark.parametrize("row", [MACHINES[0], MACHINES[2]], ids=["8-byte bus", "one byte, one entry"])
def test_port_grants_the_one_not_granted_last(row: tuple) -> None:
    p, _ = machine_of(row)
    rng = np.random.default_rng(7)
    dut = PortArbiter(p)
    ports = (dut.load, dut.store)
    grants: list[int] = []

    async def bench(ctx):
        granted_last, offered = STORE, [False, False]
        for cycle in range(CYCLES):
            for side, port in enumerate(ports):
                if not offered[side]:  # an offer stays until it is accepted
                    offered[side] = bool(rng.random() < (0.3, 0.9)[cycle // 100 % 2])
                    word = int.from_bytes(rng.integers(0, 256, 200, dtype=np.uint8).tobytes(), "little")
                    bits = len(port.payload.as_value())
                    ctx.set(port.payload.as_value(), word & ((1 << bits) - 1))
                ctx.set(port.valid, offered[side])
            ready = bool(rng.random() < 0.7)
            ctx.set(dut.request.ready, ready)
            winner = 1 - granted_last if all(offered) else offered.index(True) if any(offered) else None
            assert ctx.get(dut.request.valid) == (winner is not None), cycle
            for side, port in enumerate(ports):
                accepts = ctx.get(port.ready) and offered[side]
                assert accepts == (side == winner and ready), cycle
            if winner is not None:
                sent, given = ctx.get(dut.request.payload), ctx.get(ports[winner].payload)
                assert sent.write == winner
                assert all(sent[name] == given[name] for name in ("id", "address", "beats")), cycle
                if ready:
                    granted_last, offered[winner] = winner, False
                    grants.append(winner)
            await ctx.tick()

    run_bench(dut, bench)
    pairs = set(pairwise(grants))
    assert len(pairs) == 4  # runs of one engine and turns of both


def test_port_grants_the_load_first() -> None:
    dut = PortArbiter(machine_of(MACHINES[0])[0])

    async def bench(ctx):
        for port in (dut.load, dut.store):
            ctx.set(port.valid, 1)
        for cycle, (ready, grant) in enumerate([(0, LOAD), (0, LOAD), (1, LOAD), (0, STORE), (1, STORE), (1, LOAD)]):
            ctx.set(dut.request.ready, ready)
            assert ctx.get(dut.request.payload.write) == grant, cycle
            await ctx.tick()

    run_bench(dut, bench)
