"""Does the store engine do what docs/npu.md says, in every cycle and with every byte?"""

from __future__ import annotations

import numpy as np
import pytest

from rtl.npu.store import StoreEngine
from simulators.program import STORE
from tests.rtl.npu.dma_cases import (
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
from tests.rtl.npu.dma_twin import StoreTwin


def read_data(scratchpad: list[int], port, address: int, bits: int) -> int:
    """Return the lanes at an address, which wraps; garbage beyond the memory."""
    lanes, addresses, garbage = len(port.data) // bits, 1 << len(port.address), (1 << bits) - 1
    words = [*scratchpad, *[garbage] * (addresses - len(scratchpad))]
    return sum(words[(address + lane) % addresses] << (lane * bits) for lane in range(lanes))


def masked_bytes(offered, burst: int) -> dict[int, int]:
    """Return the bytes that a write changes: DRAM address to value."""
    first = offered.address // burst * burst
    return {first + b: offered.data >> (8 * b) & 255 for b in range(burst) if offered.mask >> b & 1}


def compare(row: tuple, seed: int, commands: int) -> None:
    """Compare engine and twin from the first command's start to the last one's end."""
    p, dma = machine_of(row)
    rng = np.random.default_rng(seed)
    bits = p.activation.bits
    scratchpad = [int(x) for x in rng.integers(0, 1 << bits, p.scratchpad_depth)]
    queue = random_commands(rng, p, dma, (STORE,), commands)
    dut, twin, traffic = StoreEngine(p), StoreTwin(dma, scratchpad), Traffic(seed)
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
                ctx.set(dut.response.payload, dma.outstanding + response)
            ctx.set(dut.read.data, read_data(scratchpad, dut.read, ctx.get(dut.read.address), bits))
            expected = twin.step(head, tokens, ready, response)
            assert bool(ctx.get(dut.head.ready)) == expected["start"], cycle
            assert ctx.get(dut.request.valid) == (expected["request"] is not None), cycle
            if expected["request"]:
                offered = ctx.get(dut.request.payload)
                identity, address, beats, data = expected["request"]
                assert (offered.write, offered.id, offered.address, offered.beats) == (1, identity, address, beats)
                assert masked_bytes(offered, dma.burst) == {address + i: byte for i, byte in enumerate(data)}, cycle
                if ready:
                    traffic.flight.append(identity - dma.outstanding)
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
def test_store_engine_in_every_cycle(row: tuple) -> None:
    compare(row, MACHINES.index(row), 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_store_engine_over_many_commands(seed: int) -> None:
    for row in MACHINES:
        compare(row, seed, 40)
