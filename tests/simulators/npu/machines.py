"""Small machines for tests of the NPU core."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulators.machine import Array, Buffer, Dma, Machine, Memory, ProcessingElement, Queues, Technology, Vector
from simulators.machine import VectorFunction as Function
from simulators.program import FUNCTIONS, VALUE_FUNCTIONS
from workloads.formats import parse_format

ROUNDINGS = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")


def small_machine(
    rows: int = 4,
    cols: int = 4,
    dataflow: str = "ws",
    sections: dict[str, Any] | None = None,
    **array: Any,
) -> Machine:
    """Return a machine of rows x cols PEs; `sections` replaces whole sections, `array` fields of the array."""
    parts: dict[str, Any] = {
        "scratchpad": Buffer(size_bytes=4096),
        "weight_buffer": Buffer(size_bytes=4096),
        "accumulator": Buffer(size_bytes=16384),
        "parameter_buffer": Buffer(size_bytes=1200),
        "vector": Vector(lanes=4, functions={name: Function(latency_cycles=3) for name in FUNCTIONS}),
        "dma": Dma(bus_bytes=8, burst_bytes=64, outstanding=4),
    }
    parts |= sections or {}
    return Machine(
        name="small",
        clock_hz=1_000_000_000,
        technology=Technology(node_nm=45),
        array=Array(rows=rows, cols=cols, dataflow=dataflow, **array),
        **parts,
    )


def random_array(rng: np.random.Generator) -> Array:
    """Return a random array of at most 8 x 8 PEs."""
    pick = lambda *options: options[rng.integers(len(options))]  # noqa: E731
    activation = pick("int8", "int8", "uint8", "int4", "int16")
    pe = ProcessingElement(
        activation=activation,
        weight=pick("int8", "int8", "int4"),
        accumulator="int32" if activation == "int16" else pick("int32", "int32", "int24"),
        latency_cycles=pick(1, 1, 2, 3),
    )
    dataflow = pick("ws", "ws", "os", "os", "is")
    return Array(
        rows=int(rng.integers(1, 9)),
        cols=int(rng.integers(1, 9)),
        dataflow=dataflow,
        shadow_weights=bool(rng.random() < 0.6),
        fold_overlap=bool(rng.random() < 0.6),
        os_drain=pick("shifted", "parallel"),
        convolution="im2col" if dataflow == "is" else pick("shifted", "im2col"),
        pe=pe,
    )


def random_machine(rng: np.random.Generator, array: Array, elements: dict[str, int]) -> Machine:
    """Return a random machine around `array` whose memories hold at least `elements` elements."""
    draw = lambda low, high: int(rng.integers(low, high + 1))  # noqa: E731
    pe = array.pe
    bits = {
        "scratchpad": parse_format(pe.activation).bits,
        "weight_buffer": parse_format(pe.weight).bits,
        "accumulator": parse_format(pe.accumulator).bits * array.cols,
        "parameter_buffer": 32,
    }
    buffers = {
        name: Buffer(size_bytes=-(-(elements[name] + draw(0, 8)) * width // 8) + 1, latency_cycles=draw(0, 3))
        for name, width in bits.items()
    }
    bus = (1, 2, 4, 8, 16)[draw(0, 4)]
    functions = {name: Function(latency_cycles=draw(0, 4), passes=1 + (draw(0, 3) == 0)) for name in VALUE_FUNCTIONS}
    return Machine(
        name="random",
        clock_hz=(1_000_000_000, 700_000_000)[draw(0, 1)],
        technology=Technology(node_nm=45),
        array=array,
        vector=Vector(lanes=draw(1, array.cols), requantize=ROUNDINGS[draw(0, 3)], functions=functions),
        dma=Dma(bus_bytes=bus, burst_bytes=bus << draw(0, 3), outstanding=draw(1, 8)),
        queues=Queues(load=draw(1, 4), execute=draw(1, 4), vector=draw(1, 4), store=draw(1, 4), token_bits=draw(2, 4)),
        memory=Memory(
            clock_hz=(None, 333_000_000, 1_600_000_000, 1_000_000_000)[draw(0, 3)],
            bytes_per_cycle=draw(1, 16),
            latency_cycles=draw(1, 100) if draw(0, 1) else draw(1, 10),
            latency_spread_cycles=draw(0, 1) * draw(0, 60),
            queue_depth=draw(1, 8),
        ),
        **buffers,
    )
