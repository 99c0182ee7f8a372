"""When is a comparison met, missed, or worse than recorded?"""

import pytest

from codesign.validate.comparison import Comparison
from codesign.validate.table import compare, render
from workloads.errors import CodesignError


def row(ours, theirs, tolerance, kind):
    return Comparison("a.b", ours, theirs, "s", tolerance, kind, "a paper")


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance", "kind", "recorded", "status"),
    [
        (11, 10, 0.10, "relative", None, "met"),
        (8.9, 10, 0.10, "relative", None, "missed"),
        (8.9, 10, 0.10, "relative", 0.11, "missed, explained"),
        (8.8, 10, 0.10, "relative", 0.11, "worse than recorded"),
        (11.2, 10, 0.10, "relative", 0.11, "worse than recorded"),
        (14, 10, 4, "points", None, "met"),
        (5.9, 10, 4, "points", None, "missed"),
        (5.9, 10, 4, "points", 4.1, "missed, explained"),
        (1, 10, 0, "shown", None, "shown"),
        (float("nan"), 10, 0.1, "relative", 5, "worse than recorded"),
    ],
)
def test_status(ours, theirs, tolerance, kind, recorded, status):
    assert row(ours, theirs, tolerance, kind).status(recorded) == status


def test_an_unknown_comparison_is_one_clear_line():
    with pytest.raises(CodesignError, match=r"validate: 'gemini' is not a comparison; .*did you mean 'gemmini'"):
        compare(["gemini"])


def test_the_table_counts_its_rows():
    base = {"name": "a", "ours": 1.0, "theirs": 2.0, "unit": "s", "difference": -0.5, "source": "x"}
    rows = [{**base, "kind": "relative", "allowed": 0.1, "status": "missed"},
            {**base, "kind": "points", "ours": 1.5, "allowed": 4, "status": "met"}]  # fmt: skip
    text = render(rows)
    assert "-50.0 %" in text
    assert "-0.50 pt" in text
    assert text.endswith("2 rows: 1 met, 1 missed\n")


@pytest.mark.parametrize(("given", "printed"), [
    ({"ours": 68629.4, "theirs": 49617.5625, "difference": 0.383}, "68,629 49,618 s +38.3 % 10 %"),
    ({"ours": 7.7, "theirs": 8.2, "unit": "%", "kind": "shown", "allowed": None}, "7.7 8.2 % -0.50 pt"),
    ({"ours": 6.5, "theirs": 7.0, "kind": "shown", "allowed": None}, "6.5 7 s -6.0 %"),
    ({"ours": 28.0, "theirs": 28.0, "kind": "points", "allowed": 0}, "28 28 s none none"),
    ({"ours": 28.5, "theirs": 28.0, "difference": 0.5, "kind": "points", "allowed": 0}, "28.5 28 s +0.5 s none"),
])  # fmt: skip
def test_a_row_in_print(given, printed):
    base = {"name": "a", "unit": "s", "difference": -0.06, "kind": "relative", "allowed": 0.1}
    line = render([{**base, "status": "met", "source": "x", **given}]).splitlines()[1]
    assert " ".join(line.split()) == f"a {printed} met x"
