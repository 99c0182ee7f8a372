"""Do parts that are synthesized apart, joined again, compute what the RTL computes, and time its paths?"""

import re
from pathlib import Path

import numpy as np
import pytest

from rtl.design import TOP, Design
from rtl.npu.array import COLUMN_MODULE
from rtl.npu.memories import MACRO
from rtl.synthesis.assembly import Surroundings, assemble, surroundings
from rtl.synthesis.components import components_of, synthesize_components, synthesize_flat
from rtl.synthesis.hierarchy import children_of, part_of, split_modules, surrounded
from rtl.synthesis.liberty import Library, load_library
from rtl.synthesis.liberty_files import liberty_files
from rtl.synthesis.rtl_run import run_rtl
from rtl.synthesis.timing import static_timing
from rtl.synthesis.toggles import compile_gates, simulate
from rtl.synthesis.yosys import synthesize
from simulators.machine_files import load_machine
from tests.shared_data import shared_path
from workloads.errors import CodesignError

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
TINY = [
    "array.rows=2", "array.cols=2", "vector.lanes=1", "dma.outstanding=1", "dma.burst_bytes=8",
    *(f"queues.{name}=1" for name in ("load", "execute", "vector", "store")),
]  # fmt: skip
#: Two products in a row without a register between them, and one result registered: a path through two parts.
TWO_PARTS = """\
module inner(a, b, y);
  input [3:0] a;
  input [3:0] b;
  output [7:0] y;
  assign y = a * b;
endmodule
module outer(clk, a, b, total);
  input clk;
  input [3:0] a;
  input [3:0] b;
  output [7:0] total;
  wire [7:0] first;
  wire [7:0] second;
  reg [7:0] total = 0;
  inner one (
    .a(a), .b(b), .y(first)
  );
  inner two (
    .a(first[7:4]), .b(4'd11), .y(second)
  );
  always @(posedge clk) total <= total + second + first;
endmodule
"""

REGISTER = """\
module held(clk, d, q);
  input clk;
  input [7:0] d;
  output [7:0] q;
  reg [7:0] q = 0;
  always @(posedge clk) q <= d;
endmodule
"""


@pytest.fixture(scope="module")
def library() -> Library:
    if not OSU018.exists():
        pytest.skip("no Liberty file to synthesize with; install Debian's qflow-tech-osu018")
    return load_library(OSU018)


def two_parts(library: Library) -> dict:
    modules = split_modules(TWO_PARTS)
    return {name: synthesize(part_of(modules, name, {"inner"}), name, library) for name in modules}


def test_joined_gates_equal_the_rtl(library):
    netlist = assemble(two_parts(library), "outer", library)
    rng = np.random.default_rng(3)
    inputs = {name: rng.integers(0, 1 << 64, (100, 4), np.uint64) for name in ("a", "b")}
    gates = simulate(netlist, compile_gates(netlist), inputs, 1).values["total"]
    rtl = run_rtl(TWO_PARTS, "outer", inputs, {"total": 8})["total"]
    assert np.bitwise_count(rtl).sum() > 10_000
    assert np.array_equal(gates, rtl)


def test_areas_add_up_and_paths_pass_through_parts(library):
    parts = two_parts(library)
    whole = assemble(parts, "outer", library)
    outer, inner = (assemble({name: parts[name]}, name, library) for name in ("outer", "inner"))
    assert whole.area_um2 == pytest.approx(outer.area_um2 + 2 * inner.area_um2)
    alone = static_timing(outer, library).period_ps
    assert static_timing(whole, library).period_ps > alone
    assert set(outer.inputs) == {"clk", "a", "b", "one.y", "two.y"}
    assert set(outer.outputs) == {"total", "one.a", "one.b", "two.a", "two.b"}


@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_every_module_belongs_to_one_component(dataflow):
    design = Design.of(load_machine("small_npu_8x8", [*TINY, f"array.dataflow={dataflow}"]))
    modules = split_modules(design.verilog)
    components = components_of(design)
    roots = {component.module for component in components}
    assert len(roots) == len(components)
    seen: list[str] = []
    for component in components:
        waiting = [component.module]
        while waiting:
            seen.append(waiting.pop())
            waiting += [name for name in children_of(modules[seen[-1]], modules) if name not in roots | {MACRO}]
    assert sorted(seen) == sorted(set(modules) - {MACRO})


