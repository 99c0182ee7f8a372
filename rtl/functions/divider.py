"""Unsigned restoring dividers between streams: one that iterates and one that is a pipeline, with the same ports.

A step shifts the remainder left by one dividend bit and subtracts the divisor if it fits. Quotients that are known to
be short need few steps: the upper bits of the dividend start as the remainder.
"""

from __future__ import annotations

from amaranth import Cat, Const, Module, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.pipeline import StallingPipeline
from workloads.errors import CodesignError


class _Divider(wiring.Component):
    """The ports and widths of both dividers.

    Parameters
    ----------
    dividend_bits, divisor_bits : int
        Widths of the operands, at least 1.
    quotient_bits : int, optional
        By default `dividend_bits`. With fewer, a division is right only if ``dividend >> quotient_bits < divisor``.
    bits_per_clock : int
        Steps in series in one clock: area and delay against latency.
    tag_bits : int
        Width of a value that goes with a division, unchanged.

    Attributes
    ----------
    i : In, stream of {dividend, divisor, tag}
        A divisor of 0 gives a quotient of all ones.
    o : Out, stream of {quotient, remainder, tag}
        The remainder has divisor_bits.
    steps : int
        Clocks that the steps of one division take.
    """

    def __init__(
        self,
        dividend_bits: int,
        divisor_bits: int,
        quotient_bits: int | None = None,
        bits_per_clock: int = 1,
        tag_bits: int = 0,
    ) -> None:
        self.dividend_bits, self.divisor_bits = dividend_bits, divisor_bits
        self.quotient_bits = dividend_bits if quotient_bits is None else quotient_bits
        self.bits_per_clock = bits_per_clock
        for name, value, low in (
            ("dividend_bits", dividend_bits, 1),
            ("divisor_bits", divisor_bits, 1),
            ("quotient_bits", self.quotient_bits, 1),
            ("bits_per_clock", bits_per_clock, 1),
            ("tag_bits", tag_bits, 0),
        ):
            if value < low:
                raise CodesignError(f"divider: {name} is {value}; use {low} or more")
        self.steps = -(-self.quotient_bits // bits_per_clock)
        super().__init__(
            {
                "i": In(
                    stream.Signature(
                        data.StructLayout({"dividend": dividend_bits, "divisor": divisor_bits, "tag": tag_bits})
                    )
                ),
                "o": Out(
                    stream.Signature(
                        data.StructLayout({"quotient": self.quotient_bits, "remainder": divisor_bits, "tag": tag_bits})
                    )
                ),
            }
        )

    def _start(self) -> tuple[Value, Value]:
        """Return the first remainder and, low-aligned, the dividend bits still to come."""
        low_bits = self.steps * self.bits_per_clock
        dividend = Value.cast(self.i.payload.dividend)
        return dividend[low_bits:], Cat(dividend[:low_bits], Const(0, max(low_bits - self.dividend_bits, 0)))

    def _clock(self, m: Module, remainder: Value, low: Value, divisor: Value, name: str = "") -> tuple[Value, Value]:
        """Return remainder and low after one clock's steps; quotient bits enter `low` from below."""
        for step in range(self.bits_per_clock):
            shifted = Signal(self.divisor_bits + 1, name=f"shifted{name}_{step}")
            rest = Signal(self.divisor_bits, name=f"rest{name}_{step}")
            fits = Signal(name=f"fits{name}_{step}")
            difference = Signal(self.divisor_bits + 2, name=f"difference{name}_{step}")
            m.d.comb += [
                shifted.eq(Cat(low[-1], remainder)),
                difference.eq(shifted - divisor),
                fits.eq(~difference[-1]),
                rest.eq(shifted),
            ]
            with m.If(fits):
                m.d.comb += rest.eq(difference)
            remainder, low = rest, Cat(fits, low[:-1])
        return remainder, low


class IterativeDivider(_Divider):
    """One division at a time: latency ``steps + 1`` clocks, one division every ``steps + 1`` clocks."""

    __doc__ = f"{__doc__}\n{_Divider.__doc__}"

    @property
    def latency(self) -> int:
        """Clocks from the operands' acceptance to the result's offer."""
        return self.steps + 1

    @property
    def interval(self) -> int:
        """Clocks from one acceptance to the next, at best."""
        return self.steps + 1

    def elaborate(self, platform: object) -> Module:
        """Return the operand registers and the steps of one clock."""
        m = Module()
        remainder = Signal(self.divisor_bits)
        low = Signal(self.steps * self.bits_per_clock)
        divisor = Signal(self.divisor_bits)
        tag = Signal(unsigned(len(self.i.payload.tag)))
        left = Signal(range(self.steps + 1))
        valid = Signal()
        next_remainder, next_low = self._clock(m, remainder, low, divisor)
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.quotient.eq(low),
            self.o.payload.remainder.eq(remainder),
            self.o.payload.tag.eq(tag),
            self.i.ready.eq((left == 0) & (~valid | self.o.ready)),
        ]
        with m.If(self.o.ready):
            m.d.sync += valid.eq(0)
        with m.If(left != 0):
            m.d.sync += [remainder.eq(next_remainder), low.eq(next_low), left.eq(left - 1), valid.eq(left == 1)]
        with m.Elif(self.i.valid & self.i.ready):
            first_remainder, first_low = self._start()
            m.d.sync += [
                remainder.eq(first_remainder),
                low.eq(first_low),
                divisor.eq(self.i.payload.divisor),
                tag.eq(self.i.payload.tag),
                left.eq(self.steps),
            ]
        return m


class PipelinedDivider(_Divider):
    """A stage of registers for each clock's steps: latency ``steps`` clocks, one division a clock."""

    __doc__ = f"{__doc__}\n{_Divider.__doc__}"

    @property
    def latency(self) -> int:
        """Clocks from the operands' acceptance to the result's offer."""
        return self.steps

    @property
    def interval(self) -> int:
        """Clocks from one acceptance to the next, at best."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """Return the stages."""
        m = Module()
        pipeline = StallingPipeline(m, self.i, self.o)
        remainder, low = self._start()
        divisor, tag = Value.cast(self.i.payload.divisor), Value.cast(self.i.payload.tag)
        for step in range(self.steps):
            remainder, low = self._clock(m, remainder, low, divisor, f"_{step}")
            remainder, low, divisor, tag = pipeline.register(remainder=remainder, low=low, divisor=divisor, tag=tag)
        pipeline.finish()
        m.d.comb += [
            self.o.payload.quotient.eq(low),
            self.o.payload.remainder.eq(remainder),
            self.o.payload.tag.eq(tag),
        ]
        return m
