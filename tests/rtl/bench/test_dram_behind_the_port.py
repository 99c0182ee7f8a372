"""Does the RTL see the cycle-level DRAM at its port as the simulator does, in every cycle, counter and DRAM command?"""

import ctypes

import numpy as np
import pytest

from rtl.bench import run
from rtl.bench.memory import flat, pointers, unflat
from rtl.design import Design
from rtl.random_programs import random_program
from simulators.machine import Memory
from simulators.memory import port
from simulators.npu.config import compile_machine
from simulators.npu.cycle import run_cycle
from simulators.npu.state import new_memory
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


def test_what_c_calls_is_the_port():
    machine = on_dram(2, "ws", "hbm2-2000")
    config, rng = compile_machine(machine), np.random.default_rng(1)
    ours, state = new_memory(machine, config), flat(new_memory(machine, config))
    at, places = ctypes.c_int64, (state.ctypes.data, config.ctypes.data, len(state))
    kinds = {"offer": (ctypes.c_bool, 4), "has_room": (ctypes.c_bool, 0), "pop": (at, 1)}
    call = {
        name: ctypes.CFUNCTYPE(result, ctypes.c_void_p, ctypes.c_void_p, at, *[at] * more)(pointers("dram")[name].value)
        for name, (result, more) in kinds.items()
    }
    for cycle in range(400):
        assert call["has_room"](*places) == port.has_room(ours, config)
        assert call["pop"](*places, cycle) == port.pop(ours, config, cycle)
        if rng.random() < 0.5:
            request = cycle, int(rng.integers(0, 6)), 16 * int(rng.integers(0, 64)), 16
            assert call["offer"](*places, *request) == port.offer(ours, config, *request)
    held = unflat(state, "dram")
    np.testing.assert_array_equal(held.memory, ours.memory)
    np.testing.assert_array_equal(held.bursts, ours.bursts)


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
