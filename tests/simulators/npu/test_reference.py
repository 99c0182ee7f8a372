"""Does the plain-Python twin keep the page's formulas, although it only moves registers?"""

from __future__ import annotations

import numpy as np
import pytest

from simulators.activity import as_dict
from simulators.machine import Buffer, Dma, Memory, ProcessingElement
from simulators.npu.checker import check_program
from simulators.npu.reference import run_reference
from simulators.npu.reference.values import requantize
from simulators.program import ADD, DEPTHWISE, LOAD, MATMUL, MAX_POOL, MUL, STORE, assemble, command, mask, token
from tests.simulators.npu.directed import (
    back_to_back,
    copy_program,
    directed,
    directed_dram,
    gemm_program,
    vector_program,
)
from tests.simulators.npu.machines import small_machine
from tests.simulators.npu.programs import random_case
from workloads.errors import CodesignError
from workloads.requantize import ROUNDINGS, scale, shift_half_even, shift_half_up

random_bytes = directed_dram


def latencies(memory: int, accumulator: int) -> dict[str, Buffer]:
    return {
        "scratchpad": Buffer(size_bytes=4096, latency_cycles=memory),
        "weight_buffer": Buffer(size_bytes=4096, latency_cycles=max(memory - 1, 0)),
        "accumulator": Buffer(size_bytes=16384, latency_cycles=accumulator),
    }


def length(run, i):
    return int(run.end[i] - run.start[i]) + 1


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("drain", ["shifted", "parallel"])
@pytest.mark.parametrize("pe_latency", [1, 3])
def test_gemm_values_equal_numpy(dataflow, blocks, drain, pe_latency):
    m, k, n = (4, 8, 4) if dataflow == "os" else (6, 4, 3) if dataflow == "ws" else (3, 4, 6)
    convolution = "shifted" if blocks and dataflow != "is" else "im2col"
    machine = small_machine(
        4, 4, dataflow, latencies(2, 1), os_drain=drain, convolution=convolution,
        pe=ProcessingElement(latency_cycles=pe_latency),
    )  # fmt: skip
    dram = random_bytes()
    program = gemm_program(m, k, n, dataflow, blocks)
    check_program(machine, program, len(dram))
    run = run_reference(machine, program, dram)
    a = dram[: m * k].view(np.int8).reshape(m, k).astype(np.int64)
    b = dram[1024 : 1024 + k * n].view(np.int8).reshape(k, n).astype(np.int64)
    product = (a @ b).T if dataflow == "is" else a @ b
    rows, cols = product.shape
    np.testing.assert_array_equal(run.accumulator[:rows, :cols], product)


@pytest.mark.parametrize(("memory", "accumulator", "pe"), [(0, 0, 1), (1, 1, 1), (3, 2, 4)])
def test_stationary_fold_takes_the_cycles_of_the_page(memory, accumulator, pe):
    machine = small_machine(
        4, 4, "ws", latencies(memory, accumulator), pe=ProcessingElement(latency_cycles=pe)
    )  # fmt: skip
    run = run_reference(machine, gemm_program(6, 4, 4, "ws", False), random_bytes())
    preload, matmul = 2, 3
    assert length(run, preload) == 4 + memory + 3
    assert run.start[matmul] == run.start[preload] + 4
    assert length(run, matmul) == 6 + memory + (pe - 1) + 3 + 3 + accumulator


@pytest.mark.parametrize("n", [1, 2, 4, 8])
@pytest.mark.parametrize("k", [8, 16])
def test_output_stationary_square_takes_k_plus_3n_minus_2(n, k):
    sections = {**latencies(0, 0), "vector": None}
    machine = small_machine(n, n, "os", sections, os_drain="shifted", convolution="im2col")
    program = gemm_program(n, k, n, "os", False)
    run = run_reference(machine, program, random_bytes())
    assert length(run, 2) == k + 3 * n - 2


@pytest.mark.parametrize("name", list(directed()))
def test_directed_program_is_sound_and_every_cycle_has_a_class(name):
    fields, program = directed()[name]
    machine = small_machine(4, 4, **fields)
    dram = random_bytes()
    check_program(machine, program, len(dram))
    _check_classes(machine, program, run_reference(machine, program, dram))


@pytest.mark.parametrize("seed", range(30))
def test_random_program_is_sound_and_every_cycle_has_a_class(seed):
    machine, program, dram, stalls = random_case(seed)
    run = run_reference(machine, program, dram, stalls)
    _check_classes(machine, program, run)
    steady = run_reference(machine, program, dram, None)
    for values in ("dram", "scratchpad", "accumulator", "weight_buffer"):
        np.testing.assert_array_equal(getattr(run, values), getattr(steady, values))


def _check_classes(machine, program, run):
    """Conservation: the classes of the array add up to the cycles before its tail."""
    counts = as_dict(run.counts)
    busy = counts["array_cycles"] + counts["drain_cycles"]
    waits = sum(value for name, value in counts.items() if name.startswith("execute_wait"))
    on_array = [i for i in range(len(program)) if program[i]["opcode"] in (2, 3)]
    blocks = machine.array.dataflow == "os" and machine.array.convolution == "shifted"
    drain = machine.array.rows if machine.array.dataflow == "os" and machine.array.os_drain == "shifted" else 0
    tail = 0
    for i in on_array:
        steps = int(program[i]["count"]) * (machine.array.rows if blocks else 1)
        issued = run.start[i] + (steps + drain - 1 if program[i]["opcode"] == MATMUL else 0)
        tail = max(tail, int(issued))
    assert busy + waits == tail
    assert counts["cycles"] == run.cycles
    assert (run.start >= 1).all()
    assert (run.end >= run.start).all()


