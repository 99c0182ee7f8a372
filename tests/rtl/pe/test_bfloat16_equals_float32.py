"""Does the bf16 PE compute what numpy's float32 computes, bit for bit?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from rtl.pe.float32 import QUIET_NAN, add, raw_product, rounded_product
from rtl.pe.kinds import make_kind
from tests.rtl.pe.compiled_datapath import run_compiled
from tests.rtl.pe.datapath_bench import run_datapath

#: bf16: zero, least and greatest subnormal, least normal, about one, greatest, infinity, quiet and signalling NaN.
BFLOAT16 = (0x0000, 0x0001, 0x007F, 0x0080, 0x3F80, 0x3F81, 0x7F7F, 0x7F80, 0x7FC0, 0x7F81, 0x1FFF, 0x2035, 0x5FAA)
FLOAT32 = (
    0x00000000, 0x00000001, 0x007FFFFF, 0x00800000, 0x00800001, 0x3F800000, 0x3F800001, 0x3FFFFFFF, 0x33800000,
    0x33800001, 0x34000000, 0x7F7FFFFF, 0x73800000, 0x73000000, 0x7F800000, 0x7FC00000, 0x7F800001,
)  # fmt: skip


def floats(bits: np.ndarray) -> np.ndarray:
    return bits.astype(np.uint32).view(np.float32)


def packed(values: np.ndarray) -> np.ndarray:
    bits = values.view(np.uint32).copy()
    bits[np.isnan(values)] = QUIET_NAN
    return bits


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return floats(a.astype(np.uint32) << 16) * floats(b.astype(np.uint32) << 16)


def sums(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return one + other


def with_signs(values: tuple[int, ...], bits: int) -> list[int]:
    return [value | sign << (bits - 1) for value in values for sign in (0, 1)]


def random_bits(rng: np.random.Generator, count: int, fraction: int, around: int | None = None) -> np.ndarray:
    """Random numbers; `around` an exponent, so that alignment, cancellation and subnormals are met."""
    exponent = rng.integers(0, 256, count) if around is None else np.clip(around + rng.integers(-30, 31, count), 0, 255)
    mantissa = rng.integers(0, 1 << fraction, count)
    mantissa = np.where(rng.random(count) < 0.3, mantissa >> rng.integers(0, fraction, count), mantissa)
    return rng.integers(0, 2, count) << (8 + fraction) | exponent << fraction | mantissa


def run_comb(m: Module, inputs: list[Signal], output: Signal, cases: np.ndarray) -> list[int]:
    found = []

    async def bench(ctx) -> None:
        for case in cases:
            for signal, value in zip(inputs, case, strict=True):
                ctx.set(signal, int(value))
            found.append(ctx.get(output))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def assert_equal(cases: np.ndarray, found: list[int] | np.ndarray, expected: np.ndarray) -> None:
    wrong = np.flatnonzero(np.array(found, np.uint32) != expected)
    lines = [f"{[hex(int(x)) for x in cases[i]]}: {found[i]:#x}, not {int(expected[i]):#x}" for i in wrong[:5]]
    assert not lines, lines


@pytest.mark.parametrize("around", [None, 64, 127])
def test_products(around: int | None) -> None:
    """Around 64 the products are subnormal; around 127 exact."""
    m, a, b = Module(), Signal(16), Signal(16)
    result = rounded_product(m, raw_product(m, a, b))
    rng = np.random.default_rng(around or 0)
    cases = np.stack([random_bits(rng, 1200, 7, around) for _ in range(2)], axis=1)
    if around is None:
        cases = np.concatenate([np.array(list(product(with_signs(BFLOAT16, 16), repeat=2))), cases])
    assert_equal(cases, run_comb(m, [a, b], result, cases), packed(products(cases[:, 0], cases[:, 1])))


@pytest.mark.parametrize("around", [None, 1, 127, 250])
def test_sums(around: int | None) -> None:
    """Cancellation, ties, subnormals, overflow, infinities, NaN."""
    m, a, b = Module(), Signal(32), Signal(32)
    result = add(m, a, b)
    rng = np.random.default_rng(around or 0)
    cases = np.stack([random_bits(rng, 1200, 23, around) for _ in range(2)], axis=1)
    if around is None:
        cases = np.concatenate([np.array(list(product(with_signs(FLOAT32, 32), repeat=2))), cases])
    near = rng.random(len(cases)) < 0.2  # magnitudes a few units apart
    cases[near, 1] = (cases[near, 0] ^ 0x80000000) + rng.integers(-3, 4, near.sum())
    cases &= 0xFFFFFFFF
    assert_equal(cases, run_comb(m, [a, b], result, cases), packed(sums(floats(cases[:, 0]), floats(cases[:, 1]))))


@pytest.mark.parametrize("latency", [1, 2, 4])
def test_latency_and_a_running_sum(latency: int) -> None:
    """A dot product through the PE's own register, as numpy's float32 sums it."""
    dut = make_kind("bf16", latency)
    rng = np.random.default_rng(latency)
    operands = np.stack([random_bits(rng, 200, 7, 124) for _ in range(2)], axis=1)
    found = run_datapath(dut, [(int(a), int(b)) for a, b in operands], lambda _, before: before)
    terms = np.concatenate([np.zeros(latency - 1, np.float32), products(operands[:, 0], operands[:, 1])])
    total, expected = np.float32(0), []
    for term in terms[: len(operands)]:
        total = sums(total, term)
        expected.append(total)
    assert_equal(operands, found, packed(np.array(expected, np.float32)))


@pytest.mark.parametrize("around", [None, 64, 127])
def test_a_million_multiply_adds(around: int | None) -> None:
    """Addends near the product in magnitude, so that every alignment and cancellation is met."""
    count = 1_000_000
    rng = np.random.default_rng(around or 0)
    a, b = random_bits(rng, count, 7, around), random_bits(rng, count, 7, around)
    terms = products(a, b)
    scale = (terms.view(np.uint32).astype(np.int64) >> 23) & 255
    exponent = np.clip(scale + rng.integers(-28, 29, count), 0, 255)
    addend = rng.integers(0, 2, count) << 31 | exponent << 23 | rng.integers(0, 1 << 23, count)
    near = rng.random(count) < 0.2
    addend[near] = (packed(terms)[near] ^ 0x80000000) + rng.integers(-3, 4, near.sum())
    addend &= 0xFFFFFFFF
    found = run_compiled(make_kind("bf16"), a, b, addend)
    assert_equal(np.stack([a, b, addend], axis=1), found, packed(sums(floats(addend), terms)))
