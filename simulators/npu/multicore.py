"""Equal cores that share a memory: each runs its own program, all of them cycle by cycle.

A core has a port and a queue at the memory (docs/npu.md, "Memory port"); the simple memory serves one request at a
time, in the order of acceptance, whichever queue it came by; a DRAM as `simulators.dram.port` says. Of several cores
that offer in the same cycle the first is another one each cycle. One core alone runs as in `simulators.npu.cycle`, in
every start, end and count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulators.activity import INDEX, no_memory_counts
from simulators.dram.counts import memory_counts
from simulators.kernels import kernel
from simulators.machine import Machine
from simulators.memory import port
from simulators.npu.config import compile_machine, function_table
from simulators.npu.counts import count_program, new_counts
from simulators.npu.cycle import Run, account, next_cycle, refuse_overflow, step, stuck
from simulators.npu.state import S, new_memories, new_state
from simulators.program import as_table
from workloads.errors import CodesignError

_ENDED, _NEVER = S["ended"], port.NEVER


@kernel
def _run_cores(states, config, functions, programs, stalls, counts, following, last, ends):
    """Run to the last core's end; return -1, or the core that can never go on."""
    cores, busy, seen = following.shape[0], np.int64(0), np.int64(0)
    while True:
        cycle = _NEVER
        for i in range(cores):
            cycle = min(cycle, following[i])
        if cycle >= _NEVER:
            return -1
        taken = seen
        for j in range(cores):
            i = (j + cycle) % cores
            if following[i] != cycle:
                continue
            st, program = states[i], programs[i]
            if last[i] >= 0:
                account(st, config, program, counts[i], last[i], cycle)
            port.turn_to(st.memory, busy)
            if not step(st, config, functions, program, stalls, counts[i], cycle):
                return i
            taken, busy = port.turn_to(st.memory, port.busy_until(st.memory)), port.busy_until(st.memory)
            last[i], following[i] = cycle, _NEVER
            if st.s[_ENDED] == program.shape[0]:
                ends[i] = cycle
                continue
            following[i] = next_cycle(st, config, program, stalls, cycle)
            if following[i] >= _NEVER:
                return i
        if taken != seen:  # what one core offers may let another's requests go earlier
            seen = taken
            for i in range(cores):
                if cycle + 1 < following[i] < _NEVER:
                    following[i] = min(following[i], max(cycle + 1, port.next_event(states[i].memory, config)))


class MulticoreRun(NamedTuple):
    """What some programs did side by side.

    Attributes
    ----------
    cycles : int
        Of the core that ends last.
    cores : tuple of Run
        Each core's own run.
    memory : numpy.ndarray
        `simulators.activity.MEMORY_COUNTERS` of the memory that they share.
    """

    cycles: int
    cores: tuple[Run, ...]
    memory: np.ndarray


def run_cores(machine: Machine, programs: Sequence[np.ndarray]) -> MulticoreRun:
    """Run a program on each of some equal cores that share the machine's memory.

    Parameters
    ----------
    machine : Machine
        A core, and the memory that all share: its bandwidth is that of all cores together. In a cycle-level DRAM
        each core's data lie in a part of their own.
    programs : sequence of numpy.ndarray
        Of dtype `simulators.program.COMMAND`, a core each, none empty.

    Raises
    ------
    CodesignError
        At a deadlock, naming the core and the command that waits, and when a token counter overflows.
    """
    config, functions = compile_machine(machine), function_table(machine)
    tables = tuple(as_table(program) for program in programs)
    memories = new_memories(machine, config, len(tables))
    states = tuple(new_state(config, table, memory) for table, memory in zip(tables, memories, strict=True))
    counts = np.zeros((len(tables), len(new_counts())), np.int64)
    for row, table in zip(counts, tables, strict=True):
        count_program(config, functions, table, row)
    following, last, ends = (np.full(len(tables), first, np.int64) for first in (0, -1, 0))
    none = np.zeros((0, 2), np.uint8)
    faulty = int(_run_cores(states, config, functions, tables, none, counts, following, last, ends))
    if faulty >= 0:
        raise CodesignError(f"program of core {faulty}: {stuck(states[faulty], tables[faulty])}")
    for state in states:
        refuse_overflow(state)
    counts[:, INDEX["cycles"]] = ends
    cycles = int(ends.max())
    runs = tuple(
        Run(int(end), st.start, st.end, row, no_memory_counts())
        for end, st, row in zip(ends, states, counts, strict=True)
    )
    return MulticoreRun(cycles, runs, memory_counts(memories[0], config, cycles))
