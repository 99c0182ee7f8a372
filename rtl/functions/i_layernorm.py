"""I-LayerNorm: the integer layer normalization of I-ViT (ICCV 2023, section 3.5): a row in, a row out.

    mean = round(sum x / N), ties to even;  v = sum (x - mean)^2
    k <- floor((k + floor(v / k)) / 2), `steps` times from 2^16;  out = floor((x - mean) floor((2^31 - 1) / k) / 2)

Ten steps exactly, as published: k is not always the root (v = s^2 - 1 oscillates, small v ends above it), and another
number of steps gives other bits. Results have the scale sqrt(N) 2^-30; the layer's own scale and bias come after.

The sums of x and of x^2 are taken as the row comes in: v = sum x^2 - mean (2 sum x - N mean), an identity of integers.
Since k >= floor(sqrt(v)) >= |x - mean|, results have 31 bits; k >= 64, for a step at most halves it and ten remain.
"""

from __future__ import annotations

from amaranth import Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from rtl.functions.divider import IterativeDivider
from rtl.functions.pipeline import StallingPipeline
from rtl.functions.row_buffer import Fold, RowBuffer, row_stream
from workloads.errors import CodesignError

FIRST_ROOT = 1 << 16
RECIPROCAL = (1 << 31) - 1
OUT_BITS = 31
GREATEST_STEPS = 16


