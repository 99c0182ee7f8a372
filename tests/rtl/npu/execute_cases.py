"""Machines, random preloads and matmuls and a bench for the tests of the execute engine: its real queue, none other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.sim import Simulator

from rtl.encoding import command_bits, encode_program
from rtl.npu.execute import ExecuteEngine
from rtl.npu.queues import Sequencer
from rtl.parameters import NpuParameters, parameters_of
from simulators.machine import Buffer, Machine, ProcessingElement, Queues, Vector, VectorFunction
from simulators.npu.exact import Memories
from simulators.program import (
    EXECUTE_ENGINE,
    LOAD_ENGINE,
    MATMUL,
    PRELOAD,
    SCRATCHPAD,
    STORE_ENGINE,
    VECTOR_ENGINE,
    WEIGHT_BUFFER,
    assemble,
    command,
    mask,
    token,
)
from tests.simulators.npu.machines import small_machine
from workloads.formats import parse_format

#: rows, cols, dataflow, convolution, shadow, overlap, (activation, weight, accumulator), PE latency,
#: latencies of scratchpad, weight buffer and accumulator, depth of the execute queue.
MACHINES = [
    (4, 4, "ws", "im2col", True, True, ("int8", "int8", "int32"), 1, (1, 1, 1), 4),
    (3, 5, "ws", "im2col", True, True, ("uint8", "int4", "int24"), 2, (0, 2, 0), 2),
    (5, 3, "ws", "im2col", False, True, ("int4", "int8", "int32"), 3, (1, 0, 3), 8),
    (2, 3, "ws", "im2col", False, False, ("int8", "uint8", "int40"), 1, (0, 0, 0), 1),
    (1, 1, "ws", "im2col", True, True, ("int8", "int8", "int32"), 1, (0, 0, 0), 3),
    (1, 4, "ws", "im2col", True, False, ("int16", "int8", "int32"), 2, (3, 1, 2), 3),
    (4, 3, "is", "im2col", True, True, ("uint8", "int4", "int20"), 2, (1, 2, 1), 4),
    (3, 2, "is", "im2col", False, True, ("int8", "int8", "int32"), 1, (0, 0, 2), 2),
    (4, 4, "os", "im2col", True, True, ("int8", "int8", "int32"), 1, (1, 1, 1), 4),
    (3, 4, "os", "im2col", True, False, ("uint8", "int4", "int24"), 3, (0, 0, 0), 2),
    (1, 3, "os", "im2col", True, True, ("int8", "int8", "int32"), 4, (3, 1, 3), 8),
    (1, 1, "os", "im2col", True, True, ("int8", "int8", "int32"), 1, (0, 0, 0), 1),
    (4, 3, "os", "shifted", True, True, ("int8", "int8", "int32"), 1, (1, 1, 1), 4),
    (3, 5, "os", "shifted", True, False, ("int16", "int8", "int32"), 2, (0, 0, 0), 2),
    (1, 2, "os", "shifted", True, True, ("uint8", "uint8", "int40"), 3, (2, 3, 0), 3),
]
NAMES = ["-".join(map(str, (*row[:6], *row[6], row[7], *row[8], row[9]))) for row in MACHINES]


def machine_of(row: tuple) -> Machine:
    """Return the machine of a row of `MACHINES`."""
    rows, cols, dataflow, convolution, shadow, overlap, formats, latency, reads, depth = row
    activation, weight, accumulator = formats
    bits = {name: parse_format(text).bits for name, text in zip("aws", formats, strict=True)}
    sizes = {"scratchpad": 400 * bits["a"], "weight_buffer": 300 * bits["w"], "accumulator": 40 * cols * bits["s"]}
    buffers = {
        name: Buffer(size_bytes=-(-sizes[name] // 8), latency_cycles=clocks)
        for name, clocks in zip(sizes, reads, strict=True)
    }
    return small_machine(
        rows, cols, dataflow, convolution=convolution, shadow_weights=shadow, fold_overlap=overlap,
        pe=ProcessingElement(activation=activation, weight=weight, accumulator=accumulator, latency_cycles=latency),
        sections=buffers | {
            "vector": Vector(lanes=1, functions={"max_pool": VectorFunction()}),
            "queues": Queues(execute=depth, token_bits=16),
        },
    )  # fmt: skip


def random_memories(rng: np.random.Generator, machine: Machine, p: NpuParameters) -> Memories:
    """Return operands with zeros and extremes among them, and sums."""
    pe = machine.array.pe

    def elements(name: str, count: int) -> np.ndarray:
        form = parse_format(name)
        values = rng.integers(form.low, form.high, count, endpoint=True)
        return np.where(rng.random(count) < 0.3, rng.choice([form.low, form.high, 0], count), values).astype(np.int32)

    sums = rng.integers(-1 << (p.accumulator.bits - 1), 1 << (p.accumulator.bits - 1), (p.accumulator_depth, p.cols))
    return Memories(
        elements(pe.activation, p.scratchpad_depth), elements(pe.weight, p.weight_depth),
        sums.astype(np.int64 if p.accumulator.bits > 32 else np.int32), np.zeros(p.parameter_depth, np.int32),
        np.zeros(64, np.uint8),
    )  # fmt: skip


class _Draw:
    """Random fields within a machine's memories."""

    def __init__(self, rng: np.random.Generator, p: NpuParameters) -> None:
        self.rng, self.p = rng, p

    def __call__(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def nests(self, depth: int, positions: int, lanes: int, contiguous: int = 1) -> dict[str, int]:
        """Return an address and two nests that stay within `depth` elements."""
        fields = {"start": self(0, 3), "lane_start": self(0, 2)}
        for prefix, indices in (("", positions), ("lane_", lanes)):
            fields |= {f"{prefix}n0": self(1, indices + 1), f"{prefix}n1": self(1, 3)}
            most = (depth // 2 - contiguous) // (2 * (indices + 4))
            fields |= {f"{prefix}s{i}": self(-most, most) // (1, 2, 4)[i] for i in range(3)}
        return fields | {"address": depth // 2}

    def shape(self, words: int) -> dict[str, int]:
        """Return where the sums of a matmul go, and tokens for the other engines."""
        sources = [token(EXECUTE_ENGINE, e, self(0, 3)) for e in (LOAD_ENGINE, VECTOR_ENGINE, STORE_ENGINE)]
        return {
            "destination": self(0, self.p.accumulator_depth - words), "accumulate": self(0, 1),
            "gives": mask(*(counter for counter in sources if self(0, 1))),
        }  # fmt: skip


def random_program(rng: np.random.Generator, p: NpuParameters, count: int) -> np.ndarray:
    """Return `count` preloads and matmuls in an order that never blocks: a tile is swapped in before the next one."""
    draw = _Draw(rng, p)
    return assemble(list(_os_commands(draw, count) if p.is_os else _stationary_commands(draw, count)))


def _os_commands(draw: _Draw, count: int) -> Iterator[np.ndarray]:
    p = draw.p
    for _ in range(count):
        blocks = draw(1, 1 + draw(0, 1) * 5)
        steps = blocks * (p.rows if p.serializer else 1)
        most = (p.weight_depth // 2 - p.cols) // steps
        yield command(
            MATMUL, memory=SCRATCHPAD, count=blocks, used_rows=draw(1, p.rows), used_cols=draw(1, p.cols),
            weight_address=p.weight_depth // 2, weight_stride=draw(-most, most), **draw.shape(p.rows),
            **draw.nests(p.scratchpad_depth, blocks, p.rows, p.rows if p.serializer else 1),
        )  # fmt: skip


def _stationary_commands(draw: _Draw, count: int) -> Iterator[np.ndarray]:
    p, tile = draw.p, False
    depths = {SCRATCHPAD: p.scratchpad_depth, WEIGHT_BUFFER: p.weight_depth}
    stay, flow = (SCRATCHPAD, WEIGHT_BUFFER) if p.dataflow == "is" else (WEIGHT_BUFFER, SCRATCHPAD)
    for _ in range(count):
        used = {"used_rows": draw(1, p.rows), "used_cols": draw(1, p.cols)}
        if not tile and draw(0, 1):
            tile = True
            gives = draw.shape(1)["gives"]
            yield command(PRELOAD, memory=stay, gives=gives, **used, **draw.nests(depths[stay], p.rows, p.cols))
            continue
        vectors, swap = draw(1, 1 + draw(0, 1) * 9), int(tile and draw(0, 2) > 0)
        tile = tile and not swap
        yield command(
            MATMUL, memory=flow, count=vectors, swap=swap, **used, **draw.shape(vectors),
            **draw.nests(depths[flow], vectors, p.rows),
        )  # fmt: skip


@dataclass
class BenchRun:
    """What the engine did.

    Starts of all commands, ends and their tokens by kind; after each cycle the counters, the PEs' registers and the
    sums of each word, as `simulators.npu.probe` lists them.
    """

    start: list[int] = field(default_factory=list)
    preload_end: list[tuple[int, int]] = field(default_factory=list)
    matmul_end: list[tuple[int, int]] = field(default_factory=list)
    counts: list[dict[str, int]] = field(default_factory=list)
    registers: list[list[int]] = field(default_factory=list)
    sums: list[np.ndarray] = field(default_factory=list)


class Bench(wiring.Component):
    """The engine with its queue and the memories of one machine."""

    def __init__(self, p: NpuParameters, memories: Memories) -> None:
        self.p, self.memories = p, memories
        self.engine, self.command = ExecuteEngine(p, probe=True), stream.Signature(command_bits(p)).create()
        self.sequencer = Sequencer(p, self.command, {"execute": self.engine.head})
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        """Wire the real parts."""
        m = Module()
        engine, p, memories = self.engine, self.p, self.memories
        m.submodules.sequencer, m.submodules.engine = self.sequencer, engine
        m.d.comb += engine.tokens_ready.eq(1)
        self._memory(m, "scratchpad", engine.scratchpad_reads(), p.activation.bits, memories.scratchpad)
        self._memory(m, "weights", engine.weight_reads(), p.weight.bits, memories.weights)
        for c in range(p.cols):
            bank = self._memory(m, f"sums_{c}", [engine.sum_reads[c]], p.accumulator.bits, memories.accumulator[:, c])
            write, port = bank.write_port(), engine.sum_writes[c]
            m.d.comb += [write.addr.eq(port.address), write.en.eq(port.enable), write.data.eq(port.data)]
        return m

    def _memory(self, m: Module, name: str, ports: list, bits: int, values: np.ndarray) -> Memory:
        init = [int(x) & ((1 << bits) - 1) for x in values]
        m.submodules[name] = memory = Memory(shape=bits, depth=len(init), init=init)
        for port in ports:
            for lane in range(len(port.data) // bits):
                read = memory.read_port(domain="comb")
                m.d.comb += [
                    read.addr.eq((port.address + lane)[: len(read.addr)]),
                    port.data.word_select(lane, bits).eq(read.data),
                ]
        return memory


def _signed(value: int, bits: int) -> int:
    return value - (value >> (bits - 1) << bits)


def _unpacked(packed: int, fields: list[tuple[str, int, bool]]) -> list[int]:
    values = []
    for _, bits, sign in fields:
        value = packed & ((1 << bits) - 1)
        values.append(_signed(value, bits) if sign else value)
        packed >>= bits
    return values


def run_bench(p: NpuParameters, memories: Memories, program: np.ndarray, most_cycles: int = 3000) -> BenchRun:
    """Run a program of preloads and matmuls on the engine until its last end."""
    bench, run = Bench(p, memories), BenchRun()
    engine, door = bench.engine, bench.command
    simulator = Simulator(bench)
    simulator.add_clock(1e-6)
    packed = [int.from_bytes(row.tobytes(), "little") for row in encode_program(p, program)]
    fields, width = engine.probe_fields(), p.accumulator.bits

    async def testbench(ctx) -> None:
        pushed, totals, sums = 0, {name: 0 for name, _ in engine.counts.shape()}, memories.accumulator.astype(object)
        writes = [engine.sum_writes[c] for c in range(p.cols)]
        for cycle in range(most_cycles):
            ctx.set(door.valid, pushed < len(packed))
            ctx.set(door.payload, packed[min(pushed, len(packed) - 1)])
            tick = ctx.tick().sample(
                door.ready, engine.head.valid & engine.head.ready, engine.preload_end.pulse, engine.preload_end.gives,
                engine.matmul_end.pulse, engine.matmul_end.gives, engine.counts,
            )  # fmt: skip
            tick = tick.sample(*(part for write in writes for part in (write.enable, write.address, write.data)))
            _, _, ready, started, preload, preload_gives, matmul, matmul_gives, counts, *written = await tick
            pushed += ready and pushed < len(packed)
            if started:
                run.start.append(cycle)
            if preload:
                run.preload_end.append((cycle, preload_gives))
            if matmul:
                run.matmul_end.append((cycle, matmul_gives))
            for c in range(p.cols):
                enable, address, value = written[3 * c : 3 * c + 3]
                if enable:
                    sums = sums.copy()
                    sums[address, c] = _signed(value, width)
            totals = {name: value + counts[name] for name, value in totals.items()}
            run.counts.append(totals)
            run.registers.append(_unpacked(ctx.get(engine.probe), fields))
            run.sums.append(sums)
            if len(run.preload_end) + len(run.matmul_end) == len(packed):
                break

    simulator.add_testbench(testbench)
    simulator.run()
    return run


def machine_and_parameters(row: tuple) -> tuple[Machine, NpuParameters]:
    """Return a row's machine and its RTL parameters."""
    machine = machine_of(row)
    return machine, parameters_of(machine)
