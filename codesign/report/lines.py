"""Lines of a report for people: a label, and its text folded beside it."""

from __future__ import annotations

import textwrap

WIDTH = 120
INDENT = 12


def folded(label: str, text: str) -> list[str]:
    """Return text in lines of at most `WIDTH`, the first behind a label of up to `INDENT` letters."""
    width = WIDTH - INDENT
    found = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
    return [f"{label if i == 0 else '':{INDENT}}{line}" for i, line in enumerate(found)]


def counted(count: int, thing: str) -> str:
    """Return a count of things: ``1 read``, ``2 reads``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
