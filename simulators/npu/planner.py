"""From a layer, a machine and a tiling to a plan and its program, or the reason why it does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.machine import Machine
from simulators.npu.config import PARAMETER_BITS, capacities, compile_machine, format_bits, function_table
from simulators.npu.emit import emit
from simulators.npu.placement import FITS, UNALIGNED, needs, place
from simulators.npu.plan import BIASES, LOADS, MATRIX, MOVE, NAMES, ORDERS, VECTOR_LAYER, G, Tiling, as_vector
from simulators.program import (
    COMMAND,
    DEPTHWISE,
    FIELDS,
    FUNCTIONS,
    MAX_POOL,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_ONE,
    REQUANTIZE,
    VALUE_FUNCTIONS,
)  # fmt: skip
from workloads.trace import Layer

#: Fused functions that cost no pass of their own: the requantizer's clamp does them.
CLAMPS = ("relu", "clip")
BUFFERS = ("scratchpad", "weight_buffer", "accumulator", "parameter_buffer")


@dataclass(frozen=True)
class Compiled:
    """A machine as the kernels read it, made once for all layers.

    Attributes
    ----------
    capacity : int64 (4,)
        Elements of scratchpad and weight buffer, words of the accumulator, int32 words of the parameter buffer.
    unit_bits : tuple of int
        Width of one of each.
    doubled : int64 (4,)
        Whether each is double-buffered.
    """

    machine: Machine
    config: np.ndarray
    functions: np.ndarray
    capacity: np.ndarray
    unit_bits: tuple[int, int, int, int]
    doubled: np.ndarray

    @property
    def resident(self) -> bool:
        """Whether operands lie in the buffers from the start."""
        return self.machine.memory.model == "resident"


def compile_for(machine: Machine) -> Compiled:
    """Return the machine compiled."""
    activation, weight, accumulator = format_bits(machine)
    return Compiled(
        machine, compile_machine(machine), function_table(machine), np.array(capacities(machine), np.int64),
        (activation, weight, accumulator * machine.array.cols, PARAMETER_BITS),
        np.array([getattr(machine, name).double_buffered for name in BUFFERS], np.int64),
    )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A layer's tiles: the integers `g` (by `simulators.npu.plan.G`) and the codes of fused functions."""

    layer: Layer
    tiling: Tiling
    g: np.ndarray
    codes: np.ndarray

    def at(self, name: str) -> int:
        """Return one of the plan's integers by name."""
        return int(self.g[G[name]])


def fused_codes(layer: Layer) -> np.ndarray:
    """Return the codes of the fused functions that need a pass (and one unused entry)."""
    return np.array([FUNCTIONS.index(name) for name in layer.fused if name not in CLAMPS] + [0], np.int64)


def base_plan(compiled: Compiled, layer: Layer, where: str, packed_groups: int) -> np.ndarray:
    """Return a layer's loop nest as a plan's integers; tile extents, sizes and addresses are still 0."""
    w = layer.window
    values = dict.fromkeys(NAMES, 0)
    values |= {
        "batch": w.batch, "in_h": w.in_h, "in_w": w.in_w, "in_c": w.in_c, "out_h": w.out_h, "out_w": w.out_w,
        "out_c": w.out_c, "kh": w.kernel_h, "kw": w.kernel_w, "sh": w.stride_h, "sw": w.stride_w, "dh": w.dilation_h,
        "dw": w.dilation_w, "pt": w.pad_top, "pl": w.pad_left, "operands": 1, "groups": 1, "c": w.in_c, "n": w.out_c,
        "low": -128, "high": 127, "fused": len(fused_codes(layer)) - 1, "resident": compiled.resident,
    }  # fmt: skip
    if layer.quantization is not None:
        q = layer.quantization
        zeros = (*q.input_zero_points, 0, 0)
        values |= {
            "pad_value": zeros[0],
            "z0": zeros[0],
            "z1": zeros[1],
            "zo": q.output_zero_point,
            "low": q.low,
            "high": q.high,
        }
    if layer.engine == "matrix" and where == "array":
        groups = w.groups // packed_groups
        values |= {"kind": MATRIX, "function": REQUANTIZE, "groups": groups, "c": w.in_c // groups,
                   "n": w.out_c // groups, "parameter_mode": PARAMETER_LANE}  # fmt: skip
    else:
        _vector_values(layer, values)
    return as_vector(values)


def _vector_values(layer: Layer, values: dict[str, int]) -> None:
    """Fill in kind, function, operands and parameters of a layer for the vector unit or the DMA alone."""
    values["operands"], values["kind"] = layer.operands, MOVE
    if layer.engine == "move":
        return
    name = "depthwise" if layer.engine == "matrix" else layer.function
    code = FUNCTIONS.index(name)
    values["kind"], values["function"], values["parameter_mode"] = VECTOR_LAYER, code, PARAMETER_NONE
    if code == DEPTHWISE:
        values["parameter_mode"] = PARAMETER_LANE
    elif code == MAX_POOL:
        values["pad_value"] = values["low"]
    elif name in VALUE_FUNCTIONS:
        values["parameter_mode"] = PARAMETER_ONE


def plan_layer(compiled: Compiled, layer: Layer, tiling: Tiling) -> Plan | str:
    """Return the plan of a layer under a tiling, or in words which buffer is too small for it."""
    g = base_plan(compiled, layer, tiling.where, tiling.packed_groups)
    extents = (tiling.images, tiling.out_h, tiling.out_w, tiling.out_c, tiling.in_c, ORDERS.index(tiling.order))
    for offset, value in enumerate(extents):
        g[G["tb"] + offset] = value
    g[G["store_c"]] = tiling.store_c
    if layer.engine == "matrix" and tiling.where == "array":
        g[G["loads"]], g[G["bias"]] = LOADS.index(tiling.loads), BIASES.index(tiling.bias)
    buffer = int(place(compiled.config, compiled.capacity, compiled.doubled, g))
    if buffer == UNALIGNED:
        return f"channels start inside a byte ({compiled.unit_bits[0]}-bit activations); use whole bytes of channels"
    if buffer != FITS:
        need, have, bits = int(needs(g, buffer)), int(compiled.capacity[buffer]), compiled.unit_bits[buffer]
        return f"{BUFFERS[buffer]} needs {-(-need * bits // 8)} bytes and has {have * bits // 8}"
    return Plan(layer, tiling, g, fused_codes(layer))


def emit_program(compiled: Compiled, plan: Plan) -> np.ndarray:
    """Return the plan's program, of dtype `COMMAND`."""
    probe = np.zeros((1, len(FIELDS)), np.int64)
    table = np.zeros((emit(probe, compiled.config, plan.g, plan.codes), len(FIELDS)), np.int64)
    emit(table, compiled.config, plan.g, plan.codes)
    return table.view(COMMAND).reshape(len(table))
