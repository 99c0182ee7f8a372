"""Shiftmax: the integer softmax of I-ViT (ICCV 2023, section 3.3, algorithm 1): a row in, a row out.

    e = ShiftExp(x - max);  factor = floor((2^31 - 1) / min(sum e, 2^31 - 1));  out = (e factor) >> (32 - out_bits)

The scale of the results is 2^-(out_bits - 1).
"""

from __future__ import annotations

from amaranth import Module, Mux, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.divider import IterativeDivider
from rtl.functions.pipeline import StallingPipeline
from rtl.functions.row_buffer import RowBuffer, greatest, row_stream
from rtl.functions.shift_exp import EXP_BITS, EXP_MAX, ShiftExp
from workloads.errors import CodesignError


class Shiftmax(wiring.Component):
    """Softmax of rows of integers; one row passes twice through one ShiftExp while the next comes in.

    Parameters
    ----------
    in_bits : int
        Width of an element, signed.
    out_bits : int
        8, or 16 as before a product with values; the greatest result is 2^(out_bits - 1) - 1. 2..31.
    max_length : int
        Elements of the longest row.
    x0_bits : int
        Width of -x0, at most 31 - n.
    n : int
        ShiftExp's greatest exponent.
    bits_per_clock : int
        Of the divider.

    Attributes
    ----------
    minus_x0 : In, unsigned(x0_bits)
        -floor(-1/S) of the input's scale S, at least 1; held while rows are inside.
    i : In, row_stream(signed(in_bits))
    o : Out, row_stream(unsigned(out_bits - 1))
    """

    def __init__(
        self,
        in_bits: int = 8,
        out_bits: int = 8,
        max_length: int = 256,
        x0_bits: int = 8,
        n: int = 15,
        bits_per_clock: int = 4,
    ) -> None:
        check_out_bits("Shiftmax", out_bits)
        self.out_bits = out_bits
        shape = signed(in_bits)
        self.buffer = RowBuffer(shape, max_length, {"greatest": greatest(shape)})
        self.exp = ShiftExp(in_bits + 1, n, x0_bits, tag_bits=1)
        # The greatest element's e is at least 2^n: so is the sum, and the factor has 31 - n bits.
        self.divider = IterativeDivider(EXP_BITS, EXP_BITS, EXP_BITS - n, bits_per_clock)
        super().__init__(
            {
                "minus_x0": In(unsigned(x0_bits)),
                "i": In(row_stream(shape)),
                "o": Out(row_stream(unsigned(out_bits - 1))),
            }
        )

    def latency(self, length: int) -> int:
        """Clocks from the acceptance of a row's last element to the offer of its first result, when idle."""
        return length + 2 * self.exp.latency + self.divider.latency + 6

    def interval(self, length: int) -> int:
        """Clocks from one row to the next at best."""
        return 2 * (length + self.exp.latency) + self.divider.latency + 4

    def elaborate(self, platform: object) -> Module:
        """Return buffer, ShiftExp, divider and the passes over a row."""
        m = Module()
        m.submodules.buffer, m.submodules.exp, m.submodules.divider = buffer, exp, divider = (
            self.buffer, self.exp, self.divider,
        )  # fmt: skip
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        total = Signal(EXP_BITS)
        factor = Signal(divider.quotient_bits)
        raised = Signal(EXP_BITS + 1)
        m.d.comb += [
            exp.minus_x0.eq(self.minus_x0),
            exp.i.valid.eq(buffer.o.valid),
            buffer.o.ready.eq(exp.i.ready),
            exp.i.payload.x.eq(buffer.o.payload.value - buffer.summary.greatest),
            exp.i.payload.tag.eq(buffer.o.payload.last),
            raised.eq(total + exp.o.payload.e),
            divider.i.payload.dividend.eq(EXP_MAX),
            divider.i.payload.divisor.eq(total),
        ]
        results = stream.Signature(exp.o.payload.shape()).create(path=("results",))
        self._scale(m, results, factor)
        ended = exp.o.valid & exp.o.ready & exp.o.payload.tag[0]
        with m.FSM(name="row"):
            with m.State("WAIT"):
                m.d.sync += total.eq(0)
                with m.If(buffer.row_valid):
                    m.d.comb += buffer.replay.eq(1)
                    m.next = "SUM"
            with m.State("SUM"):
                m.d.comb += exp.o.ready.eq(1)
                with m.If(exp.o.valid):
                    m.d.sync += total.eq(Mux(raised > EXP_MAX, EXP_MAX, raised))
                with m.If(ended):
                    m.next = "DIVIDE"
            with m.State("DIVIDE"):
                m.d.comb += divider.i.valid.eq(1)
                m.next = "QUOTIENT"
            with m.State("QUOTIENT"):
                m.d.comb += divider.o.ready.eq(1)
                with m.If(divider.o.valid):
                    m.d.sync += factor.eq(divider.o.payload.quotient)
                    m.d.comb += buffer.replay.eq(1)
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [
                    results.valid.eq(exp.o.valid),
                    results.payload.eq(exp.o.payload),
                    exp.o.ready.eq(results.ready),
                ]
                with m.If(ended):
                    m.d.comb += buffer.release.eq(1)
                    m.next = "WAIT"
        return m

    def _scale(self, m: Module, results: stream.Interface, factor: Signal) -> None:
        """Multiply by the factor; e factor < 2^31, for e is a part of the sum (or the factor is 1)."""
        pipeline = StallingPipeline(m, results, self.o)
        product, last = pipeline.register(product=(results.payload.e * factor)[:EXP_BITS], last=results.payload.tag)
        pipeline.finish()
        m.d.comb += [
            self.o.payload.value.eq(product >> (EXP_BITS + 1 - self.out_bits)),
            self.o.payload.last.eq(last),
        ]


def check_out_bits(where: str, out_bits: int) -> None:
    """Raise CodesignError unless 2 <= out_bits <= 31."""
    if not 2 <= out_bits <= EXP_BITS:
        raise CodesignError(f"{where}: out_bits is {out_bits}; use 2..{EXP_BITS}")
