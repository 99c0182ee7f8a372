"""Addresses of what the vector unit reads: operands, weights of depthwise taps, parameter entries."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import command_fields
from rtl.npu.nests import NEST_FIELDS, Odometer, nest_of
from rtl.npu.vector_loops import STEPS
from rtl.npu.vector_plan import group_count
from rtl.parameters import NpuParameters, address_bits
from simulators.program import (
    ADD,
    DEPTHWISE,
    FUNCTIONS,
    PARAMETER_LANE,
    PARAMETER_POSITION,
    PARAMETER_WORDS,
    VECTOR_ENGINE,
)

_OF_HEAD = (
    "address", "weight_address", "parameter_address", *NEST_FIELDS, *(f"lane_{name}" for name in NEST_FIELDS),
)  # fmt: skip
_OF_COMMAND = (
    "function", "from_accumulator", "weight_address", "weight_stride", "parameter_mode", "parameter_address",
)  # fmt: skip


class VectorReads(wiring.Component):
    """The addresses of each slot, from those of the slot before and the steps between the two.

    Attributes
    ----------
    start, head, command, steps
        As of `rtl.npu.vector_loops.VectorLoops`.
    active : In(1)
    address : Out
        Scratchpad element of lane 0, or accumulator word.
    group : Out
        Which lanes of the accumulator word.
    weight_address, parameter_address : Out
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        super().__init__({
            "start": In(1), "head": In(command_fields(p, VECTOR_ENGINE, _OF_HEAD)),
            "command": In(command_fields(p, VECTOR_ENGINE, _OF_COMMAND)),
            "steps": In(STEPS), "active": In(1), "address": Out(p.vector_address_bits),
            "group": Out(address_bits(group_count(p))), "weight_address": Out(p.weight_address_bits),
            "parameter_address": Out(p.parameter_address_bits),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """One adder for each memory."""
        m = Module()
        self._operands(m)
        names = {name for name, _, _ in self.p.functions}
        if FUNCTIONS[DEPTHWISE] in names:
            self._weights(m)
        self._parameters(m)
        if group_count(self.p) > 1:
            before = Signal.like(self.group)
            following = Mux(self.steps.group, before + 1, before)
            m.d.comb += self.group.eq(Mux(self.start | self.steps.position, 0, following))
            with m.If(self.active):
                m.d.sync += before.eq(self.group)
        return m

    def _operands(self, m: Module) -> None:
        """From tap to tap, from group to group (of its first tap), from position to position (of its first group)."""
        p, steps = self.p, self.steps
        bits = p.vector_address_bits
        m.submodules.positions = positions = Odometer(p.extent_bits, bits)
        m.submodules.taps = taps = Odometer(p.extent_bits, bits)
        m.d.comb += [
            positions.load.eq(self.start),
            positions.nest.eq(nest_of(self.head)),
            positions.step.eq(steps.position),
            taps.load.eq(self.start),
            taps.nest.eq(nest_of(self.head, "lane_")),
            taps.step.eq(steps.tap),  # with the last tap its digits are back at the first's
        ]
        of_tap, of_group, of_position = (Signal(bits, name=f"address_of_{x}") for x in ("tap", "group", "position"))
        base = Signal(bits)
        jump = Signal(bits)
        first_tap = Signal()
        m.d.comb += first_tap.eq(self.start | steps.group)
        with m.If(steps.position):
            m.d.comb += [base.eq(of_position), jump.eq(positions.jump)]
        with m.Elif(steps.group):
            m.d.comb += [base.eq(of_group), jump.eq(Mux(self.command.from_accumulator, 0, p.lanes))]
        with m.Else():
            m.d.comb += [base.eq(of_tap), jump.eq(Mux(steps.tap, taps.jump, 0))]
        m.d.comb += self.address.eq(Mux(self.start, self.head.address, base + jump))
        with m.If(self.active):
            m.d.sync += of_tap.eq(self.address)
            with m.If(first_tap):
                m.d.sync += of_group.eq(self.address)
            with m.If(self.start | steps.position):
                m.d.sync += of_position.eq(self.address)

    def _weights(self, m: Module) -> None:
        """Taps a stride apart; channels in a row; every position alike."""
        p, steps, command = self.p, self.steps, self.command
        of_tap, of_group, base, jump = (
            Signal(p.weight_address_bits, name=f"weight_{name}") for name in ("of_tap", "of_group", "base", "jump")
        )
        with m.If(steps.position):
            m.d.comb += base.eq(command.weight_address)
        with m.Elif(steps.group):
            m.d.comb += [base.eq(of_group), jump.eq(p.lanes)]
        with m.Else():
            m.d.comb += [base.eq(of_tap), jump.eq(Mux(steps.tap, command.weight_stride, 0))]
        m.d.comb += self.weight_address.eq(Mux(self.start, self.head.weight_address, base + jump))
        with m.If(self.active):
            m.d.sync += of_tap.eq(self.weight_address)
            with m.If(self.start | steps.group):
                m.d.sync += of_group.eq(self.weight_address)

    def _parameters(self, m: Module) -> None:
        """An entry a channel, a position, or an operand of `add`; or one for all."""
        p, steps, command = self.p, self.steps, self.command
        bits = p.parameter_address_bits
        before, base, jump = (Signal(bits, name=f"parameter_{name}") for name in ("before", "base", "jump"))
        m.d.comb += base.eq(before)
        with m.If(command.function == ADD):
            with m.If(steps.group):
                m.d.comb += base.eq(command.parameter_address)
            with m.Elif(steps.tap):
                m.d.comb += jump.eq(PARAMETER_WORDS)
        with m.Elif(command.parameter_mode == PARAMETER_LANE):
            with m.If(steps.position):
                m.d.comb += base.eq(command.parameter_address)
            with m.Elif(steps.group):
                m.d.comb += jump.eq(PARAMETER_WORDS * p.lanes)
        with m.Elif(command.parameter_mode == PARAMETER_POSITION):
            m.d.comb += jump.eq(Mux(steps.position, PARAMETER_WORDS, 0))
        m.d.comb += self.parameter_address.eq(Mux(self.start, self.head.parameter_address, base + jump))
        with m.If(self.active):
            m.d.sync += before.eq(self.parameter_address)
