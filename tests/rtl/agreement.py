"""One case on everything: cycle, exact and RTL agree in every start, end, counter and byte, and with numpy's values."""

from __future__ import annotations

import numpy as np

from rtl.bench import run
from rtl.design import Design
from rtl.equality import differences
from simulators.npu.checker import check_program
from simulators.npu.cycle import run_cycle
from simulators.npu.exact import new_memories, run_exact
from tests.rtl.cases import RtlCase


def assert_agrees(case: RtlCase, design: Design, backend: str = "verilator", *, checked: bool = True) -> int:
    """Return the cycles that were compared."""
    if checked:
        check_program(case.machine, case.program)
    memories, dram = new_memories(case.machine, case.dram.copy()), case.dram.copy()
    exact = run_exact(case.machine, case.program, memories, case.stalls)
    cycle = run_cycle(case.machine, case.program, case.stalls)
    for name in ("start", "end", "counts"):
        np.testing.assert_array_equal(getattr(exact, name), getattr(cycle, name), err_msg=f"{case.name}: {name}")
    rtl = run(backend, design, case.machine, case.program, dram, case.stalls)
    found = differences(case.program, rtl, exact, dram, memories.dram)
    assert not found, "\n".join((case.name, *found))
    if case.values is not None:
        np.testing.assert_array_equal(case.values.output(dram), case.expected, err_msg=case.name)
    return exact.cycles
