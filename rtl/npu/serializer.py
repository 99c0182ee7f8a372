"""Words of the shifted convolution become steps at the row edges of an os array. docs/npu.md, "Execute engine"."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.skew import taps


class Serializer(wiring.Component):
    """A word of `lanes` elements for a lane a cycle; each lane sends the elements of its word one by one.

    Lane i's word comes i clocks after lane 0's, so the lanes leave skewed.

    Parameters
    ----------
    lanes, bits : int

    Attributes
    ----------
    enable : In(1)
    first : In(1)
        `word` is lane 0's; those of the other lanes follow, a cycle each.
    word : In(lanes * bits)
    edges : Out(lanes * bits)
        Zero after the last element of a word.
    """

    def __init__(self, lanes: int, bits: int) -> None:
        self.lanes, self.bits = lanes, bits
        super().__init__({"enable": In(1), "first": In(1), "word": In(lanes * bits), "edges": Out(lanes * bits)})

    def elaborate(self, platform: object) -> Module:
        """A shift register a lane."""
        m = Module()
        loads = taps(m, self.first, self.lanes, "lane_loads", enable=self.enable)
        for lane in range(self.lanes):
            held = Signal(self.lanes * self.bits, name=f"lane_{lane}", reset_less=True)
            with m.If(self.enable):
                m.d.sync += held.eq(held >> self.bits)
                with m.If(loads[lane]):
                    m.d.sync += held.eq(self.word)
            m.d.comb += self.edges[lane * self.bits : (lane + 1) * self.bits].eq(held[: self.bits])
        return m
