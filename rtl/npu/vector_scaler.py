"""The requantizer of a vector lane: one multiplier, a sum for `add`, a rounding shift to a few bits.

It equals `rtl.functions.requantize` followed by a limit to `plan.result_bits`, for less than its area: bits far above
the result are only checked to be the sign's, as the shift passes them; rounding adds one bit after the shift instead
of a half before it; the summands of an `add` use the multiplier that the other functions scale with.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.requantize import MULTIPLIER_BITS, SHIFT_BITS
from rtl.npu.vector_plan import WORD_BITS, shift_bits, vector_plan
from rtl.parameters import NpuParameters

_HALF = MULTIPLIER_BITS // 2


class Scaler(wiring.Component):
    """``result = limit(factor * multiplier * 2^-shift)``, rounded as the machine says, `plan.stages` clocks later.

    Parameters
    ----------
    p : NpuParameters

    Attributes
    ----------
    factor, multiplier : In, signed
    shift : In(shift_bits)
    plain : In(1)
        Of the command: rounded once, whatever the shift's word says; with multiplier 1 and shift 0 the factor passes.
    summing : In(1)
        Of the command: products are summed (and `plain`); the shift is that of the first.
    valid, first : In(1)
        There is a product at the sum; it is the first of its output. At the sum a product is `plan.to_sum` clocks old.
    result : Out, signed(plan.result_bits + 1)
        Without its rounding limited to one bit less.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p, self.plan = p, vector_plan(p)
        super().__init__({
            "factor": In(signed(self.plan.running_bits)), "multiplier": In(signed(MULTIPLIER_BITS)),
            "shift": In(shift_bits(p)), "plain": In(1), "summing": In(1), "valid": In(1), "first": In(1),
            "result": Out(signed(self.plan.result_bits + 1)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Product, sum, shift, rounding."""
        m = Module()
        double = self.p.requantize == "tflite_double"
        factor, multiplier, shift = self.factor, self.multiplier, self.shift
        if double:  # whether it is rounded once stays beside the shift on its way
            amount, once = shift[:SHIFT_BITS], shift[-1] | self.plain
            left = Signal(signed(WORD_BITS))
            m.d.comb += left.eq(factor << Mux(once, 0, _excess(31, amount)))
            factor = Mux(once, factor, _saturated(m, "left_saturated", left))
            shift = Cat(amount, once)
        factor, multiplier, shift = self._cut(m, "factor", factor, multiplier, shift)
        product, shift = self._product(m, factor, multiplier, shift)
        if double:
            amount, once = shift[:SHIFT_BITS], shift[-1]
            doubled = _saturated(m, "doubled_high", (product + (1 << 30)) >> 31)
            product, shift = Mux(once, product, doubled), Cat(Mux(once, amount, _excess(amount, 31)), once)
        word, shift = self._sum(m, product, shift)
        shifted, guard, sticky = self._shifted(m, word, shift)
        shifted, up = self._cut(m, "shifted", shifted, self._round_up(word, shift, shifted, guard, sticky))
        m.d.comb += self.result.eq(shifted + up)
        return m

    def _cut(self, m: Module, name: str, *values: Value) -> list[Value]:
        """Return registers of values where the plan cuts, else the values."""
        if name not in self.plan.cuts:
            return list(values)
        held = [Signal(value.shape(), name=f"{name}_{i}", reset_less=True) for i, value in enumerate(values)]
        m.d.sync += [register.eq(value) for register, value in zip(held, values, strict=True)]
        return list(held)

    def _product(self, m: Module, factor: Value, multiplier: Value, shift: Value) -> tuple[Value, Value]:
        """Return the product and its shift; with a cut inside, as two multipliers of half the height."""
        product = Signal(signed(WORD_BITS))
        if "partial" not in self.plan.cuts:
            m.d.comb += product.eq(factor * multiplier)
            return product, shift
        low, high, shift = self._cut(
            m, "partial", factor * multiplier[:_HALF], factor * multiplier[_HALF:].as_signed(), shift
        )
        m.d.comb += product.eq(Cat(low[:_HALF], (low >> _HALF) + high))
        return product, shift

    def _sum(self, m: Module, product: Value, shift: Value) -> tuple[Value, Value]:
        """Return what is shifted and by how much. The register of the sum is that of the pipeline, where it has one."""
        bits = self.plan.add_bits
        held = Signal(signed(WORD_BITS), reset_less=True)
        word = Signal(signed(WORD_BITS))
        held_shift = Signal(len(shift), reset_less=True)
        if bits:
            before = Signal(bits)
            total = Signal(bits)
            m.d.comb += [
                before.eq(Mux(self.summing & ~self.first, held[:bits], 0)),
                total.eq(product[:bits] + before),
                word.eq(Cat(total, Mux(self.summing, total[-1].replicate(WORD_BITS - bits), product[bits:]))),
            ]
        else:
            m.d.comb += word.eq(product)
        with m.If(self.valid):
            m.d.sync += held.eq(word)
            with m.If(self.first):
                m.d.sync += held_shift.eq(shift)
        if "sum" in self.plan.cuts:
            return held, held_shift
        return word, Mux(self.first, shift, held_shift)

    def _shifted(self, m: Module, word: Value, shift: Value) -> tuple[Value, Value, Value]:
        """Return the word shifted right, limited; the bit below its last; whether any bit below that is set."""
        bits, sign = self.plan.result_bits, word[-1]
        beyond: Value = Const(0)
        sticky: Value = Const(0)
        kept: Value = Cat(Const(0, 1), word)  # a bit more, below the last
        for k in reversed(range(SHIFT_BITS)):
            amount, step = 1 << k, shift[k]
            after = Signal(len(kept), name=f"shifted_{amount}")
            m.d.comb += after.eq(Mux(step, Cat(kept[amount:], sign.replicate(amount)), kept))
            sticky = sticky | (step & kept[:amount].any())
            most = bits + amount - 1  # what is above stays above the result
            if most < len(kept):
                beyond = beyond | (after[most:] ^ sign.replicate(len(kept) - most)).any()
            kept = after[:most]
        shifted = Signal(signed(bits))
        other_sign = Signal()
        m.d.comb += other_sign.eq(~sign)
        m.d.comb += shifted.eq(Cat(Mux(beyond, other_sign.replicate(bits - 1), kept[1:]), sign))
        return shifted, kept[0], sticky

    def _round_up(self, word: Value, shift: Value, shifted: Value, guard: Value, sticky: Value) -> Value:
        """Return whether the rest is more than a half, or a half that goes up."""
        if self.p.requantize == "dyadic_half_even":
            return guard & (sticky | shifted[0])
        if self.p.requantize == "tflite_double":
            return guard & (sticky | ~word[-1] | shift[-1])
        return guard


def _saturated(m: Module, name: str, value: Value) -> Signal:
    """Return a value limited to 32 signed bits."""
    low, high = -(1 << 31), (1 << 31) - 1
    found = Signal(signed(32), name=name)
    m.d.comb += found.eq(Mux(value > high, high, Mux(value < low, low, value)))
    return found


def _excess(minuend: Value | int, subtrahend: Value | int) -> Value:
    """Return max(minuend - subtrahend, 0)."""
    difference = (Value.cast(minuend) - subtrahend)[:SHIFT_BITS]
    return Mux(Value.cast(minuend) > subtrahend, difference, 0)
