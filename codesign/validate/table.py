"""Every comparison, run and judged, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from codesign.validate.comparison import STATUSES, Comparison
from codesign.validate.tables import recorded_misses
from workloads.errors import unknown_name

#: The modules of `codesign.validate` that compare, in the order of the table.
SUITES = ("eyeriss", "tpu_v1", "nvdla", "gemmini", "sesr")
FAILURES = STATUSES[-2:]


def compare(suites: Iterable[str] = (), watch: Callable[[str], None] | None = None) -> list[dict[str, Any]]:
    """Run comparisons and return a row each: name, ours, theirs, unit, difference, allowed, status, source.

    Parameters
    ----------
    suites : iterable of str
        Names of `SUITES`; all when empty.
    watch : callable, optional
        Called with each suite's name before it runs.

    Raises
    ------
    CodesignError
        For an unknown suite, naming the nearest.
    """
    recorded = recorded_misses()
    rows = []
    for suite in tuple(suites) or SUITES:
        if suite not in SUITES:
            raise unknown_name("validate", "comparison", suite, SUITES)
        if watch:
            watch(suite)
        rows += [_row(one, recorded.get(one.name)) for one in _comparisons(suite)]
    return rows


def _comparisons(suite: str) -> Iterator[Comparison]:
    return import_module(f"codesign.validate.{suite}").comparisons()


def _row(one: Comparison, recorded: float | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "ours": one.ours,
        "theirs": one.theirs,
        "unit": one.unit,
        "difference": one.difference,
        "allowed": None if one.kind == "shown" else one.tolerance,
        "kind": one.kind,
        "status": one.status(recorded),
        "source": one.source,
    }


def render(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a text table with a line of totals."""
    cells = [("comparison", "ours", "theirs", "unit", "difference", "allowed", "status", "source")]
    cells += [(r["name"], _figure(r["ours"]), _figure(r["theirs"]), r["unit"], *_measures(r), r["status"], r["source"])
              for r in rows]  # fmt: skip
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    right = (1, 2, 4, 5)
    lines = []
    for row in cells:
        padded = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(padded))
    counts = {status: sum(row["status"] == status for row in rows) for status in STATUSES}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return "\n".join(line.rstrip() for line in lines) + f"\n{len(rows)} rows: {said}\n"


def _figure(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _measures(row: dict[str, Any]) -> tuple[str, str]:
    """Return difference and tolerance: in points where that is how it is judged, or the unit is a share itself."""
    if row["kind"] == "points" and not row["allowed"]:
        return ("none" if row["ours"] == row["theirs"] else f"{row['difference']:+g} {row['unit']}"), "none"
    if row["kind"] == "points" or (row["kind"] == "shown" and row["unit"].startswith("%")):
        allowed = "" if row["allowed"] is None else f"{row['allowed']:g} pt"
        return f"{row['ours'] - row['theirs']:+.2f} pt", allowed
    allowed = "" if row["allowed"] is None else f"{100 * row['allowed']:g} %"
    return f"{100 * row['difference']:+.1f} %", allowed
