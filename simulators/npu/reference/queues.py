"""The sequencer, the four command queues and the token counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.npu.reference.command import Command
from simulators.program import token_name
from workloads.errors import CodesignError

if TYPE_CHECKING:
    from simulators.npu.reference.core import Core


class Queue:
    """An in-order queue; pushes and pops are visible in the next cycle."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.commands: list[Command] = []
        self._pushed: list[Command] = []
        self._popped = False

    @property
    def full(self) -> bool:
        """Whether it was full when the cycle began."""
        return len(self.commands) >= self.depth

    @property
    def head(self) -> Command | None:
        """The command at the head when the cycle began."""
        return self.commands[0] if self.commands else None

    def push(self, command: Command) -> None:
        """Append a command."""
        self._pushed.append(command)

    def pop(self) -> None:
        """Remove the head."""
        self._popped = True

    def commit(self) -> None:
        """End the cycle."""
        self.commands = self.commands[int(self._popped) :] + self._pushed
        self._pushed, self._popped = [], False


class Tokens:
    """Sixty-four counters; takes and gives are visible in the next cycle."""

    def __init__(self, bits: int) -> None:
        self.greatest = (1 << bits) - 1
        self.counters = [0] * 64
        self._taken = 0
        self._given: list[tuple[int, str]] = []

    def missing(self, mask: int) -> list[int]:
        """Return the counters of a mask that held no token when the cycle began, lowest first."""
        return [c for c in range(64) if mask >> c & 1 and self.counters[c] < 1]

    def take(self, mask: int) -> None:
        """Take one token from each counter of a mask (engines never share a counter)."""
        self._taken |= mask

    def give(self, mask: int, giver: str) -> None:
        """Give one token to each counter of a mask."""
        self._given.append((mask, giver))

    def commit(self) -> None:
        """End the cycle."""
        for c in range(64):
            self.counters[c] -= self._taken >> c & 1
        for mask, giver in self._given:
            for c in range(64):
                self.counters[c] += mask >> c & 1
                if self.counters[c] > self.greatest:
                    raise CodesignError(f"{giver}: token counter {token_name(c)} overflows {self.greatest}")
        self._taken, self._given = 0, []


class Sequencer:
    """Pushes the program into the queues, one command a cycle, in order."""

    def __init__(self, core: Core, commands: list[Command], queues: list[Queue]) -> None:
        self.core, self.commands, self.queues = core, commands, queues
        self.next = 0
        self.to_come = [sum(c.engine == e for c in commands) for e in range(4)]
        self._pushed: int | None = None

    def tick(self, t: int) -> None:
        """Push the next command, or wait for room."""
        if self.next == len(self.commands):
            return
        command = self.commands[self.next]
        if self.queues[command.engine].full:
            self.core.count("sequencer_wait")
            return
        self.queues[command.engine].push(command)
        self.next += 1
        self._pushed = command.engine
        self.core.progress = True

    def commit(self) -> None:
        """End the cycle: a command pushed is no longer to come."""
        if self._pushed is not None:
            self.to_come[self._pushed] -= 1
            self._pushed = None
