"""Does `codesign memory` tell what a trace does on a DRAM, and every fault in one line?"""

import json

import pytest

from codesign.cli import _outcome
from codesign.memory_commands import run_trace


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "trace.csv"
    lines = [f"{64 * (i // 2 if i % 3 else 7919 * i % 65536)},{'RRW'[i % 3]}" for i in range(900)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_the_report_adds_up(trace):
    report = run_trace(trace, "ddr4-3200", channels=2)
    assert report["reads"] == 600
    assert report["writes"] == 300
    assert sum(b["reads"] for b in report["read_latency_histogram"]) == 600
    assert sum(report["energy_parts_pj"].values()) == pytest.approx(report["energy_pj"])
    columns = report["commands"]["RD"] + report["commands"]["WR"]
    merged = report["merged_reads"] + report["forwarded_reads"] + report["merged_writes"]
    assert columns + merged + report["writes_still_queued"] == report["requests"] == 900
    assert report["read_latency_p50_cycles"] <= report["read_latency_p99_cycles"] <= report["read_latency_max_cycles"]


def test_table_json_and_commands(trace, tmp_path, capsys):
    commands = tmp_path / "commands.csv"
    command = ["memory", trace, "--standard", "lpddr5", "--channels", "2", "--mapping", "rochrababgco"]
    assert _outcome(command) == 0
    out = capsys.readouterr().out
    assert "\nenergy: not available, no IDD is published for lpddr5-6400\n" in out
    assert out.startswith("lpddr5-6400, 2 channels of 1 rank, rochrababgco, open rows\n")
    assert max(map(len, out.splitlines())) <= 120
    assert _outcome([*command, "--format", "json", "--commands", str(commands)]) == 0
    report = json.loads(capsys.readouterr().out)
    lines = commands.read_text().splitlines()
    assert lines[0] == "cycle,command,channel,rank,bankgroup,bank,row,column"
    assert len(lines) == 1 + sum(report["commands"].values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--standard", "ddr4-3201"], "--standard: 'ddr4-3201' is not a DRAM standard; use "),
        (["--standard", "ddr4-3200", "--mapping", "rochbabg"], "mapping 'rochbabg': name each of ch, ra"),
        (["--standard", "ddr4-3200", "--channels", "6"], "ddr4-3200: channels: 6 is not a power of two"),
        (["--standard", "ddr4-3200", "--row-policy", "shut"], "row policy: 'shut' is not a row policy; use closed"),
        (["--standard", "none.ini"], "none.ini: "),
        (["--standard", "ddr4-3200", "--commands", "no/where.csv"], "--commands no/where.csv: its folder does not"),
    ],
)
def test_faults_are_one_line(options, message, trace, capsys):
    assert _outcome(["memory", trace, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_a_bad_line_is_named(tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text("0x0,R\n0x40,Q\n")
    assert _outcome(["memory", str(path), "--standard", "hbm2"]) == 2
    assert capsys.readouterr().err == f"{path}:2: 'Q' is not an operation; use R or W\n"
