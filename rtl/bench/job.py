"""One run of a program on the RTL: what every back end is given and what it returns."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rtl.bench.shape import START_EVENTS, BenchDesign
from rtl.ports import EVENTS
from simulators.machine import Machine
from simulators.npu.config import C, compile_machine
from simulators.program import (
    EXECUTE_ENGINE,
    FIELDS,
    FILL,
    LOAD,
    MATMUL,
    OPCODES,
    PRELOAD,
    QUEUE_OF_OPCODE,
    STORE,
    VECTOR,
)
from workloads.errors import CodesignError

#: Opcodes of the commands that each event speaks of, in the order of `rtl.ports.EVENTS`.
_OPCODES_OF_EVENT = (
    (LOAD, FILL), (PRELOAD, MATMUL), (VECTOR,), (STORE,), (LOAD, FILL), (PRELOAD,), (MATMUL,), (VECTOR,), (STORE,),
)  # fmt: skip


class Run(NamedTuple):
    """What a program did on the RTL.

    Attributes
    ----------
    cycles : int
        The cycle of the last end.
    start, end : numpy.ndarray
        int64 (commands,): first active cycle, cycle of the last write.
    counts : numpy.ndarray
        int64, the performance counters in the order of `simulators.activity.COUNTERS`.
    hashes : numpy.ndarray or None
        uint64 (cycles + 1,): the rolling hash of the probe after each cycle from 0 on.
    window : numpy.ndarray or None
        int64 (cycles, fields): the fields of the probe at the beginning of each cycle asked for.
    fault : CodesignError or None
        Why the run broke off in cycle `cycles`, when `Options.keep_fault` asks for what it had recorded.
    memory : numpy.ndarray or None
        int64, `simulators.activity.MEMORY_COUNTERS` of a cycle-level DRAM behind the port.
    """

    cycles: int
    start: np.ndarray
    end: np.ndarray
    counts: np.ndarray
    hashes: np.ndarray | None = None
    window: np.ndarray | None = None
    fault: CodesignError | None = None
    memory: np.ndarray | None = None


@dataclass(frozen=True)
class Options:
    """What more to record.

    Attributes
    ----------
    hashes : bool
        Of the probe, every cycle.
    window : tuple of int
        Cycles [first, last) of which the probe's fields are recorded.
    waves : str
        A waveform file, ``.fst`` or ``.vcd``.
    waves_window : tuple of int
        Cycles [first, last) that it shows.
    keep_fault : bool
        A run that breaks off is returned with its `fault` instead of raising it (``verilator`` alone).
    """

    hashes: bool = False
    window: tuple[int, int] = (0, 0)
    waves: str = ""
    waves_window: tuple[int, int] = (0, 1 << 62)
    keep_fault: bool = False


@dataclass(frozen=True)
class Job:
    """A program prepared for one design and machine.

    Attributes
    ----------
    words : numpy.ndarray
        uint32 (commands, words).
    order : tuple of numpy.ndarray
        For each event the commands that it meets, in order.
    execute_commands : int
    config, stalls : numpy.ndarray
        As the simulator's memory reads them.
    dram : numpy.ndarray
        uint8, written in place.
    quiet_limit : int
        Cycles without any event, request or response after which a run is stuck.
    machine : Machine
    """

    design: BenchDesign
    program: np.ndarray
    words: np.ndarray
    order: tuple[np.ndarray, ...]
    execute_commands: int
    config: np.ndarray
    stalls: np.ndarray
    dram: np.ndarray
    quiet_limit: int
    machine: Machine

    def times(self) -> tuple[np.ndarray, np.ndarray]:
        """Return starts and ends to be filled in, -1."""
        return np.full(len(self.program), -1, np.int64), np.full(len(self.program), -1, np.int64)

    def stuck(self, cycle: int, start: np.ndarray, end: np.ndarray) -> CodesignError:
        """Return the error of a run that stands still."""
        waiting = [i for i in range(len(end)) if end[i] < 0]
        shown = ", ".join(
            f"{i} ({OPCODES[int(self.program['opcode'][i])]}{', started' if start[i] >= 0 else ''})"
            for i in waiting[:4]
        )
        return CodesignError(
            f"RTL: nothing has moved for {self.quiet_limit} cycles at cycle {cycle}; "
            f"{len(waiting)} of {len(end)} commands have not ended: {shown}{', ...' if len(waiting) > 4 else ''}"
        )

    def extra_event(self, cycle: int, event: int) -> CodesignError:
        """Return the error of an event that no command is left for."""
        return CodesignError(f"RTL: {EVENTS[event]} in cycle {cycle}, when every such command has had one")


def prepare(
    design: BenchDesign, machine: Machine, program: np.ndarray, dram: np.ndarray, stalls: np.ndarray | None
) -> Job:
    """Prepare a run; what depends on the design or the program alone is kept for the next.

    Raises
    ------
    CodesignError
        When the program does not fit the design, nothing lies behind the machine's memory port, or the DRAM is not a
        writable array of bytes.
    """
    if dram.dtype != np.uint8 or dram.ndim != 1 or not dram.flags.c_contiguous or not dram.flags.writeable:
        raise CodesignError("dram: not a writable, contiguous array of uint8 of one dimension")
    schedule = np.zeros((0, 2), np.uint8) if stalls is None else np.ascontiguousarray(stalls, np.uint8)
    if machine.memory.model == "resident":
        raise CodesignError(
            f"{machine.name}: the benches answer the memory port, which a machine with the memory 'resident' has none "
            "of; give --set memory.model=simple"
        )
    config = compile_machine(machine)
    encoded = _encoded(design, _Program(program))
    patience = 100_000 + len(schedule) + 64 * int(config[C["memory_latency"]] + config[C["memory_spread"]])
    return Job(
        design, program, encoded.words, encoded.order, encoded.execute_commands, config, schedule, dram,
        patience + encoded.longest, machine,
    )  # fmt: skip


class _Program:
    """A program that is a key by its content."""

    def __init__(self, program: np.ndarray):
        self.program = program
        self.key = program.tobytes()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Program) and other.key == self.key


class _Encoded(NamedTuple):
    words: np.ndarray
    order: tuple[np.ndarray, ...]
    execute_commands: int
    longest: int


@functools.lru_cache(maxsize=64)
def _encoded(design: BenchDesign, key: _Program) -> _Encoded:
    program = key.program
    opcodes = program["opcode"]
    order = tuple(np.flatnonzero(np.isin(opcodes, mine)).astype(np.int64) for mine in _OPCODES_OF_EVENT)
    engines = np.array(QUEUE_OF_OPCODE, np.int64)[opcodes]
    return _Encoded(
        np.ascontiguousarray(design.encode(program), np.uint32), order, int((engines == EXECUTE_ENGINE).sum()),
        max((_longest(design, row) for row in program), default=0),
    )  # fmt: skip


def _longest(design: BenchDesign, row: np.void) -> int:
    """No command works longer without an event or a request of its own."""
    p, get = design.parameters, {name: int(row[name]) for name in FIELDS}
    if get["opcode"] in (PRELOAD, MATMUL):
        return get["count"] * p.rows + 4 * (p.rows + p.cols)
    if get["opcode"] == VECTOR:
        passes = max((passes for _, _, passes in p.functions), default=1)
        groups = -(-get["used_cols"] // p.lanes)
        return get["count"] * groups * get["lane_n0"] * get["lane_n1"] * passes
    return get["count"] * get["n1"] * (get["n0"] * 4 + 2 * p.burst_bytes)


def noted(job: Job, log: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends from a log of (cycle, events).

    Raises
    ------
    CodesignError
        When an event has no command.
    """
    start, end = job.times()
    seen = [0] * len(EVENTS)
    for cycle, events in log:
        for event in range(len(EVENTS)):
            if events >> event & 1:
                if seen[event] == len(job.order[event]):
                    raise job.extra_event(cycle, event)
                (start if event < START_EVENTS else end)[job.order[event][seen[event]]] = cycle
                seen[event] += 1
    return start, end
