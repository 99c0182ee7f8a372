"""Random programs on the RTL and on the simulator: every start, end, counter and byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rtl.bench import run
from rtl.design import Design
from rtl.equality import differences
from rtl.random_programs import random_program
from simulators.machine import Machine
from simulators.npu.checker import check_program
from simulators.npu.cycle import run_cycle
from simulators.npu.exact import new_memories, run_exact

Progress = Callable[[int, int, str], None]


@dataclass
class CaseCheck:
    """What a number of cases gave: seeds that differ with their lines, and how much was compared."""

    cases: int = 0
    cycles: int = 0
    commands: int = 0
    stalled: int = 0
    failures: dict[int, list[str]] = field(default_factory=dict)


def check_case(design: Design, machine: Machine, seed: int, backend: str, total: CaseCheck) -> None:
    """Run the program of one seed on exact, cycle and RTL; add it to `total`."""
    case = random_program(machine, seed)
    check_program(machine, case.program)
    memories = new_memories(machine, case.dram.copy())
    golden = run_exact(machine, case.program, memories, case.stalls)
    cycle = run_cycle(machine, case.program, case.stalls)
    dram = case.dram.copy()
    ours = run(backend, design, machine, case.program, dram, case.stalls)
    lines = differences(case.program, ours, golden, dram, memories.dram)
    if not (np.array_equal(cycle.end, golden.end) and np.array_equal(cycle.counts, golden.counts)):
        lines.append("the simulators cycle and exact differ from each other")
    total.cases += 1
    total.cycles += golden.cycles
    total.commands += len(case.program)
    total.stalled += case.stalls is not None
    if lines:
        total.failures[seed] = lines


def check_cases(
    machine: Machine, cases: int, seed: int = 0, backend: str = "verilator", progress: Progress | None = None
) -> CaseCheck:
    """Run random programs of seeds `seed`, `seed` + 1, ... on the RTL of a machine and on its simulators.

    Raises
    ------
    CodesignError
        When the machine has no RTL, its memories hold no random program, or the back end is missing.
    """
    design, total = Design.of(machine), CaseCheck()
    for i in range(cases):
        if progress:
            progress(i, cases, f"seed {seed + i}")
        check_case(design, machine, seed + i, backend, total)
    if progress:
        progress(cases, cases, "")
    return total
