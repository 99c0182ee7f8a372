"""Does the whole NPU, at 1x1 and 2x2, do on Icarus (four-state) and in Amaranth's simulator what `exact` says?

Verilator has two states: an X that reaches a port is seen here alone. ``pytest -s`` prints seeds and cycles.
"""

from __future__ import annotations

import functools

import pytest

from rtl.design import Design
from rtl.random_programs import random_program
from simulators.machine import Buffer, Dma, Machine, Memory, Vector, VectorFunction
from simulators.npu.cycle import run_cycle
from tests.rtl.agreement import assert_agrees
from tests.rtl.bench.test_back_ends_agree import needs
from tests.rtl.cases import RtlCase
from tests.simulators.npu.machines import small_machine

FUNCTIONS = ("requantize", "depthwise", "max_pool", "average_pool", "add", "mul")
MACHINES = [(size, dataflow) for size in (1, 2) for dataflow in ("ws", "os")]
SEEDS = 60


@functools.cache
def tiny_machine(size: int, dataflow: str) -> Machine:
    sections = {
        "scratchpad": Buffer(size_bytes=2048),
        "weight_buffer": Buffer(size_bytes=1024),
        "accumulator": Buffer(size_bytes=1024),
        "memory": Memory(
            model="simple", bytes_per_cycle=4, latency_cycles=5, latency_spread_cycles=7, queue_depth=3,
            technology="LPDDR4",
        ),
        "dma": Dma(bus_bytes=4, burst_bytes=16, outstanding=3),
        "vector": Vector(lanes=1, functions={name: VectorFunction(latency_cycles=2) for name in FUNCTIONS}),
    }  # fmt: skip
    return small_machine(size, size, dataflow, sections, os_drain="shifted")


@functools.cache
def shortest_cases(size: int, dataflow: str) -> dict[bool, RtlCase]:
    """Return the shortest random program without and with stalls: these simulators make about 300 cycles a second."""
    machine, found = tiny_machine(size, dataflow), {}
    for seed in range(SEEDS):
        case = random_program(machine, seed)
        cycles = run_cycle(machine, case.program, case.stalls).cycles
        stalled = case.stalls is not None
        if stalled not in found or cycles < found[stalled][0]:
            name = f"{size}x{size} {dataflow}, program {seed}{', stalls' if stalled else ''}"
            found[stalled] = cycles, RtlCase(name, machine, case.program, case.dram, case.stalls)
    return {stalled: case for stalled, (_, case) in found.items()}


@pytest.mark.parametrize(("size", "dataflow"), MACHINES)
@pytest.mark.parametrize(("backend", "stalled"), [("icarus", False), ("icarus", True), ("amaranth", True)])
def test_every_start_end_counter_and_byte(size, dataflow, backend, stalled):
    needs(backend)
    case = shortest_cases(size, dataflow)[stalled]
    cycles = assert_agrees(case, Design.of(case.machine), backend)
    print(f"{backend}: {case.name}: {cycles:,} cycles compared")
