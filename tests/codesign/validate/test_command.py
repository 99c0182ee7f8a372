"""What does `codesign validate` print, and when does it fail?

The comparison here is NVDLA's estimator: it has rows of every status, and takes a second.
"""

import json

from codesign.cli import _outcome
from codesign.validate import table
from codesign.validate.tables import recorded_misses
from codesign.validate_commands import validate

MISSED = "nvdla.dram_only.AlexNet.1"


def test_json_has_a_row_a_figure(capsys):
    assert _outcome(["validate", "nvdla", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["status"] for row in rows} == {"met", "shown", "missed, explained"}
    assert all(row["source"] for row in rows)


def test_an_unknown_comparison_ends_with_2(capsys):
    assert _outcome(["validate", "eyeris"]) == 2
    assert "did you mean 'eyeriss'" in capsys.readouterr().err


def test_a_miss_without_a_record_fails(monkeypatch):
    monkeypatch.setattr(table, "recorded_misses", dict)
    text, good = validate(["nvdla"])
    assert not good
    assert "missed  " in text


def test_a_miss_that_grows_fails(monkeypatch):
    smaller = recorded_misses()[MISSED] / 2
    monkeypatch.setattr(table, "recorded_misses", lambda: {**recorded_misses(), MISSED: smaller})
    text, good = validate(["nvdla"])
    assert not good
    assert text.count("worse than recorded") == 2  # the row, and the line of totals
