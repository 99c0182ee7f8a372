"""A design with the NPU's ports and nothing behind them but requests: one for each load or store of a program.

What it does and when is so simple that `expected` says it in plain Python around the simulator's memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from rtl.bench import Run
from rtl.encoding import command_bits
from rtl.parameters import COUNTER_BITS, NpuParameters, parameters_of
from rtl.ports import npu_signature
from simulators.activity import COUNTERS, INDEX
from simulators.machine import Machine
from simulators.memory import simple
from simulators.npu.config import compile_machine
from simulators.program import LOAD, STORE, assemble, command

_STORE, _ADDRESS, _BEATS, _MASK = slice(0, 1), slice(1, 41), slice(41, 49), 49


class Exerciser(wiring.Component):
    """Holds one command, offers its request, retires answers in order; a store writes the xor of all data loaded."""

    def __init__(self, p: NpuParameters, probe: bool):
        self.p, self.probing = p, probe
        members = dict(npu_signature(p).members)
        if probe:
            members["probe"] = wiring.Out(42 + p.id_bits + 1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """All of it."""
        m, p = Module(), self.p
        slots, ids = p.outstanding, range(2 * p.outstanding)
        word, busy, fresh, total = Signal(len(self.command.payload)), Signal(), Signal(), Signal(8 * p.burst_bytes)
        head, held, kinds = Signal(range(slots)), Signal(range(slots + 1)), Signal(slots)
        done = Signal(slots)
        data = Array(Signal(8 * p.burst_bytes, name=f"data_{i}") for i in range(slots))
        tail = Signal(range(slots))
        m.d.comb += tail.eq(Mux(head + held >= slots, head + held - slots, head + held))
        request, response = self.request.payload, self.response.payload
        offered, kept = Signal(8 * p.burst_bytes), Signal(8 * p.burst_bytes)
        m.d.comb += [
            self.command.ready.eq(~busy),
            self.request.valid.eq(busy & (held < slots)),
            request.write.eq(word[_STORE]), request.address.eq(word[_ADDRESS]), request.beats.eq(word[_BEATS]),
            request.mask.eq(word[_MASK : _MASK + p.burst_bytes]),
            request.id.eq(tail + Mux(word[0], slots, 0)), offered.eq(Mux(fresh, total, kept)), request.data.eq(offered),
        ]  # fmt: skip
        accepted, retired = Signal(), Signal()
        m.d.comb += [accepted.eq(self.request.valid & self.request.ready)]
        m.d.comb += retired.eq((held > 0) & done.bit_select(head, 1))
        m.d.sync += [fresh.eq(self.command.valid & self.command.ready), kept.eq(offered)]
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += [word.eq(self.command.payload), busy.eq(1)]
        with m.If(accepted):
            m.d.sync += [busy.eq(0), kinds.bit_select(tail, 1).eq(word[0]), done.bit_select(tail, 1).eq(0)]
        with m.If(self.response.valid):
            for i in ids:
                with m.If(response.id == i):
                    m.d.sync += [done[i % slots].eq(1), data[i % slots].eq(response.data)]
        with m.If(retired):
            m.d.sync += head.eq(Mux(head == slots - 1, 0, head + 1))
            with m.If(~kinds.bit_select(head, 1)):
                m.d.sync += total.eq(total ^ data[head])
        m.d.sync += held.eq(held + accepted - retired)
        is_store, was_store = word[0], kinds.bit_select(head, 1)
        m.d.comb += self.events.eq(
            Cat(fresh & ~is_store, 0, 0, fresh & is_store, retired & ~was_store, 0, 0, 0, retired & was_store)
        )
        self._count(m, accepted, retired)
        if self.probing:
            m.d.comb += self.probe.eq(Cat(total[:42], held))
        return m

    def _count(self, m: Module, accepted: Value, retired: Value) -> None:
        elapsed, started = Signal(COUNTER_BITS), Signal()
        counters = {name: Signal(COUNTER_BITS, name=name) for name in COUNTERS}
        with m.If(started | (self.command.valid & self.command.ready)):
            m.d.sync += [started.eq(1), elapsed.eq(elapsed + 1)]
        with m.If(retired):
            m.d.sync += counters["cycles"].eq(elapsed)
        for name, kind in (("load_requests", 0), ("store_requests", 1)):
            with m.If(accepted & (self.request.payload.write == kind)):
                m.d.sync += counters[name].eq(counters[name] + 1)
        m.d.comb += self.counters.eq(Cat(*counters.values()))


@dataclass(frozen=True)
class ExerciserDesign:
    """`Exerciser` as a design of the bench."""

    parameters: NpuParameters
    probe: bool = False

    @classmethod
    def of(cls, machine: Machine, probe: bool = False) -> ExerciserDesign:
        """Return the design for the port of a machine."""
        return cls(parameters_of(machine), probe)

    @cached_property
    def verilog(self) -> str:
        """The design as Verilog."""
        top = self.component()
        ports = {}
        for path, member, value in top.signature.flatten(top):
            signal = Value.cast(value)
            if isinstance(signal, Signal):  # a stream that is always ready has a constant there
                direction = "i" if member.flow == In else "o"
                ports["__".join(map(str, path))] = (signal, {"i": "input", "o": "output"}[direction])
        from amaranth.hdl._ir import PortDirection

        named = {name: (signal, PortDirection(direction)) for name, (signal, direction) in ports.items()}
        return verilog.convert(top, name="npu", ports=named, emit_src=False, strip_internal_attrs=True)

    @property
    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """The total's low bits, as two numbers, and how many requests are held."""
        return [("low", 40, False), ("sign", 2, True), ("held", self.parameters.id_bits + 1, False)]

    def component(self) -> Exerciser:
        """Return a fresh component."""
        return Exerciser(self.parameters, self.probe)

    def encode(self, program: np.ndarray) -> np.ndarray:
        """Pack kind, address, beats and mask."""
        words = -(-command_bits(self.parameters) // 32)
        rows = []
        for row in program:
            address, beats, mask, _ = geometry(self.parameters, row)
            value = int(row["opcode"] == STORE) | address << 1 | beats << 41 | mask << _MASK
            rows.append(value.to_bytes(4 * words, "little"))
        return np.frombuffer(b"".join(rows), "<u4").reshape(len(program), words)


def geometry(p: NpuParameters, row: np.void) -> tuple[int, int, int, int]:
    """Return (address, beats, mask, window) of the request of a command."""
    address, size = int(row["dram_address"]), int(row["n0"])
    beats = (address + size - 1) // p.bus_bytes - address // p.bus_bytes + 1
    window = address // p.burst_bytes * p.burst_bytes
    return address, beats, ((1 << size) - 1) << (address - window), window


def random_requests(p: NpuParameters, rng: np.random.Generator, count: int, dram_bytes: int) -> np.ndarray:
    """Return a program of loads and stores of at most a burst; loads read the lower half, stores write the upper."""
    commands = []
    for _ in range(count):
        is_store = rng.random() < 0.4
        window = int(rng.integers(dram_bytes // 2 // p.burst_bytes)) * p.burst_bytes + is_store * dram_bytes // 2
        first = int(rng.integers(p.burst_bytes))
        size = int(rng.integers(1, p.burst_bytes - first + 1))
        commands.append(command(STORE if is_store else LOAD, dram_address=window + first, n0=size))
    return assemble(commands)


def expected(machine: Machine, program: np.ndarray, dram: np.ndarray, stalls: np.ndarray) -> Run:
    """Say what the exerciser does; `dram` is changed in place."""
    p, config = parameters_of(machine), compile_machine(machine)
    memory = simple.new_memory(config)
    start, end = np.full(len(program), -1), np.full(len(program), -1)
    entries: list[list] = []  # [command, complete, data], oldest first
    slots: dict[int, list] = {}
    held_command, fresh, pushed, total, head = -1, False, 0, 0, 0
    kept, cycle = 0, 0
    while (end < 0).any():
        room = simple.has_room(memory, config)
        stalled = stalls[cycle] if cycle < len(stalls) else (0, 0)
        finished = bool(entries) and entries[0][1]
        responded = -1 if stalled[1] else simple.pop(memory, config, cycle)
        if fresh:
            start[held_command], kept = cycle, total
        accepted = held_command >= 0 and len(entries) < p.outstanding and room and not stalled[0]
        if accepted:
            row = program[held_command]
            address, beats, mask, window = geometry(p, row)
            slot = (head + len(entries)) % p.outstanding + p.outstanding * (row["opcode"] == STORE)
            assert simple.offer(memory, config, cycle, slot, address, beats * p.bus_bytes)
            if row["opcode"] == STORE:
                for i in range(p.burst_bytes):
                    if mask >> i & 1:
                        dram[window + i] = kept >> 8 * i & 255
        if responded >= 0:
            slots[responded][1:] = [True, slots[responded][2]]
        fresh = held_command < 0 and pushed < len(program)
        if finished:
            index, _, read = entries.pop(0)
            end[index], head = cycle, (head + 1) % p.outstanding
            if program[index]["opcode"] == LOAD:
                total ^= int.from_bytes(dram[read : read + p.burst_bytes].tobytes(), "little")
        if accepted:
            entries.append([held_command, False, window])
            slots[slot], held_command = entries[-1], -1
        if fresh:
            held_command, pushed = pushed, pushed + 1
        cycle += 1
    counts = np.zeros(len(COUNTERS), np.int64)
    counts[INDEX["cycles"]] = end.max()
    counts[INDEX["load_requests"]] = (program["opcode"] == LOAD).sum()
    counts[INDEX["store_requests"]] = (program["opcode"] == STORE).sum()
    return Run(int(end.max()), start, end, counts)
