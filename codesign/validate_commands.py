"""What the command `validate` does: every comparison with silicon and vendors' models, ours against theirs."""

from __future__ import annotations

import json
import sys


def validate(suites: list[str], as_json: bool = False) -> tuple[str, bool]:
    """Run comparisons; return the table (or JSON) and whether no row is missed without a word or worse than recorded.

    Raises
    ------
    CodesignError
        For an unknown comparison.
    """
    from codesign.validate.table import FAILURES, compare, render

    tty = sys.stderr.isatty()
    rows = compare(suites, (lambda name: print(f"{name} ...", file=sys.stderr)) if tty else None)
    text = json.dumps(rows, indent=1) + "\n" if as_json else render(rows)
    return text, not any(row["status"] in FAILURES for row in rows)
