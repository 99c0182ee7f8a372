"""The `cycle` fidelity: engines as state machines that jump to the next cycle in which anything can happen.

Equal to `exact` and to the plain-Python twin in the start and end of every command and every counter
(docs/npu.md). Cost grows with commands and memory requests, not with cycles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.activity import INDEX, no_memory_counts
from simulators.dram.counts import memory_counts
from simulators.kernels import inlined_kernel, kernel
from simulators.machine import Machine
from simulators.memory import port as memory_port
from simulators.npu import dma
from simulators.npu.config import C, compile_machine, function_table
from simulators.npu.control import (
    end_command,
    end_execute,
    execute_ready,
    head_of,
    is_matmul,
    missing_token,
    start_execute,
    start_vector,
    tile_fault,
)  # fmt: skip
from simulators.npu.counts import count_program, new_counts
from simulators.npu.state import COMPLETE, S, new_memory, new_state
from simulators.program import (
    ENGINES,
    EXECUTE_ENGINE,
    FILL,
    LOAD_ENGINE,
    OPCODES,
    QUEUE_OF_OPCODE,
    STORE_ENGINE,
    VECTOR_ENGINE,
    F,
    as_table,
    token_name,
)  # fmt: skip
from workloads.errors import CodesignError

_NEVER = memory_port.NEVER
_ENGINE = np.array(QUEUE_OF_OPCODE, np.int64)
_DEPTH0, _OUTSTANDING = C["depth_load"], C["outstanding"]
_OP = F["opcode"]
_PC, _ENDED = S["pc"], S["ended"]
_LOAD_NOW, _LOAD_HELD, _LOAD_HEAD, _DRAIN_END = S["load_now"], S["load_held"], S["load_head"], S["drain_end"]
_STORE_NOW, _STORE_HELD, _STORE_HEAD, _GATHER_END = S["store_now"], S["store_held"], S["store_head"], S["gather_end"]
_OFFER, _ARRAY_FREE, _VECTOR_END, _VECTOR_CMD = S["offer_full"], S["array_free"], S["vector_end"], S["vector_command"]
_SEQUENCER, _W_LOAD, _W_VECTOR, _W_STORE = (
    INDEX["sequencer_wait"], INDEX["load_wait_token"], INDEX["vector_wait_token"], INDEX["store_wait_token"],
)  # fmt: skip
_X_QUEUE, _X_ARRAY = INDEX["execute_wait_queue"], INDEX["execute_wait_array"]
_X_TOKEN = np.array([INDEX["execute_wait_token_load"], -1, INDEX["execute_wait_token_vector"],
                     INDEX["execute_wait_token_store"]], np.int64)  # fmt: skip
_M_LOAD, _M_STORE, _CYCLES = INDEX["load_wait_memory"], INDEX["store_wait_memory"], INDEX["cycles"]


@inlined_kernel
def step(st, config, functions, program, stalls, counts, cycle):
    """Do everything that happens in one cycle, on the state of its beginning."""
    s = st.s
    push = -1
    if s[_PC] < program.shape[0]:
        engine = _ENGINE[program[s[_PC], _OP]]
        if st.queues[0, engine] - st.queues[1, engine] < config[_DEPTH0 + engine]:
            push = engine
    load_room = s[_LOAD_HELD] < config[_OUTSTANDING]
    store_room = s[_STORE_HELD] < config[_OUTSTANDING]
    offer_full = s[_OFFER] != 0
    load_ended = dma.drain(st, config, cycle)
    store_ended = dma.retire(st, config)
    dma.start_load(st, program, cycle)
    if dma.issue(st, config, program, stalls, cycle, load_room, store_room, offer_full):
        counts[_M_STORE] -= 1
    dma.respond(st, config, stalls, cycle)
    dma.gather(st, config, program, cycle, offer_full)
    head = head_of(st, EXECUTE_ENGINE)
    if head >= 0 and missing_token(st, program, head) < 0 and execute_ready(st, config, program[head]) <= cycle:
        if tile_fault(st, program[head]):
            return False
        if is_matmul(program[head]):
            counts[_X_ARRAY] -= 1
        start_execute(st, config, program, cycle)
    head = head_of(st, VECTOR_ENGINE)
    if s[_VECTOR_END] < 0 and head >= 0 and missing_token(st, program, head) < 0:
        start_vector(st, config, functions, program, cycle)
    dma.end_transfer(st, program, load_ended, cycle)
    dma.end_transfer(st, program, store_ended, cycle)
    end_execute(st, program, cycle)
    if s[_VECTOR_END] == cycle:
        end_command(st, program, s[_VECTOR_CMD], cycle)
        s[_VECTOR_END] = -1
    if push >= 0:
        st.queues[0, push] += 1
        s[_PC] += 1
    return True


@inlined_kernel
def _can_start(st, program, engine):
    head = head_of(st, engine)
    return head >= 0 and missing_token(st, program, head) < 0


@inlined_kernel
def _unstalled(stalls, cycle, port):
    while dma.stalled(stalls, cycle, port):
        cycle += 1
    return cycle


@inlined_kernel
def _next_transfer(st, config, program, stalls, cycle):
    """Return the next cycle after `cycle` in which a transfer can move."""
    s, soon, best = st.s, cycle + 1, _NEVER
    if s[_DRAIN_END] >= 0:
        best = s[_DRAIN_END]
    elif s[_LOAD_HELD] > 0 and st.loads[s[_LOAD_HEAD], COMPLETE]:
        return soon
    if s[_STORE_HELD] > 0 and st.stores[s[_STORE_HEAD], COMPLETE]:
        return soon
    if s[_GATHER_END] >= 0:
        if s[_GATHER_END] > cycle:
            best = min(best, s[_GATHER_END])
        elif not s[_OFFER]:
            return soon
    elif s[_STORE_NOW] >= 0 or _can_start(st, program, STORE_ENGINE):
        return soon
    if s[_LOAD_NOW] < 0:
        if _can_start(st, program, LOAD_ENGINE):
            return soon
    elif s[_LOAD_HELD] < config[_OUTSTANDING]:
        if program[s[_LOAD_NOW], _OP] == FILL:
            return soon
        if memory_port.has_room(st.memory, config):
            best = min(best, _unstalled(stalls, soon, 0))
    if s[_OFFER] and s[_STORE_HELD] < config[_OUTSTANDING] and memory_port.has_room(st.memory, config):
        best = min(best, _unstalled(stalls, soon, 0))
    due = memory_port.next_event(st.memory, config)
    if due < _NEVER:
        best = min(best, _unstalled(stalls, max(soon, due), 1))
    return best


@inlined_kernel
def next_cycle(st, config, program, stalls, cycle):
    """Return the next cycle after `cycle` in which anything can happen, `_NEVER` when nothing ever will."""
    s, soon = st.s, cycle + 1
    if s[_PC] < program.shape[0]:
        engine = _ENGINE[program[s[_PC], _OP]]
        if st.queues[0, engine] - st.queues[1, engine] < config[_DEPTH0 + engine]:
            return soon
    best = _next_transfer(st, config, program, stalls, cycle)
    for kind in range(2):
        if st.ends_at[kind, 1] > 0:
            best = min(best, st.ends[kind, st.ends_at[kind, 0], 0])
    if s[_VECTOR_END] >= 0:
        best = min(best, s[_VECTOR_END])
    elif _can_start(st, program, VECTOR_ENGINE):
        return soon
    head = head_of(st, EXECUTE_ENGINE)
    if head >= 0 and missing_token(st, program, head) < 0:
        best = min(best, max(soon, execute_ready(st, config, program[head])))
    return best


@inlined_kernel
def account(st, config, program, counts, cycle, following):
    """Count the waits of cycles `cycle` + 1 .. `following`, in which nothing changes before `following` acts."""
    s, gap = st.s, following - cycle
    if s[_PC] < program.shape[0]:
        engine = _ENGINE[program[s[_PC], _OP]]
        if st.queues[0, engine] - st.queues[1, engine] >= config[_DEPTH0 + engine]:
            counts[_SEQUENCER] += gap
    if s[_LOAD_NOW] < 0:
        head = head_of(st, LOAD_ENGINE)
        if head >= 0 and missing_token(st, program, head) >= 0:
            counts[_W_LOAD] += gap
    if s[_LOAD_HELD] > 0 and not st.loads[s[_LOAD_HEAD], COMPLETE]:
        counts[_M_LOAD] += gap
    if s[_OFFER]:
        counts[_M_STORE] += gap
    if s[_STORE_NOW] < 0 and s[_GATHER_END] < 0:
        head = head_of(st, STORE_ENGINE)
        if head >= 0 and missing_token(st, program, head) >= 0:
            counts[_W_STORE] += gap
    if s[_VECTOR_END] < 0:
        head = head_of(st, VECTOR_ENGINE)
        if head >= 0 and missing_token(st, program, head) >= 0:
            counts[_W_VECTOR] += gap
    idle = following - max(cycle, s[_ARRAY_FREE] - 1)
    if idle > 0:
        _account_array(st, program, counts, idle)


@inlined_kernel
def _account_array(st, program, counts, idle):
    """Count cycles in which the array takes nothing and does not drain, by why."""
    head = head_of(st, EXECUTE_ENGINE)
    if head >= 0:
        missing = missing_token(st, program, head)
        counts[_X_ARRAY if missing < 0 else _X_TOKEN[missing // 16]] += idle
    elif st.queues[1, EXECUTE_ENGINE] < st.queues[2, EXECUTE_ENGINE]:
        counts[_X_QUEUE] += idle


@kernel
def _run(st, config, functions, program, stalls, counts):
    """Run to the last end; return the last cycle, or -1 - cycle at a deadlock or a misplaced tile."""
    cycle = np.int64(0)
    while True:
        if not step(st, config, functions, program, stalls, counts, cycle):
            return -1 - cycle
        if st.s[_ENDED] == program.shape[0]:
            return cycle
        following = next_cycle(st, config, program, stalls, cycle)
        if following >= _NEVER:
            return -1 - cycle
        account(st, config, program, counts, cycle, following)
        cycle = following


class Run(NamedTuple):
    """What a program did.

    Attributes
    ----------
    cycles : int
    start, end : numpy.ndarray
        First and last active cycle of every command, int64.
    counts : numpy.ndarray
        One int64 for each of `simulators.activity.COUNTERS`.
    memory : numpy.ndarray
        One int64 for each of `simulators.activity.MEMORY_COUNTERS`: zeros but for a cycle-level DRAM.
    """

    cycles: int
    start: np.ndarray
    end: np.ndarray
    counts: np.ndarray
    memory: np.ndarray


class Outcome(NamedTuple):
    """What is kept of a layer's run: its cycles, `simulators.activity.COUNTERS`, and `MEMORY_COUNTERS`."""

    cycles: int
    counts: np.ndarray
    memory: np.ndarray

    def times(self, repeat: int) -> Outcome:
        """Return what so many equal layers did."""
        return Outcome(self.cycles * repeat, self.counts * repeat, self.memory * repeat)


