"""Do odometers and lane chains give the offsets of docs/npu.md, "Nests"?"""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import data
from amaranth.sim import Simulator

from rtl.npu.nests import Odometer, lane_addresses, nest_layout

EXTENT, ADDRESS = 5, 9
SHAPES = [(1, 1), (1, 3), (4, 1), (3, 2), (2, 2), (7, 31), (31, 31), (5, 4)]


def offset(i: int, n0: int, n1: int, s0: int, s1: int, s2: int) -> int:
    return (i % n0) * s0 + (i // n0 % n1) * s1 + (i // (n0 * n1)) * s2


def odometer_fields(first: int, n0: int, n1: int, strides: tuple[int, int, int]) -> dict[str, int]:
    s0, s1, s2 = strides
    jumps = {"j0": s0, "j1": s1 - (n0 - 1) * s0, "j2": s2 - (n1 - 1) * s1 - (n0 - 1) * s0}
    fields = {"n0": n0, "n1": n1, "i0": first % n0, "i1": first // n0 % n1}
    return fields | {name: jump % (1 << ADDRESS) for name, jump in jumps.items()}


def draws(n0: int, n1: int) -> tuple[int, tuple[int, int, int]]:
    rng = np.random.default_rng(n0 * 37 + n1)
    s0, s1, s2 = (int(x) for x in rng.integers(0, 200, 3))
    return int(rng.integers(0, 40)), (s0, s1, s2)


@pytest.mark.parametrize(("n0", "n1"), SHAPES)
def test_odometer_walks_the_nest(n0: int, n1: int) -> None:
    first, strides = draws(n0, n1)
    dut = Odometer(EXTENT, ADDRESS)

    async def bench(ctx):
        for begin in (first, 0):  # a second load, in mid-walk
            ctx.set(dut.load, 1)
            ctx.set(dut.step, 1)
            ctx.set(dut.nest, odometer_fields(begin, n0, n1, strides))
            address = offset(begin, n0, n1, *strides) % (1 << ADDRESS)
            await ctx.tick()
            ctx.set(dut.load, 0)
            for i in range(begin + 1, begin + 30):
                address = (address + ctx.get(dut.jump)) % (1 << ADDRESS)
                assert address == offset(i, n0, n1, *strides) % (1 << ADDRESS), i
                ctx.set(dut.step, 0)
                await ctx.tick()
                ctx.set(dut.step, 1)
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 13])
def test_lane_chain_gives_every_lane_its_offset(lanes: int) -> None:
    m = Module()
    nest, base = Signal(nest_layout(EXTENT, ADDRESS)), Signal(ADDRESS)
    found = Signal(data.ArrayLayout(ADDRESS, lanes))
    for lane, address in enumerate(lane_addresses(m, base, nest, lanes)):
        m.d.comb += found[lane].eq(address)

    async def bench(ctx):
        for n0, n1 in SHAPES:
            first, strides = draws(n0, n1)
            ctx.set(nest, odometer_fields(first, n0, n1, strides))
            ctx.set(base, (100 + offset(first, n0, n1, *strides)) % (1 << ADDRESS))
            expected = [(100 + offset(first + i, n0, n1, *strides)) % (1 << ADDRESS) for i in range(lanes)]
            assert [ctx.get(found[lane]) for lane in range(lanes)] == expected

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
