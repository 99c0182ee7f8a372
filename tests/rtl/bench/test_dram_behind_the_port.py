"""Does the RTL see the cycle-level DRAM at its port as the simulator does, in every cycle, counter and DRAM command?"""

import numpy as np
import pytest

from rtl.bench import run
from rtl.design import Design
from rtl.random_programs import random_program
from simulators.machine import Memory
from simulators.npu.cycle import run_cycle
from tests.rtl.agreement import assert_agrees
from tests.rtl.bench.test_tiny_machines_on_four_states import tiny_machine
from tests.rtl.cases import RtlCase
from workloads.errors import CodesignError


def on_dram(size: int, dataflow: str, standard: str):
    memory = Memory(model="dram", standard=standard, channels=2, queue_depth=3)
    return tiny_machine(size, dataflow).model_copy(update={"memory": memory})


def test_a_program_on_amaranths_simulator():
    machine = on_dram(2, "ws", "lpddr5-6400")
    case = min((random_program(machine, seed) for seed in range(20)), key=lambda one: len(one.program))
    golden = run_cycle(machine, case.program, case.stalls)
    ours = run("amaranth", Design.of(machine), machine, case.program, case.dram.copy(), case.stalls)
    for name in ("start", "end", "counts", "memory"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(golden, name), err_msg=name)
    assert ours.memory.any()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["verilator", "amaranth"])
@pytest.mark.parametrize(("size", "dataflow", "standard"), [(2, "ws", "hbm2-2000"), (1, "os", "lpddr4-2400")])
def test_every_start_end_counter_byte_and_command(backend, size, dataflow, standard):
    machine = on_dram(size, dataflow, standard)
    for seed in range(20 if backend == "verilator" else 2):
        case = random_program(machine, seed)
        assert_agrees(
            RtlCase(f"program {seed}", machine, case.program, case.dram, case.stalls), Design.of(machine), backend
        )


@pytest.mark.parametrize("backend", ["icarus", "cocotb-verilator"])
def test_cocotb_says_that_it_cannot(backend):
    machine = on_dram(1, "ws", "ddr4-3200")
    case = random_program(machine, 0)
    with pytest.raises(CodesignError, match="use the back end 'verilator' or 'amaranth'"):
        run(backend, Design.of(machine), machine, case.program, case.dram.copy(), None)
