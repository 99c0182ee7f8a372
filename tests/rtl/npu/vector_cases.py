"""Machines, random commands and a bench for the tests of the vector engine: real queue and tokens around it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.sim import Simulator

from rtl.encoding import command_bits, encode_program
from rtl.npu.queues import Sequencer, TokenCounters
from rtl.npu.vector import VectorEngine
from rtl.parameters import NpuParameters, parameters_of
from simulators.machine import Buffer, Machine, ProcessingElement, Queues, Vector, VectorFunction
from simulators.npu.exact import Memories
from simulators.program import (
    ACCUMULATOR,
    ADD,
    FUNCTIONS,
    MUL,
    PARAMETER_NONE,
    PARAMETER_ONE,
    PARAMETER_WORDS,
    REQUANTIZE,
    SCRATCHPAD,
    VALUE_FUNCTIONS,
    VECTOR,
    VECTOR_ENGINE,
    assemble,
    command,
    mask,
    token,
)
from tests.simulators.npu.machines import small_machine
from workloads.formats import parse_format

ENTRIES = 48  # of the parameter buffer
OWN_TOKEN = mask(token(VECTOR_ENGINE, VECTOR_ENGINE))

#: cols, lanes, requantizer, activation, weight, accumulator, read latencies (scratchpad, weights, sums, parameters),
#: latencies of the functions in code order, passes.
MACHINES = [
    (4, 4, "dyadic_half_up", "int8", "int8", "int32", (1, 1, 1, 1), (4, 6, 2, 5, 4, 4), (1, 1, 1, 1, 1, 1)),
    (1, 1, "dyadic_half_even", "int8", "int8", "int32", (0, 0, 0, 0), (0, 0, 0, 0, 0, 0), (1, 1, 1, 1, 1, 1)),
    (7, 3, "tflite_single", "int8", "int4", "int24", (0, 1, 0, 2), (1, 2, 0, 1, 3, 1), (2, 1, 3, 1, 1, 2)),
    (5, 2, "tflite_double", "uint8", "int8", "int32", (0, 0, 0, 0), (3, 3, 4, 0, 2, 1), (1, 2, 1, 2, 1, 1)),
    (8, 8, "dyadic_half_up", "int4", "int8", "int32", (3, 0, 0, 1), (7, 9, 1, 6, 5, 8), (1, 1, 1, 1, 1, 1)),
    (6, 4, "tflite_double", "int16", "int8", "int32", (2, 2, 2, 2), (2, 2, 6, 2, 2, 2), (1, 1, 1, 1, 2, 1)),
    (3, 2, "dyadic_half_even", "int8", "uint8", "int32", (1, 1, 1, 1), (3, 4, 3, 3, 3, 3), (1, 1, 1, 1, 1, 1)),
]
NAMES = ["-".join(map(str, (*row[:6], *row[6], *row[7]))) for row in MACHINES]


def machine_of(row: tuple) -> Machine:
    """Return the machine of a row of `MACHINES`."""
    cols, lanes, mode, activation, weight, accumulator, reads, latencies, passes = row
    functions = {
        name: VectorFunction(latency_cycles=latency, passes=turns)
        for name, latency, turns in zip(VALUE_FUNCTIONS, latencies, passes, strict=True)
    }
    return small_machine(
        rows=2, cols=cols, pe=ProcessingElement(activation=activation, weight=weight, accumulator=accumulator),
        sections={
            "scratchpad": Buffer(size_bytes=700, latency_cycles=reads[0]),
            "weight_buffer": Buffer(size_bytes=300, latency_cycles=reads[1]),
            "accumulator": Buffer(size_bytes=1700, latency_cycles=reads[2]),
            "parameter_buffer": Buffer(size_bytes=ENTRIES * PARAMETER_WORDS * 4, latency_cycles=reads[3]),
            "vector": Vector(lanes=lanes, requantize=mode, functions=functions),
            "queues": Queues(vector=2),
        },
    )  # fmt: skip


def random_memories(rng: np.random.Generator, machine: Machine, p: NpuParameters) -> Memories:
    """Return memories full of values, extremes among them, and parameter entries that scale, saturate or tie."""
    pe = machine.array.pe

    def elements(name: str, count: int, most: int = 63) -> np.ndarray:
        form = parse_format(name)
        low, high = max(form.low, -(1 << most)), min(form.high, (1 << most) - 1)
        values = rng.integers(low, high, count, endpoint=True)
        small = rng.integers(max(low, -100), 100, count)
        values = np.where(rng.random(count) < 0.5, np.clip(small, low, high), values)
        return np.where(rng.random(count) < 0.1, rng.choice([low, high, 0], count), values)

    sums = elements(pe.accumulator, p.accumulator_depth * p.cols, 31).reshape(-1, p.cols)
    words = np.zeros((ENTRIES, PARAMETER_WORDS), np.int64)
    words[:, 0] = rng.integers(-(1 << 31), 1 << 31, ENTRIES) >> rng.integers(0, 32, ENTRIES)
    words[:, 1] = rng.integers(1, 1 << 31, ENTRIES) >> rng.integers(0, 31, ENTRIES)
    words[:, 2] = np.clip(np.log2(np.maximum(words[:, 1], 1)).astype(int) + rng.integers(-8, 26, ENTRIES), 0, 63)
    ties = rng.random(ENTRIES) < 0.5
    words[ties] = np.stack(
        [rng.integers(-2, 3, ties.sum()), 1 << rng.integers(0, 4, ties.sum()), rng.integers(1, 6, ties.sum())], axis=1
    )
    words[:, 2] |= rng.integers(-2, 2, ENTRIES) << 6  # only the low six bits are the shift
    return Memories(
        elements(pe.activation, p.scratchpad_depth).astype(np.int32),
        elements(pe.weight, p.weight_depth).astype(np.int32),
        sums.astype(np.int64 if p.accumulator.bits > 32 else np.int32),
        words.reshape(-1).astype(np.int32), np.zeros(64, np.uint8),
    )  # fmt: skip


def random_program(
    rng: np.random.Generator, machine: Machine, p: NpuParameters, count: int, *, apart: bool = False
) -> np.ndarray:
    """Return vector commands of every function that the machine has, a token from each to the next now and then.

    Reads lie anywhere, writes among them; `apart` keeps reads in the first two thirds of the scratchpad, writes in
    the last third.
    """
    form = parse_format(machine.array.pe.activation)
    commands, given = [], 0
    for i in range(count):
        name = p.functions[i % len(p.functions)][0]
        fields = _shape(rng, p, FUNCTIONS.index(name), apart) | {
            name: int(rng.integers(-7, 8)) for name in ("zero_point_0", "zero_point_1", "output_zero_point")
        }
        low, high = sorted(int(x) for x in rng.integers(form.low, form.high, 2, endpoint=True))
        wide = rng.random() < 0.5
        fields |= {"low": form.low if wide else low, "high": form.high if wide else high}
        gives = OWN_TOKEN if i + 1 < count and rng.random() < 0.5 else 0
        commands.append(command(VECTOR, waits=given, gives=gives, **fields))
        given = gives
    return assemble(commands)


def _shape(rng: np.random.Generator, p: NpuParameters, code: int, apart: bool) -> dict[str, int]:
    """Return nests, addresses and parameter mode of one command, all within the memories."""
    draw = lambda low, high: int(rng.integers(low, high + 1))  # noqa: E731
    sums = code == REQUANTIZE and rng.random() < 0.8
    memory = ACCUMULATOR if sums else SCRATCHPAD
    depth = p.accumulator_depth if sums else p.scratchpad_depth
    channels = draw(1, p.cols if sums else 2 * p.cols + 1)
    taps = {REQUANTIZE: (1, 1), MUL: ((2, 1), (1, 2))[draw(0, 1)], ADD: (draw(1, 3), 1)}.get(
        code, (draw(1, 3), draw(1, 3))
    )
    rows, columns = draw(1, 3), draw(1, 4)
    centre, at, most_span = depth // 2, p.scratchpad_depth // 2, p.scratchpad_depth // 2
    if apart and not sums:
        centre = depth // 3
    if apart:
        at, most_span = p.scratchpad_depth * 5 // 6, p.scratchpad_depth // 6 - 2
    reach = (2 * centre if apart else depth) // 2 - (0 if sums else channels) - 1
    nest = {"n0": columns, "n1": draw(1, rows), "start": draw(0, 3)}
    lanes = {"lane_n0": taps[0], "lane_n1": taps[1], "lane_start": draw(0, 2)}
    for prefix, extents, indices in (("", nest, rows * columns), ("lane_", lanes, taps[0] * taps[1])):
        most = reach // (2 * (indices + 6))
        extents |= {f"{prefix}s{i}": draw(-most, most) // (1, 2, 4)[i] for i in range(3)}
    d_s0, d_s1, d_lane = draw(-9, 9), draw(-20, 20), draw(-3, 3)
    span = abs(d_s0) * (columns - 1) + abs(d_s1) * (rows - 1) + abs(d_lane) * (channels - 1)
    if span >= most_span:
        d_s0, d_s1, d_lane, span = 1, 2, 3, 3 + 4 + 3 * channels
    weights = draw(0, (p.weight_depth - channels) // (taps[0] * taps[1] + 1))
    modes = (PARAMETER_NONE, PARAMETER_ONE) if code == ADD else range(PARAMETER_ONE + 1)
    return nest | lanes | {
        "memory": memory, "address": centre, "count": rows * columns,
        "used_cols": channels, "value": code, "destination": at,
        "d_s0": d_s0, "d_s1": d_s1, "d_lane": d_lane, "weight_address": draw(0, weights // 2),
        "weight_stride": weights // 2, "parameter_mode": modes[draw(0, len(modes) - 1)],
        "parameter_address": draw(0, ENTRIES - 2 * p.cols - 13),
    }  # fmt: skip


@dataclass
class BenchRun:
    """What the engine did: cycles of starts and ends, counters after each cycle, the scratchpad at the end."""

    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    counts: list[dict[str, int]] = field(default_factory=list)
    scratchpad: list[int] = field(default_factory=list)


class Bench(wiring.Component):
    """The engine with its queue, its tokens and memories of one machine."""

    def __init__(self, p: NpuParameters, memories: Memories) -> None:
        self.p, self.memories = p, memories
        self.engine, self.command = VectorEngine(p), stream.Signature(command_bits(p)).create()
        self.sequencer = Sequencer(p, self.command, {"vector": self.engine.head})
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        """Wire the real parts."""
        m = Module()
        p, engine = self.p, self.engine
        m.submodules.sequencer = self.sequencer
        m.submodules.tokens = tokens = TokenCounters(p)
        m.submodules.engine = engine
        head = engine.head
        wiring.connect(m, engine.end, tokens.end_vector)
        m.d.comb += [
            tokens.waits_vector.eq(head.payload.waits),
            tokens.take_vector.eq(head.valid & head.ready),
            engine.tokens_ready.eq(tokens.ready_vector),
        ]
        lanes, memories = p.lanes, self.memories
        word_mask = (1 << p.accumulator.bits) - 1
        words = [
            sum((int(x) & word_mask) << (i * p.accumulator.bits) for i, x in enumerate(row))
            for row in memories.accumulator
        ]
        self._read(m, "sums", engine.sum_read, p.cols * p.accumulator.bits, 1, words)
        self._read(m, "weights", engine.weight_read, p.weight.bits, lanes, memories.weights)
        self._read(m, "parameters", engine.parameter_read, 32, PARAMETER_WORDS * lanes, memories.parameters)
        pad = self._read(m, "scratchpad", engine.scratchpad_read, p.activation.bits, lanes, memories.scratchpad)
        for port in engine.scratchpad_writes:
            write = pad.write_port()
            m.d.comb += [write.addr.eq(port.address), write.en.eq(port.enable), write.data.eq(port.data)]
        self.scratchpad = pad
        return m

    def _read(self, m: Module, name: str, port: wiring.PureInterface, bits: int, lanes: int, values: object) -> Memory:
        init = [int(x) & ((1 << bits) - 1) for x in values]
        m.submodules[name] = memory = Memory(shape=bits, depth=len(init), init=init)
        for lane in range(lanes):
            read = memory.read_port(domain="comb")
            m.d.comb += [read.addr.eq(port.address + lane), port.data.word_select(lane, bits).eq(read.data)]
        return memory


def run_bench(p: NpuParameters, memories: Memories, program: np.ndarray, most_cycles: int = 5000) -> BenchRun:
    """Run a program of vector commands on the engine until its last end."""
    bench, run = Bench(p, memories), BenchRun()
    simulator = Simulator(bench)
    simulator.add_clock(1e-6)
    packed = [int.from_bytes(row.tobytes(), "little") for row in encode_program(p, program)]

    async def testbench(ctx) -> None:
        pushed, totals = 0, {name: 0 for name, _ in bench.engine.counts.shape()}
        door, head, engine = bench.command, bench.engine.head, bench.engine
        for cycle in range(most_cycles):
            ctx.set(door.valid, pushed < len(packed))
            ctx.set(door.payload, packed[min(pushed, len(packed) - 1)])
            _, _, ready, started, ended, counts = await ctx.tick().sample(
                door.ready, head.valid & head.ready, engine.end.pulse, engine.counts
            )
            pushed += ready and pushed < len(packed)
            if started:
                run.start.append(cycle)
            if ended:
                run.end.append(cycle)
            totals = {name: value + counts[name] for name, value in totals.items()}
            run.counts.append(totals)
            if len(run.end) == len(packed):
                break
        run.scratchpad = [ctx.get(bench.scratchpad.data[i]) for i in range(p.scratchpad_depth)]

    simulator.add_testbench(testbench)
    simulator.run()
    return run


def machine_and_parameters(row: tuple) -> tuple[Machine, NpuParameters]:
    """Return a row's machine and its RTL parameters."""
    machine = machine_of(row)
    return machine, parameters_of(machine)
