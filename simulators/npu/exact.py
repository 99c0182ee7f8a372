"""The `exact` fidelity: every register of the machine, cycle by cycle, with values. The RTL's twin.

Nothing in it knows how long a command takes (docs/npu.md). Cost grows with cycles times rows times cols.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.activity import INDEX, no_memory_counts
from simulators.dram.counts import memory_counts
from simulators.kernels import copy_into, inlined_kernel, kernel
from simulators.machine import Machine
from simulators.npu import dma, exact_array, exact_dma, exact_vector
from simulators.npu.config import C, capacities, compile_machine, format_bits, function_table
from simulators.npu.control import end_command, head_of, missing_token, start_head
from simulators.npu.counts import (
    D_READ,
    D_WRITE,
    L_BEATS,
    L_REQ,
    P_WRITE,
    S_BEATS,
    S_REQ,
    SP_WRITE,
    ST_READ,
    W_WRITE,
    new_counts,
)  # fmt: skip
from simulators.npu.cycle import refuse_overflow, stuck
from simulators.npu.exact_state import Memories, R, Registers, new_registers
from simulators.npu.probe import HASH_BASIS, probe_length, probe_values, roll
from simulators.npu.state import BEATS, COMPLETE, S, State, new_memory, new_state
from simulators.program import (
    EXECUTE_ENGINE,
    LOAD_ENGINE,
    QUEUE_OF_OPCODE,
    STORE_ENGINE,
    VECTOR_ENGINE,
    F,
    as_table,
)  # fmt: skip
from workloads.errors import CodesignError

_ENGINE = np.array(QUEUE_OF_OPCODE, np.int64)
_DEPTH0, _OUTSTANDING, _BUS, _DRAIN = C["depth_load"], C["outstanding"], C["bus_bytes"], C["drain"]
_OP = F["opcode"]
_PC, _ENDED, _LOAD_NOW, _LOAD_HELD, _LOAD_HEAD = S["pc"], S["ended"], S["load_now"], S["load_held"], S["load_head"]
_STORE_NOW, _STORE_HELD, _GATHER, _OFFER, _OBEATS = (
    S["store_now"], S["store_held"], S["gather_end"], S["offer_full"], S["offer_beats"],
)  # fmt: skip
_P, _M, _WAIT, _FLIGHT, _V = R["preload"], R["matmul"], R["wait"], R["in_flight"], R["vector"]
_SEQUENCER, _W_LOAD, _W_VECTOR, _W_STORE = (
    INDEX["sequencer_wait"], INDEX["load_wait_token"], INDEX["vector_wait_token"], INDEX["store_wait_token"],
)  # fmt: skip
_X_QUEUE, _X_ARRAY, _CYCLES = INDEX["execute_wait_queue"], INDEX["execute_wait_array"], INDEX["cycles"]
_X_LOAD, _X_VECTOR, _X_STORE = (
    INDEX["execute_wait_token_load"], INDEX["execute_wait_token_vector"], INDEX["execute_wait_token_store"],
)  # fmt: skip
_M_LOAD, _M_STORE = INDEX["load_wait_memory"], INDEX["store_wait_memory"]


@inlined_kernel
def _waits_for_token(st, program, engine):
    head = head_of(st, engine)
    return head >= 0 and missing_token(st, program, head) >= 0


@inlined_kernel
def _count_waits(st, reg, config, program, counts):
    """Count why engines wait in this cycle, from the state of its beginning. Returns whether a push finds room."""
    s, r = st.s, reg.r
    counts[_W_LOAD] += s[_LOAD_NOW] < 0 and _waits_for_token(st, program, LOAD_ENGINE)
    counts[_M_LOAD] += s[_LOAD_HELD] > 0 and not st.loads[s[_LOAD_HEAD], COMPLETE]
    counts[_M_STORE] += s[_OFFER] != 0
    counts[_W_STORE] += s[_STORE_NOW] < 0 and s[_GATHER] < 0 and _waits_for_token(st, program, STORE_ENGINE)
    counts[_W_VECTOR] += r[_V] < 0 and _waits_for_token(st, program, VECTOR_ENGINE)
    if r[_M] < 0 and r[_WAIT] == 0:
        head = head_of(st, EXECUTE_ENGINE)
        if head >= 0:
            missing = missing_token(st, program, head)
            if missing < 0:
                counts[_X_ARRAY] += 1
            elif missing // 16 == LOAD_ENGINE:
                counts[_X_LOAD] += 1
            elif missing // 16 == VECTOR_ENGINE:
                counts[_X_VECTOR] += 1
            else:
                counts[_X_STORE] += 1
        elif st.queues[1, EXECUTE_ENGINE] < st.queues[2, EXECUTE_ENGINE]:
            counts[_X_QUEUE] += 1


@inlined_kernel
def _room(st, config, program):
    """Return the engine whose queue the sequencer can push to in this cycle, -1 for none, -2 at the program's end."""
    if st.s[_PC] == program.shape[0]:
        return -2
    engine = _ENGINE[program[st.s[_PC], _OP]]
    return engine if st.queues[0, engine] - st.queues[1, engine] < config[_DEPTH0 + engine] else -1


