"""The vector engine: operands read tap by tap, a pipeline, results written to the scratchpad."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.npu.reference import counting
from simulators.npu.reference.command import Command
from simulators.npu.reference.core import Core
from simulators.npu.reference.queues import Queue
from simulators.npu.reference.values import combine
from simulators.program import (
    ACCUMULATOR,
    ADD,
    DEPTHWISE,
    FUNCTIONS,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_POSITION,
    PARAMETER_WORDS,
    PARAMETERS,
    SCRATCHPAD,
    VALUE_FUNCTIONS,
    WEIGHT_BUFFER,
)
from workloads.errors import CodesignError


class VectorEngine:
    """One command at a time; a position, group, tap and pass a cycle."""

    def __init__(self, core: Core, queue: Queue) -> None:
        self.core, self.queue = core, queue
        machine = core.machine
        buffers = (machine.scratchpad, machine.weight_buffer, machine.accumulator, machine.parameter_buffer)
        self.read_latency = max(buffer.latency_cycles for buffer in buffers)
        self.command: Command | None = None
        self.slots: Iterator[tuple[int, int, int, bool]] = iter(())
        self.operands: list[list[int]] = []
        self.pipeline: list[tuple[int, list[tuple[int, int]], bool]] = []  # cycle, writes, last of the command

    def tick(self, t: int) -> None:
        """Start the head if idle, read this cycle's operands, write the results that are due."""
        head = self.queue.head
        if self.command is None and head is not None:
            if self.core.tokens.missing(head.waits):
                self.core.count("vector_wait_token")
            else:
                self._begin(head, t)
        if self.command is None:
            return
        slot = next(self.slots, None)
        if slot is not None:
            self._work(slot, t)
        if self.pipeline and self.pipeline[0][0] == t:
            self._retire(t)

    def _begin(self, head: Command, t: int) -> None:
        machine = self.core.machine
        name = FUNCTIONS[head.value]
        if machine.vector is None or name not in machine.vector.functions:
            raise CodesignError(f"{head.name}: the machine's vector unit has no function '{name}'")
        function = machine.vector.functions[name]
        self.latency = self.read_latency + function.latency_cycles
        self.lanes, self.has_values = machine.vector.lanes, name in VALUE_FUNCTIONS
        self.queue.pop()
        self.core.begin(head, t)
        counting.vector(self.core, head, self.lanes, function.passes)
        self.command, self.slots = head, self._schedule(head, function.passes)

    def _schedule(self, command: Command, passes: int) -> Iterator[tuple[int, int, int, bool]]:
        """Yield (position, first channel, tap, whether the operand is read) of every cycle."""
        for position in range(command.count):
            for first in range(0, command.used_cols, self.lanes):
                for tap in range(command.taps):
                    for turn in range(passes):
                        yield position, first, tap, turn == passes - 1

    def _work(self, slot: tuple[int, int, int, bool], t: int) -> None:
        position, first, tap, reads = slot
        command = self.command
        if not reads:
            return
        channels = range(first, min(first + self.lanes, command.used_cols))
        if self.has_values:
            self.operands.append([self._operand(position, channel, tap) for channel in channels])
        if tap < command.taps - 1:
            return
        writes = []
        for lane, channel in enumerate(channels):
            if self.has_values:
                taps = [operand[lane] for operand in self.operands]
                writes.append(self._result(position, channel, taps))
        self.operands = []
        last = position == command.count - 1 and channels.stop == command.used_cols
        self.pipeline.append((t + self.latency, writes, last))

    def _retire(self, t: int) -> None:
        _, writes, last = self.pipeline.pop(0)
        for address, value in writes:
            self.core.memories[SCRATCHPAD].write(address, value)
        if last:
            self.core.finish(self.command, t)
            self.command = None

    def _operand(self, position: int, channel: int, tap: int) -> int:
        command, memory = self.command, self.core.memories[self.command.memory]
        base = command.address + command.offset(position) + command.lane_offset(tap)
        if command.memory == ACCUMULATOR:
            return memory.read(base * self.core.cols + channel)
        return memory.read(base + channel)

    def _result(self, position: int, channel: int, taps: list[int]) -> tuple[int, int]:
        """Return address and value of an output."""
        command = self.command
        row, plane = position % command.n0, position // command.n0
        address = command.destination + row * command.d_s0 + plane * command.d_s1 + channel * command.d_lane
        weights = []
        if command.value == DEPTHWISE:
            memory = self.core.memories[WEIGHT_BUFFER]
            first = command.weight_address + channel
            weights = [memory.read(first + tap * command.weight_stride) for tap in range(command.taps)]
        entries = [self._entry(self._index(position, channel))]
        if command.value == ADD:
            entries = [self._entry(command.parameter_address + tap) for tap in range(command.taps)]
        if command.parameter_mode == PARAMETER_NONE:
            entries = [(0, 1, 0)] * len(entries)
        mode = self.core.machine.vector.requantize
        return address, combine(command, taps, weights, entries, mode)

    def _index(self, position: int, channel: int) -> int:
        mode, first = self.command.parameter_mode, self.command.parameter_address
        return first + {PARAMETER_LANE: channel, PARAMETER_POSITION: position}.get(mode, 0)

    def _entry(self, entry: int) -> tuple[int, int, int]:
        """Return bias, multiplier and shift of an entry of the parameter buffer."""
        if self.command.parameter_mode == PARAMETER_NONE:
            return 0, 1, 0
        memory = self.core.memories[PARAMETERS]
        bias, multiplier, shift = (memory.read(entry * PARAMETER_WORDS + word) for word in range(PARAMETER_WORDS))
        return bias, multiplier, shift
