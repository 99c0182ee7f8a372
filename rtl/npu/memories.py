"""On-chip memories: macros in Verilog (not synthesized: the SRAM table prices them), arrays in Amaranth's simulator.

A macro has the ports that its clients need, each a number of contiguous elements (`rtl.npu.interfaces`). Contiguous
lanes are rotating banks of one memory; lanes with addresses of their own are ports of their own.
"""

from __future__ import annotations

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import read_port, write_port
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


class OnChipMemory(wiring.Component):
    """A memory of `depth` elements of `width` bits with contiguous ports.

    Parameters
    ----------
    depth, width : int
    reads, writes : tuple of int
        The lanes of each port; the members are ``read_0``, ..., ``write_0``, ....
    instances : bool
        The Verilog macro, or (for Amaranth's simulator) an array.
    probe : bool
        Whether the member ``contents`` shows all words (with instances only).
    """

    def __init__(
        self, depth: int, width: int, reads: tuple[int, ...], writes: tuple[int, ...], *, instances: bool,
        probe: bool = False,
    ):  # fmt: skip
        self.depth, self.width, self.instances, self.probe = depth, width, instances, probe
        self.reads, self.writes = reads, writes
        bits = self.address = address_bits(depth)
        members: dict[str, wiring.Member] = {
            f"read_{i}": In(read_port(bits, width, lanes)) for i, lanes in enumerate(reads)
        } | {f"write_{i}": In(write_port(bits, width, lanes)) for i, lanes in enumerate(writes)}
        if probe:
            members["contents"] = Out(depth * width)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Spread the contiguous ports over single elements."""
        m = Module()
        addresses, read_data = [], []
        for i, lanes in enumerate(self.reads):
            port = getattr(self, f"read_{i}")
            addresses += [(port.address + lane)[: self.address] for lane in range(lanes)]
            read_data.append(port.data)
        enables, write_addresses, write_data = [], [], []
        for i, lanes in enumerate(self.writes):
            port = getattr(self, f"write_{i}")
            enables.append(port.enable)
            write_addresses += [(port.address + lane)[: self.address] for lane in range(lanes)]
            write_data.append(port.data)
        if self.instances:
            more = {"o_contents": self.contents} if self.probe else {}
            m.submodules.macro = Instance(
                f"{MACRO}_probe" if self.probe else MACRO,
                p_WIDTH=self.width, p_DEPTH=self.depth, p_ADDRESS=self.address, p_READS=sum(self.reads),
                p_WRITES=sum(self.writes), i_clk=ClockSignal(), i_read_address=Cat(*addresses),
                o_read_data=Cat(*read_data), i_write_enable=Cat(*enables), i_write_address=Cat(*write_addresses),
                i_write_data=Cat(*write_data), **more,
            )  # fmt: skip
            return m
        self._array(m, addresses, Cat(*read_data), Cat(*enables), write_addresses, Cat(*write_data))
        return m

    def _array(
        self, m: Module, addresses: list[Value], read_data: Value, enables: Value, write_addresses: list[Value],
        write_data: Value,
    ) -> None:  # fmt: skip
        m.submodules.array = array = memory.Memory(shape=self.width, depth=self.depth, init=[])
        for i, address in enumerate(addresses):
            port = array.read_port(domain="comb")
            m.d.comb += [port.addr.eq(address), read_data[i * self.width : (i + 1) * self.width].eq(port.data)]
        for i, address in enumerate(write_addresses):
            port = array.write_port()
            data = write_data[i * self.width : (i + 1) * self.width]
            m.d.comb += [port.addr.eq(address), port.en.eq(enables[i]), port.data.eq(data)]
