"""The element whose weight stays: ws, and is with operands exchanged. docs/npu.md, "Execute engine"."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal

from rtl.pe.interface import Field, MultiplyAdd, Port, ProcessingElement


class StationaryElement(ProcessingElement):
    """Operand to the right, sum down, weight held; the next weight in a shadow register on demand.

    The operand is used as it arrives and registered on its way to the right. In the cycle in which ``swap_in`` meets
    the element, the shadow weight becomes the weight of that very multiplication. A tile is written regardless of
    `enable`, into the shadow register (without one: into the weight) and seen from the next cycle on.

    Parameters
    ----------
    datapath : MultiplyAdd
    shadow : bool

    Attributes
    ----------
    stream_in, stream_out, swap_in, swap_out : operand and its swap bit (only with shadow), to the right
    tile_write_in, tile_write_out : the element's row is written, to the right
    tile_in : the column's bus
    total_in, total_out : sum from above; register of the own sum
    total_next : what that register takes next
    """

    def __init__(self, datapath: MultiplyAdd, *, shadow: bool) -> None:
        stream, weight, total = datapath.operands
        self.shadow = shadow
        swap = (Port("swap_in", "swap_out", 1),) if shadow else ()
        self.right = (
            Port("stream_in", "stream_out", stream.bits), *swap, Port("tile_write_in", "tile_write_out", 1),
        )  # fmt: skip
        self.down = (
            Port("tile_in", "", weight.bits), Port("total_in", "total_out", total.bits),
            Port("", "total_next", total.bits),
        )  # fmt: skip
        super().__init__(datapath)

    def probe_fields(self) -> list[Field]:
        """Return operand, weight, shadow weight, sum, products."""
        stream, weight, total = self.datapath.operands
        shadow = [("shadow", *weight)] if self.shadow else []
        own = [("operand", *stream), ("weight", *weight), *shadow, ("sum", total.bits, True)]
        return own + self.datapath.probe_fields()

    def elaborate(self, platform: object) -> Module:
        """Registers around the datapath."""
        m = Module()
        m.submodules.multiply_add = datapath = self.datapath
        operands = datapath.operands
        operand = Signal(operands.stream.bits, reset_less=True)
        weight = Signal(operands.weight.bits, reset_less=True)
        total = Signal(operands.total.bits, reset_less=True)
        written, used = weight, weight
        if self.shadow:
            written = Signal(operands.weight.bits, name="shadow", reset_less=True)
            used = Mux(self.swap_in, written, weight)
            with m.If(self.enable):
                m.d.sync += self.swap_out.eq(self.swap_in)
                with m.If(self.swap_in):
                    m.d.sync += weight.eq(written)
        with m.If(self.tile_write_in):
            m.d.sync += written.eq(self.tile_in)
        m.d.sync += self.tile_write_out.eq(self.tile_write_in)
        with m.If(self.enable):
            m.d.sync += [operand.eq(self.stream_in), total.eq(datapath.result)]
        m.d.comb += [
            datapath.enable.eq(self.enable),
            datapath.stream.eq(self.stream_in),
            datapath.weight.eq(used),
            datapath.addend.eq(self.total_in),
            self.stream_out.eq(operand),
            self.total_out.eq(total),
            self.total_next.eq(datapath.result),
        ]
        if self.probing:
            shadow = [written] if self.shadow else []
            products = [datapath.probe] if datapath.latency > 1 else []
            m.d.comb += self.probe.eq(Cat(operand, weight, *shadow, total, *products))
        return m
