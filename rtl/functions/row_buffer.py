"""Two rows of a stream in memory: one comes in, with its maximum or sums taken on the way, while the other is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from amaranth import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from workloads.errors import CodesignError


class Fold(NamedTuple):
    """A value taken over a row's elements.

    Attributes
    ----------
    shape : Shape
        Of the value.
    first : callable(x) -> value
        From the first element.
    more : callable(value, x) -> value
        With one more element.
    """

    shape: Shape
    first: Callable[[Value], Value]
    more: Callable[[Value, Value], Value]


def greatest(shape: Shape) -> Fold:
    """Return the fold to a row's greatest element."""
    return Fold(shape, lambda x: x, lambda value, x: Mux(x > value, x, value))


def row_stream(shape: Shape) -> stream.Signature:
    """Return the signature of a stream of rows: {value, last}, `last` set on a row's last element."""
    return stream.Signature(data.StructLayout({"value": shape, "last": 1}))


class RowBuffer(wiring.Component):
    """Two banks of `max_length` elements, each with its folds; a row goes out as often as asked.

    Parameters
    ----------
    shape : Shape
        Of an element.
    max_length : int
        Elements of the longest row, at least 2. A longer one is cut into rows of this length.
    folds : dict of str to Fold

    Attributes
    ----------
    i : In, row_stream(shape)
        Ready while a bank is free; one element a clock.
    row_valid, length, summary : Out
        A whole row is here, its number of elements, and {name: value} of its folds; until `release`.
    replay : In, 1 bit
        Send the row: its first element is offered two clocks later, then one a clock. Only while none is being sent.
    o : Out, row_stream(shape)
    release : In, 1 bit
        The row is done with; the next is here in the next clock, if it has come.
    """

    def __init__(self, shape: Shape, max_length: int, folds: Mapping[str, Fold]) -> None:
        if max_length < 2:
            raise CodesignError(f"row buffer: max_length is {max_length}; use 2 or more")
        self.shape, self.max_length, self.folds = shape, max_length, dict(folds)
        self.summary_layout = data.StructLayout({name: fold.shape for name, fold in self.folds.items()})
        super().__init__(
            {
                "i": In(row_stream(shape)),
                "o": Out(row_stream(shape)),
                "row_valid": Out(1),
                "length": Out(range(max_length + 1)),
                "summary": Out(self.summary_layout),
                "replay": In(1),
                "release": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the memory, its writer and its reader."""
        m = Module()
        index_bits = ceil_log2(self.max_length)
        m.submodules.memory = words = memory.Memory(shape=self.shape, depth=2 << index_bits, init=[])
        full = Signal(2)
        using = Signal()
        self._write(m, words.write_port(), full, index_bits)
        self._read(m, words.read_port(), using, index_bits)
        m.d.comb += self.row_valid.eq(full.bit_select(using, 1))
        with m.If(self.release):
            m.d.sync += [full.bit_select(using, 1).eq(0), using.eq(~using)]
        return m

    def _write(self, m: Module, port: memory.WritePort, full: Signal, index_bits: int) -> None:
        bank = Signal()
        index = Signal(index_bits)
        begun = Signal()
        x = self.i.payload.value
        ended = self.i.payload.last | (index == self.max_length - 1)
        running = Signal(self.summary_layout)
        updated = Signal(self.summary_layout)
        for name, fold in self.folds.items():
            m.d.comb += updated[name].eq(Mux(begun, fold.more(running[name], x), fold.first(x)))
        lengths = [Signal(range(self.max_length + 1), name=f"length_{b}", reset_less=True) for b in range(2)]
        summaries = [Signal(self.summary_layout, name=f"summary_{b}", reset_less=True) for b in range(2)]
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(bank, 1)),
            port.addr.eq(Cat(index, bank)),
            port.data.eq(x),
            port.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(port.en):
            m.d.sync += [running.eq(updated), begun.eq(~ended), index.eq(index + 1)]
            with m.If(ended):
                m.d.sync += [index.eq(0), bank.eq(~bank), full.bit_select(bank, 1).eq(1)]
                for b in range(2):
                    with m.If(bank == b):
                        m.d.sync += [lengths[b].eq(index + 1), summaries[b].eq(updated)]
        self._banks = lengths, summaries

    def _read(self, m: Module, port: memory.ReadPort, using: Signal, index_bits: int) -> None:
        sending = Signal()
        index = Signal(index_bits)
        advance = Signal()
        lengths, summaries = self._banks
        last = index == self.length - 1
        m.d.comb += [
            self.length.eq(Mux(using, lengths[1], lengths[0])),
            Value.cast(self.summary).eq(Mux(using, summaries[1].as_value(), summaries[0].as_value())),
            advance.eq(~self.o.valid | self.o.ready),
            port.addr.eq(Cat(index, using)),
            port.en.eq(advance),
            self.o.payload.value.eq(port.data),
        ]
        with m.If(advance):
            m.d.sync += [self.o.valid.eq(sending), self.o.payload.last.eq(last)]
            with m.If(sending):
                m.d.sync += [index.eq(index + 1), sending.eq(~last)]
        with m.If(self.replay):
            m.d.sync += [sending.eq(1), index.eq(0)]
