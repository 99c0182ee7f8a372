"""Does `codesign diff` say which is faster, by which waits and layers, and refuse what is no result?"""

from __future__ import annotations

import json

import pytest

import codesign as cd
from codesign.diff import diff, read_result
from workloads.errors import CodesignError


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("results")
    found = []
    for name, set in (("slow", ["memory.latency_cycles=400"]), ("quick", [])):
        (folder / f"{name}.json").write_text(cd.run("digits", "small_npu_8x8", set=set).to_json())
        found.append(str(folder / f"{name}.json"))
    return found[0], found[1]


def test_the_faster_one_is_named_with_its_cause(paths):
    slow, quick = (read_result(path) for path in paths)
    text = diff(*paths)
    ratio = slow["latency_s"] / quick["latency_s"]
    assert f"The second is {ratio:.2f}x faster than the first" in text
    assert "fewer of waits for loads" in text
    back = diff(paths[1], paths[0])
    assert f"The second is {ratio:.2f}x slower than the first" in back
    assert "more of waits for loads" in back


def test_every_layer_that_differs_is_told(paths):
    slow, quick = (read_result(path) for path in paths)
    text = diff(*paths)
    for old, new in zip(slow["layers"], quick["layers"], strict=True):
        told = f"{old['name']}: {old['cycles']:,} -> {new['cycles']:,} cycles" in text
        assert told == (old["cycles"] != new["cycles"]), old["name"]


def test_equal_results_differ_in_nothing(paths):
    text = diff(paths[0], paths[0])
    assert "The second is as fast as the first" in text
    assert "No layer differs in cycles." in text


def test_a_layer_of_equal_blocks_is_told_once(tmp_path, paths):
    whole = read_result(paths[0])
    (row, *_) = (row for row in whole["layers"] if row["cycles"])
    sides = []
    for side, cycles in (("before", [90, 90, 90, 70]), ("after", [60, 60, 80, 60])):
        layers = [
            {**row, "name": f"block.{i}.up", "cycles": c, "cycle_classes": {"tail": c}} for i, c in enumerate(cycles)
        ]
        sides.append(tmp_path / f"{side}.json")
        sides[-1].write_text(json.dumps({**whole, "layers": layers, "cycles": sum(cycles)}))
    text = diff(str(sides[0]), str(sides[1]))
    assert "  block.0-1.up: 90 -> 60 cycles in each of 2 (75 % of the difference" in text
    assert "  block.2.up: 90 -> 80 cycles (12 % of the difference" in text
    assert "  block.3.up: 70 -> 60 cycles (12 % of the difference" in text


def test_two_networks_have_no_layer_in_common(tmp_path, paths):
    other = read_result(paths[0])
    other = {**other, "layers": [{**row, "name": f"x{i}"} for i, row in enumerate(other["layers"])]}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    text = diff(paths[0], str(path))
    assert "No layer is in both.\nOnly in the first: " in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; give a report's folder or a .json of codesign run"),
        ("", "no result of codesign run (Expecting value"),
        ("[1]", "no result of codesign run (the key 'network' is missing)"),
        ('{"network": 1}', "no result of codesign run (the key 'machine' is missing)"),
        ("\udcff", "no result of codesign run"),
        ("[" * 100_000, "no result of codesign run"),
    ],
)
def test_what_is_no_result_is_refused_in_a_line(tmp_path, paths, content, message):
    path = tmp_path / "given.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(CodesignError) as fault:
        diff(str(path), paths[0])
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_result_with_broken_layers_is_refused(tmp_path, paths):
    broken = read_result(paths[0]) | {"layers": [{"name": "a"}]}
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(CodesignError, match="not two results of codesign run"):
        diff(str(path), paths[0])
