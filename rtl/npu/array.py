# amaranth: UnusedElaboratable=no
# (a component is also made to read its ports and registers from it)
"""The systolic array: rows x cols of one PE, with the skew of its operands. docs/npu.md, "Execute engine".

The PE and a column of PEs are one Verilog module each, emitted once and instantiated; Amaranth's own simulator gets
submodules instead.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, place
from rtl.npu.serializer import Serializer
from rtl.npu.skew import Skew, taps
from rtl.parameters import Element, NpuParameters
from rtl.pe.integer import IntegerMultiplyAdd
from rtl.pe.interface import Field, Operands, ProcessingElement
from rtl.pe.output import OutputElement
from rtl.pe.stationary import StationaryElement

PE_MODULE, COLUMN_MODULE = "codesign_pe", "codesign_pe_column"


def stream_element(p: NpuParameters) -> Element:
    """Return the operand that travels to the right."""
    return p.weight if p.dataflow == "is" else p.activation


def tile_element(p: NpuParameters) -> Element:
    """Return the operand that stays, or (os) travels down."""
    return p.activation if p.dataflow == "is" else p.weight


def make_element(p: NpuParameters, *, probe: bool = False) -> ProcessingElement:
    """Return the PE of a machine."""
    operands = Operands(stream_element(p), tile_element(p), p.accumulator)
    datapath = IntegerMultiplyAdd(operands, p.pe_latency, probe=probe)
    return OutputElement(datapath) if p.is_os else StationaryElement(datapath, shadow=p.shadow)


class ArrayColumn(wiring.Component):
    """A column of PEs: between columns operands pass, which are narrow; between rows it would be sums.

    What travels to the right is packed, row 0 in the low bits; what travels down enters at row 0 and leaves the last.

    Parameters
    ----------
    p : NpuParameters
    parts : Parts, optional
        `rtl.emission.place`.
    probe : bool
    """

    def __init__(self, p: NpuParameters, *, parts: Parts | None = None, probe: bool = False) -> None:
        self.p, self.parts, self.probing = p, parts, probe
        self.element = make_element(p, probe=probe)
        members: dict[str, wiring.Member] = {"enable": In(1)}
        for port in self.element.right:
            members |= {port.enters: In(port.bits * p.rows), port.leaves: Out(port.bits * p.rows)}
        for port in self.element.down:
            members |= {port.enters: In(port.bits)} if port.enters else {}
            members |= {port.leaves: Out(port.bits)} if port.leaves else {}
        if probe:
            members["probe"] = Out(p.rows * sum(bits for _, bits, _ in self.element.probe_fields()))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Chain the PEs."""
        m = Module()
        above: dict[str, Value] = {port.enters: getattr(self, port.enters) for port in self.element.down if port.enters}
        probes = []
        for r in range(self.p.rows):
            pe = place(m, f"pe_{r}", self.parts, PE_MODULE, partial(make_element, self.p, probe=self.probing))
            m.d.comb += pe.enable.eq(self.enable)
            for port in self.element.right:
                row = slice(r * port.bits, (r + 1) * port.bits)
                m.d.comb += [
                    getattr(pe, port.enters).eq(getattr(self, port.enters)[row]),
                    getattr(self, port.leaves)[row].eq(getattr(pe, port.leaves)),
                ]
            for port in self.element.down:
                if port.enters:
                    m.d.comb += getattr(pe, port.enters).eq(above[port.enters])
                if port.enters and port.leaves:
                    above[port.enters] = getattr(pe, port.leaves)
            probes += [pe.probe] if self.probing else []
        leaving = [port.leaves for port in self.element.down if port.leaves]
        m.d.comb += [getattr(self, name).eq(getattr(pe, name)) for name in leaving]
        if self.probing:
            m.d.comb += self.probe.eq(Cat(*probes))
        return m


