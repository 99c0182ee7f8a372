# amaranth: UnusedElaboratable=no
"""Is the Verilog of a component what Amaranth's own back end writes, and the same in every process?"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from amaranth.back import verilog
from amaranth.hdl import Const, Fragment, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from rtl.build_cache import cache_folder
from rtl.emission import Parts, place, verilog_of
from rtl.npu.counters import Counter
from rtl.npu.memories import LaneSpread
from rtl.verilog_text import tidy
from workloads.errors import CodesignError

SMALL = """
from rtl.design import Design
from simulators.machine_files import load_machine
print(Design.of(load_machine("small_npu_8x8", ["array.rows=2", "array.cols=2", "vector.lanes=2"])).verilog)
"""


class Placed(wiring.Component):
    """A counter of `increment`; its value is the upper bits of `total`."""

    def __init__(self, parts: Parts | None, increment: Value) -> None:
        self.parts, self.increment = parts, increment
        super().__init__({"total": Out(64)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wires = {"increment": self.increment, "value": self.total[16:]}
        place(m, "counter", self.parts, "counter", lambda: Counter(4), wires)
        return m


@pytest.mark.parametrize("component", [Counter(4), LaneSpread(3, 5)], ids=["registers", "no clock"])
def test_verilog_is_that_of_amaranths_back_end(component) -> None:
    theirs = verilog.convert(component, name="part", emit_src=False, strip_internal_attrs=True)
    assert verilog_of(component, "part") == tidy(theirs)


def test_every_process_writes_the_same() -> None:
    texts = [
        subprocess.run(
            [sys.executable, "-c", SMALL], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(texts[0]) > 100_000
    assert texts[0] == texts[1], "builds are kept by the hash of this text"


def test_code_that_this_processor_cannot_run_is_compiled_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path))
    first = verilog_of(Counter(4), "part")
    (code,) = cache_folder().glob("yosys/*/code")
    code.write_bytes(b"\x7fELF of another machine")
    assert verilog_of(Counter(4), "part") == first


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch) -> None:
    first = verilog_of(Counter(4), "part")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path / "file"))
    assert verilog_of(Counter(4), "part") == first


def test_what_yosys_refuses_is_one_line(monkeypatch) -> None:
    monkeypatch.setattr("rtl.emission.rtlil.convert", lambda *_, **__: "module \\part\n  wire\nend\n")
    with pytest.raises(CodesignError, match=r"^yosys: ERROR: Parser error in line 3: [^\n]*$"):
        verilog_of(Counter(4), "part")


@pytest.mark.parametrize("parts", [Parts(), None], ids=["instance", "submodule"])
def test_a_wire_of_another_width_is_refused(parts: Parts | None) -> None:
    with pytest.raises(AssertionError, match=r"counter\.increment has 4 bits and is connected to 3"):
        Fragment.get(Placed(parts, Signal(3)), None)


@pytest.mark.parametrize("wires", [{}, {"increment": Const(1, 4), "step": Const(1)}], ids=["forgotten", "unknown"])
def test_each_input_and_nothing_else_is_connected(wires: dict[str, Value]) -> None:
    with pytest.raises(AssertionError, match=r"^counter: (increment|step): no port, or an input that nothing enters"):
        place(Module(), "counter", Parts(), "counter", lambda: Counter(4), wires)


def test_an_output_drives_what_it_is_given() -> None:
    parts = Parts()
    text = verilog_of(Placed(parts, Const(3, 4)), "top", parts)
    assert ".increment(4'h3)" in text
    assert re.search(r"\.value\((\S+) \)\n  \);\n  assign total = \{ \1 , 16'h0000 \};\n", text)
    assert text.count("\nmodule ") + text.startswith("module ") == 2
