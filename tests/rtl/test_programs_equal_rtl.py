"""Do random programs on random machines run on the RTL as on the simulators, in every cycle and bit?

``pytest -s`` prints the machines, their seeds and how many cycles were compared.
"""

from __future__ import annotations

import pytest

from rtl.design import Design
from tests.rtl.agreement import assert_agrees
from tests.rtl.cases import program_cases

CASES = 13


def run_machine(seed: int, count: int) -> None:
    cases = list(program_cases(seed, count))
    machine = cases[0].machine
    design = Design.of(machine)
    cycles = sum(assert_agrees(case, design) for case in cases)
    array = machine.array
    print(
        f"machine {seed}: {array.rows}x{array.cols} {array.dataflow} {array.pe.activation}x{array.pe.weight}, "
        f"{len(cases)} programs, {cycles:,} cycles compared"
    )


@pytest.mark.parametrize("seed", range(8))
def test_programs_agree(seed):
    run_machine(seed, CASES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_many_programs_agree(seed):
    run_machine(seed, 20)
