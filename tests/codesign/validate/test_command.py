"""What does `codesign validate` print, and when does it fail?"""

import json

from codesign.cli import _outcome
from codesign.validate import table
from codesign.validate_commands import validate


def test_json_has_a_row_a_figure(capsys):
    assert _outcome(["validate", "tpu_v1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["status"] for row in rows} == {"met", "shown"}
    assert all(row["source"] for row in rows)


def test_an_unknown_comparison_ends_with_2(capsys):
    assert _outcome(["validate", "eyeris"]) == 2
    assert "did you mean 'eyeriss'" in capsys.readouterr().err


def test_a_miss_without_a_record_fails(monkeypatch):
    monkeypatch.setattr(table, "recorded_misses", dict)
    text, good = validate(["gemmini"])
    assert not good
    assert "missed  " in text


def test_a_miss_that_grows_fails(monkeypatch):
    monkeypatch.setattr(table, "recorded_misses", lambda: {"gemmini.resnet50.peak": 0.5})
    text, good = validate(["gemmini"])
    assert not good
    assert "worse than recorded" in text
