# amaranth: UnusedElaboratable=no
# (a component is also made to read its ports and registers from it)
"""The systolic array: rows x cols of one PE, with the skew of its operands. docs/npu.md, "Execute engine".

The PE and a row of PEs are one Verilog module each, emitted once and instantiated; Amaranth's own simulator gets
submodules instead.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Part
from rtl.npu.serializer import Serializer
from rtl.npu.skew import Skew, taps
from rtl.parameters import Element, NpuParameters
from rtl.pe.integer import IntegerMultiplyAdd
from rtl.pe.interface import Field, Operands, ProcessingElement
from rtl.pe.output import OutputElement
from rtl.pe.stationary import StationaryElement

PE_MODULE, ROW_MODULE = "codesign_pe", "codesign_pe_row"


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


def _instance(m: Module, name: str, module: str, template: wiring.Component) -> wiring.PureInterface:
    """Return the ports of a new instance of a Verilog module, which has the ports of `template`."""
    ports = template.signature.create()
    members = template.signature.members.items()
    wires = {f"{'i' if member.flow == In else 'o'}_{name_}": getattr(ports, name_) for name_, member in members}
    m.submodules[name] = Instance(module, i_clk=ClockSignal(), i_rst=ResetSignal(), **wires)
    return ports


class ArrayRow(wiring.Component):
    """A row of PEs.

    What travels to the right enters at column 0 (``<port>_in``); ``<port>_last`` is what meets the last column. What
    travels down is packed, column 0 in the low bits.

    Parameters
    ----------
    p : NpuParameters
    instances, probe : bool
    """

    def __init__(self, p: NpuParameters, *, instances: bool = True, probe: bool = False) -> None:
        self.p, self.instances, self.probing = p, instances, probe
        self.element = make_element(p, probe=probe)
        self.right, self.down = self.element.right, self.element.down
        members: dict[str, wiring.Member] = {"enable": In(1)}
        for port in self.right:
            members |= {port.enters: In(port.bits), _last(port.enters): Out(port.bits)}
        for port in self.down:
            members |= {port.enters: In(port.bits * p.cols)} if port.enters else {}
            members |= {port.leaves: Out(port.bits * p.cols)} if port.leaves else {}
        if probe:
            members["probe"] = Out(p.cols * sum(bits for _, bits, _ in self.element.probe_fields()))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Chain the PEs."""
        m = Module()
        held: dict[str, Value] = {port.enters: getattr(self, port.enters) for port in self.right}
        probes = []
        for c in range(self.p.cols):
            if self.instances:
                pe: Any = _instance(m, f"pe_{c}", PE_MODULE, self.element)
            else:
                m.submodules[f"pe_{c}"] = pe = make_element(self.p, probe=self.probing)
            m.d.comb += pe.enable.eq(self.enable)
            for port in self.right:
                m.d.comb += getattr(pe, port.enters).eq(held[port.enters])
                if c == self.p.cols - 1:
                    m.d.comb += getattr(self, _last(port.enters)).eq(held[port.enters])
                held[port.enters] = getattr(pe, port.leaves)
            for port in self.down:
                column = slice(c * port.bits, (c + 1) * port.bits)
                if port.enters:
                    m.d.comb += getattr(pe, port.enters).eq(getattr(self, port.enters)[column])
                if port.leaves:
                    m.d.comb += getattr(self, port.leaves)[column].eq(getattr(pe, port.leaves))
            probes += [pe.probe] if self.probing else []
        if self.probing:
            m.d.comb += self.probe.eq(Cat(*probes))
        return m


def _last(enters: str) -> str:
    return enters.removesuffix("_in") + "_last"


class SystolicArray(wiring.Component):
    """The array with its edges: operands come in without skew, sums leave column by column.

    Parameters
    ----------
    p : NpuParameters
    instances, probe : bool

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

    def __init__(self, p: NpuParameters, *, instances: bool = True, probe: bool = False) -> None:
        self.p, self.instances, self.probing = p, instances, probe
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
        """Rows, and the edges of the dataflow."""
        m = Module()
        rows = self._rows(m)
        edges = self._stream_edges(m)
        bits = stream_element(self.p).bits
        for r, row in enumerate(rows):
            m.d.comb += [row.enable.eq(self.enable), row.stream_in.eq(edges[r * bits : (r + 1) * bits])]
            if r > 0:
                m.d.comb += row.total_in.eq(rows[r - 1].total_out)
        m.d.comb += self.total.eq(rows[-1].total_out)
        (self._os_edges if self.p.is_os else self._ws_edges)(m, rows)
        if self.probing:
            m.d.comb += self.probe.eq(Cat(*(row.probe for row in rows)))
        return m

    def _rows(self, m: Module) -> list[Any]:
        """The ports of the rows, top first."""
        if self.instances:
            template = ArrayRow(self.p, probe=self.probing)
            return [_instance(m, f"row_{r}", ROW_MODULE, template) for r in range(self.p.rows)]
        rows = [ArrayRow(self.p, instances=False, probe=self.probing) for _ in range(self.p.rows)]
        for r, row in enumerate(rows):
            m.submodules[f"row_{r}"] = row
        return rows

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
        m.submodules.stream_skew = skew = Skew(self.p.rows, bits)
        m.d.comb += [skew.enable.eq(self.enable), skew.i.eq(self.stream)]
        return skew.o

    def _column_skew(self, m: Module, name: str, lanes: Value, enable: Value | int) -> Value:
        m.submodules[name] = skew = Skew(self.p.cols, tile_element(self.p).bits)
        m.d.comb += [skew.enable.eq(enable), skew.i.eq(lanes)]
        return skew.o

    def _ws_edges(self, m: Module, rows: list[Any]) -> None:
        tile = self._column_skew(m, "tile_skew", self.tile, 1)
        writes = taps(m, self.tile_first, self.p.rows, "tile_write_edge")
        swaps = taps(m, self.swap, self.p.rows, "swap_edge", enable=self.enable) if self.p.shadow else None
        for r, row in enumerate(rows):
            m.d.comb += [row.tile_in.eq(tile), row.tile_write_in.eq(writes[r])]
            if swaps is not None:
                m.d.comb += row.swap_in.eq(swaps[r])
        m.d.comb += [self.tile_end.eq(rows[-1].tile_write_last), self.total_next.eq(rows[-1].total_next)]

    def _os_edges(self, m: Module, rows: list[Any]) -> None:
        weights = self._column_skew(m, "weight_skew", self.weights, self.enable)
        clears = taps(m, self.clear, self.p.rows, "clear_edge", enable=self.enable)
        for r, row in enumerate(rows):
            m.d.comb += [
                row.weight_in.eq(rows[r - 1].weight_out if r else weights),
                row.clear_in.eq(clears[r]),
                row.shift_in.eq(self.shift[r]),
            ]


def pe_parts(p: NpuParameters, *, probe: bool = False) -> list[Part]:
    """Return the modules that the array instantiates: the PE and a row of them."""
    return [(make_element(p, probe=probe), PE_MODULE), (ArrayRow(p, probe=probe), ROW_MODULE)]
