"""Do integer PEs give the exact product and the wrapped sum, for every width, sign and latency?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from amaranth.sim import Simulator

from rtl.parameters import Element
from rtl.pe.integer import IntegerMultiplyAdd
from rtl.pe.interface import GREATEST_LATENCY, Operands
from rtl.pe.kinds import PE_KINDS, make_kind, make_multiply_add
from tests.rtl.pe.datapath_bench import run_datapath
from workloads.errors import CodesignError
from workloads.formats import parse_format


def wrapped(value: int, element: Element) -> int:
    value &= (1 << element.bits) - 1
    return value - (value >> (element.bits - 1) << element.bits) if element.signed else value


def corners(element: Element) -> list[int]:
    low = -(1 << (element.bits - 1)) if element.signed else 0
    high = low + (1 << element.bits) - 1
    return sorted({value for value in (low, low + 1, -1, 0, 1, high - 1, high) if low <= value <= high})


def vectors(operands: Operands, count: int) -> list[tuple[int, int, int]]:
    """All pairs of corner operands, then random ones, with corner and random addends."""
    rng = np.random.default_rng(operands.stream.bits * 100 + operands.weight.bits)
    draw = lambda e: int(rng.integers(corners(e)[0], corners(e)[-1], endpoint=True))  # noqa: E731
    pairs = list(product(corners(operands.stream), corners(operands.weight)))
    pairs += [(draw(operands.stream), draw(operands.weight)) for _ in range(count)]
    ends = corners(operands.total)
    return [(a, w, ends[i % len(ends)] if i % 3 else draw(operands.total)) for i, (a, w) in enumerate(pairs)]


INTEGER_KINDS = [name for name, kind in PE_KINDS.items() if parse_format(kind.activation).is_integer]


@pytest.mark.parametrize("latency", [1, 2, 3, 5])
@pytest.mark.parametrize("name", INTEGER_KINDS)
def test_kinds_of_the_family(name: str, latency: int) -> None:
    """The sum of cycle t has the product of cycle t - (latency - 1): the latency is measured, not assumed."""
    dut = make_kind(name, latency)
    cases = vectors(dut.operands, 300)
    found = run_datapath(dut, [case[:2] for case in cases], lambda t, _: cases[t][2])
    for t, (_, _, addend) in enumerate(cases):
        stream, weight, _ = cases[t - (latency - 1)] if t >= latency - 1 else (0, 0, 0)
        assert found[t] == wrapped(addend + stream * weight, dut.operands.total), (name, t)


@pytest.mark.parametrize("signs", list(product([False, True], repeat=2)))
@pytest.mark.parametrize("widths", [(1, 1), (1, 8), (3, 5), (8, 16), (16, 2)])
def test_any_widths_and_signs(widths: tuple[int, int], signs: tuple[bool, bool]) -> None:
    total = Element(sum(widths) + 2, True)
    operands = Operands(Element(widths[0], signs[0]), Element(widths[1], signs[1]), total)
    cases = vectors(operands, 60)
    found = run_datapath(IntegerMultiplyAdd(operands), [case[:2] for case in cases], lambda t, _: cases[t][2])
    assert found == [wrapped(s + a * w, total) for a, w, s in cases]


def test_products_hold_while_not_enabled() -> None:
    dut = make_kind("int8", 3)

    async def bench(ctx) -> None:
        ctx.set(dut.enable, 1)
        for stream, weight in ((3, 5), (7, -2)):
            ctx.set(dut.stream, stream)
            ctx.set(dut.weight, weight)
            await ctx.tick()
        ctx.set(dut.enable, 0)
        ctx.set(dut.stream, 100)
        for _ in range(3):
            assert ctx.get(dut.result) == 15
            await ctx.tick()
        ctx.set(dut.enable, 1)
        await ctx.tick()
        assert ctx.get(dut.result) == -14

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_exchanged_operands() -> None:
    """is: weights stream, activations stay."""
    dut = make_multiply_add("uint8", "int4", "int24", exchanged=True)
    assert dut.operands == (Element(4, True), Element(8, False), Element(24, True))
    assert run_datapath(dut, [(-8, 255)], lambda *_: 1) == [1 - 8 * 255]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_kind("int8x8"), "did you mean 'int8x4'"),
        (lambda: make_kind("int8", 0), "latency_cycles is 0; use 1..16"),
        (lambda: make_kind("int8", GREATEST_LATENCY + 1), "use 1..16"),
        (lambda: make_multiply_add("bf16", "int8", "fp32"), "bf16 x int8 + fp32 has no RTL"),
        (lambda: make_multiply_add("int8", "int8", "int3x"), "is not a format"),
    ],
)
def test_what_has_no_pe(make, message: str) -> None:
    with pytest.raises(CodesignError, match=message.replace("(", r"\(").replace("+", r"\+")):
        make()
