"""The `exact` fidelity over a whole trace: each layer's real integers through the registers, then on to the next."""

from __future__ import annotations

import math

import numpy as np

from simulators.npu.config import IS
from simulators.npu.cycle import Outcome, run_cycle
from simulators.npu.exact import ExactRun, Memories, new_memories, run_exact
from simulators.npu.planner import Compiled, Plan, emit_program
from simulators.npu.tiles import accumulator_words
from simulators.npu.values import LayerValues, has_values, on_host
from workloads.errors import CodesignError
from workloads.integer.layers import run_trace_layer
from workloads.trace import Layer, Trace


class ExactLayers:
    """Runs layers one after the other; `tensors` holds every tensor computed so far, stored integers."""

    def __init__(self, compiled: Compiled, trace: Trace, inputs: dict[str, np.ndarray]) -> None:
        self.compiled, self.trace = compiled, trace
        self.tensors: dict[str, np.ndarray] = dict(inputs)
        #: What a reader of the values must know: layers on the host, layers that round otherwise than they say.
        self.notes: list[str] = []

    def operands(self, layer: Layer) -> list[np.ndarray]:
        """Return a layer's activation operands.

        Raises
        ------
        CodesignError
            When one was not given, or an operator on the host should have made it.
        """
        missing = [name for name in layer.inputs if name not in self.tensors]
        if missing:
            raise CodesignError(f"layer '{layer.name}': exact has no values for its input '{missing[0]}'")
        return [self.tensors[name] for name in layer.inputs]

    def run(self, plan: Plan) -> Outcome:
        """Run one layer's program with values; return its cycles and counts."""
        layer = plan.layer
        if self.compiled.resident:
            return self._resident(plan)
        if on_host(layer, self.trace.arrays):
            return self._on_host(plan)
        if layer.engine == "move" or not has_values(layer):
            raise CodesignError(
                f"layer '{layer.name}' ({layer.function or layer.operator}) has no integer form on the machine; "
                "use --fidelity cycle for its time"
            )
        values = LayerValues(self.compiled, plan, self.trace.arrays, self.operands(layer))
        if values.off:
            self.notes.append(f"layer '{layer.name}': an output may be one step off: {values.off}")
        values.set_plan_values()
        program = emit_program(self.compiled, plan)
        memories = new_memories(self.compiled.machine, values.dram())
        run = self.execute(program, memories)
        self.tensors[layer.outputs[0]] = self.shaped(layer, values.output(memories.dram))
        return Outcome(run.cycles, run.counts, run.memory)

    def _on_host(self, plan: Plan) -> Outcome:
        """Compute a layer's values on the host; its cycles and counts are those of `cycle`."""
        layer = plan.layer
        self.compute(layer)
        self.notes.append(f"layer '{layer.name}' ({layer.function}): timed on the machine, its values are the host's")
        run = run_cycle(self.compiled.machine, emit_program(self.compiled, plan))
        return Outcome(run.cycles, run.counts, run.memory)

    def compute(self, layer: Layer) -> None:
        """Compute a layer's values by the integer reference."""
        image = run_trace_layer(layer, self.trace.arrays, self.operands(layer), self.trace.rounding)
        self.tensors[layer.outputs[0]] = self.shaped(layer, image)

    def execute(self, program: np.ndarray, memories: Memories) -> ExactRun:
        """Run a program; `memories.dram` is changed in place. The RTL's bench puts itself here."""
        return run_exact(self.compiled.machine, program, memories)

    def shaped(self, layer: Layer, image: np.ndarray) -> np.ndarray:
        """Return an output image in its tensor's own shape (a GEMM's rows have channels last)."""
        shape = self.trace.shapes.get(layer.outputs[0], image.shape)
        if math.prod(shape) != image.size:
            return image
        if len(shape) == 3 and image.shape == (shape[0], shape[1], 1, shape[2]):
            return image[:, :, 0]
        return image if image.shape == tuple(shape) else image.transpose(0, 2, 3, 1).reshape(shape)

    def aside(self, layer: Layer) -> None:
        """Do a view's (or a host operator's) part on the values: reshapes and concatenations move no bit."""
        if layer.engine != "view" or any(name not in self.tensors for name in layer.inputs):
            return
        shape = self.trace.shapes[layer.outputs[0]]
        operands = self.operands(layer)
        if len(operands) > 1:
            axis = next(i for i, extent in enumerate(shape) if extent != operands[0].shape[i])
            self.tensors[layer.outputs[0]] = np.concatenate(operands, axis)
        elif operands[0].size == math.prod(shape):
            values = operands[0].reshape(self.trace.shapes[layer.inputs[0]])
            self.tensors[layer.outputs[0]] = values.transpose(layer.permutation or range(values.ndim)).reshape(shape)

    def _resident(self, plan: Plan) -> Outcome:
        """Run a layer whose operands lie in the buffers from the start; its output is the raw sums."""
        layer = plan.layer
        images, weights = self._resident_operands(plan)
        words = int(
            accumulator_words(self.compiled.config, plan.at("tb") * plan.at("th") * plan.at("tw"), plan.at("tn"))
        )
        memories = new_memories(
            self.compiled.machine, np.zeros(1, np.uint8), scratchpad=images.size, weights=weights.size,
            words=words * plan.at("groups"),
        )  # fmt: skip
        memories.scratchpad[: images.size] = images
        memories.weights[: weights.size] = weights
        run = run_exact(self.compiled.machine, emit_program(self.compiled, plan), memories)
        self.tensors[layer.outputs[0]] = self.shaped(layer, self._sums(plan, memories, words))
        return Outcome(run.cycles, run.counts, run.memory)

    def _resident_operands(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        layer, w = plan.layer, plan.layer.window
        values = LayerValues(self.compiled, plan, self.trace.arrays, self.operands(layer))
        height = (w.out_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
        width = (w.out_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1
        padded = np.full((w.batch, height, width, w.in_c), values.input_zero_point(), np.int64)
        rows, cols = min(w.in_h, height - w.pad_top), min(w.in_w, width - w.pad_left)
        padded[:, w.pad_top : w.pad_top + rows, w.pad_left : w.pad_left + cols] = values.images[0][:, :rows, :cols]
        c, size = plan.at("c"), plan.at("a_size")
        tiles = [padded[..., g * c : (g + 1) * c].reshape(-1) for g in range(plan.at("groups"))]
        return np.concatenate([np.pad(tile, (0, size - tile.size)) for tile in tiles]), np.concatenate(
            values.packed_weights()
        )

    def _sums(self, plan: Plan, memories: Memories, words: int) -> np.ndarray:
        """Return the accumulator's sums as an image N, C, H, W."""
        w, cols = plan.layer.window, self.compiled.machine.array.cols
        pixels, n = w.batch * w.out_h * w.out_w, plan.at("n")
        parts = []
        for group in range(plan.at("groups")):
            block = memories.accumulator[group * words : (group + 1) * words].astype(np.int64)
            if int(self.compiled.config[2]) == IS:
                parts.append(block.reshape(-1, n, cols).transpose(0, 2, 1).reshape(-1, n)[:pixels])
            else:
                parts.append(block.reshape(-1, pixels, cols).transpose(1, 0, 2).reshape(pixels, -1)[:, :n])
        return np.concatenate(parts, axis=1).reshape(w.batch, w.out_h, w.out_w, -1).transpose(0, 3, 1, 2)
