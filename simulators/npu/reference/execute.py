"""The execute engine: when preloads and matmuls start, what they feed the array, and where the sums go."""

from __future__ import annotations

from simulators.npu.reference import counting
from simulators.npu.reference.array import OutputArray, StationaryArray, Sum, Wave
from simulators.npu.reference.command import Command
from simulators.npu.reference.core import Core
from simulators.npu.reference.feeds import PreloadFeed, VectorFeed, WeightFeed, WordFeed
from simulators.npu.reference.memories import Delay
from simulators.npu.reference.queues import Queue, Sequencer
from simulators.program import ACCUMULATOR, CHANNELS, ENGINES, PRELOAD


class ExecuteEngine:
    """Head of the execute queue, the issue of rows and vectors, the array and the accumulator's port."""

    def __init__(self, core: Core, queue: Queue, sequencer: Sequencer) -> None:
        self.core, self.queue, self.sequencer = core, queue, sequencer
        machine, array = core.machine, core.machine.array
        self.os = array.dataflow == "os"
        self.overlap, self.shadow = array.fold_overlap, array.shadow_weights
        self.drain_rows = core.rows if self.os and array.os_drain == "shifted" else 0
        self.blocks = self.os and array.convolution == "shifted"
        latency = max(machine.scratchpad.latency_cycles, machine.weight_buffer.latency_cycles)
        sums = core.memories[ACCUMULATOR]
        shape = (core.rows, core.cols, array.pe.latency_cycles, sums.bits, sums.signed)
        self.preload_feed = PreloadFeed(core, latency)
        if self.os:
            self.array = OutputArray(*shape, shifted=array.os_drain == "shifted")
            self.feed = WordFeed(core, latency) if self.blocks else VectorFeed(core, latency, skewed=True)
            self.weight_feed = WeightFeed(core, latency + (1 if self.blocks else 0))
        else:
            self.array = StationaryArray(*shape, shadow=array.shadow_weights)
            self.feed = VectorFeed(core, latency, skewed=False)
        self.to_accumulator = Delay(machine.accumulator.latency_cycles)
        self.matmul: Command | None = None
        self.step, self.steps = 0, 0
        self.draining = 0  # cycles left in which the array gives its sums away
        self.tile_waiting = False  # a stationary tile was preloaded and no swap has taken it
        self.tile_seen = False
        self.matmuls_running = 0

    def tick(self, t: int) -> None:
        """Decide, issue, move the array, write the sums that arrive."""
        started = self._start(t)
        wave = self._issue()
        if self.os:
            sums = self.array.tick(self.feed.tick(wave), self.weight_feed.tick(wave))
        else:
            sums = self.array.tick(self.feed.tick(wave), self.preload_feed.tick())
            if self.array.preloaded is not None:
                self.core.finish(self.array.preloaded, t)
        ended = self._write(self.to_accumulator.step(sums), t)
        self._note(started)
        self.matmuls_running -= ended

    def _start(self, t: int) -> Command | None:
        """Start the head if it may; count the class of the cycle."""
        head, core = self.queue.head, self.core
        missing = core.tokens.missing(head.waits) if head is not None else []
        starts = head is not None and not missing and self._may_start(head)
        busy = self.matmul is not None or self.draining > 0
        if t > 0 and not busy and not (starts and head.opcode != PRELOAD):
            self._count_idle(head, missing)
        if not starts:
            return None
        self.queue.pop()
        core.begin(head, t)
        if head.opcode == PRELOAD:
            counting.preload(core, head)
            self.preload_feed.command, self.preload_feed.row = head, 0
        else:
            self.steps = head.count * (core.rows if self.blocks else 1)
            counting.matmul(core, head, self.steps, self.os, self.drain_rows)
            self.matmul, self.step = head, 0
        return head

    def _may_start(self, head: Command) -> bool:
        """Whether the array is free for the head, by what was registered when the cycle began."""
        drained = self.overlap or self.matmuls_running == 0
        if head.opcode == PRELOAD:
            loaded = self.preload_feed.command is None and not self.tile_waiting
            return loaded and (self.shadow or self.matmul is None) and drained
        if self.os:
            return self.matmul is None and self.draining == 0 and drained
        tile = not head.swap or (self.tile_seen and self.preload_feed.command is None)
        return self.matmul is None and tile

    def _issue(self) -> Wave | None:
        """Return the vector or step issued in this cycle."""
        if self.matmul is None:
            self.draining = max(self.draining - 1, 0)
            return None
        wave = Wave(self.matmul, self.step, self.step == 0, self.step == self.steps - 1)
        self.step += 1
        if wave.last:
            self.matmul, self.draining = None, self.drain_rows
        return wave

    def _note(self, started: Command | None) -> None:
        """Register what the start changes for the next one."""
        if started is None:
            return
        if started.opcode == PRELOAD:
            self.tile_waiting = self.tile_seen = True
            return
        self.matmuls_running += 1
        if started.swap:
            self.tile_waiting = False

    def _write(self, sums: list[Sum] | None, t: int) -> int:
        """Write arriving sums; return how many matmuls end."""
        memory, ended = self.core.memories[ACCUMULATOR], 0
        for item in sums or []:
            if item.used:
                address = item.word * self.core.cols + item.col
                before = memory.read(address) if item.command.accumulate else 0
                memory.write(address, before + item.value)
            if item.last:
                self.core.finish(item.command, t)
                ended += 1
        return ended

    def _count_idle(self, head: Command | None, missing: list[int]) -> None:
        """Count a cycle in which the array neither takes a vector nor drains."""
        if missing:
            source = ENGINES[missing[0] // CHANNELS // 4]
            self.core.count(f"execute_wait_token_{source}")
        elif head is not None:
            self.core.count("execute_wait_array")
        elif self.sequencer.to_come[1] > 0:
            self.core.count("execute_wait_queue")
