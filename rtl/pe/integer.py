"""Multiply-add of integers of any widths and signs; sums wrap."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value

from rtl.parameters import Element
from rtl.pe.interface import MultiplyAdd, shape_of


class IntegerMultiplyAdd(MultiplyAdd):
    """Two's complement: the exact product, added modulo two to the width of the sum."""

    @property
    def product(self) -> Element:
        """As wide as both operands together."""
        stream, weight, _ = self.operands
        return Element(stream.bits + weight.bits, stream.signed or weight.signed)

    def elaborate(self, platform: object) -> Module:
        """One multiplier, `latency` - 1 registers, one adder."""
        m = Module()
        product: Value = self.stream * self.weight
        held: list[Value] = []
        for age in range(1, self.latency):
            register = Signal(shape_of(self.product), name=f"product_{age}", reset_less=True)
            with m.If(self.enable):
                m.d.sync += register.eq(product)
            product = register
            held.append(register)
        m.d.comb += self.result.eq(self.addend + product)
        if held and self.probing:
            m.d.comb += self.probe.eq(Cat(*held))
        return m
