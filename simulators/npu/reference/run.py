"""Runs a program on the twin: one loop, a cycle a turn, every engine once a cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.activity import COUNTERS
from simulators.machine import Machine
from simulators.npu.reference.command import Command
from simulators.npu.reference.core import Core
from simulators.npu.reference.execute import ExecuteEngine
from simulators.npu.reference.port import Port
from simulators.npu.reference.queues import Queue, Sequencer
from simulators.npu.reference.transfers import LoadEngine, StoreEngine
from simulators.npu.reference.vector import VectorEngine
from simulators.program import ACCUMULATOR, ENGINES, LOAD, PARAMETERS, SCRATCHPAD, STORE, WEIGHT_BUFFER, token_name
from workloads.errors import CodesignError


@dataclass
class ReferenceRun:
    """What a run leaves behind.

    Attributes
    ----------
    start, end : numpy.ndarray
        Cycle of each command, int64.
    counts : numpy.ndarray
        Counters in the order of `simulators.activity.COUNTERS`, int64.
    dram : numpy.ndarray
        Bytes of DRAM afterwards, uint8.
    scratchpad, weight_buffer, accumulator, parameters : numpy.ndarray
        Elements afterwards, int64; the accumulator of shape (words, cols).
    """

    start: np.ndarray
    end: np.ndarray
    counts: np.ndarray
    dram: np.ndarray
    scratchpad: np.ndarray
    weight_buffer: np.ndarray
    accumulator: np.ndarray
    parameters: np.ndarray

    @property
    def cycles(self) -> int:
        """Cycle of the last end."""
        return int(self.end.max(initial=0))


def run_reference(
    machine: Machine,
    program: np.ndarray,
    dram: np.ndarray,
    stalls: np.ndarray | None = None,
    max_cycles: int = 1_000_000,
) -> ReferenceRun:
    """Run a program cycle by cycle, with values.

    Parameters
    ----------
    dram : numpy.ndarray
        Bytes of DRAM, uint8; not modified.
    stalls : numpy.ndarray or None
        Bits of shape (cycles, 2): request port, response port.

    Raises
    ------
    CodesignError
        When the program cannot run, stands still, or passes `max_cycles`.
    """
    commands = [Command(i, row) for i, row in enumerate(program)]
    if machine.memory.model == "resident":
        for command in commands:
            if command.opcode in (LOAD, STORE):
                raise CodesignError(f"{command.name}: operands are resident (memory.model); nothing is moved")
    core = Core(machine, len(commands), dram)
    depths = [getattr(machine.queues, engine) for engine in ENGINES]
    queues = [Queue(depth) for depth in depths]
    sequencer = Sequencer(core, commands, queues)
    load, store = LoadEngine(core, queues[0]), StoreEngine(core, queues[3])
    execute = ExecuteEngine(core, queues[1], sequencer)
    vector = VectorEngine(core, queues[2])
    port = Port(machine, core.dram, stalls)
    t = 0
    while core.ended < len(commands):
        sequencer.tick(t)
        store.gather(t)
        accepted = port.tick(t, load.offer(t), store.offer())
        load.tick(t, accepted)
        store.tick(t, accepted)
        execute.tick(t)
        vector.tick(t)
        if not core.progress and core.running == 0:
            raise CodesignError(_deadlock(core, queues))
        for part in (sequencer, port, load, store, *queues, core):
            part.commit()
        t += 1
        if t > max_cycles:
            raise CodesignError(f"the program runs for more than {max_cycles} cycles")
    return _result(core)


def _deadlock(core: Core, queues: list[Queue]) -> str:
    """Say which heads stand still, and for which tokens."""
    parts = []
    for queue in queues:
        head = queue.head
        if head is not None:
            names = [token_name(c) for c in core.tokens.missing(head.waits)] or ["the array"]
            parts.append(f"{head.name} waits for {', '.join(names)}")
    return "deadlock: " + "; ".join(parts)


def _result(core: Core) -> ReferenceRun:
    core.counts["cycles"] = int(core.end.max(initial=0))
    return ReferenceRun(
        start=core.start,
        end=core.end,
        counts=np.array([core.counts[name] for name in COUNTERS], np.int64),
        dram=np.frombuffer(bytes(core.dram), np.uint8).copy(),
        scratchpad=core.memories[SCRATCHPAD].as_array(),
        weight_buffer=core.memories[WEIGHT_BUFFER].as_array(),
        accumulator=_words(core.memories[ACCUMULATOR].as_array(), core.cols),
        parameters=core.memories[PARAMETERS].as_array(),
    )


def _words(flat: np.ndarray, cols: int) -> np.ndarray:
    """Return sums as (words, cols); an unbounded memory's last word is filled up with zeros."""
    padded = np.zeros(-(-len(flat) // cols) * cols, np.int64)
    padded[: len(flat)] = flat
    return padded.reshape(-1, cols)
