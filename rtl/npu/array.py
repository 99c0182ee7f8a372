# amaranth: UnusedElaboratable=no
# (a component is also made to read its ports and registers from it)
"""The systolic array: rows x cols of one PE, with the skew of its operands. docs/npu.md, "Execute engine".

The PE and a column of PEs are one Verilog module each, emitted once and instantiated; Amaranth's own simulator gets
submodules instead.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from amaranth.hdl import Cat, Const, Module, Value
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
        down: dict[str, Value] = {port.enters: getattr(self, port.enters) for port in self.element.down if port.enters}
        make, probes = partial(make_element, self.p, probe=self.probing), []
        for r in range(self.p.rows):
            right = {x.enters: getattr(self, x.enters).word_select(r, x.bits) for x in self.element.right}
            pe = place(m, f"pe_{r}", self.parts, PE_MODULE, make, {"enable": self.enable} | right | down)
            for port in self.element.right:
                m.d.comb += getattr(self, port.leaves).word_select(r, port.bits).eq(getattr(pe, port.leaves))
            down |= {x.enters: getattr(pe, x.leaves) for x in self.element.down if x.enters and x.leaves}
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
        entering, down = self._os_edges(m) if self.p.is_os else self._ws_edges(m)
        entering["stream_in"] = self._stream_edges(m)
        make = partial(ArrayColumn, self.p, parts=self.parts, probe=self.probing)
        columns: list[Any] = []
        for c in range(self.p.cols):
            if columns:
                entering = {port.enters: getattr(columns[-1], port.leaves) for port in make_element(self.p).right}
            above = {name: lanes.word_select(c, len(lanes) // self.p.cols) for name, lanes in down.items()}
            above["total_in"] = Const(0, self.p.accumulator.bits)
            wires = {"enable": self.enable} | entering | above
            columns.append(place(m, f"column_{c}", self.parts, COLUMN_MODULE, make, wires))
        m.d.comb += self.total.eq(Cat(column.total_out for column in columns))
        if not self.p.is_os:
            m.d.comb += [
                self.tile_end.eq(entering["tile_write_in"][-1]),
                self.total_next.eq(Cat(column.total_next for column in columns)),
            ]
        if self.probing:
            bits = len(self.probe) // (self.p.rows * self.p.cols)
            rows = range(self.p.rows)
            m.d.comb += self.probe.eq(Cat(column.probe.word_select(r, bits) for r in rows for column in columns))
        return m

    def _skew(self, m: Module, name: str, lanes: Value, bits: int, enable: Value | int) -> Value:
        count = len(lanes) // bits
        wires, module = {"enable": enable, "i": lanes}, f"codesign_skew_{count}x{bits}"
        return place(m, name, self.parts, module, lambda: Skew(count, bits), wires, clocked=count > 1).o

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
        return self._skew(m, "stream_skew", self.stream, bits, self.enable)

    def _ws_edges(self, m: Module) -> tuple[dict[str, Value], dict[str, Value]]:
        """Return what enters column 0 with the operands, and row 0: tile and swap bits, the tile."""
        right = {"tile_write_in": taps(m, self.tile_first, self.p.rows, "tile_write_edge")}
        if self.p.shadow:
            right["swap_in"] = taps(m, self.swap, self.p.rows, "swap_edge", enable=self.enable)
        return right, {"tile_in": self._skew(m, "tile_skew", self.tile, tile_element(self.p).bits, 1)}

    def _os_edges(self, m: Module) -> tuple[dict[str, Value], dict[str, Value]]:
        """Return what enters column 0 with the operands, and row 0: control bits, weights."""
        weights = self._skew(m, "weight_skew", self.weights, tile_element(self.p).bits, self.enable)
        clears = taps(m, self.clear, self.p.rows, "clear_edge", enable=self.enable)
        return {"clear_in": clears, "shift_in": self.shift}, {"weight_in": weights}
