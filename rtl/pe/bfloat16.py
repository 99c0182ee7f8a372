"""Multiply-add of bfloat16 operands into a binary32 sum."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value

from rtl.parameters import Element
from rtl.pe.float32 import RawProduct, add, raw_product, rounded_product
from rtl.pe.interface import MultiplyAdd


class BFloat16MultiplyAdd(MultiplyAdd):
    """``result = float32(addend + float32(stream * weight))``, as numpy's float32 has it; every NaN is 0x7fc00000.

    The product of two bfloat16 is exact in binary32, but for subnormal results and overflow, which round. With two
    registers and more before the adder the first ones hold the raw product (sign, exponents' sum, significands'
    product), the last one the rounded one: the leading-zero shift is a stage of its own.
    """

    @property
    def product(self) -> Element:
        """A binary32."""
        return Element(32, False)

    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """Return the register of the rounded product."""
        return [("product", *self.product)] if self.latency > 1 else []

    def elaborate(self, platform: object) -> Module:
        """Multiply, round, hold, add."""
        m = Module()
        raw = raw_product(m, self.stream, self.weight)
        for stage in range(self.latency - 2):
            raw = RawProduct(*(self._held(m, value, f"raw_{stage}_{name}") for name, value in raw._asdict().items()))
        product: Value = rounded_product(m, raw)
        if self.latency > 1:
            product = self._held(m, product, "held_product")
        m.d.comb += self.result.eq(add(m, self.addend, product))
        if self.latency > 1 and self.probing:
            m.d.comb += self.probe.eq(Cat(product))
        return m

    def _held(self, m: Module, value: Value, name: str) -> Signal:
        register = Signal(value.shape(), name=name, reset_less=True)
        with m.If(self.enable):
            m.d.sync += register.eq(value)
        return register
