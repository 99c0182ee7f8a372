"""Is a report a page that needs nothing from outside, with the figures and data it names, whole or not at all?"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import codesign as cd
from codesign.report.figures import _busy
from codesign.report.folder import check_folder, write_report
from codesign.report.html import page, summary
from codesign.report.occupancy import occupancy
from codesign.report.replay import replay
from codesign.report.timeline import write_timeline
from codesign.report.whatif import CHANGES, what_if
from codesign.report.words import sentences, titled
from workloads.errors import CodesignError

FILES = {"index.html", "result.json", "layers.csv", "timeline.json.gz"} | {
    f"{name}.{kind}"
    for name in ("roofline", "layers", "engines", "buffers", "energy", "area")
    for kind in ("svg", "png")
}


@pytest.fixture(scope="module")
def result() -> cd.Result:
    return cd.run("digits", "small_npu_8x8")


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "digits"
    result.write_report(path)
    return path


def test_all_files_are_there(folder):
    assert {path.name for path in folder.iterdir()} == FILES


def test_the_page_needs_nothing_from_outside(folder):
    text = (folder / "index.html").read_text()
    assert "<script" not in text
    addresses = set(re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", text))
    assert all(address.startswith(("#", "data:image/png")) for address in addresses)
    assert "default-src 'none'" in text


def test_the_page_says_what_the_result_says(folder, result):
    text = (folder / "index.html").read_text()
    assert f"{result.cycles:,} cycles" in text
    for row in result.layers:
        assert row["name"] in text


def test_names_are_escaped(result):
    named = replace(result, network="<script>alert(1)</script>")
    assert "<script" not in page(named, [], []) + summary(named)


def test_the_data_is_the_result(folder, result):
    assert json.loads((folder / "result.json").read_text())["cycles"] == result.cycles
    assert (folder / "layers.csv").read_text() == result.to_csv()


def test_a_report_is_written_over_a_report_and_is_the_same(folder, result, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    (again / "index.html").write_text("an older one")
    result.write_report(again)
    for name in FILES:
        assert (again / name).read_bytes() == (folder / name).read_bytes() or name == "result.json", name
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_a_report_is_written_over_nothing_else(result, tmp_path):
    (tmp_path / "empty").mkdir()
    check_folder(str(tmp_path / "empty"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(CodesignError, match=r"mine: the folder holds something else; give an empty one or a new name"):
        write_report(result, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(CodesignError, match=r"the folder .*nowhere does not exist"):
        write_report(result, tmp_path / "nowhere" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine"]


def test_the_timeline_has_every_command_and_ends_with_the_network(folder, result):
    events = json.loads(gzip.decompress((folder / "timeline.json.gz").read_bytes()))["traceEvents"]
    replays = list(replay(result))
    commands = [event for event in events if event["ph"] == "X" and event["tid"] > 0]
    assert len(commands) == sum(len(one.program) for one in replays)
    layers = [event for event in events if event["ph"] == "X" and event["tid"] == 0]
    assert [event["name"] for event in layers] == [row["name"] for row in result.layers if row["cycles"]]
    end_us = max(event["ts"] + event["dur"] for event in layers)
    assert end_us == pytest.approx(1e6 * result.latency_s)
    assert max(event["ts"] + event["dur"] for event in commands) == pytest.approx(end_us)
    assert min(event["ts"] for event in commands) >= 0


def test_the_timeline_is_capped_and_says_so(result, tmp_path):
    path = tmp_path / "short.json.gz"
    assert write_timeline(result, path, most_events=7) == 7
    content = json.loads(gzip.decompress(path.read_bytes()))
    assert sum(event["ph"] == "X" and event["tid"] > 0 for event in content["traceEvents"]) == 7
    assert "none after 7" in content["otherData"]["shown"]


def test_engines_are_at_work_as_often_as_their_commands_in_every_pass_of_a_layer(result):
    """Cycle by cycle, against a count of plain Python; a layer of three passes has three times the work of one."""
    from simulators.program import QUEUE_OF_OPCODE

    one = max(replay(result), key=lambda each: len(each.program))
    thrice = replace(one, first_cycle=5, layer=replace(one.layer, repeat=3))
    at_work = [set() for _ in range(4)]
    for opcode, start, end in zip(one.program["opcode"], one.start, one.end, strict=True):
        at_work[QUEUE_OF_OPCODE[opcode]].update(range(start - 1, end))
    busy = _busy(np.arange(5 + 3 * one.cycles + 1), [thrice])
    assert busy[:, :5].sum() == 0
    for engine, cycles in enumerate(at_work):
        expected = np.isin(np.arange(one.cycles), list(cycles)).astype(int)
        np.testing.assert_array_equal(busy[engine, 5:], np.tile(expected, 3))
    halves = _busy(np.array([0.0, 5 + 1.5 * one.cycles, 5 + 3 * one.cycles]), [thrice])
    np.testing.assert_allclose(halves.sum(axis=1), [3 * len(cycles) for cycles in at_work])


@pytest.mark.parametrize(("label", "title"), [
    ("digits", "digits"), ("onnx:resnet50", "onnx:resnet50"), ("/home/me/vww.tflite", "vww.tflite"),
    ("mine/Llama-3-8B/config.json (decode, context 8)", "Llama-3-8B (decode, context 8)"),
    ("config.json (decode, context 8)", "config.json (decode, context 8)"),
])  # fmt: skip
def test_a_title_has_no_folders(label, title):
    assert titled(label) == title


def test_a_replay_takes_the_cycles_of_the_result(result):
    for one, row in zip(replay(result), result.layers, strict=True):
        assert one.cycles * one.layer.repeat == row["cycles"]


def test_occupancy_is_a_share_and_follows_the_size(result):
    machine = result.simulation.machine
    large = cd.run("digits", "small_npu_8x8", mapping=result.mapping, set=["scratchpad.size_bytes=65536"])
    shares = [{one.layer.name: occupancy(r.simulation.machine, one) for one in replay(r)} for r in (result, large)]
    factor = 65536 / machine.scratchpad.size_bytes
    for name, small in shares[0].items():
        assert all(0 <= share <= 1 for share in small.values())
        np.testing.assert_allclose(shares[1][name]["scratchpad"] * factor, small["scratchpad"])
    assert max(small["scratchpad"] for small in shares[0].values()) > 0.03


def test_what_if_is_a_simulation_of_the_changed_machine(result):
    changes = {one.what: one for one in what_if(result)}
    assert list(changes) == list(CHANGES)
    bandwidth = changes["bandwidth (memory and DMA bus)"]
    machine = result.simulation.machine
    again = cd.run("digits", "small_npu_8x8", set=[
        f"memory.bytes_per_cycle={2 * machine.memory.bytes_per_cycle}", f"dma.bus_bytes={2 * machine.dma.bus_bytes}",
        f"dma.burst_bytes={max(machine.dma.burst_bytes, 2 * machine.dma.bus_bytes)}",
    ])  # fmt: skip
    assert bandwidth.cycles == again.cycles
    assert bandwidth.speedup == pytest.approx(result.cycles / again.cycles)
    clock = changes["clock (memory as it is)"]
    assert 1 < clock.speedup <= 2


def test_a_larger_array_gets_a_weight_buffer_for_its_tiles():
    r = cd.run("digits", "small_npu_8x8", set=["weight_buffer.size_bytes=128"])  # two tiles of 64 bytes, no more
    (larger,) = (one for one in what_if(r) if one.what.startswith("array"))
    assert not larger.note and larger.cycles


def test_a_change_that_the_description_forbids_says_why():
    r = cd.run("digits", "small_npu_8x8", set=["clock_hz=1000000000000"])
    (clock,) = (one for one in what_if(r) if one.what.startswith("clock"))
    assert clock.note == "clock_hz: Input should be less than or equal to 1000000000000"
    assert "doubling the clock" not in " ".join(sentences(r, what_if(r)))


def test_a_row_stationary_machine_has_a_report_without_commands(tmp_path):
    r = cd.run("digits", "eyeriss", allow_host=True)
    assert write_timeline(r, tmp_path / "t.json.gz") == 0
    assert sum(one.cycles * one.layer.repeat for one in replay(r)) == r.cycles
    assert [one.what for one in what_if(r)] == list(CHANGES)
    for name in ("roofline", "layers", "energy", "area", "timeline"):
        assert getattr(r.plot, name)().axes


def test_sentences_tell_what_binds_and_what_helps(result):
    text = " ".join(sentences(result, what_if(result)))
    first = next(iter(result.bottlenecks))
    assert f"It is {first}-bound for" in text
    assert re.search(r"[Dd]oubling the bandwidth \(memory and DMA bus\) gives \d\.\d\dx", text)


def test_a_notebook_shows_a_summary_and_figures(result):
    shown = result._repr_html_()
    assert "digits on small_npu_8x8" in shown
    assert repr(result.plot) == "<plot: roofline(), layers(), energy(), area(), timeline()>"
    for name in ("roofline", "layers", "energy", "area", "timeline"):
        axes = getattr(result.plot, name)().axes
        assert axes[0].get_title(loc="left")
    assert result.plot.energy()._repr_png_().startswith(b"\x89PNG")