@inlined_kernel
def _transfer(st, reg, mem, config, program, stalls, counts, cycle):
    """Load, store and memory port for one cycle; returns the load and the store that end in it."""
    s = st.s
    load_room, store_room, offer_full = (
        s[_LOAD_HELD] < config[_OUTSTANDING],
        s[_STORE_HELD] < config[_OUTSTANDING],
        s[_OFFER] != 0,
    )
    load = exact_dma.drain(st, reg, mem, config, program, counts, SP_WRITE, W_WRITE, P_WRITE, cycle)
    store = dma.retire(st, config)
    dma.start_load(st, program, cycle)
    held = s[_LOAD_HELD]
    if dma.issue(st, config, program, stalls, cycle, load_room, store_room, offer_full):
        exact_dma.commit_store(st, reg, mem)
        counts[_M_STORE] -= 1
        counts[S_REQ] += 1
        counts[S_BEATS] += s[_OBEATS]
        counts[D_WRITE] += s[_OBEATS] * config[_BUS]
    if s[_LOAD_HELD] > held:
        entry = st.loads[(s[_LOAD_HEAD] + s[_LOAD_HELD] - 1) % config[_OUTSTANDING]]
        if not entry[COMPLETE]:
            counts[L_REQ] += 1
            counts[L_BEATS] += entry[BEATS]
            counts[D_READ] += entry[BEATS] * config[_BUS]
    dma.respond(st, config, stalls, cycle)
    exact_dma.gather(st, reg, mem, config, program, counts, ST_READ, cycle, offer_full)
    return load, store


@inlined_kernel
def _execute(st, reg, mem, config, program, counts, cycle):
    """The array for one cycle; returns the preload and the matmul that end in it."""
    head = head_of(st, EXECUTE_ENGINE)
    if head >= 0 and missing_token(st, program, head) < 0 and exact_array.can_start(reg, config, program[head]):
        start_head(st, program, EXECUTE_ENGINE, cycle)
        exact_array.start(reg, config, program[head], head)
        if reg.r[_M] == head:
            counts[_X_ARRAY] -= 1
    exact_array.issue_preload(reg, config, program, mem.scratchpad, mem.weights, counts, cycle)
    exact_array.issue_matmul(reg, config, program, mem.scratchpad, mem.weights, counts, cycle)
    return exact_array.move(reg, config, program, mem.accumulator, counts, cycle)


@inlined_kernel
def _vector(st, reg, mem, config, functions, program, counts, cycle):
    """The vector unit for one cycle; returns the command that ends in it."""
    if reg.r[_V] < 0:
        head = head_of(st, VECTOR_ENGINE)
        if head >= 0 and missing_token(st, program, head) < 0:
            start_head(st, program, VECTOR_ENGINE, cycle)
            exact_vector.start(reg, head)
    exact_vector.issue(reg, mem, config, functions, program, counts, cycle)
    return exact_vector.write(reg, mem, config, program, counts, cycle)


@inlined_kernel
def _end(st, program, index, cycle):
    if index >= 0:
        end_command(st, program, index, cycle)


@inlined_kernel
def _probe(st, reg, mem, config, counts, cycle, hashed, probe):
    """Record the hash of all registers after this cycle, and their values where a window of cycles asks for them."""
    if st.s[_ENDED] > probe.last[0]:
        probe.last[0], probe.last[1] = st.s[_ENDED], cycle
    probe_values(st, reg, mem, config, counts, probe.last[1], probe.values)
    hashed = roll(hashed, probe.values)
    if cycle < probe.hashes.shape[0]:
        probe.hashes[cycle] = hashed
    row = cycle - probe.first[0]
    if 0 <= row < probe.window.shape[0]:
        copy_into(probe.window[row], probe.values)
    return hashed


