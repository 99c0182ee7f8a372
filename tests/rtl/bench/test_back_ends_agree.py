"""Does every back end time the memory port as the simulator's memory does, under stalls and out of order?"""

import importlib.util
import re
import shutil

import numpy as np
import pytest

from rtl.bench import BACKENDS, Options, run
from rtl.mutations.trial import AlteredDesign
from simulators.machine import Dma, Machine, Memory
from tests.rtl.bench.exerciser import ExerciserDesign, expected, random_requests
from tests.simulators.npu.machines import small_machine
from workloads.errors import CodesignError

DRAM_BYTES = 4096
#: bytes a cycle, latency, spread, queue depth, share of stalled cycles
MEMORIES = [(1, 1, 0, 1, 0.0), (16, 30, 20, 5, 0.0), (4, 9, 20, 3, 0.3), (16, 1, 0, 2, 0.6)]
PARTS = {"cocotb-verilator": "cocotb", "icarus": "cocotb"}


def machine_with(rate: int, latency: int, spread: int, depth: int) -> Machine:
    memory = Memory(
        model="simple", bytes_per_cycle=rate, latency_cycles=latency, latency_spread_cycles=spread,
        queue_depth=depth, technology="LPDDR4",
    )  # fmt: skip
    return small_machine(sections={"memory": memory, "dma": Dma(bus_bytes=4, burst_bytes=16, outstanding=3)})


def needs(backend: str) -> None:
    if backend in PARTS and importlib.util.find_spec(PARTS[backend]) is None:
        pytest.skip(f"{PARTS[backend]} is not installed")
    if backend == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")


#: cocotb takes a process a run: one memory that answers out of order and one under stalls.
CASES = [(backend, seed) for backend in BACKENDS for seed in ((1, 2) if backend in PARTS else range(len(MEMORIES)))]


@pytest.mark.parametrize(("backend", "seed"), CASES)
def test_a_bench_does_what_plain_python_says(backend, seed):
    needs(backend)
    rng = np.random.default_rng(seed)
    *shape, share = MEMORIES[seed]
    machine = machine_with(*shape)
    design = ExerciserDesign.of(machine)
    program = random_requests(design.parameters, rng, 60, DRAM_BYTES)
    golden = rng.integers(0, 256, DRAM_BYTES, dtype=np.uint8)
    dram = golden.copy()
    stalls = (rng.random((300, 2)) < share).astype(np.uint8)
    want = expected(machine, program, golden, stalls)
    got = run(backend, design, machine, program, dram, stalls)
    assert got.cycles == want.cycles
    for name in ("start", "end", "counts"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), name)
    np.testing.assert_array_equal(dram, golden)


def test_hashes_roll_over_the_recorded_fields():
    machine = machine_with(4, 9, 20, 3)
    design = ExerciserDesign.of(machine, probe=True)
    program = random_requests(design.parameters, np.random.default_rng(5), 30, DRAM_BYTES)
    dram = np.random.default_rng(6).integers(0, 256, DRAM_BYTES, dtype=np.uint8)
    got = run("verilator", design, machine, program, dram, options=Options(hashes=True, window=(1, 1 << 10)))
    hashed, sums = 0xCBF29CE484222325, []
    assert got.cycles + 1 < 1 << 10
    assert (got.window < 0).any()
    for fields in got.window[: got.cycles + 1].tolist():
        for value in fields:
            hashed = ((hashed ^ (value & (1 << 64) - 1)) * 0x100000001B3) & (1 << 64) - 1
        sums.append(hashed)
    assert got.hashes.tolist() == sums


@pytest.mark.parametrize(("backend", "name"), [("verilator", "out.vcd"), ("amaranth", "out.vcd")])
def test_a_waveform_is_written(backend, name, tmp_path):
    machine = machine_with(4, 9, 0, 3)
    design = ExerciserDesign.of(machine)
    program = random_requests(design.parameters, np.random.default_rng(5), 5, DRAM_BYTES)
    path = tmp_path / name
    run(backend, design, machine, program, np.zeros(DRAM_BYTES, np.uint8), options=Options(waves=str(path)))
    assert "request__valid" in path.read_text() or "request.valid" in path.read_text()


def test_faults_are_one_line():
    machine = machine_with(4, 9, 0, 3)
    design = ExerciserDesign.of(machine)
    program = random_requests(design.parameters, np.random.default_rng(5), 5, DRAM_BYTES)
    with pytest.raises(CodesignError, match=r"backend: 'verilater' is not a back end.*did you mean 'verilator'"):
        run("verilater", design, machine, program, np.zeros(DRAM_BYTES, np.uint8))
    with pytest.raises(CodesignError, match=r"RTL: byte \d+ of a DRAM of 16 is addressed in cycle \d+"):
        run("verilator", design, machine, program, np.zeros(16, np.uint8))
    with pytest.raises(CodesignError, match="dram: not a writable"):
        run("verilator", design, machine, program, np.zeros(16, np.int16))
    with pytest.raises(CodesignError, match="probes are recorded by 'verilator'"):
        run("verilator", design, machine, program, np.zeros(16, np.uint8), options=Options(hashes=True))


def test_an_unknown_value_at_a_port_is_named():
    needs("icarus")
    machine = machine_with(4, 9, 0, 3)
    original = ExerciserDesign.of(machine)
    verilog = re.sub(
        r"assign request__valid = (\S+) .*;", r"assign request__valid = \1 ? 1'bx : 1'b0;", original.verilog
    )
    assert verilog != original.verilog
    program = random_requests(original.parameters, np.random.default_rng(5), 5, DRAM_BYTES)
    with pytest.raises(CodesignError, match=r"RTL: unknown values \(X\) in cycle 1: request\.valid x"):
        run("icarus", AlteredDesign(original, verilog), machine, program, np.zeros(DRAM_BYTES, np.uint8))