class SystolicArray(wiring.Component):
    """The array with its edges: operands come in without skew, sums leave column by column.

    Parameters
    ----------
    p : NpuParameters
    parts : Parts, optional
        `rtl.emission.place`.
    probe : bool

    Attributes
    ----------
    enable : In(1)
        A matmul is in flight; everything but the way of the stationary tile holds while it is 0.
    stream : In(rows * bits), not with a serializer
        Of a vector or step, lane r; PE (r, c) multiplies it r + c clocks later.
    word, word_first : In(rows * bits), In(1), with a serializer
        See `Serializer`.
    swap : In(1), ws with shadow
        With a vector: it is the first that uses the shadow weights.
    tile, tile_first, tile_end : In(cols * bits), In(1), Out(1), ws
        A row of the stationary tile; with row 0 comes `tile_first`, and the others follow, a cycle each. `tile_end`:
        the last row is written into the last column.
    weights, clear, shift : In(cols * bits), In(1), In(rows), os
        Of a step; sum cleared, at the adder of PE (0, 0); rows of column 0 whose sums move down.
    total : Out(cols * bits)
        Sums of the last row, in registers.
    total_next : Out(cols * bits), ws
        What these registers take next.
    probe : Out, optional
        PEs row by row, each as its `probe_fields`.
    """

    def __init__(self, p: NpuParameters, *, parts: Parts | None = None, probe: bool = False) -> None:
        self.p, self.parts, self.probing = p, parts, probe
        stream, tile, sums = stream_element(p).bits * p.rows, tile_element(p).bits * p.cols, p.accumulator.bits * p.cols
        members: dict[str, wiring.Member] = {"enable": In(1), "total": Out(sums)}
        members |= {"word": In(stream), "word_first": In(1)} if p.serializer else {"stream": In(stream)}
        if p.is_os:
            members |= {"weights": In(tile), "clear": In(1), "shift": In(p.rows)}
        else:
            members |= {"tile": In(tile), "tile_first": In(1), "tile_end": Out(1), "total_next": Out(sums)}
            members |= {"swap": In(1)} if p.shadow else {}
        if probe:
            members["probe"] = Out(sum(bits for _, bits, _ in self.probe_fields()))
        super().__init__(members)

    def probe_fields(self) -> list[Field]:
        """Return (name, bits, signed) of the parts of ``probe``, low bits first."""
        own = make_element(self.p, probe=True).probe_fields()
        places = ((r, c) for r in range(self.p.rows) for c in range(self.p.cols))
        return [(f"pe.{r}.{c}.{name}", bits, sign) for r, c in places for name, bits, sign in own]

    def elaborate(self, platform: object) -> Module:
        """Columns, and the edges of the dataflow."""
        m = Module()
        columns = [self._column(m, f"column_{c}") for c in range(self.p.cols)]
        edges = {"stream_in": self._stream_edges(m)} | (self._os_edges if self.p.is_os else self._ws_edges)(m, columns)
        for c, column in enumerate(columns):
            m.d.comb += column.enable.eq(self.enable)
            for port in make_element(self.p).right:
                entering = getattr(columns[c - 1], port.leaves) if c else edges[port.enters]
                m.d.comb += getattr(column, port.enters).eq(entering)
        m.d.comb += self.total.eq(Cat(column.total_out for column in columns))
        if self.probing:
            bits = len(self.probe) // (self.p.rows * self.p.cols)
            rows = range(self.p.rows)
            m.d.comb += self.probe.eq(Cat(column.probe.word_select(r, bits) for r in rows for column in columns))
        return m

    def _column(self, m: Module, name: str) -> Any:
        make = partial(ArrayColumn, self.p, parts=self.parts, probe=self.probing)
        return place(m, name, self.parts, COLUMN_MODULE, make)

    def _skew(self, m: Module, name: str, lanes: int, bits: int) -> Any:
        parts = self.parts if lanes > 1 else None  # one lane has no register, so no clock
        return place(m, name, parts, f"codesign_skew_{lanes}x{bits}", lambda: Skew(lanes, bits))

    def _stream_edges(self, m: Module) -> Value:
        """Operands at the left edges of the rows."""
        bits = stream_element(self.p).bits
        if self.p.serializer:
            m.submodules.serializer = serializer = Serializer(self.p.rows, bits)
            m.d.comb += [
                serializer.enable.eq(self.enable),
                serializer.word.eq(self.word),
                serializer.first.eq(self.word_first),
            ]
            return serializer.edges
        skew = self._skew(m, "stream_skew", self.p.rows, bits)
        m.d.comb += [skew.enable.eq(self.enable), skew.i.eq(self.stream)]
        return skew.o

    def _column_skew(self, m: Module, name: str, lanes: Value, enable: Value | int) -> Value:
        skew = self._skew(m, name, self.p.cols, tile_element(self.p).bits)
        m.d.comb += [skew.enable.eq(enable), skew.i.eq(lanes)]
        return skew.o

    def _ws_edges(self, m: Module, columns: list[Any]) -> dict[str, Value]:
        """Tile and swap bits; return what enters column 0."""
        tile = self._column_skew(m, "tile_skew", self.tile, 1)
        bits = tile_element(self.p).bits
        m.d.comb += [column.tile_in.eq(tile[c * bits : (c + 1) * bits]) for c, column in enumerate(columns)]
        m.d.comb += [
            self.tile_end.eq(columns[-1].tile_write_in[-1]),
            self.total_next.eq(Cat(column.total_next for column in columns)),
        ]
        edges = {"tile_write_in": taps(m, self.tile_first, self.p.rows, "tile_write_edge")}
        if self.p.shadow:
            edges["swap_in"] = taps(m, self.swap, self.p.rows, "swap_edge", enable=self.enable)
        return edges

    def _os_edges(self, m: Module, columns: list[Any]) -> dict[str, Value]:
        """Weights from above; return what enters column 0."""
        weights, bits = self._column_skew(m, "weight_skew", self.weights, self.enable), tile_element(self.p).bits
        m.d.comb += [column.weight_in.eq(weights[c * bits : (c + 1) * bits]) for c, column in enumerate(columns)]
        clears = taps(m, self.clear, self.p.rows, "clear_edge", enable=self.enable)
        return {"clear_in": clears, "shift_in": self.shift}
