"""What load and store share: rows cut into requests, lines cut into elements. docs/npu.md, "Load engine".

A *burst* is an aligned window of `burst_bytes` of DRAM, a *line* one of its bus-wide beats. A row of a transfer begins
anywhere in a burst; its later requests begin at a burst's first byte. So only a row's first line can hold bytes before
the row, and elements need no shift but that of a row whose start is not aligned to its elements.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.encoding import TOKEN_MASK_BITS, body_layout
from rtl.npu.interfaces import elements_per_beat
from rtl.parameters import DRAM_ADDRESS_BITS, PARAMETER_BITS, NpuParameters, address_bits
from simulators.program import LOAD_ENGINE
from workloads.errors import CodesignError

ELEMENT_BITS = (1, 2, 4, 8, 16, 32)
#: Bits of the place of a byte within the widest element.
PLACE_BITS = 2


class Sizes(NamedTuple):
    """The logarithms and widths of a DMA."""

    line: int  # log2 of bus_bytes
    burst: int  # log2 of burst_bytes
    reach: int  # bits of the place of a row's last byte, from the first byte of the burst
    slot: int  # bits of an entry's number


def sizes_of(p: NpuParameters) -> Sizes:
    """Return the sizes of a machine's DMA.

    Raises
    ------
    CodesignError
        When an element is no power of two of at most 32 bits, which no line holds a whole number of.
    """
    for name, bits in (("activation", p.activation.bits), ("weight", p.weight.bits)):
        if bits not in ELEMENT_BITS:
            allowed = ", ".join(map(str, ELEMENT_BITS))
            raise CodesignError(f"{p.name}: array.pe.{name}: {bits} bits; the DMA in RTL moves elements of {allowed}")
    reach = body_layout(p, LOAD_ENGINE)["row_bytes"].width  # a row fits in its memory, so its bytes need a bit less
    return Sizes(log2(p.bus_bytes), log2(p.burst_bytes), reach, address_bits(p.outstanding))


def log2(power_of_two: int) -> int:
    """Return the exact logarithm of a power of two."""
    return power_of_two.bit_length() - 1


def element_bytes(bits: int) -> int:
    """Return the bytes of an element, 1 for those that share a byte."""
    return max(1, bits // 8)


def elements_per_byte(bits: int) -> int:
    """Return how many elements a byte holds, 1 for those that fill it or more."""
    return max(1, 8 // bits)


def cut_bits(p: NpuParameters) -> int:
    """Return the bits that say how many elements are missing in a row's last byte."""
    return log2(max(elements_per_byte(p.activation.bits), elements_per_byte(p.weight.bits)))


def store_lanes(p: NpuParameters) -> int:
    """Return the most elements that a line touches: one more than it holds where an element can lie in two lines."""
    bits = p.activation.bits
    return elements_per_beat(p, bits) + (bits > 8 and p.bus_bytes > 1)


def elements_before(lane: Value, bits: int) -> Value:
    """Return how many elements of a line begin before byte `lane`, where a row starts."""
    if bits <= 8:
        return lane << log2(elements_per_byte(bits))
    size = element_bytes(bits)
    return (lane + (size - 1)) >> log2(size)


def elements_of(place: Value, count: Value, bits: int) -> Value:
    """Return how many elements `count` bytes complete, the first of which is byte `place` of its element."""
    if bits <= 8:
        return count << log2(elements_per_byte(bits))
    size = log2(element_bytes(bits))
    return (place[:size] + count) >> size


