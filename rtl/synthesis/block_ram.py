"""A body for the memory macro that an FPGA's tools map to block RAM, with the macro's ports and timing.

A block RAM has a port to read and a port to write. So a contiguous port of some lanes takes rotating banks, one a lane;
every port that reads has copies of its own; and of several ports that write each has banks of its own, whose
exclusive or is the memory's content (LaForest and others, "Multi-ported memories for FPGAs via XOR", FPGA 2012: a port
writes its data exclusive-or what the other ports' banks hold there). Banks are read at the falling edge before the
rising edge that uses the data, so that a read seems combinational and sees all earlier writes; an address has half a
clock. Of two ports that write one element in one cycle neither wins (no legal program does that).
"""

from __future__ import annotations

from dataclasses import dataclass

BANK_MODULE, RAM_MODULE = "codesign_bank", "codesign_block_ram"
BANK = """\
module codesign_bank #(parameter WIDTH = 8, parameter ROWS = 16, parameter BITS = 4) (
    input clk, input [BITS-1:0] read_row, output reg [WIDTH-1:0] found,
    input enable, input [BITS-1:0] write_row, input [WIDTH-1:0] data
);
    reg [WIDTH-1:0] words [0:ROWS-1];
    always @(negedge clk) found <= words[read_row];
    always @(posedge clk) if (enable) words[write_row] <= data;
endmodule
"""
_RAM = """\
module codesign_block_ram (
    input clk, input [{read_bits}-1:0] read_address, output [{read_lanes}*{width}-1:0] read_data,
    input [{write_lanes}-1:0] write_enable, input [{write_bits}-1:0] write_address,
    input [{write_lanes}*{width}-1:0] write_data
);
{ports}
    genvar b;
    generate
        for (b = 0; b < {banks}; b = b + 1) begin : bank
{wires}
        end
    endgenerate
endmodule
"""


@dataclass(frozen=True)
class MemoryShape:
    """A memory and its clients.

    Attributes
    ----------
    depth, width : int
        Elements and their bits.
    reads, writes : tuple of int
        Contiguous lanes of each port.
    """

    depth: int
    width: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]

    @property
    def bank_bits(self) -> int:
        """Address bits that choose the bank: a bank for each lane of the widest port at least."""
        return (max(*self.reads, *self.writes) - 1).bit_length()

    @property
    def row_bits(self) -> int:
        """Address bits within a bank."""
        return max(1, self.address_bits - self.bank_bits)

    @property
    def address_bits(self) -> int:
        """Bits of an element's address."""
        return max(1, (self.depth - 1).bit_length(), self.bank_bits + 1)

    @property
    def rows(self) -> int:
        """Elements in a bank."""
        return -(-self.depth // (1 << self.bank_bits))

    @property
    def copies(self) -> int:
        """How often the content is held."""
        return len(self.writes) * (len(self.reads) + len(self.writes) - 1)


def block_ram_verilog(shape: MemoryShape) -> str:
    """Return module `RAM_MODULE` without that of its banks (`BANK`); ports as the memory macro's, by lane."""
    given = _Body(shape)
    return _RAM.format(
        read_bits=sum(shape.reads) * shape.address_bits, read_lanes=sum(shape.reads), width=shape.width,
        write_bits=sum(shape.writes) * shape.address_bits, write_lanes=sum(shape.writes), banks=1 << shape.bank_bits,
        ports="\n".join(given.ports()), wires="\n".join(f"            {line}" for line in given.wires()),
    )  # fmt: skip


class _Body:
    """Lines of the module: what belongs to a port, and what belongs to bank `b`."""

    def __init__(self, shape: MemoryShape) -> None:
        self.shape, self.address, self.width = shape, shape.address_bits, shape.width
        self.banks, self.bits, self.row = 1 << shape.bank_bits, shape.bank_bits, shape.row_bits
        self.writes = range(len(shape.writes))
        self.lanes = {f"r{r}": lanes for r, lanes in enumerate(shape.reads)}
        self.lanes |= {f"w{w}": lanes for w, lanes in enumerate(shape.writes)}
        self.names = list(self.lanes)

    def ports(self) -> list[str]:
        """First address of every port, what the banks give to it, its lanes' data by rotation."""
        lines, at, bits, width = [], 0, self.address, self.width
        for r, lanes in enumerate(self.shape.reads):
            lines.append(f"    wire [{bits - 1}:0] first_r{r} = read_address[{at * bits} +: {bits}];")
            lines.append(f"    wire [{self.banks * width - 1}:0] found_r{r};")
            for lane in range(lanes):
                bank = f"((first_r{r} + {lane}) & {self.banks - 1})"
                data = f"found_r{r}[{bank}*{width} +: {width}]"
                lines.append(f"    assign read_data[{(at + lane) * width} +: {width}] = {data};")
            at += lanes
        at = 0
        for w, lanes in enumerate(self.shape.writes):
            lines += [
                f"    wire [{bits - 1}:0] first_w{w} = write_address[{at * bits} +: {bits}];",
                f"    wire [{lanes - 1}:0] enable_w{w} = write_enable[{at} +: {lanes}];",
                f"    wire [{lanes * width - 1}:0] data_w{w} = write_data[{at * width} +: {lanes * width}];",
            ]
            at += lanes
        return lines

    def wires(self) -> list[str]:
        """Row and lane of every port, and a bank for every pair of a port that writes and another port."""
        lines, width = [], self.width
        for name in self.names:
            lines.append(f"wire [{self.row - 1}:0] row_{name} = (first_{name} >> {self.bits}){self._carry(name)};")
            lines += [f"wire [{width - 1}:0] held_{name}_w{w};" for w in self.writes if name != f"w{w}"]
        for w, lanes in enumerate(self.shape.writes):
            others = "".join(f" ^ held_w{w}_w{v}" for v in self.writes if v != w)
            lines += [
                f"wire [{self.bits}:0] lane_w{w} = (b - first_w{w}) & {self.banks - 1};",
                f"wire mine_w{w} = lane_w{w} < {lanes};",
                f"wire [{self.bits}:0] own_w{w} = mine_w{w} ? lane_w{w} : 0;",
                f"wire [{width - 1}:0] stored_w{w} = data_w{w}[own_w{w}*{width} +: {width}]{others};",
            ]
        lines += [self._bank(name, w) for name in self.names for w in self.writes if name != f"w{w}"]
        for r in range(len(self.shape.reads)):
            held = " ^ ".join(f"held_r{r}_w{w}" for w in self.writes)
            lines.append(f"assign found_r{r}[b*{width} +: {width}] = {held};")
        return lines

    def _carry(self, name: str) -> str:
        """One more row for the banks that a port's lanes reach after the last bank."""
        return f" + (b < (first_{name} & {self.banks - 1}))" if self.bits and self.lanes[name] > 1 else ""

    def _bank(self, name: str, w: int) -> str:
        return (
            f"codesign_bank #(.WIDTH({self.width}), .ROWS({self.shape.rows}), .BITS({self.row})) at_{name}_w{w} "
            f"(.clk(clk), .read_row(row_{name}), .found(held_{name}_w{w}), "
            f".enable(mine_w{w} & enable_w{w}[own_w{w}]), .write_row(row_w{w}), .data(stored_w{w}));"
        )
