"""What do cells of FPGAs count as, and does a memory become block RAM?"""

import pytest

from rtl.synthesis.block_ram import MemoryShape
from rtl.synthesis.fpga import TARGETS, Resources, memory_resources, resources_of
from rtl.synthesis.hierarchy import part_of, split_modules
from rtl.synthesis.place_route import border_of, ring_of

TWO = """\
module inner(clk, a, y);
  input clk;
  input [3:0] a;
  output [6:0] y;
endmodule
module \\outer.one (clk, a, \\b$1 , y);
  input clk;
  input [3:0] a;
  input \\b$1 ;
  output [6:0] y;
  inner two (
    .clk(clk), .a(a), .y(y)
  );
endmodule
"""


@pytest.mark.parametrize(
    ("target", "cells", "taken"),
    [
        (
            "xc7",
            {"LUT3": 8, "LUT6": 2, "FDRE": 58, "DSP48E1": 1, "CARRY4": 5, "$scopeinfo": 1},
            Resources(10, 58, 1, 0),
        ),
        ("xc7", {"RAMB36E1": 4, "RAMB18E1": 3, "RAM32M": 2}, Resources(8, 0, 0, 5.5)),
        ("ecp5", {"LUT4": 8, "CCU2C": 16, "TRELLIS_FF": 58, "MULT18X18D": 1, "PFUMX": 9}, Resources(40, 58, 1, 0)),
        ("ice40", {"SB_LUT4": 9, "SB_DFFE": 56, "SB_DFFSR": 2, "SB_RAM40_4KNR": 32}, Resources(9, 58, 0, 32)),
    ],
)
def test_cells_count_as_what_they_take(target, cells, taken):
    assert resources_of(TARGETS[target], cells) == taken


def test_a_memory_with_two_ports_is_block_ram_alone():
    taken = memory_resources(TARGETS["ice40"], MemoryShape(2048, 64, (1,), (1,)))
    assert taken == Resources(0, 0, 0, 2048 * 64 / 4096)


def test_every_port_of_a_part_meets_a_register():
    part = part_of(split_modules(TWO), "outer.one", {"inner"})
    border = border_of(part, "outer.one")
    for wire in (".a (entering[0 +: 4])", ".\\b$1 (entering[4 +: 1])", ".y (found[0 +: 7])", "reg [6:0] leaving"):
        assert wire in border
    ring = ring_of(part[: part.index("endmodule") + len("endmodule")])
    assert "reg [7:0] ring = 1;" in ring
    assert "assign {y } = ring;" in ring
