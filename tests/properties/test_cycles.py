"""Are cycles at least the largest work over its rate, and just that plus fill and drain where nothing is in the way?"""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from simulators.activity import as_dict
from simulators.npu.cycle import run_cycle
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from simulators.program import LOAD, STORE, assemble, command
from tests.properties.strategies import arrays, cases, gemm, machine_with


@given(cases)
def test_no_engine_works_faster_than_its_rate(case):
    counts, memory = as_dict(case.cycle.counts), case.machine.memory
    rate = memory.bytes_per_cycle * case.machine.memory_clock_ratio
    moved = counts["dram_read_bytes"] + counts["dram_write_bytes"]
    work = {
        "array": counts["array_cycles"] + counts["drain_cycles"],
        "preloads": counts["preload_cycles"],
        "load beats": counts["load_beats"],
        "load requests": counts["load_requests"],
        "store beats": counts["store_beats"],
        "vector": counts["vector_cycles"],
        "memory": Fraction(moved) / rate,
        "macs": Fraction(counts["macs"], case.machine.array.rows * case.machine.array.cols),
    }
    assert all(cycles <= counts["cycles"] for cycles in work.values()), (case.seed, work, counts["cycles"])


@given(arrays("ws", "os", "is"), st.data())
def test_single_fold_takes_its_work_plus_fill_and_drain(array, data):
    machine = machine_with(**array, memory__model="resident")
    a = machine.array
    limits = {"ws": (40, a.rows, a.cols), "os": (a.rows, 40, a.cols), "is": (a.cols, a.rows, 40)}[a.dataflow]
    m, k, n = (data.draw(st.integers(1, limit)) for limit in limits)
    compiled = compile_for(machine)
    run = run_cycle(machine, emit_program(compiled, choose(compiled, gemm(m, k, n))))
    assert as_dict(run.counts)["folds"] == 1
    work = {"ws": m, "is": n, "os": -(-k // a.rows) * a.rows if a.convolution == "shifted" else k}[a.dataflow]
    read = max(machine.scratchpad.latency_cycles, machine.weight_buffer.latency_cycles)
    through = read + (a.pe.latency_cycles - 1) + (a.rows - 1) + (a.cols - 1) + machine.accumulator.latency_cycles
    if a.dataflow == "os":
        through += a.rows if a.os_drain == "shifted" else 0
        through += a.convolution == "shifted"
    else:
        through += a.rows  # the stationary tile
    assert run.cycles == work + through


@given(st.sampled_from([1, 2, 4, 8]), st.integers(0, 3), st.integers(1, 12), st.integers(0, 80), st.integers(0, 3))
def test_copies_take_their_beats_plus_fill_and_drain(bus, burst_shift, bursts, latency, read):
    """Memory as fast as the bus, requests enough in flight: one beat a cycle after the first burst has come."""
    burst = bus << burst_shift
    machine = machine_with(
        dma__bus_bytes=bus, dma__burst_bytes=burst, dma__outstanding=256, memory__queue_depth=256,
        memory__bytes_per_cycle=bus, memory__latency_cycles=latency, scratchpad__latency_cycles=read,
    )  # fmt: skip
    beats, each = bursts * burst // bus, burst // bus
    load = run_cycle(machine, assemble([command(LOAD, n0=bursts * burst)]))
    assert load.cycles == beats + (1 + each + latency)
    store = run_cycle(machine, assemble([command(STORE, n0=bursts * burst)]))
    gathers = each + read + (bursts - 1) * max(each + read, 2)  # the offer register takes one in two cycles at most
    assert store.cycles == gathers + (1 + each + latency + 1)
