"""Do the gates give the reference's bits: I-ViT's vectors, and a million elements and more through each function?"""

import functools
from functools import partial

import numpy as np
import pytest

from rtl.functions import reference
from rtl.functions.i_layernorm import ILayerNorm
from rtl.functions.shift_exp import ShiftExp
from rtl.functions.shift_gelu import ShiftGELU
from rtl.functions.shiftmax import Shiftmax
from tests.rtl.functions.operands import by_row, random_rows
from tests.rtl.functions.streams import SLOW_SINK, library, mismatches, rows_in, stream
from tests.rtl.functions.vectors import VECTORS, Vector

MILLION = 1_000_000
slow = pytest.mark.slow


@functools.cache
def hardware(op, out_bits):
    """The vectors need four units; x0 is held from outside."""
    vector = next(vector for vector in VECTORS if (vector.op, vector.out_bits) == (op, out_bits))
    unit = vector.component()
    return unit, library(unit, tuple(vector.held()))


@pytest.mark.parametrize("vector", VECTORS, ids=Vector.name)
def test_vectors_of_i_vit(vector):
    unit, lib = hardware(vector.op, vector.out_bits)
    run = stream(unit, rows_in([vector.inputs]), outputs=len(vector.inputs), held=vector.held(), lib=lib)
    assert run.fields["value"].tolist() == vector.outputs.tolist()


def test_shift_exp_of_8_bit_differences():
    """Every argument -255..0 for every x0 of 8 bits, and -128..128 with x0 as GELU has them."""
    for positive, n, x in ((False, 15, np.arange(-255, 1)), (True, 23, np.arange(-255, 129))):
        unit = ShiftExp(9, n, 8, positive=positive)
        lib = library(unit, ("minus_x0",))
        for minus_x0 in range(1, 256):
            run = stream(unit, {"x": x}, outputs=len(x), held={"minus_x0": minus_x0}, lib=lib)
            assert mismatches(run, reference.shift_exp(x, -minus_x0, n), "e") == 0, (n, minus_x0)


def test_shift_exp_of_16_bit_differences():
    rng = np.random.default_rng(5)
    x = -(rng.integers(0, 1 << 16, MILLION) >> rng.integers(0, 17, MILLION))
    unit = ShiftExp(17, 15, 16)
    lib = library(unit, ("minus_x0",))
    for minus_x0 in (1, 7, 50, 1000, 65535):
        run = stream(unit, {"x": x}, outputs=MILLION, held={"minus_x0": minus_x0}, lib=lib)
        assert mismatches(run, reference.shift_exp(x, -minus_x0, 15), "e") == 0, minus_x0


@pytest.mark.parametrize(
    ("in_bits", "out_bits"), [(8, 8), (16, 16), pytest.param(8, 16, marks=slow), pytest.param(16, 8, marks=slow)]
)
def test_shiftmax(in_bits, out_bits):
    unit = Shiftmax(in_bits, out_bits, max_length=197, x0_bits=16, bits_per_clock=in_bits // 4)
    lib = library(unit, ("minus_x0",))
    rng = np.random.default_rng(in_bits + out_bits)
    for minus_x0 in (1, 3, 10, 50, 255, 4000, 65535):  # with the greatest the sums of long rows are limited
        rows = random_rows(rng, MILLION // 6, in_bits, 197)
        golden = by_row(partial(reference.shiftmax, x0=-minus_x0, out_bits=out_bits), rows)
        run = stream(unit, rows_in(rows), outputs=len(golden), held={"minus_x0": minus_x0}, lib=lib)
        assert mismatches(run, golden) == 0, minus_x0
        assert np.flatnonzero(run.fields["last"]).tolist() == (np.cumsum([len(row) for row in rows]) - 1).tolist()


@pytest.mark.parametrize(
    ("in_bits", "out_bits", "n", "x0_bits", "pipelined"),
    [
        (8, 8, 23, 8, True),
        (16, 16, 15, 16, False),
        pytest.param(8, 8, 23, 8, False, marks=slow),
        pytest.param(16, 16, 15, 16, True, marks=slow),
        pytest.param(8, 8, 30, 1, True, marks=slow),
    ],
)
def test_shift_gelu(in_bits, out_bits, n, x0_bits, pipelined):
    unit = ShiftGELU(in_bits, out_bits, 197, x0_bits, n, 4 if in_bits == 8 else 3, pipelined=pipelined)
    lib = library(unit, ("minus_x0",))
    rng = np.random.default_rng(n + pipelined)
    values = sorted({min(value, (1 << x0_bits) - 1) for value in (1, 2, 6, 12, 30, 255, 65535)})
    for minus_x0 in values:
        rows = random_rows(rng, MILLION // len(values) + 1, in_bits, 197)
        golden = by_row(partial(reference.shift_gelu, x0=-minus_x0, n=n, out_bits=out_bits), rows)
        run = stream(unit, rows_in(rows), outputs=len(golden), held={"minus_x0": minus_x0}, lib=lib)
        assert mismatches(run, golden) == 0, minus_x0


@pytest.mark.parametrize(
    ("in_bits", "max_length", "steps", "bits_per_clock"),
    [
        (8, 192, 10, 4),
        (16, 768, 10, 4),
        (4, 5, 1, 3),
        pytest.param(16, 192, 10, 1, marks=slow),
        pytest.param(16, 4096, 16, 8, marks=slow),
        pytest.param(12, 100, 3, 2, marks=slow),
    ],
)
def test_i_layernorm(in_bits, max_length, steps, bits_per_clock):
    unit = ILayerNorm(in_bits, max_length, steps, bits_per_clock)
    elements = MILLION if max_length > 50 else MILLION // 50
    rows = random_rows(np.random.default_rng(in_bits + steps), elements, in_bits, max_length)
    golden = by_row(partial(reference.i_layernorm, steps=steps), rows)
    run = stream(unit, rows_in(rows), outputs=elements)
    assert mismatches(run, golden) == 0


def test_i_layernorm_near_squares():
    """Sums of squares about s^2, where Newton's steps end beside the root or swing; halves of a mean."""
    rows = [np.array(row) for s in range(1, 182) for row in ((s, -s), (s, 0, -s), (s, 1 - s), (s, s - 1), (-s, 1 - s))]
    rows += [np.array([64, -64] + [1, -1] * k + [0] * z) for k in range(9) for z in range(4)]
    ties = {row.sum() // len(row) for row in rows if row.sum() * 2 % len(row) == 0 != row.sum() % len(row)}
    assert {(floor < 0, floor % 2) for floor in ties} == {(False, 0), (False, 1), (True, 0), (True, 1)}
    run = stream(ILayerNorm(9, 24), rows_in(rows), outputs=sum(map(len, rows)), stalls=SLOW_SINK)
    assert mismatches(run, by_row(reference.i_layernorm, rows)) == 0


def test_a_row_that_does_not_end_is_cut():
    row = np.random.default_rng(3).integers(-128, 128, 20)
    values = {"value": row, "last": np.zeros(20, np.int64)}
    run = stream(Shiftmax(max_length=8), values, outputs=16, held={"minus_x0": 20})
    golden = by_row(partial(reference.shiftmax, x0=-20), [row[:8], row[8:16]])
    assert (run.fields["value"].tolist(), run.fields["last"].tolist()) == (golden.tolist(), ([0] * 7 + [1]) * 2)
