"""On-chip memories: macros in Verilog (not synthesized: the SRAM table prices them), arrays in Amaranth's simulator.

A macro has the ports that its clients need, each a number of contiguous elements (`rtl.npu.interfaces`). Contiguous
lanes are rotating banks of one memory; lanes with addresses of their own are ports of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, place
from rtl.parameters import address_bits

MACRO = "codesign_memory"
#: Reads are combinational, writes take effect at the clock edge; everything holds 0 at first. Of several writes to one
#: word in one cycle the last port's stays (programs that do this are refused by the checker).
_TEMPLATE = """\
module {{name}} #(
    parameter WIDTH = 8, parameter DEPTH = 16, parameter ADDRESS = 4, parameter READS = 1, parameter WRITES = 1
) (
    input clk,
    input [READS*ADDRESS-1:0] read_address,
    output [READS*WIDTH-1:0] read_data,
    input [WRITES-1:0] write_enable,
    input [WRITES*ADDRESS-1:0] write_address,
    input [WRITES*WIDTH-1:0] write_data{{probe_port}}
);
    reg [WIDTH-1:0] words [0:DEPTH-1];{{probe_wires}}
    integer i, w;
    initial for (i = 0; i < DEPTH; i = i + 1) words[i] = 0;
    genvar r;
    generate
        for (r = 0; r < READS; r = r + 1) begin : port
            assign read_data[r*WIDTH +: WIDTH] = words[read_address[r*ADDRESS +: ADDRESS]];
        end
    endgenerate
    always @(posedge clk)
        if (write_enable != 0)
            for (w = 0; w < WRITES; w = w + 1)
                if (write_enable[w]) words[write_address[w*ADDRESS +: ADDRESS]] <= write_data[w*WIDTH +: WIDTH];
endmodule
"""
_PROBE_WIRES = """
    genvar n;
    generate
        for (n = 0; n < DEPTH; n = n + 1) begin : content
            assign contents[n*WIDTH +: WIDTH] = words[n];
        end
    endgenerate"""


def macro_verilog(*, probe: bool = False) -> str:
    """Return the memory macro's Verilog; with `probe` also the macro that shows all its words to a bench."""
    plain = _TEMPLATE.replace("{{name}}", MACRO).replace("{{probe_port}}", "").replace("{{probe_wires}}", "")
    if not probe:
        return plain
    port = ",\n    output [DEPTH*WIDTH-1:0] contents"
    shown = _TEMPLATE.replace("{{name}}", f"{MACRO}_probe").replace("{{probe_port}}", port)
    return plain + shown.replace("{{probe_wires}}", _PROBE_WIRES)


class ReadPort(NamedTuple):
    """A client's read: what a `rtl.npu.interfaces.read_port` has."""

    address: Value
    data: Value


class OnChipMemory(NamedTuple):
    """A memory of `depth` elements of `width` bits.

    Attributes
    ----------
    reads, writes : tuple of int
        The contiguous lanes of each port.
    contents : Signal of depth * width bits, or None
        All words, with a probe.
    """

    depth: int
    width: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    contents: Signal | None


class LaneSpread(wiring.Component):
    """The addresses of a contiguous port's lanes, modulo the memory's.

    Parameters
    ----------
    lanes, bits : int

    Attributes
    ----------
    address : In(bits)
    addresses : Out(lanes * bits)
        Lane 0's in the low bits.
    """

    def __init__(self, lanes: int, bits: int) -> None:
        self.lanes, self.bits = lanes, bits
        super().__init__({"address": In(bits), "addresses": Out(lanes * bits)})

    def elaborate(self, platform: object) -> Module:
        """An adder a lane."""
        m = Module()
        m.d.comb += self.addresses.eq(Cat((self.address + lane)[: self.bits] for lane in range(self.lanes)))
        return m


def add_memory(
    m: Module, name: str, parts: Parts | None, depth: int, width: int, reads: Sequence[Any], writes: Sequence[Any], *,
    probe: bool = False,
) -> OnChipMemory:  # fmt: skip
    """Add a memory on the ports of its clients.

    Parameters
    ----------
    m : Module
    name : str
    parts : Parts, optional
        `rtl.emission.place`; with it the memory is the Verilog macro, else (for Amaranth's simulator) an array.
    depth, width : int
    reads : sequence of `ReadPort` or read_port interfaces
        Their lanes follow from their data.
    writes : sequence of write_port interfaces
    probe : bool
        Whether `contents` shows all words (the macro's only).
    """
    bits = address_bits(depth)
    lanes = tuple(len(port.data) // width for port in reads), tuple(len(port.enable) for port in writes)

    def spread(port: Any, count: int, client: str) -> Value:
        address = port.address[:bits]
        if count == 1:
            return address
        wires, module = {"address": address}, f"codesign_lane_spread_{count}x{bits}"
        make = partial(LaneSpread, count, bits)
        return place(m, f"{name}_{client}", parts, module, make, wires, clocked=False).addresses

    read_address = Cat(spread(port, lanes[0][i], f"read_{i}") for i, port in enumerate(reads))
    write_address = Cat(spread(port, lanes[1][i], f"write_{i}") for i, port in enumerate(writes))
    read_data = Cat(port.data for port in reads)
    enable, write_data = Cat(port.enable for port in writes), Cat(port.data for port in writes)
    contents = Signal(depth * width, name=f"{name}_contents") if probe else None
    if parts is None:
        m.submodules[name] = array = Memory(shape=width, depth=depth, init=[])
        for i in range(sum(lanes[0])):
            read = array.read_port(domain="comb")
            m.d.comb += [read.addr.eq(read_address.word_select(i, bits)), read_data.word_select(i, width).eq(read.data)]
        for i in range(sum(lanes[1])):
            write = array.write_port()
            m.d.comb += [write.addr.eq(write_address.word_select(i, bits)), write.en.eq(enable[i])]
            m.d.comb += write.data.eq(write_data.word_select(i, width))
    else:
        m.submodules[name] = Instance(
            f"{MACRO}_probe" if probe else MACRO, p_WIDTH=width, p_DEPTH=depth, p_ADDRESS=bits,
            p_READS=sum(lanes[0]), p_WRITES=sum(lanes[1]), i_clk=ClockSignal(), i_read_address=read_address,
            o_read_data=read_data, i_write_enable=enable, i_write_address=write_address, i_write_data=write_data,
            **({"o_contents": contents} if probe else {}),
        )  # fmt: skip
    return OnChipMemory(depth, width, *lanes, contents)
