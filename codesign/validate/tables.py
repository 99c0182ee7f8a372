"""The published figures and the recorded misses that the package ships."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a shipped CSV as text by column; lines that start with ``#`` are comments."""
    text = (files("codesign.validate") / "data" / name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def recorded_misses() -> dict[str, float]:
    """Return the size of each miss that ``docs/validation.md`` explains, by the name of its row."""
    return {row["name"]: float(row["difference"]) for row in read_table("missed.csv")}
