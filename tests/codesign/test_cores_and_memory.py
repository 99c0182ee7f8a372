"""Do --cores, --partition and --memory reach the run, its report and its what-if, and are their faults one line?"""

import json

import pytest

import codesign as cd
from codesign.cli import _outcome
from codesign.report.replay import replay
from codesign.report.whatif import what_if

RUN = ["run", "digits", "--machine", "small_npu_8x8"]


def test_options_are_fields_of_the_machine(capsys):
    assert _outcome([*RUN, "--cores", "4", "--memory", "hbm2-2000", "--partition", "rows", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    fields = ["cores=4", "memory.model=dram", "memory.standard=hbm2-2000", "memory.technology=HBM2_jouppi"]
    run = cd.run("digits", "small_npu_8x8", set=fields, partition="rows")
    assert told["cycles"] == run.cycles
    assert told["energy_pj"] == run.energy_pj
    assert {row["note"] for row in told["layers"]} <= {"", "1 core", "2 cores, by rows", "4 cores, by rows"}


def test_a_mapping_is_of_one_core(capsys):
    assert _outcome(["map", "digits", "--machine", "small_npu_8x8", "--set", "cores=2"]) == 2
    expected = "small_npu_8x8: cores: a mapping pins the tiles of one core, this machine has 2\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cores", "0"], "Invalid value for '--cores': "),
        (["--partition", "columns"], "Invalid value for '--partition': "),
        (["--memory", "hbm9"], "--memory: 'hbm9' is not a DRAM standard; use "),
        (["--cores", "2", "--fidelity", "exact"], "small_npu_8x8: cores: fidelity exact has the registers of one core"),
    ],
)
def test_faults_are_one_line(options, message, capsys):
    assert _outcome([*RUN, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_twice_the_bandwidth_of_a_dram_is_twice_its_channels():
    narrow = ["memory.model=dram", "memory.standard=lpddr5-6400", "dma.bus_bytes=32", "dma.burst_bytes=256"]
    run = cd.run("digits", "small_npu_8x8", set=[*narrow, "memory.mapping=rocorababgch"])
    (wider,) = [one for one in what_if(run) if one.what.startswith("bandwidth")]
    assert wider.note == ""
    assert wider.speedup > 1


def test_the_core_that_ends_last_is_replayed():
    run = cd.run("digits", "small_npu_8x8", set=["cores=4"])
    shown = list(replay(run))
    assert sum(one.cycles * one.layer.repeat for one in shown) == run.cycles
    for one, row in zip(shown, run.layers, strict=True):
        assert len(one.program) == len(one.end)
        assert int(one.end.max(initial=0)) == row["cycles"] == one.cycles


@pytest.mark.slow
def test_a_report_of_several_cores_is_written(tmp_path):
    assert _outcome([*RUN, "--cores", "2", "--memory", "hbm2-2000", "--out", f"{tmp_path}/report/"]) == 0
    assert any((tmp_path / "report").iterdir())
