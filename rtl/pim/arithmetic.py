"""Multipliers and adders of a bank's MAC: the arithmetic of `rtl.pe`, each a module of its own."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.pe.float32 import RawProduct, add, raw_product, rounded_product
from simulators.pim.bank_mac import TOTAL_BITS, MacForm


def is_integer(form: MacForm) -> bool:
    """Return whether products and sums are integers."""
    return form.total.startswith("int")


def product_bits(form: MacForm) -> int:
    """Return the width of a product."""
    return 2 * form.operand_bits if is_integer(form) else TOTAL_BITS


def level_bits(form: MacForm, level: int) -> int:
    """Return the width of a sum of 2^level products: integers grow a bit a level, up to the accumulator's width."""
    return min(product_bits(form) + level, TOTAL_BITS)


class Multiplier(wiring.Component):
    """A product `stages` clocks after its operands; of floats the rounding is a stage of its own where there are two.

    Attributes
    ----------
    enables : In(stages)
        Bit k: register k takes its value.
    one, other : In
    product : Out
        Bit patterns.
    """

    def __init__(self, form: MacForm, stages: int) -> None:
        self.form, self.stages = form, stages
        super().__init__({
            "enables": In(stages), "one": In(form.operand_bits), "other": In(form.operand_bits),
            "product": Out(product_bits(form)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Multiply, hold."""
        m = Module()
        if is_integer(self.form):
            value: Value = self.one.as_signed() * self.other.as_signed()
        else:
            raw = raw_product(m, self.one, self.other)
            if self.stages > 1:
                raw = RawProduct(*(self._held(m, v, f"raw_{n}", 0) for n, v in raw._asdict().items()))
            value = rounded_product(m, raw)
        first = 0 if is_integer(self.form) or self.stages == 1 else 1
        for stage in range(first, self.stages):
            value = self._held(m, value, f"product_{stage}", stage)
        m.d.comb += self.product.eq(value)
        return m

    def _held(self, m: Module, value: Value, name: str, stage: int) -> Signal:
        register = Signal(value.shape(), name=name, reset_less=True)
        with m.If(self.enables[stage]):
            m.d.sync += register.eq(value)
        return register


class Adder(wiring.Component):
    """The sum of two: integers of `bits` into `sum_bits` (wrapping), or binary32."""

    def __init__(self, form: MacForm, bits: int, sum_bits: int, one_bits: int | None = None) -> None:
        self.form = form
        one_bits = bits if one_bits is None else one_bits
        super().__init__({"one": In(one_bits), "other": In(bits), "total": Out(sum_bits)})

    def elaborate(self, platform: object) -> Module:
        """One adder."""
        m = Module()
        if is_integer(self.form):
            total = Signal(signed(len(self.total)), name="wide")
            m.d.comb += [total.eq(self.one.as_signed() + self.other.as_signed()), self.total.eq(total)]
        else:
            m.d.comb += self.total.eq(add(m, self.one, self.other))
        return m