@pytest.mark.parametrize("drain", ["shifted", "parallel"])
def test_folds_back_to_back_keep_their_sums(drain):
    machine = small_machine(4, 4, "os", os_drain=drain, convolution="im2col")
    run = run_reference(machine, back_to_back(4, 1), random_bytes())
    for fold in range(4):
        np.testing.assert_array_equal(run.accumulator[fold * 16 : fold * 16 + 4], np.full((4, 4), -6))
    gap = 1 + (4 if drain == "shifted" else 0)
    assert run.start[-1] - run.start[-2] == gap


@pytest.mark.parametrize("spread", [0, 60])
@pytest.mark.parametrize("clock_hz", [None, 333_000_000, 1_600_000_000])
def test_copy_is_right_when_completions_leave_order(spread, clock_hz):
    memory = Memory(latency_cycles=20, latency_spread_cycles=spread, clock_hz=clock_hz, queue_depth=5)
    machine = small_machine(
        sections={"memory": memory, "dma": Dma(bus_bytes=2, burst_bytes=8, outstanding=6)}
    )  # fmt: skip
    dram, program = random_bytes(), copy_program(5, 13, 6)
    stalls = np.random.default_rng(1).integers(0, 2, (300, 2), dtype=np.uint8)
    for schedule in (None, stalls):
        run = run_reference(machine, program, dram, schedule)
        rows = np.concatenate([dram[5 + r * 19 : 18 + r * 19] for r in range(5)])
        np.testing.assert_array_equal(run.dram[2048 : 2048 + 65], rows)
        np.testing.assert_array_equal(run.scratchpad[1024 : 1024 + 65], rows.view(np.int8))
        np.testing.assert_array_equal(run.dram[2048 + 65 :], dram[2048 + 65 :])


def test_load_ends_when_the_formulas_of_the_memory_say():
    memory = Memory(latency_cycles=10, bytes_per_cycle=4)
    machine = small_machine(sections={"memory": memory, "dma": Dma(bus_bytes=8, burst_bytes=16, outstanding=4)})
    run = run_reference(machine, assemble([command(LOAD, n0=16)]), random_bytes())
    # accepted in 1, slot 1..5, complete at 15 and popped then, drained in 16 and 17
    assert (run.start[0], run.end[0]) == (1, 17)


def test_store_ends_when_its_response_retires():
    memory = Memory(latency_cycles=10, bytes_per_cycle=4)
    machine = small_machine(sections={"memory": memory, "dma": Dma(bus_bytes=8, burst_bytes=16, outstanding=4)})
    run = run_reference(machine, assemble([command(STORE, n0=16)]), random_bytes())
    # gathered in 1..3, offered in 4, slot 4..8, complete and popped in 18, retired in 19
    assert (run.start[0], run.end[0]) == (1, 19)


@pytest.mark.parametrize("function", [DEPTHWISE, MAX_POOL, ADD, MUL])
def test_vector_values_equal_numpy(function):
    taps, channels = 2, 4
    dram = random_bytes(7)
    mode = 0 if function == MAX_POOL else 3 if function == ADD else 1
    run = run_reference(small_machine(), vector_program(function, taps, channels, mode), dram)
    x = dram[:64].view(np.int8).astype(np.int64)
    w = dram[64:128].view(np.int8).astype(np.int64)
    for i in range(8):
        for c in range(channels):
            pair = [x[i % 4 * channels + i // 4 * 3 + c + 2 * tap] for tap in range(taps)]
            value = max(pair)
            if function != MAX_POOL:
                total = {
                    DEPTHWISE: pair[0] * w[c] + pair[1] * w[channels + c] + 5 * c,
                    ADD: pair[0] - 2 + pair[1] + 3,
                    MUL: (pair[0] - 2) * (pair[1] + 3) + 5 * c,
                }[function]
                value = int(shift_half_up(total * (1 << 20), 24)) + 1
            assert run.scratchpad[128 + i * channels + c] == min(max(value, -100), 100)


@pytest.mark.parametrize("mode", ROUNDINGS[1:])
def test_requantizer_equals_the_shared_one(mode):
    rng = np.random.default_rng(3)
    sums = rng.integers(-(1 << 30), 1 << 30, 300)
    for shift in (0, 1, 8, 30, 31, 33, 40):
        multiplier = int(rng.integers(1 << 20, 1 << 31))
        if mode.startswith("tflite") and shift < 29:
            continue
        half = shift_half_even if mode == "dyadic_half_even" else shift_half_up
        products = sums * multiplier
        if mode == "tflite_double":
            expected = scale(sums, multiplier * 2.0**-shift, mode) if multiplier >> 30 else None
        else:
            expected = half(products, shift)
            expected = np.clip(expected, -(1 << 31), (1 << 31) - 1) if mode == "tflite_single" else expected
        if expected is not None:
            assert [requantize(int(s), multiplier, shift, mode) for s in sums] == expected.tolist()


def test_deadlock_says_who_waits_for_what():
    program = assemble([command(LOAD, waits=mask(token(3, 0))), command(STORE, waits=mask(token(0, 3)))])
    with pytest.raises(CodesignError, match=r"command 0 \(load\) waits for store->load.0; command 1 \(store\) waits"):
        run_reference(small_machine(), program, random_bytes())


def test_resident_operands_are_not_moved():
    machine = small_machine(sections={"memory": Memory(model="resident")})
    with pytest.raises(CodesignError, match=r"command 0 \(load\): operands are resident"):
        run_reference(machine, assemble([command(LOAD)]), random_bytes())


def test_empty_program_takes_no_cycles():
    run = run_reference(small_machine(), assemble([]), random_bytes())
    assert run.cycles == 0
    assert not run.counts.any()
