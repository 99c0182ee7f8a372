"""Does the execute engine in RTL hold what the `exact` simulator holds, in every register after every cycle?"""

from __future__ import annotations

import numpy as np
import pytest

from rtl.encoding import TOKEN_MASK_BITS
from simulators.activity import COUNTERS, INDEX
from simulators.npu.exact import new_probe, run_exact
from simulators.program import EXECUTE_ENGINE, PRELOAD
from tests.rtl.npu.execute_cases import (
    MACHINES,
    NAMES,
    BenchRun,
    machine_and_parameters,
    random_memories,
    random_program,
    run_bench,
)

COUNTERS_AT = 4 + 64  # in a probe: after the queues' levels and the tokens


def _given(program: np.ndarray) -> list[int]:
    """The tokens that each command gives, as the engine's 16 counters."""
    gives = program["gives"].view(np.uint64)
    return [int(g) >> (EXECUTE_ENGINE * TOKEN_MASK_BITS) & ((1 << TOKEN_MASK_BITS) - 1) for g in gives]


def _assert_registers(run: BenchRun, window: np.ndarray, words: int) -> None:
    """Every PE and every sum, in the first cycle in which any differs."""
    at = COUNTERS_AT + len(COUNTERS)
    sums = window.shape[1] - words
    for cycle, expected in enumerate(window):
        assert run.registers[cycle] == expected[at:sums].tolist(), f"PE registers after cycle {cycle}"
        assert run.sums[cycle].T.reshape(-1).tolist() == expected[sums:].tolist(), f"sums after cycle {cycle}"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("row", MACHINES, ids=NAMES)
def test_every_register_and_every_cycle(row: tuple, seed: int) -> None:
    """Start, end and tokens of every command; counters, PEs and sums after every cycle."""
    machine, p = machine_and_parameters(row)
    rng = np.random.default_rng((MACHINES.index(row), seed))
    memories, program = random_memories(rng, machine, p), random_program(rng, p, 14)
    run = run_bench(p, memories, program)
    probe = new_probe(machine, window=len(run.counts))
    expected = run_exact(machine, program, memories, probe=probe)
    assert run.start == expected.start.tolist()
    given, preloads = _given(program), program["opcode"] == PRELOAD
    for kind, ends in ((preloads, run.preload_end), (~preloads, run.matmul_end)):
        assert ends == [(int(expected.end[i]), given[i]) for i in np.flatnonzero(kind)]
    for name in run.counts[0]:
        mine, theirs = [totals[name] for totals in run.counts], probe.window[:, COUNTERS_AT + INDEX[name]]
        assert mine == theirs.tolist(), name
    _assert_registers(run, probe.window, p.accumulator_depth * p.cols)
