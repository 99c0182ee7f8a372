"""Sums on their way into the accumulator memory: a bank a column, each a clock later than the one before it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import read_port, write_port
from rtl.npu.skew import delayed
from rtl.parameters import NpuParameters, address_bits


def place_layout(p: NpuParameters) -> data.StructLayout:
    """Return where a row of sums goes: word, added to what is there or not, columns in use."""
    return data.StructLayout({
        "word": p.accumulator_address_bits, "accumulate": 1, "used_cols": p.cols.bit_length(),
    })  # fmt: skip


class AccumulatorColumns(wiring.Component):
    """Writes, or adds, the sums of a row: column c, c clocks after column 0.

    Parameters
    ----------
    p : NpuParameters

    Attributes
    ----------
    enable : In(1)
    valid, last, place : In
        Of column 0 in this cycle: a sum is written (if the column is in use); it is the matmul's last row.
    sums : In(cols * bits)
        Of each column in the cycle of its write.
    reads, writes : Out(ports).array(cols)
    end : Out(1)
        The last row's sum is written in the last column, used or not.
    read_count, write_count : Out
        Elements read and written in this cycle.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        count, port = address_bits(p.cols + 1), (p.accumulator_address_bits, p.accumulator.bits)
        super().__init__({
            "enable": In(1), "valid": In(1), "last": In(1), "place": In(place_layout(p)),
            "sums": In(p.cols * p.accumulator.bits), "reads": Out(read_port(*port)).array(p.cols),
            "writes": Out(write_port(*port)).array(p.cols), "end": Out(1), "read_count": Out(count),
            "write_count": Out(count),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """One adder a column."""
        m = Module()
        bits, layout = self.p.accumulator.bits, self.place.shape()
        flags: Value = Cat(self.valid, self.last)
        fields: Value = self.place.as_value()
        written, added = [], []
        for c in range(self.p.cols):
            if c:
                flags = delayed(m, flags, 1, f"flags_{c}", enable=self.enable, control=True)
                fields = delayed(m, fields, 1, f"place_{c}", enable=self.enable)
            place, read, write = data.View(layout, fields), self.reads[c], self.writes[c]
            before = Mux(place.accumulate, read.data, 0)
            m.d.comb += [
                read.address.eq(place.word),
                write.address.eq(place.word),
                write.enable.eq(flags[0] & (place.used_cols > c)),
                write.data.eq(self.sums[c * bits : (c + 1) * bits] + before),
            ]
            written.append(write.enable)
            added.append(write.enable & place.accumulate)
        m.d.comb += [self.end.eq(flags[1]), self.write_count.eq(sum(written)), self.read_count.eq(sum(added))]
        return m


class ColumnDrain(wiring.Component):
    """os: the sums of column 0 move down a row a cycle and leave, the last row first; the other columns follow.

    Parameters
    ----------
    p : NpuParameters

    Attributes
    ----------
    enable : In(1)
    begin : In(1)
        The first of `rows` cycles; `place` (its word is row 0's) and `used_rows` hold for all of them.
    shift : Out(rows)
        Rows of column 0 that take the sum above.
    valid, last, word : Out
        A sum in use leaves; it is row 0's; where it goes.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        super().__init__({
            "enable": In(1), "begin": In(1), "destination": In(p.accumulator_address_bits),
            "used_rows": In(p.rows.bit_length()), "shift": Out(p.rows), "valid": Out(1), "last": Out(1),
            "word": Out(p.accumulator_address_bits),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Count the lanes down."""
        m = Module()
        rows = self.p.rows
        left = Signal(address_bits(rows))
        lane = Signal(address_bits(rows))
        drains = Signal()
        active = Signal()
        m.d.comb += [
            lane.eq(Mux(self.begin, rows - 1, left)),
            drains.eq(self.begin | active),
            self.shift.eq(Cat(drains & (lane >= rows - r) for r in range(rows))),
            self.valid.eq(drains & (lane < self.used_rows)),
            self.last.eq(drains & (lane == 0)),
            self.word.eq(self.destination + lane),
        ]
        with m.If(self.enable & drains):
            m.d.sync += [left.eq(lane - 1), active.eq(lane != 0)]
        return m
