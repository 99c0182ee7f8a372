"""The NPU beside the PIM: what its stages take, from its arrays, its vector units, its DRAM and the link."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from simulators.machine import Machine, Pim, Vector
from simulators.pim.system.arrays import SUM_BYTES, Arrays, compute_clocks, parts_of
from simulators.pim.system.block import OPERAND_BYTES, Product
from simulators.pim.system.stream import Memory, Part, stream
from workloads.errors import CodesignError
from workloads.formats import parse_format

LONGEST_STREAM = 1 << 16  # requests of a channel that are run; longer streams go on at the same rate


class VectorStep(NamedTuple):
    """A function over tokens: values of a token that it reads and writes in DRAM, values that it computes."""

    name: str
    function: str
    read: int
    written: int
    computed: int


class Reduce(NamedTuple):
    """Sums of all devices, `values` of a token."""

    name: str
    values: int


Step = Product | VectorStep | Reduce


class Row(NamedTuple):
    """What a step, or a product with the vector steps before it, takes: cycles, DRAM bytes, and what binds it."""

    name: str
    cycles: int
    dram_bytes: int
    bound_by: str


@dataclass(frozen=True)
class Stage:
    """What a stage on the NPU takes when nothing else uses the memory.

    Attributes
    ----------
    rows : tuple of Row
    read_bytes, write_bytes : int
        Of DRAM, on one device.
    macs : int
    """

    rows: tuple[Row, ...] = ()
    read_bytes: int = 0
    write_bytes: int = 0
    macs: int = 0

    @property
    def cycles(self) -> int:
        """Machine cycles, one step after the other."""
        return sum(row.cycles for row in self.rows)

    def then(self, other: Stage) -> Stage:
        """Return the stage and another one behind it."""
        return Stage(
            self.rows + other.rows, self.read_bytes + other.read_bytes, self.write_bytes + other.write_bytes,
            self.macs + other.macs,
        )  # fmt: skip


def pim_of(machine: Machine) -> Pim:
    """Return a machine's section pim.

    Raises
    ------
    CodesignError
        When it has none.
    """
    if machine.pim is None:
        raise CodesignError(f"{machine.name}: has no section pim; use --machine neupims or a file that extends it")
    return machine.pim


def check_array(machine: Machine) -> None:
    """Raise CodesignError unless tokens stay in the arrays, operands have two bytes and sums four."""
    array = machine.array
    if array.dataflow != "is":
        raise CodesignError(f"{machine.name}: array.dataflow: {array.dataflow}: beside PIM tokens stay in it; use is")
    for name, size, use in (
        ("activation", OPERAND_BYTES, "fp16 or bf16"), ("weight", OPERAND_BYTES, "fp16 or bf16"),
        ("accumulator", SUM_BYTES, "fp32"),
    ):  # fmt: skip
        given = getattr(array.pe, name)
        if parse_format(given).bits != 8 * size:
            raise CodesignError(f"{machine.name}: array.pe.{name}: {given}: beside PIM it has {size} bytes; use {use}")


@dataclass
class Npu:
    """Arrays, vector units, DRAM and link of one device; stages are kept, as many are asked for twice.

    Attributes
    ----------
    machine : Machine
    memory : Memory
        The channels that it streams from.
    """

    machine: Machine
    memory: Memory
    _kept: dict[tuple, Stage] = field(default_factory=dict, repr=False, init=False)

    @property
    def pim(self) -> Pim:
        """The machine's section."""
        return pim_of(self.machine)

    @property
    def vector(self) -> Vector:
        """One of the vector units."""
        if self.machine.vector is None:
            raise CodesignError(f"{self.machine.name}: vector: null; a machine with PIM needs its vector units")
        return self.machine.vector

    @property
    def arrays(self) -> Arrays:
        """The arrays that share products."""
        array, cores = self.machine.array, self.machine.cores
        rate = self.memory.bytes_per_clock / (self.memory.standard.clock_ns * 1e-9 * self.machine.clock_hz)
        sums = cores * self.machine.accumulator.size_bytes
        return Arrays(array.rows, array.cols, cores, sums, array.shadow_weights, rate)

    def cycles(self, memory_clocks: float) -> int:
        """Return machine cycles, rounded up, of some memory clocks."""
        return math.ceil(memory_clocks * self.memory.standard.clock_ns * 1e-9 * self.machine.clock_hz - 1e-9)

    def vector_cycles(self, function: str, values: int) -> int:
        """Return the cycles of a function over values that the units share.

        Raises
        ------
        CodesignError
            When the vector unit has no such function.
        """
        vector = self.vector
        if function not in vector.functions:
            raise CodesignError(f"{self.machine.name}: vector.functions has no {function}, which the model needs")
        timing = vector.functions[function]
        return -(-values // (vector.lanes * self.machine.cores)) * timing.passes + timing.latency_cycles

    def reduce_cycles(self, values: int, tokens: int) -> int:
        """Return the cycles of an all-reduce in a ring: 2 (p - 1) steps, each of a p-th of the bytes."""
        pim = self.pim
        steps = 2 * (pim.tensor_parallel - 1)
        moved = values * tokens * OPERAND_BYTES / pim.tensor_parallel
        seconds = steps * (moved / pim.link_bytes_per_second + pim.link_latency_ns * 1e-9)
        return math.ceil(seconds * self.machine.clock_hz)

    def stage(self, steps: Sequence[Step], tokens: int) -> Stage:
        """Return what steps take for so many tokens."""
        key = (tuple(steps), tokens)
        if key not in self._kept:
            total, held = Stage(), []
            for step in steps:
                if isinstance(step, VectorStep):
                    held.append(step)
                    continue
                if isinstance(step, Product):
                    total, held = total.then(self._streamed(held, step, tokens)), []
                    continue
                if held:
                    total, held = total.then(self._streamed(held, None, tokens)), []
                cycles = self.reduce_cycles(step.values, tokens)
                total = total.then(Stage((Row(step.name, cycles, 0, "link"),) if cycles else ()))
            if held:
                total = total.then(self._streamed(held, None, tokens))
            self._kept[key] = total
        return self._kept[key]

    def _streamed(self, before: Sequence[VectorStep], product: Product | None, tokens: int) -> Stage:
        """Return vector steps and the product behind them as one stream: its weights come while they work."""
        parts: list[Part] = []
        for step in before:
            parts += [Part(step.read * tokens * OPERAND_BYTES), Part(step.written * tokens * OPERAND_BYTES, True)]
        ready, macs, first = 0, 0, len(parts)
        if product is not None:
            sizes, passes = parts_of(self.arrays, product, tokens)
            parts += [Part(int(size)) for size in sizes]
            parts.append(Part(product.width * tokens * OPERAND_BYTES, True))
            macs = product.depth * product.width * tokens
        parts = [part for part in parts if part.bytes]
        ran = stream(self.memory, parts)
        memory = self.cycles(ran.clocks)
        bound = "memory"
        if product is not None:
            arrived = np.ceil(ran.arrived[first:-1] * (self.cycles(1 << 20) / (1 << 20))).astype(np.int64)
            ready = compute_clocks(self.arrays, arrived, passes)
            alone = compute_clocks(self.arrays, np.zeros(len(sizes), np.int64), passes)
            bound = "array" if alone > memory else "memory"
        vector = sum(self.vector_cycles(step.function, step.computed * tokens) for step in before)
        streamed = sum((step.read + step.written) * tokens * OPERAND_BYTES for step in before)
        wait = max(0, vector - self.cycles(streamed / self.memory.bytes_per_clock))
        cycles = max(memory, ready) + wait
        if wait > cycles // 2:
            bound = "vector"
        read, written = (sum(part.bytes for part in parts if part.write is kind) for kind in (False, True))
        name = "+".join([*(step.name for step in before), *([product.name] if product else [])])
        return Stage((Row(name, cycles, read + written, bound),), read, written, macs)

    def long_stream_cycles(self, read_bytes: int) -> int:
        """Return the cycles of so many bytes read in order."""
        tile = self.memory.standard.organization.request_bytes * self.memory.channels * 16
        tiles = -(-read_bytes // tile)
        run = min(tiles, LONGEST_STREAM // 16)
        return self.cycles(stream(self.memory, [Part(tile)] * max(run, 1)).clocks * tiles / max(run, 1))
