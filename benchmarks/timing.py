"""CPU seconds (user and system, this process) and plain tables."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


def cpu_seconds(work: Callable[[], Any], repeats: int = 5) -> tuple[float, Any]:
    """Return the median CPU seconds of some repeats after one that is not counted, and the last answer."""
    answer, spent = work(), []
    for _ in range(repeats):
        began = time.process_time()
        answer = work()
        spent.append(time.process_time() - began)
    return statistics.median(spent), answer


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table under a title, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    right = [bool(rows) and not isinstance(rows[0][i], str) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = (cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True))
    return "\n".join([f"### {title}", "", line(list(header)), f"|{rule}|", *(line(row) for row in cells), ""])


class Number(float):
    """A number printed with three significant digits and separators."""

    def __str__(self) -> str:
        if self >= 1000:
            return f"{float(self):,.0f}"
        return f"{float(self):.3g}"

    __repr__ = __str__


class Count(int):
    """A count printed with separators."""

    def __str__(self) -> str:
        return f"{int(self):,}"

    __repr__ = __str__
