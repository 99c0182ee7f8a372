"""A machine description compiled to the integers that kernels read."""

from __future__ import annotations

import numpy as np

from simulators.machine import Machine
from simulators.program import FUNCTIONS
from workloads.formats import parse_format

NAMES = (
    "rows", "cols", "dataflow", "shadow", "overlap", "drain", "serializer", "pe_latency", "operand_latency",
    "accumulator_latency", "scratchpad_latency", "vector_latency", "lanes", "bus_bytes", "burst_bytes", "outstanding",
    "depth_load", "depth_execute", "depth_vector", "depth_store", "ratio_num", "ratio_den", "bytes_per_cycle",
    "memory_latency", "memory_spread", "memory_depth", "activation_bits", "weight_bits", "accumulator_bits",
    "requantize", "token_limit", "resident", "activation_signed", "weight_signed", "im2col", "bus_shift", "burst_shift",
    "skew_rows", "skew_cols",
)  # fmt: skip
C = {name: i for i, name in enumerate(NAMES)}
WS, OS, IS = range(3)
PARAMETER_BITS = 32


def format_bits(machine: Machine) -> tuple[int, int, int]:
    """Return the widths of activations, weights and partial sums."""
    pe = machine.array.pe
    return parse_format(pe.activation).bits, parse_format(pe.weight).bits, parse_format(pe.accumulator).bits


def capacities(machine: Machine) -> tuple[int, int, int, int]:
    """Return elements of scratchpad and weight buffer, words of accumulator, int32 words of the parameter buffer."""
    activation, weight, accumulator = format_bits(machine)
    return (
        machine.scratchpad.size_bytes * 8 // activation,
        machine.weight_buffer.size_bytes * 8 // weight,
        machine.accumulator.size_bytes * 8 // (machine.array.cols * accumulator),
        machine.parameter_buffer.size_bytes * 8 // PARAMETER_BITS,
    )


def compile_machine(machine: Machine) -> np.ndarray:
    """Return the machine's integers as int64, indexed by `C`; function latencies and passes are `function_table`."""
    a, m, q = machine.array, machine.memory, machine.queues
    activation, weight, accumulator = format_bits(machine)
    os_ = a.dataflow == "os"
    ratio = machine.memory_clock_ratio
    operand = max(machine.scratchpad.latency_cycles, machine.weight_buffer.latency_cycles)
    pe = a.pe
    values = {
        "rows": a.rows, "cols": a.cols, "dataflow": ("ws", "os", "is", "rs").index(a.dataflow),
        "shadow": a.shadow_weights, "overlap": a.fold_overlap,
        "skew_rows": (a.rows - 1).bit_length() if a.style == "dot_product" else a.rows - 1,
        "skew_cols": 0 if a.style == "dot_product" else a.cols - 1,
        "drain": a.rows if os_ and a.os_drain == "shifted" else 0,
        "serializer": os_ and a.convolution == "shifted", "im2col": a.convolution == "im2col",
        "pe_latency": pe.latency_cycles, "operand_latency": operand,
        "accumulator_latency": machine.accumulator.latency_cycles,
        "scratchpad_latency": machine.scratchpad.latency_cycles,
        "vector_latency": max(operand, machine.accumulator.latency_cycles, machine.parameter_buffer.latency_cycles),
        "lanes": machine.vector.lanes if machine.vector else a.cols,
        "bus_shift": machine.dma.bus_bytes.bit_length() - 1, "burst_shift": machine.dma.burst_bytes.bit_length() - 1,
        "bus_bytes": machine.dma.bus_bytes, "burst_bytes": machine.dma.burst_bytes,
        "outstanding": machine.dma.outstanding,
        "depth_load": q.load, "depth_execute": q.execute, "depth_vector": q.vector, "depth_store": q.store,
        "ratio_num": ratio.numerator, "ratio_den": ratio.denominator, "bytes_per_cycle": m.bytes_per_cycle,
        "memory_latency": m.latency_cycles, "memory_spread": m.latency_spread_cycles, "memory_depth": m.queue_depth,
        "activation_bits": activation, "weight_bits": weight, "accumulator_bits": accumulator,
        "requantize": REQUANTIZE_MODES.index(machine.vector.requantize) if machine.vector else 0,
        "token_limit": (1 << q.token_bits) - 1, "resident": m.model == "resident",
        "activation_signed": parse_format(pe.activation).is_signed, "weight_signed": parse_format(pe.weight).is_signed,
    }  # fmt: skip
    return np.array([int(values[name]) for name in NAMES], np.int64)


REQUANTIZE_MODES = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")


def function_table(machine: Machine) -> np.ndarray:
    """Return int64 (functions, 2): latency and passes by function code; passes 0 where the machine has none."""
    table = np.zeros((len(FUNCTIONS), 2), np.int64)
    if machine.vector:
        for name, function in machine.vector.functions.items():
            if name in FUNCTIONS:
                table[FUNCTIONS.index(name)] = function.latency_cycles, function.passes
    return table