@kernel
def _run(st, reg, mem, config, functions, program, stalls, counts, limit, probe):
    """Run to the last end; return its cycle, or -1 - cycle when `limit` cycles pass without a start or an end."""
    cycle, quiet, seen = np.int64(0), 0, np.int64(0)
    hashed = np.uint64(HASH_BASIS)
    while True:
        room = _room(st, config, program)
        if cycle > 0:
            _count_waits(st, reg, config, program, counts)
            counts[_SEQUENCER] += room == -1
        load, store = _transfer(st, reg, mem, config, program, stalls, counts, cycle)
        preload, matmul = _execute(st, reg, mem, config, program, counts, cycle)
        vector = _vector(st, reg, mem, config, functions, program, counts, cycle)
        _end(st, program, load, cycle)
        _end(st, program, store, cycle)
        _end(st, program, preload, cycle)
        if matmul >= 0:
            end_command(st, program, matmul, cycle)
            reg.r[_FLIGHT] -= 1
        _end(st, program, vector, cycle)
        if room >= 0:
            st.queues[0, room] += 1
            st.s[_PC] += 1
        if probe.values.shape[0]:
            hashed = _probe(st, reg, mem, config, counts, cycle, hashed, probe)
        if st.s[_ENDED] == program.shape[0]:
            return cycle
        moved = st.s[_ENDED] + st.queues[0].sum() + st.queues[1].sum() + st.s[_LOAD_HELD] + st.s[_STORE_HELD]
        quiet = 0 if moved != seen or reg.r[_M] >= 0 or reg.r[_V] >= 0 else quiet + 1
        seen = moved
        if quiet > limit:
            return -1 - cycle
        cycle += 1


class ExactRun(NamedTuple):
    """What a program did: as `simulators.npu.cycle.Run`, and the memories after it."""

    cycles: int
    start: np.ndarray
    end: np.ndarray
    counts: np.ndarray
    memory: np.ndarray
    memories: Memories


def new_memories(
    machine: Machine, dram: np.ndarray, *, scratchpad: int = 0, weights: int = 0, words: int = 0
) -> Memories:
    """Return zeroed on-chip memories of the machine's sizes (at least the given ones) around some DRAM bytes.

    Parameters
    ----------
    dram : numpy.ndarray
        uint8; written in place by stores.
    scratchpad, weights, words : int
        Least elements and accumulator words, for machines with `memory.model: resident`, whose sizes bound nothing.
    """
    resident = machine.memory.model == "resident"
    sizes = (0, 0, 0, 0) if resident else capacities(machine)
    dtype = np.int64 if format_bits(machine)[2] > 32 else np.int32
    return Memories(
        np.zeros(max(sizes[0], scratchpad), np.int32), np.zeros(max(sizes[1], weights), np.int32),
        np.zeros((max(sizes[2], words), machine.array.cols), dtype), np.zeros(max(sizes[3], 3), np.int32), dram,
    )  # fmt: skip


class Probe(NamedTuple):
    """What `run_exact` records of the registers; made by `new_probe`.

    Attributes
    ----------
    hashes : uint64 (cycles,)
        The rolling hash of `simulators.npu.probe` after each cycle.
    window : int64 (cycles, values)
        All values after each cycle from `first` on.
    """

    hashes: np.ndarray
    window: np.ndarray
    first: np.ndarray
    values: np.ndarray
    last: np.ndarray


def new_probe(machine: Machine, cycles: int = 0, first: int = 0, window: int = 0) -> Probe:
    """Return a probe for `cycles` hashes and a window of values; without cycles one that records nothing."""
    length = probe_length(compile_machine(machine), capacities(machine)[2]) if cycles or window else 0
    return Probe(
        np.zeros(cycles, np.uint64), np.zeros((window, length), np.int64), np.array([first], np.int64),
        np.zeros(length, np.int64), np.zeros(2, np.int64),
    )  # fmt: skip


def run_exact(
    machine: Machine,
    program: np.ndarray,
    memories: Memories,
    stalls: np.ndarray | None = None,
    probe: Probe | None = None,
) -> ExactRun:
    """Run a program register by register; `memories` are changed in place, `probe` records registers.

    Raises
    ------
    CodesignError
        At a deadlock, naming the command that waits.
    """
    config, functions, table = compile_machine(machine), function_table(machine), as_table(program)
    schedule = np.zeros((0, 2), np.uint8) if stalls is None else np.ascontiguousarray(stalls, np.uint8)
    counts = new_counts()
    if len(table) == 0:
        return ExactRun(0, np.zeros(0, np.int64), np.zeros(0, np.int64), counts, no_memory_counts(), memories)
    st: State = new_state(config, table, new_memory(machine, config))
    reg: Registers = new_registers(config, functions, memories.accumulator.dtype.type)
    limit = len(schedule) + 100_000 + 64 * int(config[C["memory_latency"]] + config[C["memory_spread"]])
    cycles = _run(st, reg, memories, config, functions, table, schedule, counts, limit, probe or new_probe(machine))
    if cycles < 0:
        raise CodesignError(f"program: {stuck(st, table)} (cycle {-1 - cycles})")
    refuse_overflow(st)
    counts[_CYCLES] = cycles
    memory = memory_counts(st.memory, config, int(cycles))
    return ExactRun(int(cycles), st.start, st.end, counts, memory, memories)
