"""What all engines of the core share: constants, memories, tokens, counters and the log of starts and ends."""

from __future__ import annotations

import numpy as np

from simulators.activity import COUNTERS
from simulators.machine import Machine
from simulators.npu.reference.command import Command
from simulators.npu.reference.memories import Memory, build_memories
from simulators.npu.reference.queues import Tokens


class Core:
    """The shared state.

    Attributes
    ----------
    counts : dict of str to int
        Every counter of `simulators.activity.COUNTERS`.
    start, end : numpy.ndarray
        Cycle of each command, -1 while it has none.
    running : int
        Commands started and not ended, as registered.
    progress : bool
        Whether a command started or was pushed in this cycle.
    """

    def __init__(self, machine: Machine, commands: int, dram: np.ndarray) -> None:
        self.machine = machine
        self.rows, self.cols = machine.array.rows, machine.array.cols
        self.memories: dict[int, Memory] = build_memories(machine)
        self.dram = bytearray(np.ascontiguousarray(dram, np.uint8).tobytes())
        self.tokens = Tokens(machine.queues.token_bits)
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.start = np.full(commands, -1, np.int64)
        self.end = np.full(commands, -1, np.int64)
        self.running = 0
        self.ended = 0
        self.progress = False
        self._running_next = 0

    def begin(self, command: Command, t: int) -> None:
        """Log the start of a command and take its tokens."""
        self.start[command.index] = t
        self.tokens.take(command.waits)
        self._running_next += 1
        self.progress = True

    def finish(self, command: Command, t: int) -> None:
        """Log the end of a command and give its tokens."""
        self.end[command.index] = t
        self.tokens.give(command.gives, command.name)
        self._running_next -= 1
        self.ended += 1

    def count(self, counter: str, amount: int = 1) -> None:
        """Add to a counter."""
        self.counts[counter] += amount

    def commit(self) -> None:
        """End the cycle."""
        self.tokens.commit()
        for memory in self.memories.values():
            memory.commit()
        self.running = self._running_next
        self.progress = False
