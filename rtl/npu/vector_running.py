"""The running value of a vector lane: sum, maximum or product of an output's operands so far. docs/npu.md, "Values"."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.requantize import BIAS_BITS, MULTIPLIER_BITS, SHIFT_BITS
from rtl.npu.vector_loops import FUNCTION_BITS
from rtl.npu.vector_plan import vector_plan
from rtl.parameters import NpuParameters
from simulators.program import ADD, DEPTHWISE, FUNCTIONS, MAX_POOL, MUL


def take_layout(p: NpuParameters) -> data.StructLayout:
    """Return what the lanes are told about the operands that arrive.

    ``valid``: there are operands; ``first``: of their outputs' first tap; ``function``: its code; ``plain``: without
    bias and scaling; ``zero_point``: that of this tap, 0 but for `add` and `mul`.
    """
    return data.StructLayout({
        "valid": 1, "first": 1, "function": FUNCTION_BITS, "plain": 1, "zero_point": signed(p.value_bits),
    })  # fmt: skip


def parameter_entry() -> data.StructLayout:
    """Return what a lane uses of a parameter entry."""
    return data.StructLayout({
        "bias": signed(BIAS_BITS), "multiplier": signed(MULTIPLIER_BITS), "shift": SHIFT_BITS,
    })  # fmt: skip


class RunningValue(wiring.Component):
    """Takes an operand a cycle; one multiplier serves depthwise taps, rescaled summands and products.

    Parameters
    ----------
    p : NpuParameters

    Attributes
    ----------
    take : In(take_layout)
    operand : In, signed
    weight : In
        Of a depthwise tap.
    entry : In(parameter_entry)
        Of the output, or of this tap of an `add`.
    value : Out, signed
        With this operand.
    scale : Out(parameter_entry)
        `entry`, in `add` with the shift of the first tap, without one when `plain`.
    plain : Out(1)
        The value is only shifted.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p, self.plan = p, vector_plan(p)
        super().__init__({
            "take": In(take_layout(p)), "operand": In(signed(self.plan.operand_bits)), "weight": In(Shape(*p.weight)),
            "entry": In(parameter_entry()), "value": Out(signed(self.plan.sum_bits)), "scale": Out(parameter_entry()),
            "plain": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Sum, product and maximum; what the requantizer is told beside them."""
        m = Module()
        bits, take = self.plan.sum_bits, self.take
        running = Signal(signed(bits), reset_less=True)
        addend, before = Signal(signed(bits)), Signal(signed(bits))
        m.d.comb += addend.eq(self.operand)
        if self.plan.right_bits:
            difference, product = self._product(m, running)
            with m.If(self._is(DEPTHWISE, ADD, MUL)):
                m.d.comb += addend.eq(product)
            with m.If(self._is(MUL) & take.first):
                m.d.comb += addend.eq(difference)
        with m.If(~take.first & ~self._is(MUL, MAX_POOL)):
            m.d.comb += before.eq(running)
        m.d.comb += self.value.eq(before + addend)
        greatest = running[: self.plan.operand_bits].as_signed()
        with m.If(self._is(MAX_POOL) & ~take.first & (greatest > self.operand)):
            m.d.comb += self.value.eq(greatest)
        with m.If(take.valid):
            m.d.sync += running.eq(self.value)
        self._scale(m)
        return m

    def _is(self, *codes: int) -> Value:
        """Whether the function is one of some that this machine has."""
        names = {name for name, _, _ in self.p.functions}
        wanted = [self.take.function == code for code in codes if FUNCTIONS[code] in names]
        return reduce(or_, wanted) if wanted else Const(0)

    def _product(self, m: Module, running: Signal) -> tuple[Signal, Signal]:
        """Return operand - zero point, and that times a weight, a multiplier or the first operand's difference."""
        plan = self.plan
        element = self.operand[: plan.difference_bits - 1].as_signed()
        difference, right = Signal(signed(plan.difference_bits)), Signal(signed(plan.right_bits))
        product = Signal(signed(plan.difference_bits + plan.right_bits))
        m.d.comb += [difference.eq(element - self.take.zero_point), product.eq(difference * right)]
        with m.If(self._is(DEPTHWISE)):
            m.d.comb += right.eq(self.weight)
        with m.Elif(self._is(MUL)):
            m.d.comb += right.eq(running[: plan.difference_bits].as_signed())
        with m.Elif(self.take.plain):
            m.d.comb += right.eq(1)
        with m.Else():
            m.d.comb += right.eq(self.entry.multiplier)
        return difference, product

    def _scale(self, m: Module) -> None:
        """The summands of an `add` are scaled already: its sum is shifted, by the shift of the first entry."""
        is_add, shift = self._is(ADD), Signal(SHIFT_BITS)
        first_shift = Signal(SHIFT_BITS, reset_less=True)
        m.d.comb += shift.eq(Mux(is_add & ~self.take.first, first_shift, self.entry.shift))
        with m.If(self.take.valid & self.take.first):
            m.d.sync += first_shift.eq(shift)
        m.d.comb += [
            self.scale.eq(self.entry),
            self.plain.eq(self.take.plain | is_add),
            self.scale.shift.eq(Mux(self.take.plain, 0, shift)),
        ]
