"""Do the lanes of an emitted program see the streams whose toggles the trace's activity states?

A resident machine holds a layer in one tile, so that its folds cut no order; the addresses of each matmul are
followed here by the formulas of docs/npu.md.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from codesign.runner import read_machine
from simulators.npu.exact_layers import ExactLayers
from simulators.npu.plan import Tiling
from simulators.npu.planner import compile_for, emit_program, plan_layer
from simulators.program import MATMUL, SCRATCHPAD, WEIGHT_BUFFER
from tests.workloads.toggle_twin import toggled_bits
from workloads.toggles import count_toggles, patterns, weight_stream, window_stream
from workloads.trace import Layer, Quantization, Trace, Window

ZERO_POINT = -5
WINDOWS = {
    "conv": Window(2, 6, 5, 4, 3, 4, 7, 3, 2, 2, 1, 1, 1, 1, 0),
    "pointwise": Window(1, 4, 5, 6, 4, 5, 9),
    "dilated": Window(1, 7, 7, 2, 3, 3, 5, 3, 3, 1, 1, 2, 2),
    "gemm": Window(1, 11, 1, 13, 11, 1, 6),
    "grouped": Window(1, 5, 5, 6, 5, 5, 4, 3, 3, 1, 1, 1, 1, 1, 1, 2),
    "depthwise": Window(1, 5, 4, 3, 5, 4, 3, 3, 3, 1, 1, 1, 1, 1, 1, 3),
}


def case(dataflow: str, window: Window):
    """Return program, scratchpad, weight buffer, and the layer's operands."""
    machine = read_machine(f"scalesim_32x32_{dataflow}", ["array.rows=4", "array.cols=3"])
    compiled, rng = compile_for(machine), np.random.default_rng(window.out_c)
    depth = window.in_c // window.groups, window.kernel_h, window.kernel_w
    weights = rng.integers(-128, 128, (window.out_c, *depth)).astype(np.int8)
    image = rng.integers(-128, 128, (window.batch, window.in_c, window.in_h, window.in_w)).astype(np.int8)
    image[rng.random(image.shape) < 0.3] = 0
    layer = Layer(
        "one", "conv", "matrix", window, ("x",), ("z",), input_format="int8", weight_format="int8",
        output_format="int8", weights="w", quantization=Quantization((ZERO_POINT,), 0, "m", -128, 127),
    )  # fmt: skip
    trace = Trace("one", [layer], {"w": weights, "m": np.ones(window.out_c)}, inputs=("x",), outputs=("z",))
    whole = (window.batch, window.out_h, window.out_w, window.out_c // window.groups, window.in_c // window.groups)
    tiling = Tiling(**dict(zip(("images", "out_h", "out_w", "out_c", "in_c"), whole, strict=True)))
    plan = plan_layer(compiled, layer, tiling)
    scratchpad, buffer = ExactLayers(compiled, trace, {"x": image})._resident_operands(plan)
    return emit_program(compiled, plan), scratchpad, buffer, image, weights


def offset(command: np.void, index: int, prefix: str = "") -> int:
    """Return a nest's address of an index (docs/npu.md, Nests)."""
    n0, n1 = max(1, int(command[f"{prefix}n0"])), max(1, int(command[f"{prefix}n1"]))
    strides = (int(command[f"{prefix}{name}"]) for name in ("s0", "s1", "s2"))
    return sum(a * b for a, b in zip((index % n0, index // n0 % n1, index // (n0 * n1)), strides, strict=True))


def lanes(program: np.ndarray, memory: int, data: np.ndarray) -> list[list[int]]:
    """Return what each row lane of each matmul reads from a memory, in its order."""
    found = []
    for command in program[(program["opcode"] == MATMUL) & (program["memory"] == memory)]:
        for lane in range(command["used_rows"]):
            base = int(command["address"]) + offset(command, int(command["lane_start"]) + lane, "lane_")
            addresses = [base + offset(command, int(command["start"]) + t) for t in range(command["count"])]
            found.append(data[addresses].tolist())
    return found


def columns(program: np.ndarray, data: np.ndarray) -> list[list[int]]:
    """Return the weights that each column of each output-stationary matmul takes, step by step."""
    found = []
    for command in program[program["opcode"] == MATMUL]:
        steps = int(command["weight_address"]) + np.arange(command["count"]) * int(command["weight_stride"])
        found += [data[steps + column].tolist() for column in range(command["used_cols"])]
    return found


def rate(streams: list[list[int]]) -> float:
    """Return the share of bits that toggle on lanes."""
    pairs = [toggled_bits(a, b, 8) for stream in streams for a, b in pairwise(stream)]
    return sum(pairs) / (8 * len(pairs))


def measured(window: Window, image: np.ndarray, weights: np.ndarray):
    """Return the rates of activations and of weights."""
    padding = int(patterns(np.array(ZERO_POINT), "int8"))
    activations = count_toggles(window_stream(window, patterns(image, "int8"), padding), 8)
    return activations.rates, count_toggles(weight_stream(patterns(weights, "int8")), 8).rates


@pytest.mark.parametrize("name", WINDOWS)
def test_ws_streams_activations_over_positions(name):
    program, scratchpad, _, image, weights = case("ws", WINDOWS[name])
    (over_positions, _, zeros), _ = measured(WINDOWS[name], image, weights)
    streams = lanes(program, SCRATCHPAD, scratchpad)
    assert rate(streams) == pytest.approx(over_positions, abs=1e-12)
    values = [value for stream in streams for value in stream]
    assert values.count(0) / len(values) == pytest.approx(zeros, abs=1e-12)


@pytest.mark.parametrize("name", WINDOWS)
def test_os_streams_both_operands_over_depth(name):
    program, scratchpad, buffer, image, weights = case("os", WINDOWS[name])
    (_, activations_over_depth, _), (_, weights_over_depth, _) = measured(WINDOWS[name], image, weights)
    assert rate(lanes(program, SCRATCHPAD, scratchpad)) == pytest.approx(activations_over_depth, abs=1e-12)
    assert rate(columns(program, buffer)) == pytest.approx(weights_over_depth, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, window in WINDOWS.items() if window.groups == 1])
def test_is_streams_weights_over_outputs(name):
    program, _, buffer, image, weights = case("is", WINDOWS[name])
    _, (over_outputs, _, _) = measured(WINDOWS[name], image, weights)
    assert rate(lanes(program, WEIGHT_BUFFER, buffer)) == pytest.approx(over_outputs, abs=1e-12)
