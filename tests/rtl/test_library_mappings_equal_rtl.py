"""Do programs with biases fetched first, operands loaded each step and short rows stored run on the RTL unchanged?"""

import pytest

from rtl.design import Design
from tests.rtl.agreement import assert_agrees
from tests.rtl.cases import RtlCase
from tests.simulators.npu.layer_cases import layer_case

#: Seeds of the chain's cases, weights and inputs stationary, and what each must show.
CASES = {
    653: {"fenced biases", "operands loaded each step", "ws", "8 tiles or more"},
    218: {"fenced biases", "operands loaded each step", "short rows stored", "is"},
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", CASES)
def test_a_library_s_mapping_agrees(seed):
    case = layer_case(seed)
    assert case.classes >= CASES[seed]
    values = case._values()
    program = RtlCase(
        f"layer {seed}", case.machine, case.program, values.dram(), case.stalls, frozenset(case.classes), values,
        case.golden(),
    )  # fmt: skip
    assert_agrees(program, Design.of(case.machine))
