"""Reading the tables that the project ships."""

from __future__ import annotations

import csv
import json
from functools import cache
from importlib.resources import files
from typing import Any


def _text(name: str) -> str:
    return (files("codesign.costs") / "data" / name).read_text(encoding="utf-8")


@cache
def read_csv(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a shipped CSV table, as text by column."""
    return tuple(csv.DictReader(_text(name).splitlines()))


@cache
def read_json(name: str) -> dict[str, Any]:
    """Return a shipped JSON table. Callers do not change it."""
    table: dict[str, Any] = json.loads(_text(name))
    return table