def run_cycle(machine: Machine, program: np.ndarray, stalls: np.ndarray | None = None) -> Run:
    """Run a program in the `cycle` fidelity.

    Parameters
    ----------
    machine : Machine
    program : numpy.ndarray
        Of dtype `simulators.program.COMMAND`.
    stalls : numpy.ndarray, optional
        Recorded stall schedule, uint8 (cycles, 2): request port, response port.

    Raises
    ------
    CodesignError
        At a deadlock, naming the command that waits, and when a token counter overflows.
    """
    config, functions, table = compile_machine(machine), function_table(machine), as_table(program)
    schedule = np.zeros((0, 2), np.uint8) if stalls is None else np.ascontiguousarray(stalls, np.uint8)
    counts = new_counts()
    if len(table) == 0:
        return Run(0, np.zeros(0, np.int64), np.zeros(0, np.int64), counts, no_memory_counts())
    count_program(config, functions, table, counts)
    st = new_state(config, table, new_memory(machine, config))
    cycles = _run(st, config, functions, table, schedule, counts)
    if cycles < 0:
        raise CodesignError(f"program: {stuck(st, table)} (cycle {-1 - cycles})")
    refuse_overflow(st)
    counts[_CYCLES] = cycles
    return Run(int(cycles), st.start, st.end, counts, memory_counts(st.memory, config, int(cycles)))


def refuse_overflow(st) -> None:
    """Raise CodesignError when a token counter has held more than its bits can."""
    if st.s[S["overflow"]]:
        name, limit = token_name(int(st.s[S["overflow"]]) - 1), int(st.s[S["token_limit"]])
        raise CodesignError(f"program: token counter {name} passed {limit}; give the machine more queues.token_bits")


def stuck(st, table: np.ndarray) -> str:
    """Return why a run cannot go on: the first waiting head and the token or tile that it lacks."""
    for engine in range(4):
        head = head_of(st, engine)
        if head >= 0:
            missing = missing_token(st, table, head)
            why = (
                f"waits for a token of {token_name(missing)}"
                if missing >= 0
                else "finds no place for or no tile of weights"
            )
            return f"deadlock: command {head} ({OPCODES[table[head, _OP]]}) of the {ENGINES[engine]} queue {why}"
    return "deadlock: a queue never empties"
