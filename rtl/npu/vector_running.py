"""The running value of a vector lane: sum, maximum or product of an output's operands so far. docs/npu.md, "Values"."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.requantize import BIAS_BITS, MULTIPLIER_BITS
from rtl.npu.vector_loops import FUNCTION_BITS
from rtl.npu.vector_plan import shift_bits, vector_plan
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


def parameter_entry(p: NpuParameters) -> data.StructLayout:
    """Return what a lane uses of a parameter entry."""
    return data.StructLayout({
        "bias": signed(BIAS_BITS), "multiplier": signed(MULTIPLIER_BITS), "shift": shift_bits(p),
    })  # fmt: skip


class RunningValue(wiring.Component):
    """Takes an operand a cycle; one small multiplier serves depthwise taps and products.

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
        The running value with this operand.
    factor, multiplier, shift : Out
        What is scaled, and how: the value with its bias, or the summand of an `add`.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p, self.plan = p, vector_plan(p)
        super().__init__({
            "take": In(take_layout(p)), "operand": In(signed(self.plan.operand_bits)), "weight": In(Shape(*p.weight)),
            "entry": In(parameter_entry(p)), "value": Out(signed(self.plan.running_bits)),
            "factor": Out(signed(self.plan.running_bits)), "multiplier": Out(signed(MULTIPLIER_BITS)),
            "shift": Out(shift_bits(p)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Sum, product or maximum. The bias comes with the first tap (`mul`: with the second)."""
        m = Module()
        bits, take = self.plan.running_bits, self.take
        is_mul, is_max, is_add = self._is(MUL), self._is(MAX_POOL), self._is(ADD)
        running = Signal(signed(bits), reset_less=True)
        addend = Signal(signed(bits))
        before = Signal(signed(bits))
        difference = Signal(signed(self.plan.difference_bits))
        element = self.operand[: self.plan.difference_bits - 1].as_signed()
        m.d.comb += [difference.eq(element - take.zero_point), addend.eq(self.operand)]
        if self.plan.right_bits:
            product = self._product(m, difference, running)
            with m.If(is_mul & take.first):
                m.d.comb += addend.eq(difference)
            with m.Elif(is_mul | self._is(DEPTHWISE)):
                m.d.comb += addend.eq(product)
        with m.If((take.first ^ is_mul) & ~is_max & ~take.plain):
            m.d.comb += before.eq(self.entry.bias)
        with m.Elif(~take.first & ~is_mul & ~is_max):
            m.d.comb += before.eq(running)
        m.d.comb += self.value.eq(before + addend)
        greatest = running[: self.plan.operand_bits].as_signed()
        with m.If(is_max & ~take.first & (greatest > self.operand)):
            m.d.comb += self.value.eq(greatest)
        with m.If(take.valid):
            m.d.sync += running.eq(self.value)
        m.d.comb += [
            self.factor.eq(Mux(is_add, difference, self.value)),
            self.multiplier.eq(Mux(take.plain, 1, self.entry.multiplier)),
            self.shift.eq(Mux(take.plain, 0, self.entry.shift)),
        ]
        return m

    def _is(self, *codes: int) -> Value:
        """Whether the function is one of some that this machine has."""
        names = {name for name, _, _ in self.p.functions}
        wanted = [self.take.function == code for code in codes if FUNCTIONS[code] in names]
        return reduce(or_, wanted) if wanted else Const(0, 1)

    def _product(self, m: Module, difference: Signal, running: Signal) -> Signal:
        """Return the difference times a weight, or times the first operand's difference."""
        right = Signal(signed(self.plan.right_bits))
        product = Signal(signed(self.plan.difference_bits + self.plan.right_bits))
        first_difference = running[: self.plan.difference_bits].as_signed()
        m.d.comb += [right.eq(Mux(self._is(DEPTHWISE), self.weight, first_difference)), product.eq(difference * right)]
        return product