@pytest.mark.parametrize(("rows", "cols", "lanes"), [(2, 3, 2)])
def test_counts_are_those_of_the_instances(rows, cols, lanes):
    design = Design.of(
        load_machine("small_npu_8x8", [f"array.rows={rows}", f"array.cols={cols}", f"vector.lanes={lanes}"])
    )
    counts = {component.name: component.count for component in components_of(design)}
    modules = split_modules(design.verilog)
    column = len(re.findall(r"^ +codesign_pe +\S+ \($", modules[COLUMN_MODULE], re.MULTILINE))
    assert counts["pe"] == rows * cols == cols * column
    lane = len(re.findall(r"^ +codesign_vector_lane +\S+ \($", design.verilog, re.MULTILINE))
    assert counts["vector_lane"] == lane == lanes


def test_what_nobody_reads_is_not_stored(library):
    verilog = surrounded(REGISTER, "held", {}, {"q": [4, 5, 7]})
    netlist = assemble({"held": synthesize(verilog, "held", library)}, "held", library)
    assert len(netlist.flip_flops) == 5
    values = np.random.default_rng(5).integers(0, 1 << 64, (50, 8), np.uint64)
    kept = simulate(netlist, compile_gates(netlist), {"d": values}, 1).values["q"]
    assert np.array_equal(kept[1:, [0, 1, 2, 3, 6]], values[:-1, [0, 1, 2, 3, 6]])
    assert not kept[:, [4, 5, 7]].any()


def test_what_is_constant_is_not_computed(library):
    modules = split_modules(TWO_PARTS)
    constant = {"b": {0: 1, 1: 1, 2: 0, 3: 1}}
    text = surrounded(part_of(modules, "inner", ()), "inner", constant, {"y": [0, 7]})
    times_11 = assemble({"inner": synthesize(text, "inner", library)}, "inner", library)
    alone = assemble(two_parts(library), "inner", library)
    assert times_11.area_um2 < 0.7 * alone.area_um2
    inputs = {name: np.random.default_rng(5).integers(0, 1 << 64, (9, 4), np.uint64) for name in ("a", "b")}
    found = simulate(times_11, compile_gates(times_11), inputs, 1).values["y"]
    assert np.array_equal(numbers_of(found), numbers_of(inputs["a"]) * 11 & 0b0111_1110)


def numbers_of(bits: np.ndarray) -> np.ndarray:
    """Numbers of shape (steps, 64 lanes) from words of shape (steps, bits)."""
    by_lane = (bits[:, :, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    return (by_lane << np.arange(bits.shape[1], dtype=np.uint64)[:, None]).sum(axis=1)


def test_surroundings_are_those_of_each_instance(library):
    outer = {"outer": two_parts(library)["outer"]}
    eleven = tuple(("b", bit, value) for bit, value in enumerate((1, 1, 0, 1)))
    assert surroundings(outer, "outer", library, "inner") == {
        "one": Surroundings(), "two": Surroundings(tied=eleven),
    }  # fmt: skip
    modules = split_modules(TWO_PARTS.replace("total + second + first", "total + second + first[7:2]"))
    outer = {"outer": synthesize(part_of(modules, "outer", {"inner"}), "outer", library)}
    assert surroundings(outer, "outer", library, "inner")["one"] == Surroundings(unread=(("y", 0), ("y", 1)))


def test_a_part_that_is_not_there_names_the_nearest():
    with pytest.raises(CodesignError, match=r"'outr' is not a module; use inner or outer \(did you mean 'outer'\?\)"):
        part_of(split_modules(TWO_PARTS), "outr", ())


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
def test_components_sum_to_the_flattened_whole(library, size):
    sizes = [f"array.rows={size}", f"array.cols={size}", f"vector.lanes={size}"]
    design = Design.of(load_machine("small_npu_8x8", [*TINY, *sizes]))
    parts, whole = synthesize_components(design, library), synthesize_flat(design, library)
    assert parts.area_um2 == pytest.approx(whole.area_um2, rel=0.05)
    assert parts.flip_flops >= whole.flip_flops >= 0.95 * parts.flip_flops
    assert parts.period_ps == pytest.approx(whole.period_ps, rel=0.15)
    assert TOP in {figures.component.module for figures in parts.components}
    pes = {figures.component.count for figures in parts.components if figures.component.name == "pe"}
    assert pes == {1, size - 1, (size - 1) ** 2}  # corner; first row, last column; the rest


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 8])
def test_the_small_machine_whole_at_7_nm(size):
    library = load_library(liberty_files([shared_path("verbatim/liberty/asap7")]))
    sizes = [f"array.rows={size}", f"array.cols={size}", f"vector.lanes={size}"]
    design = Design.of(load_machine("small_npu_8x8", sizes))
    parts, whole = synthesize_components(design, library), synthesize_flat(design, library)
    assert parts.area_um2 == pytest.approx(whole.area_um2, rel=0.05)
    assert parts.flip_flops == pytest.approx(whole.flip_flops, rel=0.02)
