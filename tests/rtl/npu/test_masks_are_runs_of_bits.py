"""Is each mask the run of lanes or bytes, or the one bit, that its definition says, for every number?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from amaranth.hdl import Module, Signal, Value
from amaranth.sim import Simulator

from rtl.npu.masks import byte_mask, first_lanes, one_hot


def masks(bits: list[int], of: Callable[..., Value], cases: Iterable[tuple[int, ...]]) -> list[int]:
    """Return the mask of every case, from signals of these widths."""
    m = Module()
    inputs = [Signal(width, name=f"input_{i}") for i, width in enumerate(bits)]
    value = of(*inputs)
    found, out = [], Signal(len(value))
    m.d.comb += out.eq(value)

    async def bench(ctx) -> None:  # type: ignore[no-untyped-def]
        for case in cases:
            for signal, number in zip(inputs, case, strict=True):
                ctx.set(signal, number)
            found.append(ctx.get(out))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 13, 16, 33])
def test_the_first_lanes(lanes: int) -> None:
    """Every count, none and all among them."""
    counts = [(count,) for count in range(lanes + 1)]
    golden = [sum(1 << lane for lane in range(lanes) if lane < count) for (count,) in counts]
    assert masks([lanes.bit_length()], lambda count: first_lanes(lanes, count), counts) == golden


@pytest.mark.parametrize("count", [1, 2, 4, 16, 64])
def test_bytes_from_first_to_last(count: int) -> None:
    """Every pair; a last byte before the first leaves no byte."""
    pairs = [(first, last) for first in range(count) for last in range(count)]
    golden = [sum(1 << b for b in range(count) if first <= b <= last) for first, last in pairs]
    bits = count.bit_length() - 1
    assert masks([bits, bits], lambda first, last: byte_mask(count, first, last), pairs) == golden


@pytest.mark.parametrize(("bits", "steps_bits"), [(0, 3), (1, 1), (1, 4), (3, 5), (7, 3), (15, 6), (15, 4)])
def test_one_bit_or_none(bits: int, steps_bits: int) -> None:
    """Every number of steps, those beyond the last bit too."""
    steps = [(step,) for step in range(1 << steps_bits)]
    golden = [1 << (step - 1) if 1 <= step <= bits else 0 for (step,) in steps]
    assert masks([steps_bits], lambda number: one_hot(bits, number), steps) == golden
