"""Lines of a report for people: a label, and its text folded beside it."""

from __future__ import annotations

import textwrap

WIDTH = 120
INDENT = 12


def folded(label: str, text: str, indent: int = INDENT) -> list[str]:
    """Return text in lines of at most `WIDTH`, the first behind a label of less than `indent` letters."""
    found = textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False, break_long_words=False)
    return [f"{label if i == 0 else '':{indent}}{line}" for i, line in enumerate(found)]


def counted(count: int, thing: str) -> str:
    """Return a count of things: ``1 read``, ``2 reads``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
