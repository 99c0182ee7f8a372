"""Does the vector engine write what docs/npu.md says, by numpy alone? Negative, saturating and tied values among it."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.program import FUNCTIONS
from tests.rtl.npu.vector_cases import (
    MACHINES,
    NAMES,
    machine_and_parameters,
    random_memories,
    random_program,
    run_bench,
)
from tests.rtl.npu.vector_golden import written_by

#: Sums wider than 32 bits too.
WIDE = (3, 2, "dyadic_half_up", "int8", "uint8", "int48", (1, 1, 1, 1), (3, 4, 3, 3, 3, 3), (1, 1, 1, 1, 1, 1))
COMMANDS = 18


@pytest.mark.parametrize("row", [*MACHINES, WIDE], ids=[*NAMES, "int48"])
def test_elements(row: tuple) -> None:
    """The whole scratchpad after commands of every function, starts of nests and strides of both signs among them."""
    machine, p = machine_and_parameters(row)
    rng = np.random.default_rng(len(str(row)))
    memories = random_memories(rng, machine, p)
    program = random_program(rng, machine, p, COMMANDS, apart=True)
    expected = memories.scratchpad.astype(np.int64)
    seen = {"negative": 0, "saturated": 0, "ties": 0}
    for command in program:
        written = written_by(p, memories, command)
        expected[written.addresses] = written.elements
        seen = {name: count + getattr(written, name) for name, count in seen.items()}
    assert {FUNCTIONS[code] for code in program["value"]} == {name for name, _, _ in p.functions}
    assert run_bench(p, memories, program).scratchpad == (expected & (1 << p.activation.bits) - 1).tolist()
    print(f"{row[2]}: {seen}")
    assert min(seen.values()) >= 3, seen
