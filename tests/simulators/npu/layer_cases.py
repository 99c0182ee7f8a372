"""Random cases of the chain: a machine, a layer with values, a tiling and a stall schedule, by seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from simulators.activity import as_dict
from simulators.machine import Machine
from simulators.npu.cycle import Run, run_cycle
from simulators.npu.exact import Memories, new_memories
from simulators.npu.exact_layers import ExactLayers
from simulators.npu.mapper import choose, places
from simulators.npu.plan import BIASES, LOADS, ORDERS, Tiling
from simulators.npu.planner import Plan, compile_for, emit_program, plan_layer
from simulators.npu.tiles import ceil_div, pixel_tiles
from simulators.npu.values import LayerValues
from tests.simulators.npu.layer_machines import Draw, draw_array, draw_machine, fitted
from tests.simulators.npu.layer_values import KINDS, MATRIX_KINDS, draw_layer, draw_window
from workloads.errors import CodesignError
from workloads.integer.layers import layer_sums, run_trace_layer
from workloads.trace import Layer, Trace

MOST_CYCLES = 30_000
MOST_COMMANDS = 4_000


@dataclass
class LayerCase:
    """One case, with its program and what `cycle` says of it."""

    seed: int
    kind: str
    machine: Machine
    trace: Trace
    inputs: list[np.ndarray]
    plan: Plan
    program: np.ndarray
    stalls: np.ndarray | None
    cycle: Run

    @property
    def layer(self) -> Layer:
        """The one layer."""
        return self.trace.layers[0]

    @property
    def resident(self) -> bool:
        """Whether operands lie in the buffers from the start."""
        return self.machine.memory.model == "resident"

    @property
    def tiles(self) -> int:
        """How many tiles the tiling has."""
        g = self.plan.g
        tiles = int(np.prod(pixel_tiles(g))) * int(ceil_div(self.plan.at("c"), self.plan.at("tc")))
        if self.layer.engine != "matrix" or self.plan.tiling.where == "vector":
            return tiles
        return tiles * self.plan.at("groups") * int(ceil_div(self.plan.at("n"), self.plan.at("tn")))

    @property
    def classes(self) -> set[str]:
        """What of the required coverage the case belongs to: its features, and its causes of waiting."""
        w, t, plan = self.layer.window, self.plan.tiling, self.plan
        extents = ((w.batch, t.images), (w.out_h, t.out_h), (w.out_w, t.out_w), (plan.at("c"), t.in_c))
        weights = self.machine.weight_buffer.size_bytes * 8 // compile_for(self.machine).unit_bits[1]
        depth = w.kernel_h * w.kernel_w * plan.at("c")
        found = {
            "8 tiles or more": self.tiles >= 8,
            "ragged edges": any(whole % tile for whole, tile in (*extents, (plan.at("n"), t.out_c))),
            "K larger than the buffers": t.where == "array" and not self.resident and t.in_c < plan.at("c")
            and depth * min(plan.at("n"), self.machine.array.cols) > weights,
            "stride": w.stride_h > 1 or w.stride_w > 1,
            "padding": w.pad_top > 0 or w.pad_left > 0,
            "dilation": w.dilation_h > 1 or w.dilation_w > 1,
            "depthwise on the array": self.kind == "depthwise" and t.where == "array",
            "depthwise on the vector unit": self.kind == "depthwise" and t.where == "vector",
            "packed groups": t.packed_groups > 1,
            "boxes of pixels": (t.images > 1 and t.out_h < w.out_h) or (t.out_h > 1 and t.out_w < w.out_w),
            "operands loaded each step": t.loads == "every",
            "rows of biases": t.bias == "rows",
            "fenced biases": t.bias == "fenced",
            "short rows stored": 0 < t.store_c < t.out_c,
            "resident": self.resident,
            "stall schedule": self.stalls is not None,
            self.kind: True,
            self.machine.array.dataflow: True,
        }  # fmt: skip
        return {name for name, holds in found.items() if holds} | waits_of(self.cycle.counts)

    def memories(self) -> Memories:
        """Return fresh memories with the layer's values in them."""
        if self.resident:
            inputs = dict(zip(self.layer.inputs, self.inputs, strict=True))
            layers = ExactLayers(compile_for(self.machine), self.trace, inputs)
            images, weights = layers._resident_operands(self.plan)
            words = self.plan.at("groups") * self._group_words()
            memories = new_memories(
                self.machine, np.zeros(1, np.uint8), scratchpad=images.size, weights=weights.size, words=words
            )
            memories.scratchpad[: images.size], memories.weights[: weights.size] = images, weights
            return memories
        return new_memories(self.machine, self._values().dram())

    def output(self, memories: Memories) -> np.ndarray:
        """Return the layer's output, N, C, H, W; of a resident machine its sums as they are."""
        if not self.resident:
            return self._values().output(memories.dram)
        layers = ExactLayers(compile_for(self.machine), self.trace, {})
        return layers._sums(self.plan, memories, self._group_words())

    def golden(self) -> np.ndarray:
        """Return what the output must be."""
        if not self.resident:
            return run_trace_layer(self.layer, self.trace.arrays, self.inputs, self.trace.rounding)
        return resident_sums(self)

    def _group_words(self) -> int:
        w, cols = self.layer.window, self.machine.array.cols
        pixels, n = w.batch * w.out_h * w.out_w, self.plan.at("n")
        return -(-pixels // cols) * n if self.machine.array.dataflow == "is" else -(-n // cols) * pixels

    def _values(self) -> LayerValues:
        return LayerValues(compile_for(self.machine), self.plan, self.trace.arrays, self.inputs)


def waits_of(counts: np.ndarray) -> set[str]:
    """Return the causes of waiting that occurred."""
    return {name for name, value in as_dict(counts).items() if "_wait" in name and value}


def resident_sums(case: LayerCase) -> np.ndarray:
    """Return the sums without bias of operands as they are stored on the machine (uint8 on int8: less 128)."""
    values, layer = case._values(), case.layer
    sums = layer_sums(layer, case.trace.arrays, case.inputs[0])
    if layer.bias:
        sums = sums - case.trace.arrays["b"].astype(np.int64)[:, None, None]
    weights = case.trace.arrays["w"].astype(np.int64).sum(axis=(1, 2, 3))
    return sums + values.input_zero_point() * weights[:, None, None]


def layer_case(seed: int) -> LayerCase:
    """Return the case of a seed: the first draw that is neither too long nor impossible."""
    for attempt in count():
        case = _attempt(seed, Draw(np.random.default_rng((seed, attempt))))
        if case is not None:
            return case
    raise AssertionError


def _attempt(seed: int, draw: Draw) -> LayerCase | None:
    resident = seed % 3 == 0
    kind = draw.pick(*(MATRIX_KINDS if resident else KINDS))
    machine = draw_machine(draw, draw_array(draw), kind in ("add", "mul"), resident)
    window = draw_window(draw, kind)
    if kind in MATRIX_KINDS and window.macs > 4000 * machine.array.rows * machine.array.cols:
        return None
    trace, inputs = draw_layer(draw, machine, kind, window)
    layer = trace.layers[0]
    found = _planned(draw, machine, layer)
    if found is None:
        return None
    machine, plan = found
    LayerValues(compile_for(machine), plan, trace.arrays, inputs).set_plan_values()
    program = emit_program(compile_for(machine), plan)
    if len(program) > MOST_COMMANDS:
        return None
    stalls = None
    if not resident and draw.chance(0.6):
        stalls = (draw.rng.random((draw.integer(1, 6000), 2)) < draw.pick(0.05, 0.2, 0.5, 0.8)).astype(np.uint8)
    cycle = run_cycle(machine, program, stalls)
    if cycle.cycles > MOST_CYCLES:
        return None
    return LayerCase(seed, kind, machine, trace, inputs, plan, program, stalls, cycle)


def _planned(draw: Draw, machine: Machine, layer: Layer) -> tuple[Machine, Plan] | None:
    """Return a machine made tight and a plan on it: of a random tiling, or the mapper's."""
    if machine.memory.model == "resident":
        return machine, choose(compile_for(machine), layer)
    tiling = draw_tiling(draw, machine, layer)
    tight = fitted(draw, machine, layer, tiling)
    if tight is None:
        return None
    plan = plan_layer(compile_for(tight), layer, tiling)
    assert not isinstance(plan, str), plan
    return tight, (_chosen(tight, layer) or plan) if draw.chance(0.4) else plan


def _chosen(machine: Machine, layer: Layer) -> Plan | None:
    """Return the mapper's choice, or None where only a tiling that it does not consider fits."""
    try:
        return choose(compile_for(machine), layer)
    except CodesignError:
        return None


def draw_tiling(draw: Draw, machine: Machine, layer: Layer) -> Tiling:
    """Return a random legal tiling."""
    where, packed = draw.pick(*places(compile_for(machine), layer))
    w, groups = layer.window, layer.window.groups // packed if where == "array" else 1
    part = lambda extent: draw.pick(extent, draw.integer(1, extent), max(1, extent // 2), -(-extent // 3))  # noqa: E731
    images, out_h, out_w = draw.pick(
        (part(w.batch), w.out_h, w.out_w), (1, part(w.out_h), w.out_w), (1, 1, part(w.out_w))
    )
    channels = part(w.in_c // groups)
    outputs = channels if where == "vector" else part(w.out_c // groups)
    tiling = Tiling(where, images, out_h, out_w, outputs, channels, draw.pick(*ORDERS), packed)
    return _as_a_library_would(Draw(draw.rng.spawn(1)[0]), machine, layer, tiling)


def _as_a_library_would(draw: Draw, machine: Machine, layer: Layer, tiling: Tiling) -> Tiling:
    """Return the tiling, or one in four as a box of pixels, operands loaded each step, biases first, short rows."""
    if draw.chance(0.75) or machine.array.pe.activation not in ("int8", "uint8", "int16"):
        return tiling
    w = layer.window
    box = {"images": draw.integer(1, w.batch), "out_h": draw.integer(1, w.out_h), "out_w": draw.integer(1, w.out_w)}
    of_array = {"loads": draw.pick(*LOADS), "bias": draw.pick(*BIASES)} if tiling.where == "array" else {}
    return replace(tiling, **(box if draw.chance(0.5) else {}), **of_array, store_c=draw.pick(0, draw.integer(1, 9)))
