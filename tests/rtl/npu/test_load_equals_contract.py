"""Does the load engine do what docs/npu.md says, in every cycle and with every byte?"""

from __future__ import annotations

import numpy as np
import pytest

from rtl.npu.load import LoadEngine
from simulators.program import FILL, LOAD
from tests.rtl.npu.dma_cases import (
    DRAM_BYTES,
    MACHINES,
    NAMES,
    Traffic,
    counts_of,
    gives_of,
    machine_of,
    payload_of,
    random_commands,
    run_bench,
)
from tests.rtl.npu.dma_twin import WRITES, LoadTwin


def written(ctx, dut, p) -> dict[tuple[str, int], int]:
    """Return what is written in this cycle: (memory, address) to value."""
    bits = {"scratchpad": p.activation.bits, "weight": p.weight.bits, "parameter": 32}
    found = {}
    for name in WRITES.values():
        port = getattr(dut, f"{name}_write")
        address, enable, data = ctx.get(port.address), ctx.get(port.enable), ctx.get(port.data)
        for lane in range(len(port.enable)):
            if enable >> lane & 1:
                where = (address + lane) % (1 << len(port.address))
                found[name, where] = data >> (lane * bits[name]) & ((1 << bits[name]) - 1)
    return found


def compare(row: tuple, seed: int, commands: int) -> None:
    """Compare engine and twin from the first command's start to the last one's end."""
    p, dma = machine_of(row)
    rng = np.random.default_rng(seed)
    dram = rng.integers(0, 256, DRAM_BYTES + dma.burst, dtype=np.uint8).tobytes()
    queue = random_commands(rng, p, dma, (LOAD, LOAD, FILL), commands)
    dut, twin, traffic = LoadEngine(p), LoadTwin(dma, dram), Traffic(seed)
    windows: dict[int, int] = {}
    ends = 0

    async def bench(ctx):
        nonlocal ends
        for cycle in range(1000 * commands):
            tokens, ready, response = traffic.draw(cycle)
            head = traffic.head(queue)
            ctx.set(dut.head.valid, head is not None)
            ctx.set(dut.head.payload.as_value(), payload_of(p, head) if head else int(rng.integers(1 << 30)))
            ctx.set(dut.tokens_ready, tokens)
            ctx.set(dut.request.ready, ready)
            ctx.set(dut.response.valid, response is not None)
            if response is not None:
                ctx.set(dut.response.payload, {"id": response, "data": windows.pop(response)})
            expected = twin.step(head, tokens, ready, response)
            assert bool(ctx.get(dut.head.ready)) == expected["start"], cycle
            assert ctx.get(dut.request.valid) == (expected["request"] is not None), cycle
            if expected["request"]:
                offered = ctx.get(dut.request.payload)
                assert (offered.id, offered.address, offered.beats) == expected["request"], cycle
                if ready:
                    first = offered.address // dma.burst * dma.burst
                    windows[offered.id] = int.from_bytes(dram[first : first + dma.burst], "little")
                    traffic.flight.append(offered.id)
            assert written(ctx, dut, p) == expected["writes"], cycle
            assert ctx.get(dut.end.pulse) == (expected["end"] is not None), cycle
            if expected["end"] is not None:
                assert gives_of(ctx.get(dut.end.gives)) == expected["end"], cycle
                ends += 1
            assert counts_of(ctx, dut) == {k: v for k, v in expected["counts"].items() if v}, cycle
            if expected["start"]:
                traffic.pop(queue)
            await ctx.tick()
            if ends == commands:
                return

    run_bench(dut, bench)
    assert ends == commands


@pytest.mark.parametrize("row", MACHINES, ids=NAMES)
def test_load_engine_in_every_cycle(row: tuple) -> None:
    compare(row, MACHINES.index(row), 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_load_engine_over_many_commands(seed: int) -> None:
    for row in MACHINES:
        compare(row, seed, 40)
