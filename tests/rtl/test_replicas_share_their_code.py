"""Do instances that share their code in Verilator compute what they compute apart?"""

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest

from rtl.design import Design
from rtl.npu.array import COLUMN_MODULE
from rtl.npu.vector_lane import LANE_MODULE
from rtl.replicas import share
from rtl.verilator import build_library, verilate
from simulators.machine_files import load_machine

#: As Yosys writes it: an instance a port a line. Lane i adds, its own operand and one for all, and holds the sum.
LANE = r"""
module lane(clk, \function , own, shared, sum, carry);
  input clk;
  input \function ;
  input [7:0] own;
  input [7:0] shared;
  output [7:0] sum;
  reg [7:0] sum;
  output carry;
  wire [8:0] total = own + shared;
  assign carry = total[8];
  always @(posedge clk)
    if (\function ) sum <= total[7:0];
endmodule
"""


def lanes(count: int) -> str:
    """A top of some lanes, each with its byte of the input."""
    instances = "".join(
        f"""  lane lane_{i} (
    .carry(carry[{i}]),
    .clk(clk),
    .\\function (moves),
    .own(own[{8 * i + 7}:{8 * i}]),
    .shared({{ own[3:0], 4'h9 }}),
    .sum(sum[{8 * i + 7}:{8 * i}])
  );
"""
        for i in range(count)
    )
    wide = f"[{8 * count - 1}:0]"
    ports = f"input clk, moves, input {wide} own, output {wide} sum, output [{count - 1}:0] carry"
    return f"{LANE}\nmodule tops({ports});\n{instances}endmodule\n"


HARNESS = """
#include "verilated.h"
#include "Vtop.h"
#include <cstring>
extern "C" EXPORT void run(const uint32_t* words, const uint8_t* moves, int cycles, uint32_t* sums, uint32_t* carries) {
    VerilatedContext context;
    Vtop top{&context};
    for (int t = 0; t < cycles; t++) {
        top.clk = 0, top.moves = moves[t];
        memcpy(&top.own, words + WORDS * t, 4 * WORDS);
        top.eval();
        carries[t] = top.carry;
        top.clk = 1;
        top.eval();
        memcpy(sums + WORDS * t, &top.sum, 4 * WORDS);
    }
}
"""


@pytest.mark.parametrize("count", [4, 8, 12])
def test_shared_lanes_equal_numpy(count: int):
    text = share(lanes(count), ["lane"])
    assert "lane_replica lane_0" in text and f".index(32'd{count - 1})" in text
    path = build_library(text, "tops", HARNESS.replace("WORDS", str(count // 4)))
    rng = np.random.default_rng(count)
    own = rng.integers(0, 256, (200, count), dtype=np.uint8)
    moves = rng.integers(0, 2, 200, dtype=np.uint8)
    sums, carries = np.zeros((200, count), np.uint8), np.zeros(200, np.uint32)
    given = (own, moves, len(own), sums, carries)
    ctypes.CDLL(str(path)).run(*(x.ctypes.data_as(ctypes.c_void_p) if isinstance(x, np.ndarray) else x for x in given))
    totals = own.astype(int) + ((own[:, :1].astype(int) & 15) * 16 + 9)
    assert (carries == ((totals >> 8) << np.arange(count)).sum(axis=1)).all()
    held = np.zeros(count, int)
    for t in range(len(own)):
        held = totals[t] & 255 if moves[t] else held
        assert (sums[t] == held).all(), t


def test_what_cannot_share_stays_as_it_is():
    assert share(lanes(1), ["lane"]) == lanes(1)
    assert share(lanes(4), ["line"]) == lanes(4)
    unconnected = lanes(4).replace("    .carry(carry[2]),\n", "")
    assert share(unconnected, ["lane"]) == unconnected


@pytest.mark.parametrize("machine", ["small_npu_8x8", "gemmini_16x16"])
def test_verilator_joins_the_functions_of_columns_and_lanes(machine: str, tmp_path: Path):
    size = 8  # the first column and the last two are unlike the others
    small = [f"array.rows={size}", f"array.cols={size}", f"vector.lanes={size}"]
    (tmp_path / "design.v").write_text(
        share(Design.of(load_machine(machine, small)).verilog, [COLUMN_MODULE, LANE_MODULE]), encoding="utf-8"
    )
    flags = ("--cc", "--prefix", "Vtop", "-O3", "--no-timing", "-Wno-lint", "-Wno-fatal", "--top-module", "npu")
    generated = verilate(tmp_path, ("design.v",), flags)
    for module in (COLUMN_MODULE, LANE_MODULE):
        text = (generated / f"Vtop_{module}_replica__0.cpp").read_text(encoding="utf-8")
        functions = re.findall(r"^void (\S+nba\S+)\(.*\{$", text, re.MULTILINE)
        places = {re.sub(r"\D*$", "", one.rpartition("__")[0]) for one in functions}
        assert len(places) <= size // 2, functions
