"""Does the checker pass good programs, and refuse those whose result depends on timing, naming both commands?"""

from __future__ import annotations

import re

import numpy as np
import pytest

from simulators.machine import Memory, Queues
from simulators.npu.checker import check_program
from simulators.npu.checker_accesses import nest_bounds
from simulators.npu.reference.command import nest
from simulators.program import (
    FILL,
    LOAD,
    MATMUL,
    PRELOAD,
    STORE,
    VECTOR,
    assemble,
    command,
    mask,
    token,
)
from tests.simulators.npu.happens_before import unordered_overlaps
from tests.simulators.npu.machines import small_machine
from tests.simulators.npu.programs import random_case
from workloads.errors import CodesignError

GOOD = range(24)


@pytest.mark.parametrize("seed", GOOD)
def test_good_program_passes(seed):
    machine, program, dram, _ = random_case(seed)
    check_program(machine, program, len(dram))
    assert unordered_overlaps(machine, program) == []


@pytest.mark.parametrize("seed", GOOD)
def test_taking_out_a_token_that_orders_something_is_refused(seed):
    machine, program, dram, _ = random_case(seed)
    ordering = 0
    for broken in _without_one_token(program):
        try:
            races = unordered_overlaps(machine, broken)
        except IndexError:  # a take without a give
            races = None
        if races == []:
            continue
        with pytest.raises(CodesignError, match=r"program: .*command \d+ .*") as caught:
            check_program(machine, broken, len(dram))
        message = str(caught.value)
        assert "\n" not in message
        if races is not None:
            assert len(set(re.findall(r"command (\d+) \(", message))) == 2, message
        ordering += 1
    assert ordering >= 4


def _without_one_token(program):
    """Yield the program without one wait, and without the wait and its give."""
    for c in range(64):
        takers = [i for i in range(len(program)) if int(program[i]["waits"]) >> c & 1]
        givers = [i for i in range(len(program)) if int(program[i]["gives"]) >> c & 1]
        for k, taker in enumerate(takers):
            wait = program.copy()
            wait[taker]["waits"] &= ~(1 << c)
            yield wait
            both = wait.copy()
            both[givers[k]]["gives"] &= ~(1 << c)
            yield both


@pytest.mark.parametrize("seed", range(200))
def test_nest_bounds_are_exact(seed):
    rng = np.random.default_rng(seed)
    n0, n1 = (int(rng.integers(1, 6)) for _ in range(2))
    s0, s1, s2 = (int(rng.integers(-9, 10)) for _ in range(3))
    first, count = int(rng.integers(0, 30)), int(rng.integers(1, 40))
    offsets = [nest(i, n0, s0, n1, s1, s2) for i in range(first, first + count)]
    assert nest_bounds(n0, s0, n1, s1, s2, first, first + count - 1) == (min(offsets), max(offsets))


