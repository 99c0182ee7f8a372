"""ShiftExp: e^x in shifts and additions, one a clock.

I-ViT (ICCV 2023) section 3.3: e^(S x) = 2^(S x log2 e), with log2 e ~ 1 + 1/2 - 1/16 in shifts; the exponent's integer
part is a shift and its fraction a straight line. With x0 = floor(-1/S), all integers, every floor exact:

    x <- max(x + (x >> 1) - (x >> 4), n x0);  q = floor(x / x0);  r = x - q x0;  e = ((r - 2 x0) 2^(n - q)) >> 1
"""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from rtl.functions.pipeline import StallingPipeline
from workloads.errors import CodesignError

#: I-ViT's sums, and so the exponentials in them, are limited to 31 bits.
EXP_BITS = 31
EXP_MAX = (1 << EXP_BITS) - 1


class ShiftExp(wiring.Component):
    """``e ~ 2^n * (-x0) * exp(S x)`` for a stream of integers x; one a clock, latency `latency` clocks.

    The division by x0 has at most five quotient bits: one restoring step a stage.

    Parameters
    ----------
    in_bits : int
        Width of x, signed.
    n : int
        Greatest exponent: 15 in softmax, 23 in GELU.
    x0_bits : int
        Width of -x0, at most 31 - n, so that results of x <= 0 fit 31 bits.
    positive : bool
        Whether x > 0 may come, as in ShiftGELU's e^(-max): then results are limited to 2^31 - 1. Otherwise x <= 0.
    tag_bits : int
        Width of a value that goes with each x, unchanged.

    Attributes
    ----------
    minus_x0 : In, unsigned(x0_bits)
        -x0 = -floor(-1/S), at least 1; held while anything is inside.
    i : In, stream of {x: signed(in_bits), tag}
    o : Out, stream of {e: unsigned(exp_bits), tag}
        exp_bits is n + x0_bits, or 31 if positive.
    """

    def __init__(
        self, in_bits: int, n: int = 15, x0_bits: int = 8, *, positive: bool = False, tag_bits: int = 0
    ) -> None:
        if in_bits < 2:
            raise CodesignError(f"ShiftExp: in_bits is {in_bits}; use 2 or more")
        if not 1 <= n < EXP_BITS:
            raise CodesignError(f"ShiftExp: n is {n}; use 1..{EXP_BITS - 1}")
        if not 1 <= x0_bits <= EXP_BITS - n:
            raise CodesignError(f"ShiftExp: x0_bits is {x0_bits}; use 1..{EXP_BITS - n} with n = {n}")
        self.in_bits, self.n, self.x0_bits = in_bits, n, x0_bits
        #: With x0 added this often, x of any result below the limit is <= 0: e >= 2 * 2^(n - 1 - q) / 2.
        self.headroom = EXP_BITS - n if positive else 0
        self.exp_bits = EXP_BITS if positive else n + x0_bits
        self.quotient_bits = bits_for(n + self.headroom)
        super().__init__(
            {
                "minus_x0": In(unsigned(x0_bits)),
                "i": In(stream.Signature(data.StructLayout({"x": signed(in_bits), "tag": tag_bits}))),
                "o": Out(stream.Signature(data.StructLayout({"e": self.exp_bits, "tag": tag_bits}))),
            }
        )

    #: Clocks from one acceptance to the next, at best.
    interval = 1

    @property
    def latency(self) -> int:
        """Clocks from the acceptance of x to the offer of its result."""
        return self.quotient_bits + 3

    def elaborate(self, platform: object) -> Module:
        """Return the stages: distance from 0, its limits, a quotient bit each, the shift."""
        m = Module()
        pipeline = StallingPipeline(m, self.i, self.o)
        most = self.n + self.headroom
        x, d = self.i.payload.x, self.minus_x0
        tag = Value.cast(self.i.payload.tag)
        distance, tag = pipeline.register(distance=self.headroom * d - (x + (x >> 1) - (x >> 4)), tag=tag)
        limit = Signal(self.x0_bits + bits_for(most))
        m.d.comb += limit.eq(most * d)
        remainder, over, tag = pipeline.register(
            remainder=Mux(distance > limit, limit, distance)[: len(limit)], over=distance < 0, tag=tag
        )
        quotient = Value.cast(0)[:0]
        for k in reversed(range(self.quotient_bits)):
            difference = Signal(signed(len(limit) + 1), name=f"difference_{k}")
            m.d.comb += difference.eq(remainder - (d << k))
            fits = difference >= 0
            remainder, quotient, over, tag = pipeline.register(
                remainder=Mux(fits, difference, remainder)[: self.x0_bits + k],
                quotient=Cat(fits, quotient),
                over=over,
                tag=tag,
            )
        shifted = ((2 * d - remainder)[: self.x0_bits + 1] << (most - quotient)[: self.quotient_bits]) >> 1
        e = Mux(over | (shifted > EXP_MAX), EXP_MAX, shifted) if self.headroom else shifted
        e, tag = pipeline.register(e=e[: self.exp_bits], tag=tag)
        pipeline.finish()
        m.d.comb += [self.o.payload.e.eq(e), self.o.payload.tag.eq(tag)]
        return m