def elements_ahead(p: NpuParameters, place: Value, bits: int) -> Value:
    """Return how many elements the next line's first begins behind this line's, whose byte 0 is byte `place` of it."""
    size = log2(element_bytes(bits))
    if p.bus_bytes >= 1 << size:
        return Const(8 * p.bus_bytes // bits)
    return (place[:size] + p.bus_bytes) >> size


def row_end_mask(p: NpuParameters, last: Value, cut: Value, bits: int) -> Value:
    """Return a mask of a line's elements without the `cut` uppermost ones of byte `last`."""
    per = elements_per_byte(bits)
    if per == 1:
        return Const(-1, p.bus_bytes)
    missing = Cat((last == b) & (cut >= per - e) for b in range(p.bus_bytes) for e in range(per))
    return ~missing


def missing_elements(count: Value, bits: int) -> Value:
    """Return how many elements a row of `count` elements leaves unused in its last byte."""
    return (-count)[: log2(elements_per_byte(bits))]


def carry_select(m: Module, one: Value, other: Value, part_bits: int = 14) -> Value:
    """Return the sum of two numbers, modulo the width of the first.

    Parts of `part_bits` are added for both carries at once and then chosen (Bedrij, 1962): a DRAM address would ripple
    through 40 bits, the longest path of the whole NPU by far.
    """
    parts: list[Value] = []
    carry: Value = Const(0, 1)
    for at in range(0, len(one), part_bits):
        a, b = one[at : at + part_bits], other[at : at + part_bits]
        without, with_carry = Signal(len(a) + 1, name=f"sum_{at}"), Signal(len(a) + 1, name=f"sum_{at}_carry")
        m.d.comb += [without.eq(a + b), with_carry.eq(a + b + 1)]
        total = Mux(carry, with_carry, without) if at else without
        parts.append(total[: len(a)])
        carry = total[len(a)]
    return Cat(*parts)


def request_shape(p: NpuParameters) -> data.StructLayout:
    """Return a request as its engine sees it; `final` is the place of its last byte, `low` that of its first."""
    sizes = sizes_of(p)
    return data.StructLayout({
        "low": sizes.burst, "burst": DRAM_ADDRESS_BITS - sizes.burst, "final": sizes.reach,
        "row_first": 1, "row_last": 1, "last": 1, "gives": TOKEN_MASK_BITS,
    })  # fmt: skip


def beats_of(p: NpuParameters, low: Value, final: Value) -> Value:
    """Return the beats between the places of a request's first and last byte in its burst."""
    sizes = sizes_of(p)
    lines = final[sizes.line : sizes.burst] - low[sizes.line :]
    return (lines + 1)[: address_bits(p.burst_bytes // p.bus_bytes + 1)]


class RequestCutter(wiring.Component):
    """The current command of an engine and its next request, in order; each row of a fill is one request.

    Attributes
    ----------
    head : In(body_layout)
        The command at the head of the queue; it is current in the cycle of `take` already.
    take : In(1)
        Start the head; only while not `busy`.
    advance : In(1)
        The request shown is done with; only with `take` or while `busy`.
    busy : Out(1)
        A command is current at the cycle's beginning.
    command : Out(body_layout)
        The current command, or the head; `address` is the on-chip address of the row.
    request : Out(request_shape)
        Its next request.
    """

    def __init__(self, p: NpuParameters, engine: int) -> None:
        self.p, self.engine = p, engine
        body = body_layout(p, engine)
        members = {"head": In(body), "take": In(1), "advance": In(1), "busy": Out(1), "command": Out(body)}
        super().__init__(members | {"request": Out(request_shape(p))})

    def elaborate(self, platform: object) -> Module:
        """Counters of rows and planes, and the place of the row's end in the burst."""
        m = Module()
        now, request, sizes = self.command, self.request, sizes_of(self.p)
        held = Signal(now.shape())
        held_rows = Signal(self.p.extent_bits)
        rows = Signal(self.p.extent_bits)
        row_first, held_burst = Signal(init=1), Signal.like(request.burst)
        # place of the row's last byte
        row_end = Signal(sizes.reach)
        held_end = Signal(sizes.reach)
        whole = now.fill if self.engine == LOAD_ENGINE else Const(0, 1)
        last_row = rows == 1
        m.d.comb += [
            now.eq(Mux(self.busy, held, self.head)),
            rows.eq(Mux(self.busy, held_rows, self.head.n1)),
            request.low.eq(Mux(row_first & ~whole, now.dram_address[: sizes.burst], 0)),
            request.burst.eq(Mux(row_first, now.dram_address[sizes.burst :], held_burst)),
            row_end.eq(Mux(row_first, now.row_bytes + (request.low - 1), held_end)),
            request.row_first.eq(row_first),
            request.row_last.eq(whole | ~row_end[sizes.burst :].any()),
            request.final.eq(Mux(request.row_last, row_end, self.p.burst_bytes - 1)),
            request.last.eq(request.row_last & last_row & (now.count == 1)),
            request.gives.eq(now.gives),
        ]
        m.d.sync += [
            held.eq(now),
            held_rows.eq(rows),
            self.busy.eq((self.busy | self.take) & ~(self.advance & request.last)),
        ]
        next_start = carry_select(m, now.dram_address, Mux(last_row, now.dram_plane_jump, now.dram_row_jump))
        with m.If(self.advance):
            m.d.sync += row_first.eq(request.row_last)
            with m.If(request.row_last):
                m.d.sync += [
                    held.address.eq(now.address + Mux(last_row, now.plane_jump, now.row_jump)),
                    held.dram_address.eq(next_start),
                    held.count.eq(now.count - last_row),
                    held_rows.eq(Mux(last_row, now.n1, rows - 1)),
                ]
            with m.Else():
                m.d.sync += [held_burst.eq(request.burst + 1), held_end.eq(row_end - self.p.burst_bytes)]
        return m


def fill_pattern(value: Value, bits: int) -> Value:
    """Return 32 bits full of elements that hold `value`."""
    return Cat(value[:bits] for _ in range(PARAMETER_BITS // bits))
