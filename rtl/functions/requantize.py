"""The requantizer as gates: `simulators.npu.requantizer` on 64-bit integers, bit for bit.

`Requantizer` is a bare pipeline, one result a clock, for a lane that has its own timing. `DyadicRequantize` puts it
between two streams. Their numpy reference is `rtl.functions.reference.requantize`.

Formulas: dyadic, HAWQ-V3 (ICML 2021) and I-ViT (ICCV 2023) section 3; TFLite's double rounding, gemmlowp
`SaturatingRoundingDoublingHighMul` and `RoundingDivideByPOT`. gemmlowp rounds the high half by a nudge of the product's
sign and a division towards zero; that equals ``(product + 2^30) >> 31`` for every product, so one adder serves.
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal, Value, signed, unsigned
from amaranth.hdl import EnableInserter
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from simulators.npu.config import REQUANTIZE_MODES
from workloads.errors import CodesignError, unknown_name

RESULT_BITS = 64
MULTIPLIER_BITS = 32
BIAS_BITS = 32
SHIFT_BITS = 6
GREATEST_SUM_BITS = 63

#: Where the pipeline is cut, by the number of stages: after the operand's addition, the multiplier's two partial
#: products, the product, the addition that rounds. The longest piece is cut first.
CUTS: tuple[tuple[str, ...], ...] = (
    (),
    ("product",),
    ("operand", "product"),
    ("operand", "partial", "rounded"),
    ("operand", "partial", "product", "rounded"),
)


class Requantizer(wiring.Component):
    """``result = requantize(value + bias, multiplier, shift)``, `stages` clocks later, one a clock.

    The arithmetic is that of 64-bit integers which wrap, so the result equals the simulator's for every input. (No
    overflow happens while ``|value + bias| < 2^32`` and ``|multiplier| < 2^31``, the simulator's stated domain.)

    Parameters
    ----------
    mode : str
        One of `simulators.npu.config.REQUANTIZE_MODES`.
    sum_bits : int
        Width of `value`, 2..63.
    stages : int
        Register stages, 0..4; with 0 the result is combinational.
    factor_bits : int, optional
        Width of ``value + bias`` at the multiplier. By default wide enough for every sum; 33 serves the simulator's
        domain when only `plain` values are wider (a residual add of scaled operands). Higher bits are cut off.

    Attributes
    ----------
    value : In, signed(sum_bits)
    bias, multiplier : In, signed(32)
    shift : In, unsigned(6)
    plain : In, 1 bit
        1: ``result = shift_rounded(value, shift)``, without bias and multiplier: half even in `dyadic_half_even`, half
        up in every other mode (a residual add). With shift 0 it passes the value on, in every mode.
    result : Out, signed(64)

    Raises
    ------
    CodesignError
        If the mode is unknown or a number is out of range.
    """

    def __init__(self, mode: str, sum_bits: int = 32, stages: int = 0, factor_bits: int | None = None) -> None:
        if mode not in REQUANTIZE_MODES:
            raise unknown_name("requantizer", "mode", mode, REQUANTIZE_MODES)
        exact_bits = max(sum_bits, BIAS_BITS) + 1
        self.mode, self.sum_bits, self.stages = mode, sum_bits, stages
        self.factor_bits = exact_bits if factor_bits is None else factor_bits
        _check_range("sum_bits", sum_bits, 2, GREATEST_SUM_BITS)
        _check_range("stages", stages, 0, len(CUTS) - 1)
        _check_range("factor_bits", self.factor_bits, 2, exact_bits)
        super().__init__(
            {
                "value": In(signed(sum_bits)),
                "bias": In(signed(BIAS_BITS)),
                "multiplier": In(signed(MULTIPLIER_BITS)),
                "shift": In(unsigned(SHIFT_BITS)),
                "plain": In(1),
                "result": Out(signed(RESULT_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the pipeline: operand, product, rounding addition, shift."""
        m = Module()
        double = self.mode == "tflite_double"
        cut = _Cutter(m, CUTS[self.stages])
        factor = _narrow(m, "factor", self.value + self.bias, self.factor_bits)
        if double:
            factor = _saturate(m, "saturated", _narrow(m, "left", factor << _excess(31, self.shift), RESULT_BITS))
        factor, value, multiplier, shift, plain = cut(
            "operand", factor, self.value, self.multiplier, self.shift, self.plain
        )
        if "partial" in cut.names:  # two multipliers of half the height, added in the next stage
            half = MULTIPLIER_BITS // 2
            low = _narrow(m, "low_product", factor * multiplier[:half], len(factor) + half + 1)
            high = _narrow(m, "high_product", factor * multiplier[half:].as_signed(), len(factor) + half)
            low, high, value, shift, plain = cut("partial", low, high, value, shift, plain)
            product = _narrow(m, "product", low + (high << half), RESULT_BITS)
        else:
            product = _narrow(m, "product", factor * multiplier, RESULT_BITS)
        if double:
            product = _saturate(m, "doubled_high", (product + (1 << 30)) >> 31)
        operand = _narrow(m, "operand", Mux(plain, value, product), RESULT_BITS)
        operand, shift, plain = cut("product", operand, shift, plain)
        amount = Signal(SHIFT_BITS)
        m.d.comb += amount.eq(Mux(plain, shift, _excess(shift, 31)) if double else shift)
        away = (double & ~plain & (operand < 0) & (amount != 0)) if double else 0  # ties away from zero
        nudged = _narrow(m, "nudged", operand + ((1 << amount) >> 1) - away, RESULT_BITS)
        nudged, amount = cut("rounded", nudged, amount)
        shifted = Signal(signed(RESULT_BITS))
        m.d.comb += shifted.eq(nudged >> amount)
        m.d.comb += self.result.eq(shifted)
        if self.mode == "dyadic_half_even":  # a tie: the half just added leaves all the bits shifted out zero
            tie = (amount != 0) & ((nudged & ((1 << amount) - 1)[:RESULT_BITS].as_signed()) == 0)
            m.d.comb += self.result[0].eq(shifted[0] & ~tie)
        return m


