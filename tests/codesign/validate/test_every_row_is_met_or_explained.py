"""Is each comparison with silicon met, or missed as recorded and explained in docs/validation.md?"""

from pathlib import Path

import pytest

from codesign.validate.comparison import KINDS
from codesign.validate.table import SUITES, compare
from codesign.validate.tables import recorded_misses

DOCS = Path(__file__).parents[3] / "docs" / "validation.md"


#: Suites that take minutes.
LONG = ("sesr",)


@pytest.mark.parametrize(
    "suite", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in SUITES]
)
def test_rows(suite):
    rows = compare([suite])
    assert rows
    assert len({row["name"] for row in rows}) == len(rows)
    assert {row["kind"] for row in rows} <= set(KINDS)
    assert [row["name"] for row in rows if row["status"] not in ("met", "missed, explained", "shown")] == []
    misses = {row["name"] for row in rows if row["status"] == "missed, explained"}
    recorded = {name for name in recorded_misses() if name in {row["name"] for row in rows}}
    assert recorded == misses, "a recorded miss is met now: take it off the list"


@pytest.mark.parametrize("name", recorded_misses())
def test_a_miss_has_its_paragraph(name):
    paragraphs = [text for text in DOCS.read_text(encoding="utf-8").split("\n\n") if text.startswith(f"**`{name}`**")]
    assert len(paragraphs) == 1
    assert sum(character.isdigit() for character in paragraphs[0]) > 5, "explained with numbers"
