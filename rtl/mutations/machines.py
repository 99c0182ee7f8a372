"""The two small machines whose RTL is mutated: between them every engine, function and kind of register."""

from __future__ import annotations

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
from simulators.program import PARAMETER_WORDS, VALUE_FUNCTIONS

_ENTRIES = 64


def _vector(lanes: int, requantize: str) -> Vector:
    """Return a vector unit with all functions of integer values, their latencies 1, 2 and 3 in turn."""
    functions = {
        name: VectorFunction(latency_cycles=1 + i % 3, passes=1 + (i == 4)) for i, name in enumerate(VALUE_FUNCTIONS)
    }
    return Vector(lanes=lanes, requantize=requantize, functions=functions)


def _machine(name: str, array: Array, vector: Vector, dma: Dma, queues: Queues, memory: Memory) -> Machine:
    """Return a machine with memories for three buffers of random programs, each with a latency of its own."""
    return Machine(
        name=name, clock_hz=1_000_000_000, technology=Technology(node_nm=45), array=array, vector=vector, dma=dma,
        queues=queues, memory=memory,
        scratchpad=Buffer(size_bytes=2048, latency_cycles=1),
        weight_buffer=Buffer(size_bytes=1000, latency_cycles=2 if array.dataflow == "ws" else 1),
        accumulator=Buffer(size_bytes=60 * 4 * array.cols, latency_cycles=1),
        parameter_buffer=Buffer(size_bytes=4 * PARAMETER_WORDS * _ENTRIES, latency_cycles=1),
    )  # fmt: skip


def weight_stationary() -> Machine:
    """Return 4x4 PEs, weights stationary with shadow registers, a multiplier of two stages, three lanes."""
    pe = ProcessingElement(activation="int8", weight="int8", accumulator="int32", latency_cycles=2)
    return _machine(
        "ws",
        Array(rows=4, cols=4, dataflow="ws", shadow_weights=True, convolution="im2col", pe=pe),
        _vector(3, "dyadic_half_up"),
        Dma(bus_bytes=4, burst_bytes=16, outstanding=3),
        Queues(load=2, execute=3, vector=2, store=1, token_bits=2),
        Memory(bytes_per_cycle=3, latency_cycles=9, latency_spread_cycles=12, queue_depth=3),
    )


def output_stationary() -> Machine:
    """Return 4 x 3 PEs, outputs stationary behind a serializer, unsigned activations, two lanes."""
    pe = ProcessingElement(activation="uint8", weight="int8", accumulator="int32", latency_cycles=1)
    return _machine(
        "os",
        Array(rows=4, cols=3, dataflow="os", os_drain="shifted", convolution="shifted", pe=pe),
        _vector(2, "tflite_double"),
        Dma(bus_bytes=2, burst_bytes=8, outstanding=4),
        Queues(load=3, execute=1, vector=1, store=2, token_bits=3),
        Memory(clock_hz=700_000_000, bytes_per_cycle=2, latency_cycles=4, latency_spread_cycles=5, queue_depth=4),
    )


#: By name; half of the mutants are of each.
MACHINES = {"ws": weight_stationary, "os": output_stationary}