class DyadicRequantize(wiring.Component):
    """A `Requantizer` between two streams: one result a clock, latency `stages` clocks, nothing lost when stalled.

    Parameters
    ----------
    mode, sum_bits, stages, factor_bits
        As for `Requantizer`.

    Attributes
    ----------
    i : In, stream of {value: signed(sum_bits), bias: signed(32), multiplier: signed(32), shift: 6, plain: 1}
    o : Out, stream of signed(64)
    latency, interval : int
        Clocks from a value's acceptance to its result's offer; clocks from one acceptance to the next, at best.
    """

    interval = 1

    def __init__(self, mode: str, sum_bits: int = 32, stages: int = 3, factor_bits: int | None = None) -> None:
        self.requantizer = Requantizer(mode, sum_bits, stages, factor_bits)
        layout = data.StructLayout(
            {
                "value": signed(sum_bits),
                "bias": signed(BIAS_BITS),
                "multiplier": signed(MULTIPLIER_BITS),
                "shift": unsigned(SHIFT_BITS),
                "plain": 1,
            }
        )
        self.latency = stages
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(signed(RESULT_BITS)))})

    def elaborate(self, platform: object) -> Module:
        """Return the pipeline, which moves when its last stage is empty or taken."""
        m = Module()
        stages, payload = self.requantizer.stages, self.i.payload
        advance = Signal()
        m.submodules.requantizer = EnableInserter(advance)(self.requantizer) if stages else self.requantizer
        for name in ("value", "bias", "multiplier", "shift", "plain"):
            m.d.comb += getattr(self.requantizer, name).eq(payload[name])
        valid: Value = self.i.valid
        for stage in range(stages):
            held = Signal(name=f"valid_{stage}")
            with m.If(advance):
                m.d.sync += held.eq(valid)
            valid = held
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.eq(self.requantizer.result),
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance if stages else self.o.ready),
        ]
        return m


class _Cutter:
    """Registers at the named cuts of a pipeline; at the others, the signals themselves."""

    def __init__(self, m: Module, names: tuple[str, ...]) -> None:
        self.m, self.names = m, names

    def __call__(self, name: str, *values: Value) -> list[Value]:
        if name not in self.names:
            return list(values)
        registers = [Signal(value.shape(), name=f"{name}_{i}", reset_less=True) for i, value in enumerate(values)]
        self.m.d.sync += [register.eq(value) for register, value in zip(registers, values, strict=True)]
        return list(registers)


def _narrow(m: Module, name: str, value: Value, bits: int) -> Signal:
    """Return the low `bits` of a value, or its sign extension, as a signed signal."""
    signal = Signal(signed(bits), name=name)
    m.d.comb += signal.eq(value)
    return signal


def _saturate(m: Module, name: str, value: Value) -> Signal:
    """Return a value limited to 32 signed bits."""
    low, high = -(1 << 31), (1 << 31) - 1
    return _narrow(m, name, Mux(value > high, high, Mux(value < low, low, value)), 32)


def _excess(minuend: Value | int, subtrahend: Value | int) -> Value:
    """Return max(minuend - subtrahend, 0)."""
    return Mux(Value.cast(minuend) > subtrahend, (Value.cast(minuend) - subtrahend)[:SHIFT_BITS], 0)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise CodesignError(f"requantizer: {name} is {value}; use {low}..{high}")
