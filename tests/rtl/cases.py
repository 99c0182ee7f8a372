"""Cases for the RTL: a few machines, by seed, and for each of them many programs: random ones and layers with values.

Half of the machines are drawn around random programs (every kind of command, latency, queue depth), half are made
tight around a layer (K larger than the buffers, ragged tiles), and get further layers that the mapper can place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rtl.parameters import parameters_of
from rtl.random_programs import ENTRIES, random_program
from simulators.machine import Array, Machine
from simulators.npu.mapper import choose
from simulators.npu.plan import Tiling
from simulators.npu.planner import compile_for, emit_program
from simulators.npu.values import LayerValues
from simulators.program import PARAMETER_WORDS
from tests.simulators.npu.layer_cases import MOST_COMMANDS, layer_case
from tests.simulators.npu.layer_machines import Draw
from tests.simulators.npu.layer_values import KINDS, MATRIX_KINDS, draw_layer, draw_window
from tests.simulators.npu.machines import random_array, random_machine
from workloads.errors import CodesignError
from workloads.integer.layers import run_trace_layer

MOST_MACS = 60_000


@dataclass
class RtlCase:
    """A program on a machine, DRAM before it, stalls, and (of a layer) the values that must come out."""

    name: str
    machine: Machine
    program: np.ndarray
    dram: np.ndarray
    stalls: np.ndarray | None
    classes: frozenset[str] = frozenset()
    values: LayerValues | None = None
    expected: np.ndarray | None = None


def with_rtl(array: Array) -> Array:
    """Return the array with a drain that has RTL."""
    return array.model_copy(update={"os_drain": "shifted"})


def program_machine(seed: int) -> Machine:
    """Return a random machine with room for random programs."""
    rng = np.random.default_rng((seed, 77))
    array = with_rtl(random_array(rng))
    elements = {
        "scratchpad": 700,
        "weight_buffer": 280,
        "accumulator": 24,
        "parameter_buffer": ENTRIES * PARAMETER_WORDS,
    }
    for name in ("scratchpad", "weight_buffer", "accumulator"):
        elements[name] *= int(rng.integers(1, 4))
    return random_machine(rng, array, elements)


def program_cases(seed: int, count: int) -> Iterator[RtlCase]:
    """Yield cases of random programs on one machine."""
    machine = program_machine(seed)
    for i in range(count):
        case = random_program(machine, 1000 * seed + i)
        yield RtlCase(
            f"machine {seed}, program {1000 * seed + i}", machine, case.program, case.dram, case.stalls,
            frozenset({"random program", machine.array.dataflow}),
        )  # fmt: skip


def _layer_machine(seed: int) -> tuple[Machine, RtlCase]:
    """Return a machine that is tight around a layer, and that layer's case."""
    for attempt in range(1000):
        case = layer_case(3 * (100 * seed + attempt) + 1)  # seeds that are multiples of 3 are resident machines
        if case.machine.array.dataflow == "os" and case.machine.array.os_drain == "parallel":
            continue
        if case.cycle.cycles > 8000 or len(case.program) > 600:
            continue
        parameters_of(case.machine)
        values = case._values()
        found = RtlCase(
            f"layer {case.seed}", case.machine, case.program, values.dram(), case.stalls,
            frozenset(case.classes), values, case.golden(),
        )  # fmt: skip
        return case.machine, found
    raise AssertionError(f"no layer for machine {seed}")


def layer_cases(seed: int, count: int) -> Iterator[RtlCase]:
    """Yield cases of layers on one machine: the one that it is tight around, then others that fit."""
    machine, first = _layer_machine(seed)
    yield first
    made = 1
    for attempt in range(60 * count):
        if made == count:
            return
        case = _another_layer(machine, seed, attempt)
        if case is not None:
            made += 1
            yield case


def _another_layer(machine: Machine, seed: int, attempt: int) -> RtlCase | None:
    draw = Draw(np.random.default_rng((seed, 99, attempt)))
    exact_add = machine.vector is not None and machine.vector.requantize.startswith("dyadic")
    kind = draw.pick(*(KINDS if exact_add else [k for k in KINDS if k not in ("add", "mul")]))
    window = draw_window(draw, kind)
    if kind in MATRIX_KINDS and window.macs > MOST_MACS:
        return None
    trace, inputs = draw_layer(draw, machine, kind, window)
    layer, compiled = trace.layers[0], compile_for(machine)
    try:
        plan = choose(compiled, layer)
    except CodesignError:
        return None
    values = LayerValues(compiled, plan, trace.arrays, inputs)
    values.set_plan_values()
    program = emit_program(compiled, plan)
    if len(program) > min(MOST_COMMANDS, 600):
        return None
    stalls = None
    if draw.chance(0.6):
        stalls = (draw.rng.random((draw.integer(1, 3000), 2)) < draw.pick(0.05, 0.2, 0.5)).astype(np.uint8)
    w, t = layer.window, plan.tiling
    classes = {kind, machine.array.dataflow, *_features(w, t)}
    return RtlCase(
        f"machine of layer {seed}, {kind} {attempt}", machine, program, values.dram(), stalls, frozenset(classes),
        values, run_trace_layer(layer, trace.arrays, inputs, trace.rounding),
    )  # fmt: skip


def _features(w, t: Tiling) -> set[str]:
    found = {
        "stride": w.stride_h > 1 or w.stride_w > 1,
        "ragged edges": bool(w.out_h % t.out_h or w.out_w % t.out_w or (w.in_c // w.groups) % t.in_c),
    }
    return {name for name, holds in found.items() if holds}
