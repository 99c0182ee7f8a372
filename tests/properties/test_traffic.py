"""Is what crosses each level of memory at least what must cross it, and the same on both sides?"""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given

from simulators.activity import as_dict
from simulators.npu.cycle import run_cycle
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from simulators.program import FILL, LOAD, MEMORIES, PARAMETER_WORDS, STORE
from tests.properties.strategies import cases, gemm, machine_with
from workloads.formats import parse_format

WRITES = {
    "scratchpad": "scratchpad_write_elements",
    "weight_buffer": "weight_write_elements",
    "parameter_buffer": "parameter_write_elements",
}


def row_starts(row: np.void) -> np.ndarray:
    """Return the DRAM byte at which each row of a transfer starts."""
    planes, rows = np.arange(row["count"]), np.arange(row["n1"])
    return (row["dram_address"] + planes[:, None] * row["d_s1"] + rows * row["d_s0"]).reshape(-1)


def touched(case, opcode: int) -> np.ndarray:
    """Return how often each byte of DRAM is copied by commands of one kind."""
    times = np.zeros(case.plan.at("dram_end"), np.int64)
    pe = case.machine.array.pe
    formats = {"scratchpad": pe.activation, "weight_buffer": pe.weight, "parameter_buffer": "int32"}
    for row in case.program[case.program["opcode"] == opcode]:
        size = -(-int(row["n0"]) * parse_format(formats[MEMORIES[row["memory"]]]).bits // 8)
        for start in row_starts(row):
            times[start : start + size] += 1
    return times


def needed_inputs(case) -> np.ndarray:
    """Return which bytes of the operands some window reads."""
    w, bits = case.layer.window, parse_format(case.machine.array.pe.activation).bits
    pixel = -(-w.in_c * bits // 8)
    axes = []
    for size, out, taps, stride, dilation, pad in (
        (w.in_h, w.out_h, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top),
        (w.in_w, w.out_w, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left),
    ):
        places = (np.arange(out)[:, None] * stride + np.arange(taps) * dilation - pad).reshape(-1)
        axes.append(np.isin(np.arange(size), places))
    image = np.repeat(np.outer(*axes).reshape(-1), pixel)
    operand = np.tile(image, w.batch)
    needed = np.zeros(case.plan.at("dram_end"), bool)
    for i in range(case.layer.operands):
        first = case.plan.at("dram_in") if i == 0 else case.plan.at("dram_in2")
        needed[first : first + operand.size] = operand
    return needed


@given(cases)
def test_elements_are_conserved_between_levels(case):
    counts = as_dict(case.cycle.counts)
    bus = case.machine.dma.bus_bytes
    assert counts["dram_read_bytes"] == counts["load_beats"] * bus
    assert counts["dram_write_bytes"] == counts["store_beats"] * bus
    moved = case.program["n0"] * case.program["n1"] * case.program["count"]
    into = np.isin(case.program["opcode"], (LOAD, FILL))
    for name, counter in WRITES.items():
        assert counts[counter] == moved[into & (case.program["memory"] == MEMORIES.index(name))].sum()
    assert counts["store_scratchpad_reads"] == moved[case.program["opcode"] == STORE].sum()


@given(cases)
def test_every_output_is_written_once_and_every_needed_input_is_read(case):
    assume(not case.resident)
    stores, loads = touched(case, STORE), touched(case, LOAD)
    outputs = case.plan.at("dram_out")
    assert (stores[outputs:] == 1).all()
    assert not stores[:outputs].any()
    assert (loads[needed_inputs(case)] >= 1).all()
    assert not loads[outputs:].any()


@given(cases)
def test_dram_bytes_are_at_least_the_compulsory_ones(case):
    assume(not case.resident)
    counts, w, pe = as_dict(case.cycle.counts), case.layer.window, case.machine.array.pe
    compulsory = int(needed_inputs(case).sum())
    if case.layer.weights:
        compulsory += -(-case.trace.arrays["w"].size * parse_format(pe.weight).bits // 8)
        compulsory += w.out_c * PARAMETER_WORDS * 4
    assert counts["dram_read_bytes"] >= compulsory
    pixels = w.batch * w.out_h * w.out_w
    assert counts["dram_write_bytes"] >= pixels * -(-w.out_c * parse_format(pe.activation).bits // 8)


@given(cases)
def test_array_reads_and_writes_follow_from_its_products(case):
    """Each sum is written as often as it is read back and once more; each product is of operands that were read."""
    assume(case.layer.engine == "matrix" and case.plan.tiling.where == "array")
    counts, w = as_dict(case.cycle.counts), case.layer.window
    outputs = w.batch * w.out_h * w.out_w * w.out_c
    assert counts["accumulator_write_elements"] - counts["accumulator_read_elements"] == outputs
    packed, array = case.plan.tiling.packed_groups, case.machine.array
    if array.dataflow != "os" or array.convolution == "im2col":
        assert counts["macs"] == w.macs * packed
    if not case.resident:
        assert counts["vector_accumulator_reads"] == outputs
        assert counts["store_scratchpad_reads"] == outputs


def test_smaller_buffers_read_operands_again():
    """What is counted is not the compulsory bound: with small buffers more is read."""
    read = []
    for size in (256, 1 << 20):
        compiled = compile_for(machine_with(scratchpad__size_bytes=size, weight_buffer__size_bytes=size))
        program = emit_program(compiled, choose(compiled, gemm(100, 100, 100)))
        read.append(as_dict(run_cycle(compiled.machine, program).counts)["dram_read_bytes"])
    assert read[0] > 1.5 * read[1] > 1.5 * 2 * 100 * 100
