"""Do the four simulators of one program agree, over random machines, layers, tilings and stall schedules?

exact = cycle = plain-Python twin in every start, end and counter; exact's output is the integer reference's; fast is
cycle where no command waits, and nowhere above it. What the cases must cover is asserted, not hoped for.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from simulators.machine import Machine
from simulators.npu.checker import check_program
from simulators.npu.cycle import Run, run_cycle
from simulators.npu.exact import new_memories, run_exact
from simulators.npu.fast import CYCLES, estimate
from simulators.npu.planner import compile_for
from simulators.npu.reference import run_reference
from tests.simulators.npu.layer_cases import LayerCase, layer_case, waits_of
from tests.simulators.npu.programs import random_case

CHUNK = 20
LAYER_SEEDS = range(480)
PROGRAM_SEEDS = range(1000, 1600)

#: Work (cycles x registers moved) up to which the plain-Python twin runs a case too.
TWIN_WORK = 25_000

#: Waiting of the sequencer and of the array for itself delays no command beyond what the closed form knows.
HARMLESS = {"sequencer_wait", "execute_wait_array"}

WAITS = (
    "sequencer_wait", "load_wait_token", "execute_wait_token_load", "execute_wait_token_vector",
    "execute_wait_token_store", "vector_wait_token", "store_wait_token", "execute_wait_queue", "execute_wait_array",
    "load_wait_memory", "store_wait_memory",
)  # fmt: skip
#: How many cases at least have each of these.
REQUIRED = {
    "cases": 300, "stalls": 200, "nothing waits": 100, "8 tiles or more": 150, "twin": 60, "stall schedule": 100,
    "ragged edges": 60, "K larger than the buffers": 30, "stride": 60, "padding": 60, "dilation": 30,
    "depthwise on the array": 20, "depthwise on the vector unit": 20, "packed groups": 10, "grouped": 20,
    "gemm": 30, "conv": 30, "add": 10, "mul": 10, "max_pool": 10, "average_pool": 10, "requantize": 10,
    "operands loaded each step": 10, "short rows stored": 6, "fenced biases": 5, "rows of biases": 5,
    "boxes of pixels": 3, "ws": 60, "os": 60, "is": 60,
    **dict.fromkeys(WAITS, 30),
}  # fmt: skip


def chunks(seeds: range) -> list[range]:
    """Return the seeds in parts that can run apart."""
    return [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]


def assert_same_times(run, other, what: str) -> None:
    """Every command starts and ends in the same cycle, and every counter is the same."""
    for name in ("start", "end", "counts"):
        np.testing.assert_array_equal(getattr(run, name), getattr(other, name), err_msg=f"{what}: {name}")


def is_twin_case(machine: Machine, cycle: Run) -> bool:
    """Return whether the plain-Python twin can afford a case."""
    return cycle.cycles * (machine.array.rows * machine.array.cols + 10) <= TWIN_WORK


def never_waits(case: LayerCase) -> bool:
    """Return whether no command of the case waits for a token, for memory or to be pushed."""
    return not waits_of(case.cycle.counts) - HARMLESS


@cache
def case_of(seed: int) -> LayerCase:
    """Return a seed's case, drawn once for all tests."""
    return layer_case(seed)


@cache
def program_of(seed: int) -> tuple[Machine, np.ndarray, np.ndarray, np.ndarray | None, Run]:
    """Return a random program's case, and what `cycle` says of it."""
    machine, program, dram, stalls = random_case(seed)
    return machine, program, dram, stalls, run_cycle(machine, program, stalls)


def layer_classes(seed: int) -> frozenset[str]:
    """Return what a seed's case covers."""
    case = case_of(seed)
    found = case.classes
    found |= {"twin"} if is_twin_case(case.machine, case.cycle) else set()
    found |= {"nothing waits"} if never_waits(case) else {"stalls"}
    return frozenset(found)


def program_classes(seed: int) -> frozenset[str]:
    """Return what a random program's case covers (it has no layer)."""
    machine, _, _, _, cycle = program_of(seed)
    waits = waits_of(cycle.counts)
    twin = {"twin"} if is_twin_case(machine, cycle) else set()
    return frozenset(waits | twin | ({"stalls"} if waits - HARMLESS else set()))


@pytest.mark.parametrize("seeds", chunks(LAYER_SEEDS), ids=str)
def test_layers_agree_in_every_cycle_and_bit(seeds):
    for seed in seeds:
        case = case_of(seed)
        what = f"layer_case({seed})"
        memories = case.memories()
        dram = memories.dram.copy()
        check_program(case.machine, case.program, None if case.resident else len(dram))
        exact = run_exact(case.machine, case.program, memories, case.stalls)
        assert_same_times(exact, case.cycle, f"{what}: exact and cycle")
        np.testing.assert_array_equal(case.output(memories), case.golden(), err_msg=f"{what}: output")
        if is_twin_case(case.machine, case.cycle):
            twin = run_reference(case.machine, case.program, dram, case.stalls)
            assert_same_times(twin, case.cycle, f"{what}: twin and cycle")
            np.testing.assert_array_equal(twin.dram, memories.dram, err_msg=f"{what}: twin's DRAM")


@pytest.mark.parametrize("seeds", chunks(LAYER_SEEDS), ids=str)
def test_fast_is_cycle_where_nothing_waits_and_never_above(seeds):
    for seed in seeds:
        case = case_of(seed)
        compiled = compile_for(case.machine)
        fast = int(estimate(compiled.config, compiled.functions, case.plan.g, case.plan.codes)[CYCLES])
        if never_waits(case):
            assert fast == case.cycle.cycles, f"layer_case({seed})"
        assert fast <= case.cycle.cycles, f"layer_case({seed})"


@pytest.mark.parametrize("seeds", chunks(PROGRAM_SEEDS), ids=str)
def test_random_programs_agree_in_every_cycle_and_bit(seeds):
    for seed in seeds:
        machine, program, dram, stalls, cycle = program_of(seed)
        what = f"random_case({seed})"
        check_program(machine, program, len(dram))
        exact = run_exact(machine, program, new_memories(machine, dram.copy()), stalls)
        assert_same_times(exact, cycle, f"{what}: exact and cycle")
        if is_twin_case(machine, cycle):
            twin = run_reference(machine, program, dram, stalls)
            assert_same_times(twin, cycle, f"{what}: twin and cycle")
            for name in ("dram", "scratchpad", "accumulator"):
                values = getattr(exact.memories, name)
                np.testing.assert_array_equal(values, getattr(twin, name), err_msg=f"{what}: {name}")


def test_cases_cover_what_they_must():
    found = Counter({"cases": len(LAYER_SEEDS) + len(PROGRAM_SEEDS)})
    for seed in LAYER_SEEDS:
        found.update(layer_classes(seed))
    for seed in PROGRAM_SEEDS:
        found.update(program_classes(seed))
    print("\n".join(f"{found[name]:5d} (at least {least}) {name}" for name, least in REQUIRED.items()))
    missing = {name: found[name] for name, least in REQUIRED.items() if found[name] < least}
    assert not missing, f"too few cases (see REQUIRED): {missing}"
