"""The loops of a vector command: position outermost, then group of channels, tap, pass; one of their slots a cycle."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import command_fields
from rtl.parameters import NpuParameters
from simulators.program import FUNCTIONS, VECTOR_ENGINE

FUNCTION_BITS = 3
#: Fields that a command needs after its first cycle (the rest is taken over by counters and odometers).
HELD = (
    "gives", "function", "from_accumulator", "taps", "channels", "n0", "d_s0", "d_jump", "d_lane", "weight_address",
    "weight_stride", "parameter_mode", "parameter_address", "zero_point_0", "zero_point_1", "output_zero_point", "low",
    "high",
)  # fmt: skip
_COUNTED = ("function", "taps", "channels")
#: Whether this slot is the first one of its tap, group of channels, position.
STEPS = data.StructLayout({"tap": 1, "group": 1, "position": 1})
SLOT = data.StructLayout({
    "read": 1,  # the last pass: operands are read
    "first": 1,  # of the first tap
    "output": 1,  # operands of the last tap are read
    "final": 1,  # the last output of the command
})  # fmt: skip


def held_layout(p: NpuParameters) -> data.StructLayout:
    """Return the layout of `HELD`."""
    return command_fields(p, VECTOR_ENGINE, HELD)


def used_bits(p: NpuParameters) -> int:
    """Return the bits of a number of lanes."""
    return p.lanes.bit_length()


class _Left(NamedTuple):
    """What is left in this slot, whether that is the last, and whether the slot before was (a register)."""

    left: Value
    last: Value
    done: Value


class VectorLoops(wiring.Component):
    """Walks the loops: a slot in the cycle of `start` and in every later one until `slot.final`.

    Registers hold the slot before; what follows it is decided in its own cycle, so the first slot needs nothing but
    counts from the head of the queue.

    Attributes
    ----------
    start : In(1)
        `head` starts in this cycle.
    head, command : In
        Of the queue's head; of the command started last, from the cycle after its start on.
    active : Out(1)
        There is a slot in this cycle.
    slot : Out(SLOT)
    steps : Out(STEPS)
        0 in the cycle of `start`.
    used : Out
        Lanes with a channel in this slot.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        super().__init__({
            "start": In(1), "head": In(command_fields(p, VECTOR_ENGINE, (*_COUNTED, "count"))),
            "command": In(command_fields(p, VECTOR_ENGINE, _COUNTED)),
            "active": Out(1), "slot": Out(SLOT), "steps": Out(STEPS), "used": Out(used_bits(p)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Counters of what is left: passes of the tap, taps of the output, channels of the position, positions."""
        m = Module()
        start, steps, head, command = self.start, self.steps, self.head, self.command
        issuing = Signal()
        first = Signal()
        first_before = Signal()
        new_output = Signal()
        m.d.comb += [new_output.eq(start | steps.group), self.active.eq(start | issuing)]
        passes = self._passes(m)
        taps = self._left(m, "taps", new_output, Mux(start, head.taps, command.taps), steps.tap)
        reload, all_channels = start | steps.position, Mux(start, head.channels, command.channels)
        channels = self._left(m, "channels", reload, all_channels, steps.group, self.p.lanes)
        positions = self._left(m, "positions", start, head.count, steps.position)
        m.d.comb += [
            steps.tap.eq(issuing & passes.done),
            steps.group.eq(steps.tap & taps.done),
            steps.position.eq(steps.group & channels.done),
            first.eq(Mux(start | steps.tap, new_output, first_before)),
            self.slot.read.eq(self.active & passes.last),
            self.slot.first.eq(first),
            self.slot.output.eq(self.slot.read & taps.last),
            self.slot.final.eq(self.slot.output & channels.last & positions.last),
            self.used.eq(Mux(channels.last, channels.left, self.p.lanes)),
        ]
        m.d.sync += issuing.eq(self.active & ~self.slot.final)
        with m.If(self.active):
            m.d.sync += first_before.eq(first)
        return m

    def _left(self, m: Module, name: str, reload: Value, count: Value, step: Value, by: int = 1) -> _Left:
        """Count down: `count` in the slot of `reload`, `by` less in a slot of `step`, the same in the others."""
        before, left = Signal(len(count), name=f"{name}_before"), Signal(len(count), name=f"{name}_left")
        last, done = Signal(name=f"{name}_last"), Signal(name=f"{name}_done")
        m.d.comb += [left.eq(Mux(reload, count, Mux(step, before - by, before))), last.eq(left <= by)]
        with m.If(self.active):
            m.d.sync += [before.eq(left), done.eq(last)]
        return _Left(left, last, done)

    def _passes(self, m: Module) -> _Left:
        """Count the passes of a function, where any has more than one."""
        greatest = max((passes for _, _, passes in self.p.functions), default=1)
        if greatest == 1:
            return _Left(Const(1), Const(1), Const(1))
        function = Signal(FUNCTION_BITS)
        count = Signal(range(greatest + 1))
        m.d.comb += function.eq(Mux(self.start, self.head.function, self.command.function))
        with m.Switch(function):
            for name, _, passes in self.p.functions:
                with m.Case(FUNCTIONS.index(name)):
                    m.d.comb += count.eq(passes)
        return self._left(m, "passes", self.start | self.steps.tap, count, Const(1))
