"""From the memories to the edge of the array: read latency, serializers and skew."""

from __future__ import annotations

from simulators.npu.reference.array import Operand, Wave
from simulators.npu.reference.command import Command
from simulators.npu.reference.core import Core
from simulators.npu.reference.memories import Delay
from simulators.program import WEIGHT_BUFFER


class PreloadFeed:
    """Reads a stationary tile, a row a cycle."""

    def __init__(self, core: Core, latency: int) -> None:
        self.core = core
        self.command: Command | None = None
        self.row = 0
        self.read = [Delay(latency) for _ in range(core.cols)]

    def tick(self) -> list[tuple[int, int, Command | None] | None]:
        """Return what leaves the memory in this cycle, per column."""
        command, cols = self.command, self.core.cols
        words: list[tuple[int, int, Command | None] | None] = [None] * cols
        if command is not None:
            memory, r = self.core.memories[command.memory], self.row
            last = command if r == self.core.rows - 1 else None
            for c in range(cols):
                used = r < command.used_rows and c < command.used_cols
                address = command.address + command.offset(r) + command.lane_offset(c)
                words[c] = (r, memory.read(address) if used else 0, last)
            self.row += 1
            if self.row == self.core.rows:
                self.command = None
        return [self.read[c].step(words[c]) for c in range(cols)]


class VectorFeed:
    """Reads a vector (ws, is) or an im2col step (os) a cycle: one element per lane, all lanes at once."""

    def __init__(self, core: Core, latency: int, skewed: bool) -> None:
        self.core = core
        self.read = [Delay(latency) for _ in range(core.rows)]
        self.skew = [Delay(r if skewed else 0) for r in range(core.rows)]

    def tick(self, wave: Wave | None) -> list[Operand]:
        """Return what leaves the memory (and the skew) in this cycle, per row."""
        lanes: list[Operand] = []
        for r in range(self.core.rows):
            operand = None
            if wave is not None:
                operand = (self._element(wave, r), wave)
            lanes.append(self.skew[r].step(self.read[r].step(operand)))
        return lanes

    def _element(self, wave: Wave, r: int) -> int:
        command = wave.command
        if r >= command.used_rows:
            return 0
        address = command.address + command.offset(wave.number) + command.lane_offset(r)
        return self.core.memories[command.memory].read(address)


class Serializer:
    """A shift register: loaded with a word, it gives one element a cycle from the next cycle on."""

    def __init__(self) -> None:
        self.word: list[Operand] = []

    def step(self, loaded: list[Operand] | None) -> Operand:
        """Return this cycle's element and take the word that arrives."""
        element = self.word.pop(0) if self.word else None
        if loaded is not None:
            self.word = loaded
        return element


class WordFeed:
    """Reads a word of `rows` elements per block and lane (os, shifted); lane i is read i cycles later."""

    def __init__(self, core: Core, latency: int) -> None:
        self.core = core
        self.read = [Delay(latency) for _ in range(core.rows)]
        self.serializers = [Serializer() for _ in range(core.rows)]

    def tick(self, wave: Wave | None) -> list[Operand]:
        """Return the elements that leave the serializers in this cycle, per row."""
        lanes = []
        for i in range(self.core.rows):
            word = self._word(wave, i) if wave is not None else None
            lanes.append(self.serializers[i].step(self.read[i].step(word)))
        return lanes

    def _word(self, wave: Wave, i: int) -> list[Operand] | None:
        command, rows = wave.command, self.core.rows
        block, phase = divmod(wave.number - i, rows)
        if phase or not 0 <= block < command.count:
            return None
        steps = command.count * rows
        first = command.address + command.offset(block) + command.lane_offset(i)
        memory, word = self.core.memories[command.memory], []
        for j in range(rows):
            k = block * rows + j
            value = memory.read(first + j) if i < command.used_rows else 0
            word.append((value, Wave(command, k, k == 0, k == steps - 1)))
        return word


class WeightFeed:
    """Reads the weights of a step (os): a row of the weight buffer."""

    def __init__(self, core: Core, latency: int) -> None:
        self.core = core
        self.read = [Delay(latency) for _ in range(core.cols)]

    def tick(self, wave: Wave | None) -> list[int | None]:
        """Return what leaves the memory in this cycle, per column."""
        memory, words = self.core.memories[WEIGHT_BUFFER], []
        for c in range(self.core.cols):
            value = None
            if wave is not None:
                command = wave.command
                address = command.weight_address + wave.number * command.weight_stride + c
                value = memory.read(address) if c < command.used_cols else 0
            words.append(self.read[c].step(value))
        return words
