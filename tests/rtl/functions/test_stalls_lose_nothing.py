"""Do random stalls on both sides change, lose or reorder nothing, and do offers stand until they are taken?

Both benches check the last themselves. Rows before and after a stalled one follow without a pause.
"""

from functools import partial

import numpy as np
import pytest

from rtl.functions import reference
from rtl.functions.divider import IterativeDivider, PipelinedDivider
from rtl.functions.i_layernorm import ILayerNorm
from rtl.functions.requantize import DyadicRequantize
from rtl.functions.shift_exp import ShiftExp
from rtl.functions.shift_gelu import ShiftGELU
from rtl.functions.shiftmax import Shiftmax
from tests.rtl.functions.operands import by_row, expected, random_rows, requantizer_operands
from tests.rtl.functions.streams import BOTH, SLOW_SINK, SLOW_SOURCE, library, rows_in, stream, stream_in_amaranth

STALLS = {"both": BOTH, "slow sink": SLOW_SINK, "slow source": SLOW_SOURCE, "very slow sink": (0, 250)}
MODE = "tflite_double"


def requantized(count):
    x = {name: column[-count:] for name, column in requantizer_operands(np.random.default_rng(1), 30_000).items()}
    return x, {"value": expected(x, MODE)}


def exponentials(count):
    x = -np.random.default_rng(2).integers(0, 256, count)
    tag = np.arange(count) % 64
    return {"x": x, "tag": tag}, {"e": reference.shift_exp(x, -20, 15), "tag": tag}


def quotients(count):
    rng = np.random.default_rng(3)
    x = {"dividend": rng.integers(0, 1 << 20, count), "divisor": rng.integers(1, 1 << 12, count)}
    quotient, remainder = np.divmod(*x.values())
    tag = np.arange(count) % 32
    return x | {"tag": tag}, {"quotient": quotient, "remainder": remainder, "tag": tag}


def rows(function, count):
    given = random_rows(np.random.default_rng(4), count, 8, 12)
    return rows_in(given), rows_in(np.split(by_row(function, given), np.cumsum([len(row) for row in given])[:-1]))


UNITS = {
    "requantize": (lambda: DyadicRequantize(MODE, stages=2), requantized),
    "requantize, unregistered": (lambda: DyadicRequantize(MODE, stages=0), requantized),
    "shift_exp": (lambda: ShiftExp(9, tag_bits=6), exponentials),
    "iterative": (lambda: IterativeDivider(20, 12, bits_per_clock=3, tag_bits=5), quotients),
    "pipelined": (lambda: PipelinedDivider(20, 12, bits_per_clock=5, tag_bits=5), quotients),
    "shiftmax": (lambda: Shiftmax(max_length=12), partial(rows, partial(reference.shiftmax, x0=-20))),
    "gelu": (lambda: ShiftGELU(max_length=12), partial(rows, partial(reference.shift_gelu, x0=-20))),
    "gelu, one divider": (
        lambda: ShiftGELU(max_length=12, pipelined=False),
        partial(rows, partial(reference.shift_gelu, x0=-20)),
    ),
    "layernorm": (lambda: ILayerNorm(max_length=12), partial(rows, reference.i_layernorm)),
}


def held_by(unit):
    return {"minus_x0": 20} if hasattr(unit, "minus_x0") else {}


@pytest.mark.parametrize("name", UNITS)
def test_in_verilator(name):
    build, cases = UNITS[name]
    unit = build()
    given, golden = cases(20_000)
    lib = library(unit, tuple(held_by(unit)))
    for seed, (kind, stalls) in enumerate(STALLS.items()):
        run = stream(unit, given, outputs=20_000, held=held_by(unit), stalls=stalls, seed=seed + 1, lib=lib)
        assert [key for key in golden if not np.array_equal(run.fields[key], golden[key])] == [], kind


@pytest.mark.parametrize("name", [name for name in UNITS if name != "requantize, unregistered"])
def test_in_amaranths_simulator(name):
    build, cases = UNITS[name]
    unit = build()
    given, golden = cases(60)
    found = stream_in_amaranth(unit, given, outputs=60, held=held_by(unit), stalls=BOTH)
    assert {key: column.tolist() for key, column in found.items()} == {k: v.tolist() for k, v in golden.items()}
