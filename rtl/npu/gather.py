"""The store engine's first stage: a request read out of the scratchpad line by line."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.npu.bursts import (
    PLACE_BITS,
    element_bytes,
    elements_ahead,
    elements_before,
    elements_of,
    elements_per_byte,
    log2,
    missing_elements,
    request_shape,
    row_end_mask,
    sizes_of,
    store_lanes,
)
from rtl.npu.interfaces import command_fields, elements_per_beat, read_port
from rtl.npu.masks import byte_mask
from rtl.parameters import NpuParameters, address_bits
from simulators.program import STORE_ENGINE

#: What is needed of a command.
_FIELDS = ("address", "n0", "dram_address")


class Gather(wiring.Component):
    """Reads a request into one of two burst buffers; the other is the offer register's.

    Attributes
    ----------
    active : In(1)
        There is a request to gather.
    command, request : In
        The request and its command, stable until `done`.
    offer_full : In(1)
        The offer register is full at the cycle's beginning.
    done : Out(1)
        The request moves to the offer register, whose data is `offer` from the next cycle on.
    offer : Out(8 * burst_bytes)
    read : Out(read_port)
        Its data passes `p.scratchpad_latency` registers, the first of which is the memory's own.
    elements : Out
        Elements whose last byte is read in this cycle.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p, self.bits = p, p.activation.bits
        super().__init__({
            "active": In(1), "command": In(command_fields(p, STORE_ENGINE, _FIELDS)), "request": In(request_shape(p)),
            "offer_full": In(1), "done": Out(1), "offer": Out(8 * p.burst_bytes),
            "read": Out(read_port(p.scratchpad_address_bits, self.bits, store_lanes(p))),
            "elements": Out(address_bits(elements_per_beat(p, self.bits) + 1)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Read lines; write them as they arrive; hand over when the last has arrived."""
        m = Module()
        valid, line = self._read(m)
        words: Value = self.read.data
        for stage in range(self.p.scratchpad_latency):
            later_valid = Signal(name=f"valid_{stage}")
            later_line = Signal.like(line, name=f"line_{stage}", reset_less=True)
            later_words = Signal(len(words), name=f"words_{stage}", reset_less=True)
            m.d.sync += [later_valid.eq(valid), later_line.eq(line), later_words.eq(words)]
            valid, line, words = later_valid, later_line, later_words
        whole = Signal()
        gathered = Signal()
        arrived_last = valid & self._is_last(line)
        m.d.comb += [whole.eq(gathered | arrived_last), self.done.eq(whole & ~self.offer_full)]
        m.d.sync += gathered.eq(whole & ~self.done)
        self._write(m, valid, line, words)
        return m

    def _is_last(self, line: Value) -> Value:
        sizes = sizes_of(self.p)
        return line == self.request.final[sizes.line : sizes.burst]

    def _bytes(self, m: Module, line: Value, name: str) -> tuple[Value, Value]:
        """Return the first and last byte of a line that belong to the request."""
        sizes, request = sizes_of(self.p), self.request
        first, last = Signal(sizes.line, name=f"{name}_first"), Signal(sizes.line, name=f"{name}_last")
        m.d.comb += [
            first.eq(Mux(line == request.low[sizes.line :], request.low[: sizes.line], 0)),
            last.eq(Mux(self._is_last(line), request.final[: sizes.line], self.p.bus_bytes - 1)),
        ]
        return first, last

    def _place(self, line: Value) -> Value:
        """Return the place of a line's byte 0 in its element."""
        address = Cat(Const(0, sizes_of(self.p).line), line, self.request.burst)
        return (address[:PLACE_BITS] - self.command.dram_address[:PLACE_BITS])[:PLACE_BITS]

    def _cut(self, line: Value) -> Value:
        """Return how many elements a line lacks in its last byte."""
        missing = missing_elements(self.command.n0, self.bits)
        return Mux(self._is_last(line) & self.request.row_last, missing, 0)

    def _read(self, m: Module) -> tuple[Value, Value]:
        """Read a line a cycle; return whether one is read, and which."""
        p, bits, sizes, request = self.p, self.bits, sizes_of(self.p), self.request
        line = Signal(sizes.burst - sizes.line)
        held_line = Signal(sizes.burst - sizes.line)
        started = Signal()
        all_read = Signal()
        valid = Signal()
        row_first = Signal()
        address = Signal(p.scratchpad_address_bits)
        held_address = Signal(p.scratchpad_address_bits)
        place, count = self._place(line), Signal(sizes.line + 1)
        first, last = self._bytes(m, line, "read")
        m.d.comb += [
            line.eq(Mux(started, held_line, request.low[sizes.line :])),
            valid.eq(self.active & ~all_read),
            row_first.eq(request.row_first & ~started),
            address.eq(Mux(row_first, self.command.address - elements_before(first, bits), held_address)),
            self.read.address.eq(address),
            count.eq(last - first + 1),
        ]
        with m.If(valid):
            begun = Mux(row_first, Const(0, PLACE_BITS), place)
            m.d.comb += self.elements.eq(elements_of(begun, count, bits) - self._cut(line))
            m.d.sync += [held_line.eq(line + 1), held_address.eq(address + elements_ahead(p, place, bits))]
            m.d.sync += [started.eq(1), all_read.eq(self._is_last(line))]
        with m.If(self.done):
            m.d.sync += [started.eq(0), all_read.eq(0)]
        return valid, line

    def _write(self, m: Module, valid: Value, line: Value, words: Value) -> None:
        """Cut the elements that arrive into the line's bytes; bytes and bits outside of the row are 0."""
        p, bus, size, per = self.p, 8 * self.p.bus_bytes, element_bytes(self.bits), elements_per_byte(self.bits)
        first, last = self._bytes(m, line, "arriving")
        mask = Signal(p.bus_bytes)
        shifted = Signal(bus)
        data = Signal(bus)
        elements = Signal(p.bus_bytes * per)
        cut = Signal(log2(per))
        m.d.comb += [
            mask.eq(byte_mask(p.bus_bytes, first, last)),
            cut.eq(self._cut(line)),
            elements.eq(Cat(byte.replicate(per) for byte in mask) & row_end_mask(p, last, cut, self.bits)),
        ]
        with m.Switch(self._place(line)[: log2(size)]):
            for bytes_ in range(size):
                with m.Case(bytes_):
                    m.d.comb += shifted.eq(words[8 * bytes_ :])
        m.d.comb += data.eq(shifted & Cat(element.replicate(8 // per) for element in elements))
        which = Signal()  # the buffer that is filled
        m.submodules.bursts = bursts = Memory(shape=8 * p.burst_bytes, depth=2, init=[])
        write, offer = bursts.write_port(granularity=bus), bursts.read_port(domain="comb")
        lines = p.burst_bytes // p.bus_bytes
        m.d.comb += [
            write.addr.eq(which),
            write.data.eq(data.replicate(lines)),
            write.en.eq(Cat(valid & (line == n) for n in range(lines))),
            offer.addr.eq(~which),
            self.offer.eq(offer.data),
        ]
        m.d.sync += which.eq(which ^ self.done)
