"""Do layers with values on tight random machines run on the RTL as on the simulators, and give numpy's outputs?

``pytest -s`` prints the machines, their seeds and how many cycles were compared.
"""

from __future__ import annotations

from collections import Counter

import pytest

from rtl.design import Design
from tests.rtl.agreement import assert_agrees
from tests.rtl.cases import layer_cases

CASES, MACHINES = 12, range(8)
#: What the everyday cases cover together, at least this often.
REQUIRED = {
    "ragged edges": 15, "stride": 20, "depthwise": 8, "conv": 4, "gemm": 4, "add": 1, "max_pool": 4, "average_pool": 4,
    "K larger than the buffers": 1, "stall schedule": 2, "ws": 12, "os": 24, "is": 8,
}  # fmt: skip


def run_machine(seed: int, count: int) -> None:
    cases = list(layer_cases(seed, count))
    machine = cases[0].machine
    design = Design.of(machine)
    cycles = sum(assert_agrees(case, design) for case in cases)
    array = machine.array
    print(
        f"machine {seed}: {array.rows}x{array.cols} {array.dataflow} {array.pe.activation}x{array.pe.weight}, "
        f"{len(cases)} layers, {cycles:,} cycles compared"
    )


@pytest.mark.parametrize("seed", MACHINES)
def test_layers_agree(seed):
    run_machine(seed, CASES)


def test_the_cases_cover_what_they_should():
    found = Counter(name for seed in MACHINES for case in layer_cases(seed, CASES) for name in case.classes)
    assert {name: found[name] for name, least in REQUIRED.items() if found[name] < least} == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_many_layers_agree(seed):
    run_machine(seed, 20)
