"""Does every component take the clocks that its properties state, and a lane's requantizer exactly its stages?"""

import numpy as np
import pytest
from amaranth.sim import Simulator

from rtl.functions.divider import IterativeDivider, PipelinedDivider
from rtl.functions.i_layernorm import ILayerNorm
from rtl.functions.requantize import DyadicRequantize, Requantizer
from rtl.functions.shift_exp import ShiftExp
from rtl.functions.shift_gelu import ShiftGELU
from rtl.functions.shiftmax import Shiftmax
from simulators.npu.config import REQUANTIZE_MODES
from tests.rtl.functions.operands import expected, requantizer_operands
from tests.rtl.functions.streams import library, rows_in, stream

COUNT = 60
PORTS = ("value", "bias", "multiplier", "shift", "plain")


@pytest.mark.parametrize("mode", REQUANTIZE_MODES)
@pytest.mark.parametrize("stages", range(5))
def test_requantizer_gives_a_result_a_clock_after_its_stages(mode, stages):
    unit = Requantizer(mode, stages=stages)
    x = requantizer_operands(np.random.default_rng(stages), 5000)
    x = {name: column[-COUNT:] for name, column in x.items()}
    results = []

    async def bench(ctx):
        for clock in range(COUNT + stages):
            for name in PORTS:
                ctx.set(getattr(unit, name), int(x[name][min(clock, COUNT - 1)]))
            await ctx.delay(1e-7)
            results.append(ctx.get(unit.result))
            if stages:
                await ctx.tick()

    simulator = Simulator(unit)
    if stages:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert results[stages:] == expected(x, mode).tolist()


ELEMENT_UNITS = {
    "requantize": lambda: DyadicRequantize("dyadic_half_up", stages=3),
    "shift_exp": lambda: ShiftExp(9),
    "shift_exp of positives": lambda: ShiftExp(9, n=23, positive=True),
    "iterative": lambda: IterativeDivider(31, 31, bits_per_clock=4, tag_bits=9),
    "pipelined": lambda: PipelinedDivider(31, 31, bits_per_clock=4, tag_bits=9),
}


@pytest.mark.parametrize("name", ELEMENT_UNITS)
def test_elements(name):
    unit = ELEMENT_UNITS[name]()
    layout = unit.i.payload.shape()
    values = {key: np.ones(COUNT, np.int64) for key, field in layout if field.width}
    held = {"minus_x0": 3} if hasattr(unit, "minus_x0") else {}
    if held:
        values["x"] = -values["x"]
    run = stream(unit, values, outputs=COUNT, held=held)
    assert set(run.offered - run.accepted) == {unit.latency}
    assert set(np.diff(run.accepted)) == {unit.interval}


ROW_UNITS = {
    "shiftmax": Shiftmax,
    "shiftmax, slow divider": lambda: Shiftmax(bits_per_clock=1),
    "gelu": ShiftGELU,
    "gelu, one divider": lambda: ShiftGELU(pipelined=False),
    "layernorm": ILayerNorm,
    "layernorm, three steps": lambda: ILayerNorm(16, 100, 3, 2),
}


@pytest.mark.parametrize("name", ROW_UNITS)
def test_rows(name):
    unit = ROW_UNITS[name]()
    held = {"minus_x0": 30} if hasattr(unit, "minus_x0") else {}
    lib = library(unit, tuple(held))
    for length in (1, 2, 3, 16, 97):
        rows = [np.arange(length) - length // 2] * 8
        run = stream(unit, rows_in(rows), outputs=8 * length, held=held, lib=lib)
        latency = run.offered[0] - run.accepted[length - 1]
        intervals = np.diff(run.offered[::length])[3:]
        assert (latency, set(intervals)) == (unit.latency(length), {unit.interval(length)}), length
