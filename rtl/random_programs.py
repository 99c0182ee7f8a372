"""Random valid programs for a machine: double-buffered chains from load to store.

A program is a list of jobs. A job loads operands, runs one or more accumulating folds, brings the sums back to
activations and stores them; buffers of every memory are used in turn, guarded by tokens both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rtl.random_nests import FAR_NESTS, LONG_ROWS, far_nest, long_rows
from rtl.random_tokens import spread_tokens
from rtl.random_variations import varied
from simulators.machine import Array, Machine
from simulators.npu.config import capacities
from simulators.program import (
    ACCUMULATOR,
    ADD,
    AVERAGE_POOL,
    DEPTHWISE,
    EXECUTE_ENGINE,
    FILL,
    FUNCTIONS,
    LOAD,
    LOAD_ENGINE,
    MATMUL,
    MAX_POOL,
    MEMORIES,
    MUL,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_ONE,
    PARAMETER_POSITION,
    PARAMETER_WORDS,
    PARAMETERS,
    PRELOAD,
    REQUANTIZE,
    ROUND_ONCE,
    SCRATCHPAD,
    STORE,
    STORE_ENGINE,
    VECTOR,
    VECTOR_ENGINE,
    WEIGHT_BUFFER,
    assemble,
    command,
    mask,
    token,
)
from workloads.errors import CodesignError
from workloads.formats import parse_format

L, X, V, S = LOAD_ENGINE, EXECUTE_ENGINE, VECTOR_ENGINE, STORE_ENGINE
ENTRIES = 64  # parameter entries
DRAM_BYTES = 1 << 16
STORED = 1 << 15  # DRAM from here on is written, below it is read
PARAMETER_BYTES = 1 << 14  # parameters lie here, or a few bytes beyond
PARAMETER_ALIGNMENTS = 4
MORE_JOBS = 4  # of every eighth program: a buffer's token is then waited for more than once


def random_program(machine: Machine, seed: int) -> RandomCase:
    """Return a random program that fits a machine, DRAM for it, and a stall schedule or none.

    Raises
    ------
    CodesignError
        When the machine's memories are too small for any.
    """
    rng = np.random.default_rng(seed)
    depths = dict(zip(MEMORIES, capacities(machine), strict=True))
    cols, rows = machine.array.cols, machine.array.rows
    sizes, buffers = None, 3
    for words in (20, 12, 6, 3, 1):
        sizes = Sizes(max(200, 10 * max(rows, cols)) if words > 3 else max(64, 6 * max(rows, cols)),
                      max(160, words * cols), words)  # fmt: skip
        while buffers > 1 and not _fits(sizes, buffers, rows, depths):
            buffers -= 1
        if _fits(sizes, buffers, rows, depths):
            break
    else:
        raise CodesignError(f"{machine.name}: its memories are too small for random programs")
    assert machine.vector is not None
    known = tuple(f for f in (DEPTHWISE, MAX_POOL, AVERAGE_POOL, ADD, MUL) if FUNCTIONS[f] in machine.vector.functions)
    builder = Builder(rng, machine.array, sizes, known, buffers, far=np.random.default_rng((seed, 2)))
    builder.build(int(rng.integers(1, 6)) + (MORE_JOBS if seed % 8 == 7 else 0))
    stalls = None
    if rng.random() < 0.5:
        stalls = (rng.random((int(rng.integers(1, 800)), 2)) < rng.random() * 0.8).astype(np.uint8)
    program = varied(np.random.default_rng((seed, 1)), machine, assemble(builder.commands), DRAM_BYTES)
    program = spread_tokens(rng, program, machine.queues.token_bits)
    start = PARAMETER_BYTES + seed % PARAMETER_ALIGNMENTS
    program["dram_address"][(program["opcode"] == LOAD) & (program["memory"] == PARAMETERS)] = start
    return RandomCase(program, random_dram(rng, start), stalls)


class RandomCase(NamedTuple):
    """A program, DRAM bytes, and a stall schedule (cycles, 2) or None."""

    program: np.ndarray
    dram: np.ndarray
    stalls: np.ndarray | None


def _fits(sizes: Sizes, buffers: int, rows: int, depths: dict[str, int]) -> bool:
    words = max(sizes.words, rows)
    return (
        buffers * (sizes.tile + 3 * sizes.outputs) <= depths["scratchpad"]
        and buffers * sizes.tile + 64 <= depths["weight_buffer"]
        and buffers * words <= depths["accumulator"]
        and depths["parameter_buffer"] >= ENTRIES * PARAMETER_WORDS
    )


def random_dram(rng: np.random.Generator, start: int = PARAMETER_BYTES) -> np.ndarray:
    """Return random bytes with sensible bias, multiplier and shift where parameters lie; an eighth scale by little."""
    dram = rng.integers(0, 256, DRAM_BYTES, dtype=np.uint8)
    words = np.zeros((ENTRIES, 3), "<i4")
    words[:, 0] = rng.integers(-500, 500, ENTRIES)
    words[:, 1] = rng.integers(1 << 28, (1 << 31) - 1, ENTRIES)
    words[:, 2] = rng.integers(29, 42, ENTRIES)
    words[3::8, 1] >>= 26
    words[3::8, 2] -= 28
    words[::4, 2] |= ROUND_ONCE
    dram[start : start + words.nbytes] = np.frombuffer(words.tobytes(), np.uint8)
    return dram


class Sizes(NamedTuple):
    """Elements of a buffer of operands and of results, accumulator words of a job."""

    tile: int = 200
    outputs: int = 160
    words: int = 20


@dataclass
class Builder:
    """Emits commands; every `reserve` widens what the memories must hold.

    Attributes
    ----------
    functions : tuple of int
        Codes of the functions of one operand or two that results may pass through.
    most_buffers : int
        Buffers of each kind that are used in turn, at most.
    far : np.random.Generator, optional
        Makes some nests begin at their last indices (`far_nest`).
    """

    rng: np.random.Generator
    array: Array
    sizes: Sizes = field(default_factory=Sizes)
    functions: tuple[int, ...] = (DEPTHWISE, MAX_POOL, AVERAGE_POOL, ADD, MUL)
    most_buffers: int = 3
    far: np.random.Generator | None = None
    commands: list[np.ndarray] = field(default_factory=list)
    elements: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MEMORIES, 1))
    stored: int = STORED
    taken: dict[int, int] = field(default_factory=dict)

    def build(self, jobs: int) -> None:
        """Emit the parameters and `jobs` jobs."""
        self.buffers = self.draw(1, self.most_buffers)
        self.fills = (0.15, 0.15, 1.0)[self.draw(0, 2)]  # share of operands that come from no memory
        self.fence = self.rng.random() < 0.25  # a job's first fold waits for the store before it
        self.is_os = self.array.dataflow == "os"
        self.fold = self.job = 0
        self.bits = {
            SCRATCHPAD: parse_format(self.array.pe.activation).bits,
            WEIGHT_BUFFER: parse_format(self.array.pe.weight).bits,
            PARAMETERS: 32,
        }
        size = ENTRIES * 3
        self.emit(LOAD, memory=PARAMETERS, n0=size, dram_address=PARAMETER_BYTES, gives=mask(token(L, V, 0)))
        self.reserve(PARAMETERS, size)
        self.depthwise_weights = self.buffers * self.sizes.tile
        self.load(WEIGHT_BUFFER, self.depthwise_weights, mask(), mask(token(L, V, 1)), limit=64)
        for _ in range(jobs):
            self.emit_job()
            self.job += 1
        if self.rng.random() < 0.4:
            channel = 1 if self.array.dataflow == "is" else 0
            self.emit(
                LOAD, memory=SCRATCHPAD, dram_address=STORED, address=self.tiles(self.fold),
                waits=mask(token(S, L)) | self.free(token(X, L, channel), self.fold)
            )  # fmt: skip
            self.reserve(SCRATCHPAD, self.buffers * self.sizes.tile)

    def draw(self, low: int, high: int) -> int:
        """Return a random integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def emit(self, opcode: int, **fields: int) -> None:
        """Append a command."""
        self.commands.append(command(opcode, **fields))

    def reserve(self, memory: int, stop: int) -> None:
        """Let `memory` hold at least `stop` elements."""
        name = MEMORIES[memory]
        self.elements[name] = max(self.elements[name], stop)

    def tiles(self, number: int) -> int:
        """Return the address of the operand buffer of a fold."""
        return (number % self.buffers) * self.sizes.tile

    def free(self, counter: int, number: int) -> int:
        """Return the wait for a buffer that is used again (none for its first use)."""
        return mask(counter) if number >= self.buffers else 0

    def nest(self, prefix: str, indices: int, most: int) -> dict[str, int]:
        """Return a random nest whose offsets over `indices` indices stay below `most`."""
        first = self.draw(0, 2)
        n0, n1 = self.draw(1, indices + 1), self.draw(1, 4)
        outer = -(-(first + indices) // (n0 * n1)) - 1
        s0 = self.draw(0, max((most - 1) // 3 // max(n0 - 1, 1), 0)) if n0 > 1 else 0
        s1 = self.draw(0, (most - 1) // 3 // max(n1 - 1, 1))
        s2 = self.draw(0, (most - 1) // 3 // max(outer, 1))
        values = {"n0": n0, "s0": min(s0, 12), "n1": n1, "s1": min(s1, 30), "s2": s2}
        if self.far is not None and self.far.random() < FAR_NESTS:
            values, first = far_nest(self.far, indices, most)
        start = "lane_start" if prefix else "start"
        return {prefix + name: value for name, value in values.items()} | {start: first}

    def load(self, memory: int, address: int, waits: int, gives: int, limit: int | None = None) -> None:
        """Emit a load of part of a buffer, sometimes over a fill of all of it."""
        limit = limit or self.sizes.tile
        if self.rng.random() < 0.3:
            self.emit(FILL, memory=memory, address=address, n0=limit, value=self.draw(-8, 7), waits=waits)
            waits = 0
        if self.rng.random() < self.fills:
            self.emit(FILL, memory=memory, address=address, n0=limit, value=self.draw(-8, 7), waits=waits, gives=gives)
            self.reserve(memory, address + limit)
            return
        n0 = self.draw(1, min(limit, 80))
        n1 = self.draw(1, max(min(4, limit // n0), 1))
        s1 = self.draw(n0, limit // n1)
        planes = self.draw(1, max(min(3, limit // (s1 * n1)), 1))
        s2 = self.draw(s1 * n1, max(limit // planes, s1 * n1))
        width = -(-n0 * self.bits[memory] // 8)
        d_s0 = width + self.draw(0, 9)
        self.emit(
            LOAD, memory=memory, address=address, n0=n0, n1=n1, s1=s1, s2=s2, count=planes, d_s0=d_s0,
            d_s1=d_s0 * n1 + self.draw(0, 40), dram_address=self.draw(0, 5000), waits=waits, gives=gives
        )  # fmt: skip
        self.reserve(memory, address + limit)

    def emit_job(self) -> None:
        """Emit the folds of one job, its vector commands and its store."""
        used_cols = self.draw(1, self.array.cols)
        words = self.draw(1, self.array.rows) if self.is_os else self.draw(1, self.sizes.words)
        sums = (self.job % self.buffers) * self.sizes.words
        self.reserve(ACCUMULATOR, sums + self.sizes.words)
        folds = self.draw(1, 3)
        for fold in range(folds):
            waits = self.free(token(V, X, 0), self.job) if fold == 0 else 0
            waits |= mask(token(S, X, 0)) if fold == 0 and self.fence and self.job else 0
            gives = mask(token(X, V, 0)) if fold == folds - 1 else 0
            shape = {"destination": sums, "used_cols": used_cols, "accumulate": int(fold > 0)}
            (self.os_fold if self.is_os else self.stationary_fold)(words, shape, waits, gives)
            self.fold += 1
        self.results(words, used_cols, sums)

    def stationary_fold(self, words: int, shape: dict[str, int], waits: int, gives: int) -> None:
        """Emit operands, a preload and one or two matmuls (ws, is)."""
        stay, flow = (SCRATCHPAD, WEIGHT_BUFFER) if self.array.dataflow == "is" else (WEIGHT_BUFFER, SCRATCHPAD)
        tile, used_rows, half = self.tiles(self.fold), self.draw(1, self.array.rows), self.sizes.tile // 2
        self.load(stay, tile, self.free(token(X, L, 1), self.fold), mask(token(L, X, 1)))
        self.load(flow, tile, self.free(token(X, L, 0), self.fold), mask(token(L, X, 0)))
        self.emit(
            PRELOAD, memory=stay, address=tile, count=self.array.rows, used_rows=used_rows,
            used_cols=shape["used_cols"], waits=mask(token(L, X, 1)), gives=mask(token(X, L, 1)),
            **self.nest("", self.array.rows, half), **self.nest("lane_", self.array.cols, half)
        )  # fmt: skip
        parts = [words] if words == 1 or self.rng.random() < 0.6 else [words // 2, words - words // 2]
        done = 0
        for i, part in enumerate(parts):
            first, last = i == 0, i == len(parts) - 1
            self.emit(
                MATMUL, memory=flow, address=tile, count=part, used_rows=used_rows, swap=int(first),
                waits=(mask(token(L, X, 0)) | waits) if first else 0,
                gives=(mask(token(X, L, 0)) | gives) if last else 0,
                **shape | {"destination": shape["destination"] + done},
                **self.nest("", part, self.sizes.tile // 2), **self.nest("lane_", self.array.rows, self.sizes.tile // 2)
            )  # fmt: skip
            done += part

    def os_fold(self, words: int, shape: dict[str, int], waits: int, gives: int) -> None:
        """Emit operands and a matmul (os)."""
        tile, rows = self.tiles(self.fold), self.array.rows
        self.load(SCRATCHPAD, tile, self.free(token(X, L, 0), self.fold), mask(token(L, X, 0)))
        self.load(WEIGHT_BUFFER, tile, self.free(token(X, L, 1), self.fold), mask(token(L, X, 1)))
        blocks, half = self.array.convolution == "shifted", self.sizes.tile // 2 - max(rows, 8)
        count = self.draw(1, 3) if blocks else self.draw(1, 16)
        steps = count * (rows if blocks else 1)
        self.emit(
            MATMUL, memory=SCRATCHPAD, address=tile, count=count, used_rows=words, weight_address=tile,
            weight_stride=self.draw(0, (self.sizes.tile - self.array.cols) // steps), **shape,
            waits=mask(token(L, X, 0), token(L, X, 1)) | waits,
            gives=mask(token(X, L, 0), token(X, L, 1)) | gives,
            **self.nest("", count, half), **self.nest("lane_", rows, half)
        )  # fmt: skip

    def results(self, words: int, channels: int, sums: int) -> None:
        """Emit the vector commands that turn sums into activations, and the store."""
        base = self.buffers * self.sizes.tile + (self.job % self.buffers) * 3 * self.sizes.outputs
        self.reserve(SCRATCHPAD, base + 3 * self.sizes.outputs)
        waits = mask(token(X, V, 0)) | self.free(token(S, V, 0), self.job)
        if self.job == 0:
            waits |= mask(token(L, V, 0))
        two = self.rng.random() < 0.6 and bool(self.functions)
        ready = mask(token(V, S, 0))
        fields = self.parameters(words, channels) | self.clamp()
        rows = {"n0": words, "s0": 1, "count": words, "d_s0": channels, "d_s1": words * channels}
        if self.far is not None and self.far.random() < LONG_ROWS:
            rows = long_rows(self.far, words, channels, self.sizes.outputs)
            if fields["parameter_mode"] == PARAMETER_POSITION:
                fields["parameter_mode"] = PARAMETER_LANE
        self.emit(
            VECTOR, memory=ACCUMULATOR, address=sums, used_cols=channels, destination=base, d_lane=1, value=REQUANTIZE,
            waits=waits, gives=mask(token(V, X, 0)) | (0 if two else ready), **rows, **fields
        )  # fmt: skip
        if two:
            self.second(base, words, channels, ready)
        self.store(base + self.sizes.outputs if two else base, words * channels)

    def second(self, base: int, words: int, channels: int, gives: int) -> None:
        """Emit a function of results in the scratchpad: pooling, depthwise, or with an operand loaded for it."""
        function = self.functions[self.draw(0, len(self.functions) - 1)]
        fields = {"lane_n0": self.draw(1, 3), "lane_s0": channels, "lane_n1": self.draw(1, 2), "lane_s1": 1}
        waits = 0
        if function == DEPTHWISE:
            if not self.taken.get(token(L, V, 1)):
                waits, self.taken[token(L, V, 1)] = mask(token(L, V, 1)), 1
            fields |= {"weight_address": self.depthwise_weights, "weight_stride": channels}
        if function in (ADD, MUL):
            fields = {"lane_n0": 2, "lane_s0": 2 * self.sizes.outputs}
            uses = self.taken.get(token(L, V, 2), 0)
            self.taken[token(L, V, 2)] = uses + 1
            again = mask(token(V, L, 2)) if uses else 0
            self.load(SCRATCHPAD, base + 2 * self.sizes.outputs, again, mask(token(L, V, 2)), limit=self.sizes.outputs)
            waits, gives = mask(token(L, V, 2)), gives | mask(token(V, L, 2))
        positions, transposed = self.draw(1, words), self.rng.random() < 0.3
        strides = {"d_s0": 1, "d_s1": positions, "d_lane": positions} if transposed else {
            "d_s0": channels, "d_s1": positions * channels, "d_lane": 1}  # fmt: skip
        modes = None if function != ADD else PARAMETER_ONE
        self.emit(
            VECTOR, memory=SCRATCHPAD, address=base, n0=positions, s0=channels // 2, count=positions,
            used_cols=channels, destination=base + self.sizes.outputs, value=function, waits=waits, gives=gives,
            **fields, **strides, **self.parameters(words, channels, modes), **self.clamp()
        )  # fmt: skip

    def store(self, address: int, elements: int) -> None:
        """Emit a store of rows of a result buffer to fresh DRAM."""
        n0 = self.draw(1, elements)
        n1 = self.draw(1, max(elements // n0, 1))
        width = -(-n0 * self.bits[SCRATCHPAD] // 8)
        d_s0 = width + self.draw(0, 20)
        give = mask(token(S, L)) if self.job == 0 else 0
        give |= mask(token(S, X, 0)) if self.fence else 0
        self.emit(
            STORE, memory=SCRATCHPAD, address=address, n0=n0, n1=n1, s1=n0, dram_address=self.stored, d_s0=d_s0,
            waits=mask(token(V, S, 0)), gives=mask(token(S, V, 0)) | give
        )  # fmt: skip
        self.stored += d_s0 * n1 + self.draw(0, 40)

    def parameters(self, words: int, channels: int, mode: int | None = None) -> dict[str, int]:
        """Return a parameter mode with an address whose entries exist."""
        modes = (PARAMETER_LANE, PARAMETER_LANE, PARAMETER_POSITION, PARAMETER_ONE, PARAMETER_NONE)
        chosen = modes[self.draw(0, 4)] if mode is None else mode
        return {"parameter_mode": chosen, "parameter_address": self.draw(0, ENTRIES - 24)}

    def clamp(self) -> dict[str, int]:
        """Return zero points and bounds within the activations' format."""
        form = parse_format(self.array.pe.activation)
        return {
            "zero_point_0": self.draw(0, 7),
            "zero_point_1": self.draw(0, 7),
            "output_zero_point": self.draw(0, 7),
            "low": form.low + self.draw(0, 3),
            "high": form.high - self.draw(0, 3),
        }