class ILayerNorm(wiring.Component):
    """Layer normalization of rows of integers, with one divider for mean, root and reciprocal.

    Parameters
    ----------
    in_bits : int
        Width of an element, signed: 8, or 16 on I-ViT's residual stream. 2..16.
    max_length : int
        Elements of the longest row, up to 65536.
    steps : int
        Newton steps: 10 in I-ViT, 1..16.
    bits_per_clock : int
        Of the divider.

    Attributes
    ----------
    i : In, row_stream(signed(in_bits))
    o : Out, row_stream(signed(31))
    variance_bits : int
        Width of v: enough for every row, 36 for 16-bit rows up to 64 elements, 38 up to 256.
    """

    def __init__(self, in_bits: int = 8, max_length: int = 256, steps: int = 10, bits_per_clock: int = 4) -> None:
        for name, value, low, high in (
            ("in_bits", in_bits, 2, 16),
            ("max_length", max_length, 2, 1 << 16),
            ("steps", steps, 1, GREATEST_STEPS),
        ):
            if not low <= value <= high:
                raise CodesignError(f"ILayerNorm: {name} is {value}; use {low}..{high}")
        self.in_bits, self.max_length, self.steps = in_bits, max_length, steps
        square = 1 << (2 * in_bits - 2)
        self.variance_bits = bits_for(max_length * (square + 1))  # a rounded mean adds at most N / 4
        self.total_bits = bits_for(max_length << (in_bits - 1)) + 1
        most = ((FIRST_ROOT + (max_length * (square + 1) >> 16)) >> 1) + 1
        self.root_bits = bits_for(max(FIRST_ROOT, most))
        shape = signed(in_bits)
        folds = {
            "total": Fold(signed(self.total_bits), lambda x: x, lambda value, x: value + x),
            "squares": Fold(unsigned(self.variance_bits), lambda x: x * x, lambda value, x: value + x * x),
        }
        self.buffer = RowBuffer(shape, max_length, folds)
        self.divider = IterativeDivider(
            max(self.variance_bits, self.total_bits, 31),
            max(self.root_bits, bits_for(max_length)),
            self._quotient_bits(),
            bits_per_clock,
        )
        super().__init__({"i": In(row_stream(shape)), "o": Out(row_stream(signed(OUT_BITS)))})

    def _quotient_bits(self) -> int:
        """Return the width of the longest quotient: v over the first root, or by the least root left after `steps`."""
        least_root_bits = max(17 - self.steps, 1)
        return max(31 - least_root_bits + 1, self.in_bits + 1, self.variance_bits - 16)

    def latency(self, length: int) -> int:
        """Clocks from the acceptance of a row's last element to the offer of its first result, when idle."""
        return (self.steps + 2) * (self.divider.latency + 1) + 6

    def interval(self, length: int) -> int:
        """Clocks from one row to the next at best."""
        return (self.steps + 2) * (self.divider.latency + 1) + length + 5

    def elaborate(self, platform: object) -> Module:
        """Return buffer, divider, the arithmetic of a row's numbers and that of its elements."""
        m = Module()
        m.submodules.buffer, m.submodules.divider = self.buffer, self.divider
        wiring.connect(m, wiring.flipped(self.i), self.buffer.i)
        mean = Signal(signed(self.in_bits))
        factor = Signal(31)
        done = self._normalize(m, mean, factor)
        self._numbers(m, mean, factor, done)
        return m

    def _numbers(self, m: Module, mean: Signal, factor: Signal, done: Signal) -> None:
        """Compute mean and factor of the row that is here, then send it."""
        buffer, divider, summary = self.buffer, self.divider, self.buffer.summary
        twice_off = Signal(signed(self.total_bits + 1))  # 2 sum x - N mean
        variance = Signal(self.variance_bits)
        root = Signal(self.root_bits)
        step = Signal(range(self.steps))
        quotient, remainder = divider.o.payload.quotient, divider.o.payload.remainder
        magnitude = Signal(self.in_bits)
        absolute = Signal(self.total_bits)
        twice = remainder << 1
        m.d.comb += [
            absolute.eq(Mux(summary.total < 0, -summary.total, summary.total)),
            magnitude.eq(quotient + ((twice > buffer.length) | ((twice == buffer.length) & quotient[0]))),
        ]

        def divide(state: str, dividend: Signal, divisor: Signal, then: str) -> None:
            with m.State(state):
                m.d.comb += [
                    divider.i.payload.dividend.eq(dividend),
                    divider.i.payload.divisor.eq(divisor),
                    divider.i.valid.eq(buffer.row_valid),
                ]
                with m.If(buffer.row_valid):
                    m.next = then

        m.d.comb += divider.o.ready.eq(1)
        with m.FSM(name="row"):
            divide("MEAN", absolute, buffer.length, "ROUND")
            with m.State("ROUND"), m.If(divider.o.valid):
                m.d.sync += mean.eq(Mux(summary.total < 0, -magnitude, magnitude))
                m.next = "OFF"
            with m.State("OFF"):
                m.d.sync += twice_off.eq((summary.total << 1) - buffer.length * mean)
                m.next = "VARIANCE"
            with m.State("VARIANCE"):
                m.d.sync += [variance.eq(summary.squares - mean * twice_off), root.eq(FIRST_ROOT), step.eq(0)]
                m.next = "ROOT"
            divide("ROOT", variance, root, "HALVE")
            with m.State("HALVE"), m.If(divider.o.valid):
                m.d.sync += [root.eq((root + quotient) >> 1), step.eq(step + 1)]
                m.next = "ROOT"
                with m.If(step == self.steps - 1):
                    m.next = "FACTOR"
            divide("FACTOR", Const(RECIPROCAL), root, "SEND")
            with m.State("SEND"):
                with m.If(divider.o.valid):
                    m.d.sync += factor.eq(quotient)
                    m.d.comb += buffer.replay.eq(1)
                with m.If(done):
                    m.d.comb += buffer.release.eq(1)
                    m.next = "MEAN"

    def _normalize(self, m: Module, mean: Signal, factor: Signal) -> Signal:
        """Return the end of a row, whose elements are shifted and scaled in a stage each."""
        pipeline = StallingPipeline(m, self.buffer.o, self.o)
        shifted, last = pipeline.register(shifted=self.buffer.o.payload.value - mean, last=self.buffer.o.payload.last)
        product, last = pipeline.register(product=(shifted * factor)[1 : OUT_BITS + 1], last=last)
        pipeline.finish()
        m.d.comb += [self.o.payload.value.eq(product.as_signed()), self.o.payload.last.eq(last)]
        done = Signal()
        m.d.comb += done.eq(self.o.valid & self.o.ready & last)
        return done
