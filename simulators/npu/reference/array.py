"""The systolic array as registers that move: a stationary one (ws, is) and an output-stationary one (os)."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.npu.reference.command import Command
from simulators.npu.reference.memories import Delay, wrap


@dataclass(frozen=True)
class Wave:
    """What travels with a vector or step: whose it is, its number, whether it is the first or the last."""

    command: Command
    number: int
    first: bool
    last: bool


@dataclass(frozen=True)
class Sum:
    """A sum that leaves column `col` for word `word` of the accumulator."""

    command: Command
    word: int
    col: int
    value: int
    used: bool
    last: bool


#: An operand on its way through the array: a value and its wave, or a bubble.
Operand = tuple[int, Wave] | None


class StationaryArray:
    """rows x cols PEs that hold a weight; activations move right, partial sums move down.

    Parameters
    ----------
    rows, cols, latency : int
        Of the array, and the registers from a PE's operands to its sum.
    bits, signed
        Format of the partial sums.
    shadow : bool
        Whether PEs have a shadow weight.

    Attributes
    ----------
    preloaded : Command or None
        The preload whose last write happened in the cycle ticked last.
    """

    def __init__(self, rows: int, cols: int, latency: int, bits: int, signed: bool, shadow: bool) -> None:
        self.rows, self.cols, self.bits, self.signed = rows, cols, bits, signed
        self.has_shadow = shadow
        self.activation: list[list[Operand]] = [[None] * cols for _ in range(rows)]
        self.sums = [[0] * cols for _ in range(rows)]
        self.weight = [[0] * cols for _ in range(rows)]
        self.shadow = [[0] * cols for _ in range(rows)]
        self.products = [[Delay(latency - 1) for _ in range(cols)] for _ in range(rows)]
        self.skew = [Delay(r) for r in range(rows)]
        self.weight_skew = [Delay(c) for c in range(cols)]
        self.preloaded: Command | None = None

    def tick(self, lanes: list[Operand], weights: list[tuple[int, int, Command | None] | None]) -> list[Sum]:
        """Move everything by one cycle; return the sums that leave the last row.

        Parameters
        ----------
        lanes : list
            One operand per row as it leaves the memory.
        weights : list
            Per column (row, value, command of the last row) of a stationary tile as it leaves the memory.
        """
        entering = [self.skew[r].step(lanes[r]) for r in range(self.rows)]
        leaving: list[Sum] = []
        activation = [[None] * self.cols for _ in range(self.rows)]
        sums = [row[:] for row in self.sums]
        for r in range(self.rows):
            for c in range(self.cols):
                operand = self.activation[r][c - 1] if c else entering[r]
                activation[r][c] = operand
                arrived = self.products[r][c].step(self._multiply(r, c, operand))
                if arrived is None:
                    continue
                product, wave = arrived
                above = self.sums[r - 1][c] if r else 0
                sums[r][c] = wrap(above + product, self.bits, self.signed)
                if r == self.rows - 1:
                    leaving.append(self._leave(wave, c, sums[r][c]))
        self.activation, self.sums = activation, sums
        self._take_weights(weights)
        return leaving

    def _multiply(self, r: int, c: int, operand: Operand) -> Operand:
        if operand is None:
            return None
        value, wave = operand
        if wave.first and wave.command.swap and self.has_shadow:
            self.weight[r][c] = self.shadow[r][c]
        return value * self.weight[r][c], wave

    def _leave(self, wave: Wave, c: int, value: int) -> Sum:
        command = wave.command
        last = wave.last and c == self.cols - 1
        return Sum(command, command.destination + wave.number, c, value, c < command.used_cols, last)

    def _take_weights(self, weights: list[tuple[int, int, Command | None] | None]) -> None:
        """Write the skewed columns into the PEs; called last, so that this cycle multiplied the old ones."""
        self.preloaded = None
        target = self.shadow if self.has_shadow else self.weight
        for c in range(self.cols):
            arrived = self.weight_skew[c].step(weights[c])
            if arrived is None:
                continue
            row, value, command = arrived
            target[row][c] = value
            if command is not None and c == self.cols - 1:
                self.preloaded = command


class OutputArray:
    """rows x cols PEs that hold a sum; activations move right, weights move down.

    Parameters
    ----------
    shifted : bool
        Whether sums leave through the PEs below instead of all at once.
    """

    def __init__(self, rows: int, cols: int, latency: int, bits: int, signed: bool, shifted: bool) -> None:
        self.rows, self.cols, self.bits, self.signed, self.shifted = rows, cols, bits, signed, shifted
        self.activation: list[list[Operand]] = [[None] * cols for _ in range(rows)]
        self.weight = [[0] * cols for _ in range(rows)]
        self.sums = [[0] * cols for _ in range(rows)]
        self.finished: list[list[tuple[Command, int] | None]] = [[None] * cols for _ in range(rows)]
        self.products = [[Delay(latency - 1) for _ in range(cols)] for _ in range(rows)]
        self.weight_skew = [Delay(c) for c in range(cols)]

    def tick(self, lanes: list[Operand], weights: list[int | None]) -> list[Sum]:
        """Move everything by one cycle; return the sums that leave.

        Parameters
        ----------
        lanes : list
            One operand per row, already skewed.
        weights : list
            One weight per column as it leaves the memory.
        """
        entering = [self.weight_skew[c].step(weights[c]) for c in range(self.cols)]
        old_sums, old_finished = [row[:] for row in self.sums], [row[:] for row in self.finished]
        leaving = self._shift(old_sums, old_finished) if self.shifted else []
        activation = [[None] * self.cols for _ in range(self.rows)]
        weight = [[0] * self.cols for _ in range(self.rows)]
        for i in range(self.rows):
            for c in range(self.cols):
                operand = self.activation[i][c - 1] if c else lanes[i]
                factor = self.weight[i - 1][c] if i else entering[c]
                activation[i][c], weight[i][c] = operand, factor or 0
                product = None if operand is None else (operand[0] * (factor or 0), operand[1])
                arrived = self.products[i][c].step(product)
                if arrived is not None:
                    leaving += self._add(i, c, arrived, old_sums[i][c])
        self.activation, self.weight = activation, weight
        return leaving

    def _add(self, i: int, c: int, arrived: tuple[int, Wave], before: int) -> list[Sum]:
        """Add a product to the PE's sum; with the last one the sum is finished."""
        product, wave = arrived
        self.sums[i][c] = wrap(product + (0 if wave.first else before), self.bits, self.signed)
        self.finished[i][c] = (wave.command, i) if wave.last and self.shifted else None
        if wave.last and not self.shifted:
            return [self._leave(wave.command, i, c, self.sums[i][c], i == self.rows - 1)]
        return []

    def _shift(self, sums: list[list[int]], finished: list[list[tuple[Command, int] | None]]) -> list[Sum]:
        """Move finished sums down in every column whose last PE holds one, of that PE's fold alone."""
        leaving, bottom = [], self.rows - 1
        for c in range(self.cols):
            if finished[bottom][c] is None:
                continue
            fold, lane = finished[bottom][c]
            leaving.append(self._leave(fold, lane, c, sums[bottom][c], lane == 0))
            for i in range(self.rows):
                if finished[i][c] is None or finished[i][c][0] is not fold:
                    continue
                above = finished[i - 1][c] if i else None
                moves = above is not None and above[0] is fold
                self.finished[i][c] = above if moves else None
                if moves:
                    self.sums[i][c] = sums[i - 1][c]
        return leaving

    def _leave(self, command: Command, lane: int, c: int, value: int, last_lane: bool) -> Sum:
        used = lane < command.used_rows and c < command.used_cols
        return Sum(command, command.destination + lane, c, value, used, last_lane and c == self.cols - 1)
