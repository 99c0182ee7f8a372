"""Does the vector engine in RTL start, end, count and write as the `exact` simulator does, in every cycle and bit?"""

from __future__ import annotations

import numpy as np
import pytest

from simulators.activity import INDEX
from simulators.npu.exact import new_probe, run_exact
from tests.rtl.npu.vector_cases import (
    MACHINES,
    NAMES,
    machine_and_parameters,
    random_memories,
    random_program,
    run_bench,
)

COUNTERS_AT = 4 + 64  # in a probe: after the queues' levels and the tokens


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("row", MACHINES, ids=NAMES)
def test_every_cycle_and_every_element(row: tuple, seed: int) -> None:
    """Start and end of every command, every counter after every cycle, the whole scratchpad."""
    machine, p = machine_and_parameters(row)
    rng = np.random.default_rng((MACHINES.index(row), seed))
    memories = random_memories(rng, machine, p)
    program = random_program(rng, machine, p, 8)
    program["start"] = program["lane_start"] = 0  # test_vector_equals_contract has them
    run = run_bench(p, memories, program)
    probe = new_probe(machine, window=len(run.counts))
    expected = run_exact(machine, program, memories, probe=probe)
    assert (run.start, run.end) == (expected.start.tolist(), expected.end.tolist())
    for name in run.counts[0]:
        mine, theirs = [totals[name] for totals in run.counts], probe.window[:, COUNTERS_AT + INDEX[name]]
        assert mine == theirs.tolist(), name
    element = (1 << p.activation.bits) - 1
    assert run.scratchpad == (expected.memories.scratchpad & element).tolist()
