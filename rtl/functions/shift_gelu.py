"""ShiftGELU: the integer GELU of I-ViT (ICCV 2023, section 3.4, algorithm 2): a row in, a row out.

GELU(v) ~ v sigmoid(1.702 v), with sigmoid(v) = e^(v - max) / (e^(v - max) + e^(-max)) over a row:

    e = ShiftExp(x - max);  sum = min(e + ShiftExp(-max), 2^31 - 1)
    sigmoid = (e floor((2^31 - 1) / sum)) >> (32 - out_bits);  out = x sigmoid

x0 belongs to the scale 1.702 S; the scale of the results is S 2^-(out_bits - 1).
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.divider import IterativeDivider, PipelinedDivider
from rtl.functions.pipeline import StallingPipeline
from rtl.functions.row_buffer import RowBuffer, greatest, row_stream
from rtl.functions.shift_exp import EXP_BITS, EXP_MAX, ShiftExp
from rtl.functions.shiftmax import check_out_bits


class ShiftGELU(wiring.Component):
    """GELU of rows of integers, one element a clock while the next row comes in.

    Parameters
    ----------
    in_bits : int
        Width of an element, signed.
    out_bits : int
        The sigmoid's greatest value is 2^(out_bits - 1) - 1. 2..31.
    max_length : int
        Elements of the longest row.
    x0_bits : int
        Width of -x0, at most 31 - n.
    n : int
        ShiftExp's greatest exponent.
    bits_per_clock : int
        Of the divider.
    pipelined : bool
        A division a clock; otherwise one divider iterates, and an element takes its `interval`.

    Attributes
    ----------
    minus_x0 : In, unsigned(x0_bits)
        -floor(-1/(1.702 S)) of the input's scale S, at least 1; held while rows are inside.
    i : In, row_stream(signed(in_bits))
    o : Out, row_stream(signed(in_bits + out_bits - 1))
    """

    def __init__(
        self,
        in_bits: int = 8,
        out_bits: int = 8,
        max_length: int = 256,
        x0_bits: int = 8,
        n: int = 23,
        bits_per_clock: int = 4,
        *,
        pipelined: bool = True,
    ) -> None:
        check_out_bits("ShiftGELU", out_bits)
        self.out_bits = out_bits
        shape = signed(in_bits)
        self.exp_tag = data.StructLayout({"x": shape, "last": 1, "of_max": 1})
        self.divider_tag = data.StructLayout({"x": shape, "last": 1, "e": EXP_BITS})
        self.buffer = RowBuffer(shape, max_length, {"greatest": greatest(shape)})
        self.exp = ShiftExp(in_bits + 1, n, x0_bits, positive=True, tag_bits=self.exp_tag.size)
        # Each of the two terms of a sum is at least 1, so the quotient is below 2^30.
        kind = PipelinedDivider if pipelined else IterativeDivider
        self.divider = kind(EXP_BITS, EXP_BITS, EXP_BITS - 1, bits_per_clock, self.divider_tag.size)
        super().__init__(
            {
                "minus_x0": In(unsigned(x0_bits)),
                "i": In(row_stream(shape)),
                "o": Out(row_stream(signed(in_bits + out_bits - 1))),
            }
        )

    def latency(self, length: int) -> int:
        """Clocks from the acceptance of a row's last element to the offer of its first result, when idle."""
        return self.exp.latency + self.divider.latency + 5

    def interval(self, length: int) -> int:
        """Clocks from one row to the next at best."""
        return max(length + 2, length * self.divider.interval)

    def elaborate(self, platform: object) -> Module:
        """Return buffer, ShiftExp, divider and what lies between."""
        m = Module()
        m.submodules.buffer, m.submodules.exp, m.submodules.divider = self.buffer, self.exp, self.divider
        wiring.connect(m, wiring.flipped(self.i), self.buffer.i)
        m.d.comb += self.exp.minus_x0.eq(self.minus_x0)
        self._send(m)
        self._divide(m)
        self._multiply(m)
        return m

    def _send(self, m: Module) -> None:
        """Send -max, then the row's x - max, to ShiftExp."""
        buffer, exp = self.buffer, self.exp
        tag = Signal(self.exp_tag)
        m.d.comb += [
            exp.i.payload.tag.eq(tag),
            tag.x.eq(buffer.o.payload.value),
            tag.last.eq(buffer.o.payload.last),
            exp.i.payload.x.eq(Mux(tag.of_max, 0, tag.x) - buffer.summary.greatest),
        ]
        with m.FSM(name="row"):
            with m.State("MAX"):
                m.d.comb += [tag.of_max.eq(1), exp.i.valid.eq(buffer.row_valid)]
                with m.If(exp.i.valid & exp.i.ready):
                    m.d.comb += buffer.replay.eq(1)
                    m.next = "ELEMENTS"
            with m.State("ELEMENTS"):
                m.d.comb += [exp.i.valid.eq(buffer.o.valid), buffer.o.ready.eq(exp.i.ready)]
                with m.If(exp.i.valid & exp.i.ready & tag.last):
                    m.d.comb += buffer.release.eq(1)
                    m.next = "MAX"

    def _divide(self, m: Module) -> None:
        """Keep e^(-max) of the row; divide by each element's sum."""
        exp, divider = self.exp.o, self.divider.i
        tag = Signal(self.exp_tag)
        out_tag = Signal(self.divider_tag)
        of_max = Signal(EXP_BITS)
        total = Signal(EXP_BITS + 1)
        m.d.comb += [
            tag.as_value().eq(exp.payload.tag),
            total.eq(exp.payload.e + of_max),
            divider.payload.dividend.eq(EXP_MAX),
            divider.payload.divisor.eq(Mux(total > EXP_MAX, EXP_MAX, total)),
            out_tag.x.eq(tag.x),
            out_tag.last.eq(tag.last),
            out_tag.e.eq(exp.payload.e),
            divider.payload.tag.eq(out_tag),
            divider.valid.eq(exp.valid & ~tag.of_max),
            exp.ready.eq(divider.ready | tag.of_max),
        ]
        with m.If(exp.valid & tag.of_max):
            m.d.sync += of_max.eq(exp.payload.e)

    def _multiply(self, m: Module) -> None:
        """Two multiplications, a stage each; e factor < 2^31, for e is a part of the sum (or the factor is 1)."""
        divider = self.divider.o
        pipeline = StallingPipeline(m, divider, self.o)
        tag = Signal(self.divider_tag)
        m.d.comb += tag.as_value().eq(divider.payload.tag)
        product, x, last = pipeline.register(
            product=(tag.e * divider.payload.quotient)[:EXP_BITS], x=tag.x, last=tag.last
        )
        sigmoid = product[EXP_BITS + 1 - self.out_bits :]
        scaled, last = pipeline.register(scaled=x * sigmoid, last=last)
        pipeline.finish()
        m.d.comb += [self.o.payload.value.eq(scaled), self.o.payload.last.eq(last)]
