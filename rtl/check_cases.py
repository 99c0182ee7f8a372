"""Random programs on the RTL and on the simulator: every start, end, counter and byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rtl.bench import run
from rtl.check_registers import compare_registers
from rtl.design import Design
from rtl.equality import differences
from rtl.random_programs import random_program
from simulators.machine import Machine
from simulators.npu.checker import check_program
from simulators.npu.cycle import run_cycle
from simulators.npu.exact import new_memories, run_exact
from workloads.errors import CodesignError

Progress = Callable[[int, int, str], None]
MOST_PROBE_BITS = 1 << 16


@dataclass
class CaseCheck:
    """What a number of cases gave: seeds that differ with their lines, and how much was compared.

    `registers` is how many registers were compared after every cycle, 0 without a probe.
    """

    cases: int = 0
    cycles: int = 0
    commands: int = 0
    stalled: int = 0
    registers: int = 0
    failures: dict[int, list[str]] = field(default_factory=dict)


def check_case(design: Design, machine: Machine, seed: int, backend: str, total: CaseCheck, waves: str = "") -> None:
    """Run the program of one seed on exact, cycle and RTL; add it to `total`."""
    case = random_program(machine, seed)
    check_program(machine, case.program)
    cycle = run_cycle(machine, case.program, case.stalls)
    if design.probe:
        shown = waves if not total.failures else ""
        compared = compare_registers(design, machine, case.program, case.dram, case.stalls, shown)
        golden, lines = compared.simulator, compared.lines
    else:
        memories, dram = new_memories(machine, case.dram.copy()), case.dram.copy()
        golden = run_exact(machine, case.program, memories, case.stalls)
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


def _registers(machine: Machine, design: Design) -> int:
    """Return how many registers the probe shows."""
    try:
        _ = design.verilog
    except OverflowError:  # Amaranth makes no wider port
        bits = sum(width for _, width, _ in design.probe_fields)
        raise CodesignError(
            f"{machine.name}: {bits:,} bits of registers and sums are more than a probe's {MOST_PROBE_BITS:,}; "
            f"take fewer sums, such as --set accumulator.size_bytes={machine.accumulator.size_bytes // 4}"
        ) from None
    return len(design.probe_fields)


def check_cases(
    machine: Machine,
    cases: int,
    seed: int = 0,
    backend: str = "verilator",
    progress: Progress | None = None,
    *,
    registers: bool = False,
    waves: str = "",
) -> CaseCheck:
    """Run random programs of seeds `seed`, `seed` + 1, ... on the RTL of a machine and on its simulators.

    Parameters
    ----------
    registers : bool
        Compare all registers of PEs, queues, tokens, counters and sums after every cycle (``verilator`` alone).
    waves : str
        A waveform file of the cycles around the first difference (`rtl.check_registers`); asks for `registers`.

    Raises
    ------
    CodesignError
        When the machine has no RTL, its memories hold no random program, or the back end is missing.
    """
    if (registers or waves) and backend != "verilator":
        raise CodesignError(f"{backend}: registers are compared on the back end 'verilator'")
    if waves and Path(waves).suffix not in (".fst", ".vcd"):
        raise CodesignError(f"{waves}: waveforms are written as .fst or .vcd")
    design = Design.of(machine, probe=registers or bool(waves))
    total = CaseCheck(registers=_registers(machine, design) if design.probe else 0)
    for i in range(cases):
        if progress:
            progress(i, cases, f"seed {seed + i}")
        check_case(design, machine, seed + i, backend, total, waves)
    if progress:
        progress(cases, cases, "")
    return total
