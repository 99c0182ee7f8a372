"""The element whose sum stays: os. docs/npu.md, "Execute engine"."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal

from rtl.pe.interface import Field, MultiplyAdd, Port, ProcessingElement


class OutputElement(ProcessingElement):
    """Operand to the right, weight down, sum held until it moves down a row a cycle.

    `clear_in` meets the element together with the product of step 0 at the adder and drops the sum before it;
    `shift_in` takes the sum of the element above instead of the own one. Both travel to the right. While sums move
    no product arrives (docs/npu.md: the next matmul waits for it), so the adder adds 0 then.

    Attributes
    ----------
    stream_in, stream_out, clear_in, clear_out, shift_in, shift_out : to the right
    weight_in, weight_out : weight, down
    total_in, total_out : sum of the element above; register of the own sum
    """

    def __init__(self, datapath: MultiplyAdd) -> None:
        stream, weight, total = datapath.operands
        self.right = (
            Port("stream_in", "stream_out", stream.bits), Port("clear_in", "clear_out", 1),
            Port("shift_in", "shift_out", 1),
        )  # fmt: skip
        self.down = (
            Port("weight_in", "weight_out", weight.bits), Port("total_in", "total_out", total.bits),
        )  # fmt: skip
        super().__init__(datapath)

    def probe_fields(self) -> list[Field]:
        """Return operand, weight passed down, sum, products."""
        stream, weight, total = self.datapath.operands
        own = [("operand", *stream), ("weight", *weight), ("sum", total.bits, True)]
        return own + self.datapath.probe_fields()

    def elaborate(self, platform: object) -> Module:
        """Registers around the datapath; what is added to is chosen while the product is computed."""
        m = Module()
        m.submodules.multiply_add = datapath = self.datapath
        operands = datapath.operands
        operand = Signal(operands.stream.bits, reset_less=True)
        weight = Signal(operands.weight.bits, reset_less=True)
        total = Signal(operands.total.bits, reset_less=True)
        with m.If(self.enable):
            m.d.sync += [
                operand.eq(self.stream_in),
                weight.eq(self.weight_in),
                total.eq(datapath.result),
                self.clear_out.eq(self.clear_in),
                self.shift_out.eq(self.shift_in),
            ]
        m.d.comb += [
            datapath.enable.eq(self.enable),
            datapath.stream.eq(self.stream_in),
            datapath.weight.eq(self.weight_in),
            datapath.addend.eq(Mux(self.shift_in, self.total_in, Mux(self.clear_in, 0, total))),
            self.stream_out.eq(operand),
            self.weight_out.eq(weight),
            self.total_out.eq(total),
        ]
        if self.probing:
            products = [datapath.probe] if datapath.latency > 1 else []
            m.d.comb += self.probe.eq(Cat(operand, weight, total, *products))
        return m
