"""The load engine's last stage: lines of the oldest complete entry, cut into elements and written on chip."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.encoding import TOKEN_MASK_BITS
from rtl.npu.bursts import (
    PLACE_BITS,
    cut_bits,
    element_bytes,
    elements_ahead,
    elements_before,
    elements_of,
    elements_per_byte,
    fill_pattern,
    row_end_mask,
    sizes_of,
)
from rtl.npu.interfaces import elements_per_beat, write_port
from rtl.npu.masks import byte_mask
from rtl.parameters import PARAMETER_BITS, NpuParameters, address_bits
from simulators.program import PARAMETERS, SCRATCHPAD, WEIGHT_BUFFER

#: Bytes kept of the lines before: an element ends at most so many bytes after it began.
CARRY_BYTES = PARAMETER_BITS // 8 - 1


def targets(p: NpuParameters) -> dict[str, tuple[int, int, int]]:
    """Return the memories that loads write: name to (code, element bits, address bits)."""
    return {
        "scratchpad": (SCRATCHPAD, p.activation.bits, p.scratchpad_address_bits),
        "weight": (WEIGHT_BUFFER, p.weight.bits, p.weight_address_bits),
        "parameter": (PARAMETERS, PARAMETER_BITS, p.parameter_address_bits),
    }


def entry_layout(p: NpuParameters) -> data.StructLayout:
    """Return an entry: a request, or a row of a fill, that waits for its turn to be written.

    `address` is the row's (of its first element), `low` and `final` the places of the entry's first and last byte,
    `cut` the elements that its last byte lacks.
    """
    sizes = sizes_of(p)
    return data.StructLayout({
        "low": sizes.burst, "final": sizes.reach, "row_first": 1, "last": 1, "gives": TOKEN_MASK_BITS,
        "memory": 2, "address": p.transfer_address_bits, "cut": cut_bits(p), "fill": 1, "value": PARAMETER_BITS,
    })  # fmt: skip


class Drain(wiring.Component):
    """One line of the entry a cycle.

    Attributes
    ----------
    valid : In(1)
        The oldest entry is complete.
    entry : In(entry_layout)
    line, loaded : Out, In(8 * bus_bytes)
        A line of its burst, by number; the data there.
    done : Out(1)
        The entry's last line is written in this cycle.
    scratchpad_write, weight_write, parameter_write : Out(write_port)
    scratchpad_elements, weight_elements, parameter_elements : Out
        How many elements are written in this cycle.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        members: dict[str, wiring.Member] = {"valid": In(1), "entry": In(entry_layout(p)), "done": Out(1)}
        members |= {"line": Out(sizes_of(p).burst - sizes_of(p).line), "loaded": In(8 * p.bus_bytes)}
        for name, (_, bits, address) in targets(p).items():
            lanes = elements_per_beat(p, bits)
            members[f"{name}_write"] = Out(write_port(address, bits, lanes))
            members[f"{name}_elements"] = Out(address_bits(lanes + 1))
        super().__init__(members)

    def _choose(self, values: list[Value]) -> Value:
        """Return the one of the entry's target, in the order of `targets`."""
        memory = self.entry.memory
        return Mux(memory == SCRATCHPAD, values[0], Mux(memory == WEIGHT_BUFFER, values[1], values[2]))

    def elaborate(self, platform: object) -> Module:
        """The line's place in the entry, its bytes, its elements, where they go."""
        m = Module()
        p, entry, sizes = self.p, self.entry, sizes_of(self.p)
        line = Signal(sizes.reach - sizes.line)
        held_line = Signal(sizes.reach - sizes.line)
        started = Signal()
        # first and last byte of the line that belong to the entry
        lane = Signal(sizes.line)
        last = Signal(sizes.line)
        row_first = Signal()
        final = Signal()
        m.d.comb += [
            line.eq(Mux(started, held_line, entry.low[sizes.line :])),
            final.eq(line == entry.final[sizes.line :]),
            row_first.eq(entry.row_first & ~started),
            lane.eq(Mux(started, 0, entry.low[: sizes.line])),
            last.eq(Mux(final, entry.final[: sizes.line], p.bus_bytes - 1)),
            self.done.eq(self.valid & final),
        ]
        with m.If(self.valid):
            m.d.sync += [started.eq(~final), held_line.eq(line + 1)]
        place, address = self._position(m, row_first, lane)
        data_line = self._line(m, line, place)
        bytes_ = Signal(p.bus_bytes)
        cut = Signal(cut_bits(p))
        count = Signal(sizes.line + 1)
        m.d.comb += [
            bytes_.eq(byte_mask(p.bus_bytes, lane, last)),
            cut.eq(Mux(final, entry.cut, 0)),
            count.eq(last - lane + 1),
        ]
        begun = Mux(row_first, 0, place)  # bytes of the first element in the lines before
        shifted = self._shifted(m, data_line, place)
        for name, (code, bits, _) in targets(p).items():
            port, per = getattr(self, f"{name}_write"), elements_per_byte(bits)
            mine = self.valid & (entry.memory == code)
            if bits > 8:
                enable, elements = self._completed(bytes_, place, bits), elements_of(begun, count, bits)
            else:
                enable = Cat(byte.replicate(per) for byte in bytes_) & row_end_mask(p, last, cut, bits)
                elements = elements_of(begun, count, bits) - (cut if per > 1 else 0)
            m.d.comb += [
                port.address.eq(address),
                port.data.eq(shifted if bits > 8 else data_line),
                port.enable.eq(Mux(mine, enable, 0)),
                getattr(self, f"{name}_elements").eq(Mux(mine, elements, 0)),
            ]
        return m

    def _position(self, m: Module, row_first: Value, lane: Value) -> tuple[Value, Value]:
        """Return the place of the line's byte 0 in its element, and that element's address."""
        p, kinds = self.p, targets(self.p).values()
        address = Signal(p.transfer_address_bits)
        held_address = Signal(p.transfer_address_bits)
        place = Signal(PLACE_BITS)
        held_place = Signal(PLACE_BITS)
        ahead = self._choose([elements_ahead(p, place, bits) for _, bits, _ in kinds])
        before = self._choose([elements_before(lane, bits) for _, bits, _ in kinds])
        m.d.comb += [
            place.eq(Mux(row_first, -lane, held_place)),
            address.eq(Mux(row_first, self.entry.address - before, held_address)),
        ]
        with m.If(self.valid):
            m.d.sync += [held_address.eq(address + ahead), held_place.eq(place + p.bus_bytes)]
        return place, address

    def _line(self, m: Module, line: Value, place: Value) -> Value:
        """Return the line's data: of the reorder buffer, or the fill's value over and over."""
        bus, sizes = 8 * self.p.bus_bytes, sizes_of(self.p)
        pattern = self._choose([fill_pattern(self.entry.value, bits) for _, bits, _ in targets(self.p).values()])
        if bus >= PARAMETER_BITS:
            filled = pattern.replicate(bus // PARAMETER_BITS)
        else:
            filled = pattern.word_select(place[sizes.line :], bus)
        found = Signal(bus)
        m.d.comb += [self.line.eq(line), found.eq(Mux(self.entry.fill, filled, self.loaded))]
        return found

    def _shifted(self, m: Module, line: Value, place: Value) -> Value:
        """Return the line's elements of more than a byte from their first byte on, the first from the lines before."""
        sizes = [element_bytes(bits) for _, bits, _ in targets(self.p).values()]
        shift, width = Signal(PLACE_BITS), 8 * max(self.p.bus_bytes, CARRY_BYTES + 1)
        m.d.comb += shift.eq(place & self._choose([Const(size - 1, PLACE_BITS) for size in sizes]))
        carry = Signal(8 * CARRY_BYTES)
        shifted = Signal(width)
        window = Cat(carry, line)
        with m.If(self.valid):
            m.d.sync += carry.eq(window[-8 * CARRY_BYTES :])
        with m.Switch(shift):
            for bytes_ in range(CARRY_BYTES + 1):
                with m.Case(bytes_):
                    m.d.comb += shifted.eq(window[8 * (CARRY_BYTES - bytes_) :])
        return shifted

    def _completed(self, bytes_: Value, place: Value, bits: int) -> Value:
        """Return which elements of `_shifted` have their last byte in this line and entry."""
        size = element_bytes(bits)
        to_last = ~place[: size.bit_length() - 1]
        lines = [Cat(bytes_[at : at + size], Const(0, size))[:size] for at in range(0, self.p.bus_bytes, size)]
        return Cat(line.bit_select(to_last, 1) for line in lines)