TILE = {"n0": 4, "s0": 4, "lane_n0": 4, "lane_s0": 1, "used_rows": 4, "used_cols": 4}
STAY = {"memory": 1, **TILE}
FLOW = {"memory": 0, "count": 4, **TILE}
REFUSED = {
    "load beyond the scratchpad": (
        [command(LOAD, address=4090, n0=10)],
        "program: command 0 (load): scratchpad addresses 4090 to 4099 lie outside 0 to 4095",
    ),
    "store before the scratchpad": (
        [command(STORE, address=4, n0=2, n1=2, s1=-8)],
        "program: command 0 (store): scratchpad addresses -4 to 5 lie outside 0 to 4095",
    ),
    "accumulator words": (
        [command(PRELOAD, **STAY), command(MATMUL, destination=1022, swap=1, **FLOW)],
        "program: command 1 (matmul): accumulator addresses 1022 to 1025 lie outside 0 to 1023",
    ),
    "parameter entries": (
        [command(VECTOR, memory=2, used_cols=4, parameter_mode=1, parameter_address=97)],
        "program: command 0 (vector): parameter_buffer addresses 291 to 302 lie outside 0 to 299",
    ),
    "rows": (
        [command(MATMUL, memory=0, used_rows=5, used_cols=1)],
        "program: command 0 (matmul): used_rows 5 is not 1 to 4",
    ),
    "extent": ([command(FILL, n0=0)], "program: command 0 (fill): n0 0 is less than 1"),
    "huge": (
        [command(FILL, s0=1 << 50)],
        "program: command 0 (fill): s0 1125899906842624 is beyond 1099511627776",
    ),
    "opcode": ([command(9)], "program: command 0 (?): opcode 9 is not 0 to 5"),
    "memory": (
        [command(STORE, memory=1)],
        "program: command 0 (store): memory 1 is not 0 (scratchpad)",
    ),
    "positions": (
        [command(VECTOR, memory=0, used_cols=1, n0=3, count=2)],
        "program: command 0 (vector): count 2 is not a multiple of n0",
    ),
    "function": (
        [command(VECTOR, memory=0, used_cols=1, value=99)],
        "program: command 0 (vector): value 99 is no function of the machine's vector unit",
    ),
    "other engine's token": (
        [command(LOAD, waits=mask(token(0, 1)))],
        "program: command 0 (load): waits 16 has a counter that the engine does not take",
    ),
    "two lanes give": (
        [command(PRELOAD, gives=mask(token(1, 0)), **STAY), command(MATMUL, gives=mask(token(1, 0)), swap=1, **FLOW)],
        "program: command 0 (preload) and command 1 (matmul) both give execute->load.0; "
        "preloads and matmuls need their own",
    ),
    "overflow": (
        [command(LOAD, n0=1, address=i, gives=mask(token(0, 1))) for i in range(4)],
        "program: command 3 (load): token counter load->execute.0 can pass 3 (queues.token_bits): "
        "no further command takes one",
    ),
    "overflow by timing": (
        [command(LOAD, n0=1, address=100 + i, gives=mask(token(0, 3))) for i in range(4)]
        + [command(STORE, n0=1, dram_address=900, waits=mask(token(0, 3)))],
        "program: command 3 (load): token counter load->store.0 can pass 3 (queues.token_bits): "
        "command 4 (store) may not have taken one",
    ),
    "no give": (
        [command(LOAD, n0=1), command(STORE, n0=1, waits=mask(token(0, 3)))],
        "program: deadlock: command 1 (store) waits for load->store.0, which no command gives",
    ),
    "cycle of tokens": (
        [
            command(LOAD, n0=1, waits=mask(token(3, 0)), gives=mask(token(0, 3))),
            command(STORE, n0=1, waits=mask(token(0, 3)), gives=mask(token(3, 0))),
        ],
        "program: deadlock: command 0 (load) waits for store->load.0, given by command 1 (store), which cannot start",
    ),
    "queue too short": (
        [
            command(LOAD, n0=1, waits=mask(token(3, 0))),
            *[command(LOAD, n0=1) for _ in range(2)],
            command(STORE, n0=1, address=9, gives=mask(token(3, 0))),
        ],
        "program: deadlock: command 0 (load) waits for store->load.0, given by command 3 (store), which cannot start; "
        "the sequencer stands at command 2 (load)",
    ),
    "two preloads": (
        [command(PRELOAD, **STAY), command(PRELOAD, **STAY)],
        "program: deadlock: command 1 (preload) waits for the tile before it to be taken, "
        "and no matmul with swap before it does",
    ),
    "nothing to take": (
        [command(MATMUL, swap=1, **FLOW)],
        "program: deadlock: command 0 (matmul) waits for a preloaded tile, and no preload before it is untaken",
    ),
    "race": (
        [command(LOAD, n0=8), command(STORE, n0=8, address=4, dram_address=900)],
        "program: command 0 (load) writes and command 1 (store) reads scratchpad within 4 to 7, "
        "and no token orders them",
    ),
    "stores that overlap": (
        [command(STORE, n0=8, dram_address=4), command(STORE, n0=8)],
        "program: command 0 (store) writes and command 1 (store) writes dram within 4 to 7, and no token orders them",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_is_one_line(case):
    commands, message = REFUSED[case]
    machine = small_machine(sections={"queues": Queues(load=2, execute=8, vector=8, store=8, token_bits=2)})
    with pytest.raises(CodesignError) as caught:
        check_program(machine, assemble(commands))
    assert str(caught.value) == message


def test_interleaved_stores_do_not_overlap():
    stores = [command(STORE, n0=4, n1=8, s1=4, d_s0=8, dram_address=first) for first in (0, 4)]
    check_program(small_machine(), assemble(stores))
    stores[1]["n0"] = 5
    with pytest.raises(CodesignError, match="no token orders them"):
        check_program(small_machine(), assemble(stores))


def test_resident_operands_are_not_moved():
    machine = small_machine(sections={"memory": Memory(model="resident")})
    check_program(machine, assemble([command(FILL, n0=8, address=1 << 30)]))
    with pytest.raises(CodesignError, match=r"command 0 \(load\): opcode 0 moves data, and memory.model is resident"):
        check_program(machine, assemble([command(LOAD)]))


def test_dram_is_bounded_when_its_size_is_known():
    with pytest.raises(CodesignError, match="dram addresses 60 to 67 lie outside 0 to 63"):
        check_program(small_machine(), assemble([command(LOAD, n0=8, dram_address=60)]), dram_bytes=64)


def test_empty_program_passes():
    check_program(small_machine(), assemble([]))
