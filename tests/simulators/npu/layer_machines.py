"""Random small machines whose buffers are as tight as one tiling of one layer allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.machine import (
    Array,
    Buffer,
    Dma,
    Machine,
    Memory,
    ProcessingElement,
    Queues,
    Technology,
    Vector,
    VectorFunction,
)
from simulators.npu.placement import needs
from simulators.npu.plan import Tiling
from simulators.npu.planner import BUFFERS, compile_for, plan_layer
from simulators.program import VALUE_FUNCTIONS
from workloads.formats import parse_format
from workloads.trace import Layer

ROUNDINGS = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")
_AMPLE = 1 << 24


@dataclass
class Draw:
    """Random choices of one seed."""

    rng: np.random.Generator

    def integer(self, low: int, high: int) -> int:
        """Return an integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, *options: Any) -> Any:
        """Return one of the options."""
        return options[self.integer(0, len(options) - 1)]

    def chance(self, share: float) -> bool:
        """Return True in a share of all draws."""
        return bool(self.rng.random() < share)


def draw_array(draw: Draw) -> Array:
    """Return an array of 1 to 8 rows and columns, mostly int8."""
    dataflow = draw.pick("ws", "ws", "os", "os", "is")
    activation, weight = draw.pick(*[("int8", "int8")] * 7, ("uint8", "int8"), ("int4", "int4"), ("int16", "int8"))
    return Array(
        rows=draw.integer(1, 8),
        cols=draw.integer(1, 8),
        dataflow=dataflow,
        shadow_weights=draw.chance(0.6),
        fold_overlap=draw.chance(0.6),
        os_drain=draw.pick("shifted", "parallel"),
        convolution="im2col" if dataflow == "is" else draw.pick("shifted", "im2col"),
        pe=ProcessingElement(
            activation=activation, weight=weight, accumulator="int32", latency_cycles=draw.pick(1, 1, 2, 3)
        ),
    )


def draw_machine(draw: Draw, array: Array, exact_add: bool, resident: bool) -> Machine:
    """Return a machine around an array with ample buffers; `exact_add`: one whose adder is the golden one's."""
    bus = draw.pick(1, 2, 4, 8, 16)
    roundings = ROUNDINGS[:2] if exact_add else ROUNDINGS
    functions = {
        name: VectorFunction(latency_cycles=draw.integer(0, 4), passes=draw.pick(1, 1, 2, 5))
        for name in VALUE_FUNCTIONS
    }
    queue = lambda: draw.integer(1, 6)  # noqa: E731
    slow = draw.chance(0.5)
    memory = Memory(
        clock_hz=draw.pick(None, 333_000_000, 1_600_000_000, 1_000_000_000),
        bytes_per_cycle=draw.pick(1, 2, 5, 8, 16, 32),
        latency_cycles=draw.integer(1, 100) if slow else draw.integer(1, 12),
        latency_spread_cycles=draw.pick(0, 0, draw.integer(1, 60)),
        queue_depth=draw.integer(1, 8),
    )
    return Machine(
        name="random",
        clock_hz=draw.pick(1_000_000_000, 700_000_000),
        technology=Technology(node_nm=45),
        array=array,
        vector=Vector(lanes=draw.integer(1, array.cols), requantize=draw.pick(*roundings), functions=functions),
        dma=Dma(bus_bytes=bus, burst_bytes=bus << draw.integer(0, 3), outstanding=draw.integer(1, 8)),
        queues=Queues(load=queue(), execute=queue(), vector=queue(), store=queue()),
        memory=Memory(model="resident") if resident else memory,
        **{
            name: Buffer(
                size_bytes=_AMPLE,
                double_buffered=draw.chance(0.3 if name == "accumulator" else 0.6),
                latency_cycles=draw.integer(0, 2),
            )
            for name in BUFFERS
        },
    )


def fitted(draw: Draw, machine: Machine, layer: Layer, tiling: Tiling) -> Machine | None:
    """Return the machine with buffers that just hold a layer's tiling, or a little more; None for no tiling of it."""
    plan = plan_layer(compile_for(machine), layer, tiling)
    if isinstance(plan, str):
        return None
    bits = compile_for(machine).unit_bits
    sizes = {}
    for i, name in enumerate(BUFFERS):
        buffer = getattr(machine, name)
        size = -(-int(needs(plan.g, i)) * bits[i] // 8) * draw.pick(100, 100, 120, 150) // 100
        least = _least_bytes(machine.array, name) * (2 if buffer.double_buffered else 1)
        sizes[name] = Buffer(
            size_bytes=max(size, least), double_buffered=buffer.double_buffered, latency_cycles=buffer.latency_cycles
        )
    return machine.model_copy(update=sizes)


def _least_bytes(array: Array, name: str) -> int:
    """Return what a machine must hold of one fold (`simulators.machine_checks`)."""
    tile = array.rows * array.cols
    elements = {
        "scratchpad": tile if array.dataflow == "is" else array.rows,
        "weight_buffer": tile if array.dataflow == "ws" else max(array.rows, array.cols),
        "accumulator": tile if array.dataflow == "os" else array.cols,
        "parameter_buffer": 3 * array.cols,
    }[name]
    pe = array.pe
    formats = {"scratchpad": pe.activation, "weight_buffer": pe.weight, "accumulator": pe.accumulator}
    return -(-elements * parse_format(formats.get(name, "int32")).bits // 8)
