"""Does a layer of each kind of ResNet-50 run on the RTL, and does every column meet negatives, saturation and ties?

Rows are cut to a few, channels are the network's or a part of them; data are random int8.
"""

from __future__ import annotations

import numpy as np
import pytest

from rtl.design import Design
from simulators.machine_files import load_machine
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from simulators.npu.values import LayerValues
from tests.rtl.agreement import assert_agrees
from tests.rtl.cases import RtlCase
from workloads.integer.layers import layer_sums, run_trace_layer
from workloads.trace import Layer, Quantization, Trace, Window

MACHINE = load_machine("small_npu_8x8")
COLS = MACHINE.array.cols
#: Scales are powers of two, so that sums that lie between two outputs (ties) are met.
CONVOLUTIONS = {
    "7x7 stride 2": (Window(1, 9, 28, 3, 3, 12, 64, 7, 7, 2, 2), 2.0**-6),
    "1x1": (Window(1, 4, 14, 64, 4, 14, 64), 2.0**-6),
    "3x3": (Window(1, 5, 14, 32, 3, 12, 64, 3, 3), 2.0**-6),
}


def case_of(name: str, layer: Layer, arrays: dict[str, np.ndarray], inputs: list[np.ndarray]) -> RtlCase:
    trace = Trace(name, [layer], arrays, {}, inputs=layer.inputs, outputs=layer.outputs, weights="random",
                  rounding=MACHINE.vector.requantize)  # fmt: skip
    compiled = compile_for(MACHINE)
    plan = choose(compiled, layer)
    values = LayerValues(compiled, plan, trace.arrays, inputs)
    values.set_plan_values()
    program = emit_program(compiled, plan)
    expected = run_trace_layer(layer, trace.arrays, inputs, trace.rounding)
    return RtlCase(name, MACHINE, program, values.dram(), None, frozenset(), values, expected)


def convolution(name: str) -> tuple[RtlCase, np.ndarray]:
    """Return the case of a convolution and its sums."""
    window, scale = CONVOLUTIONS[name]
    rng = np.random.default_rng(len(name))
    shape = (window.out_c, window.in_c, window.kernel_h, window.kernel_w)
    arrays = {
        "w": rng.integers(-16, 17, shape), "b": rng.integers(-2000, 2000, window.out_c).astype(np.int32),
        "m": np.full(window.out_c, scale),
    }  # fmt: skip
    layer = Layer(
        name=name, operator="conv", engine="matrix", window=window, inputs=("x",), outputs=("z",), macs=window.macs,
        input_format="int8", weight_format="int8", output_format="int8", weights="w", bias="b",
        quantization=Quantization((3,), -5, "m", -128, 127),
    )  # fmt: skip
    inputs = [rng.integers(-128, 128, (1, window.in_c, window.in_h, window.in_w))]
    return case_of(name, layer, arrays, inputs), layer_sums(layer, arrays, inputs[0])


def seen_by_column(sums: np.ndarray, outputs: np.ndarray, shift: int) -> dict[str, np.ndarray]:
    """Return how many negative sums, saturated outputs and ties each column of the array meets."""
    by_column = lambda found: np.add.reduceat(  # noqa: E731
        found.sum(axis=(0, 2, 3)).reshape(-1, COLS).sum(axis=0), np.arange(COLS)
    )
    half = 1 << (shift - 1)
    return {
        "negative": by_column(sums < 0),
        "saturated": by_column((outputs == -128) | (outputs == 127)),
        "ties": by_column((sums & ((1 << shift) - 1)) == half),
    }


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_agrees(name):
    case, sums = convolution(name)
    cycles = assert_agrees(case, Design.of(MACHINE))
    seen = seen_by_column(sums, case.expected, -int(np.log2(CONVOLUTIONS[name][1])))
    least = {what: int(counts.min()) for what, counts in seen.items()}
    print(f"{name}: {cycles:,} cycles; least of any column: {least}")
    assert min(least.values()) > 0, least


def test_a_residual_add_agrees():
    window, rng = Window(1, 4, 14, 64, 4, 14, 64), np.random.default_rng(5)
    layer = Layer(
        name="add", operator="add", engine="vector", window=window, inputs=("x", "y"), outputs=("z",), function="add",
        operands=2, input_format="int8", weight_format="int8", output_format="int8",
        quantization=Quantization((3, -7), 11, "m", -128, 127),
    )  # fmt: skip
    arrays = {"m": np.array([0.75, 0.5])}
    inputs = [rng.integers(-128, 128, (1, 64, 4, 14)) for _ in range(2)]
    case = case_of("add", layer, arrays, inputs)
    cycles = assert_agrees(case, Design.of(MACHINE))
    exact = (inputs[0] - 3) * 3 + (inputs[1] + 7) * 2  # in quarters
    counts = {
        "negative": int((exact < 0).sum()),
        "saturated": int(((case.expected == -128) | (case.expected == 127)).sum()),
        "ties": int((exact % 4 == 2).sum()),
    }
    print(f"residual add: {cycles:,} cycles; {counts}")
    assert min(counts.values()) > 0
