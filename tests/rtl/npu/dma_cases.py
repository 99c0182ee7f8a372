"""Machines, random commands and a bench for the tests of load, store and port."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from amaranth.lib import wiring
from amaranth.sim import Simulator

from rtl.encoding import ENGINE_BITS, encode_command
from rtl.parameters import NpuParameters, parameters_of
from simulators.machine import Buffer, ProcessingElement
from simulators.machine import Dma as DmaSection
from simulators.program import PARAMETERS, SCRATCHPAD, STORE, STORE_ENGINE, WEIGHT_BUFFER, command, mask, token
from tests.rtl.npu.dma_twin import Command, Dma
from tests.simulators.npu.machines import small_machine

DRAM_BYTES = 4096
#: bus bytes, burst bytes, outstanding, activation, weight, scratchpad latency.
MACHINES = [
    (8, 64, 4, "int8", "int8", 1),
    (8, 8, 3, "uint8", "int4", 0),
    (1, 1, 1, "int8", "int8", 2),
    (1, 4, 2, "int16", "int8", 0),
    (2, 8, 5, "int16", "int16", 1),
    (2, 2, 4, "int4", "int16", 0),
    (4, 32, 8, "int4", "int4", 3),
    (16, 32, 1, "int16", "int8", 1),
    (16, 128, 6, "int8", "int4", 0),
    (4, 4, 7, "int2", "int1", 1),
    (32, 32, 3, "int32", "int2", 0),
    (2, 4, 3, "int32", "uint8", 1),
]
NAMES = ["-".join(map(str, row)) for row in MACHINES]


def machine_of(row: tuple) -> tuple[NpuParameters, Dma]:
    """Return the RTL's parameters and the twin's view of a row of `MACHINES`."""
    bus, burst, outstanding, activation, weight, latency = row
    p = parameters_of(
        small_machine(
            sections={
                "dma": DmaSection(bus_bytes=bus, burst_bytes=burst, outstanding=outstanding),
                "scratchpad": Buffer(size_bytes=1500, latency_cycles=latency),
                "weight_buffer": Buffer(size_bytes=1200),
            },
            pe=ProcessingElement(activation=activation, weight=weight, accumulator="int64"),
        )
    )
    bits = {SCRATCHPAD: p.activation.bits, WEIGHT_BUFFER: p.weight.bits, PARAMETERS: 32}
    return p, Dma(bus, burst, outstanding, bits, latency)


def random_commands(rng: np.random.Generator, p: NpuParameters, dma: Dma, opcodes: tuple, count: int) -> list[Command]:
    """Return commands whose rows lie within DRAM and their memory; strides of both signs."""
    draw = lambda low, high: int(rng.integers(low, high + 1))  # noqa: E731
    depths = {SCRATCHPAD: p.scratchpad_depth, WEIGHT_BUFFER: p.weight_depth, PARAMETERS: p.parameter_depth}
    found: list[Command] = []
    while len(found) < count:
        opcode = opcodes[draw(0, len(opcodes) - 1)]
        memory = SCRATCHPAD if opcode == STORE else (SCRATCHPAD, WEIGHT_BUFFER, PARAMETERS)[draw(0, 2)]
        bits, depth = dma.bits[memory], depths[memory]
        most = max(2, min(5 * dma.bus, 80) * 8 // bits) if rng.random() < 0.8 else 4
        n0, n1, planes = draw(1, min(most, depth // 16)), draw(1, 3), draw(1, 3)
        size = -(-n0 * bits // 8)
        reach = (n1 - 1, planes - 1)
        s1, s2 = n0 + draw(0, 5), 3 * n0 + draw(0, 9)
        d1, d2 = size + draw(0, 9), 3 * (size + 9) + draw(0, 20)
        back, d_back = draw(0, 1), draw(0, 1)
        span, d_span = reach[0] * s1 + reach[1] * s2, reach[0] * d1 + reach[1] * d2
        address = draw(0, max(depth - span - n0, 0)) + back * span
        dram = draw(0, DRAM_BYTES - d_span - size) + d_back * d_span
        if span + n0 > depth:
            continue
        sign, d_sign = 1 - 2 * back, 1 - 2 * d_back
        found.append({
            "opcode": opcode, "memory": memory, "address": address, "n0": n0, "n1": n1, "count": planes,
            "s1": sign * s1, "s2": sign * s2, "d_s0": d_sign * d1, "d_s1": d_sign * d2, "dram_address": dram,
            "value": draw(-(1 << 31), (1 << 31) - 1), "gives": draw(0, 15),
        })  # fmt: skip
    return found


def payload_of(p: NpuParameters, fields: Command) -> int:
    """Return a command as the queue's head shows it; its four `gives` are tokens for its own engine and the array."""
    engine = STORE_ENGINE if fields["opcode"] == STORE else 0
    gives = mask(*(token(engine, 1 + i // 2, i) for i in range(4) if fields["gives"] >> i & 1))
    return encode_command(p, 0, command(**fields | {"gives": gives})) >> ENGINE_BITS


def gives_of(mask_bits: int) -> int:
    """Return the four `gives` that `payload_of` put into a token mask."""
    return sum((mask_bits >> ((1 + i // 2) * 4 + i) & 1) << i for i in range(4))


def run_bench(dut: wiring.Component, bench: Callable) -> None:
    """Run a testbench on a component in Amaranth's simulator."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def counts_of(ctx, dut) -> dict[str, int]:
    """Return the counters that move in this cycle."""
    values = ctx.get(dut.counts)
    return {name: values[name] for name, _ in dut.counts.shape() if values[name]}


class Traffic:
    """Random tokens, stalls and completions in any order, from phases of different density."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.flight: list[int] = []
        self.phase = (1.0, 1.0, 1.0, 1.0)
        self.arrived = False

    def head(self, queue: list[Command]) -> Command | None:
        """Return the command at the head of the queue, which may not have come yet; once there it stays."""
        self.arrived = bool(queue) and (self.arrived or bool(self.rng.random() < self.phase[3]))
        return queue[0] if self.arrived else None

    def pop(self, queue: list[Command]) -> None:
        """Take the head."""
        queue.pop(0)
        self.arrived = False

    def draw(self, cycle: int) -> tuple[bool, bool, int | None]:
        """Return (tokens, request port ready, response) of a cycle."""
        if cycle % 50 == 0:
            self.phase = tuple((0.1, 0.5, 1.0)[i] for i in self.rng.integers(0, 3, 4))
        tokens, ready, pops = (bool(self.rng.random() < chance) for chance in self.phase[:3])
        response = None
        if pops and self.flight:
            response = self.flight.pop(int(self.rng.integers(len(self.flight))))
        return tokens, ready, response
