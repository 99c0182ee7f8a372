"""The one error that users see, and the nearest-name help that every reader shares."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CodesignError(Exception):
    """A fault in what the user gave: one clear line, exit code 2, no traceback.

    Parameters
    ----------
    message : str
        Where, what, what is allowed. Several faults of one file are joined by newlines.
    """


def quoted(text: str) -> str:
    """Return what a file holds as an error shows it: in quotes, short, escapes for what a terminal would not show."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in short) + "'"


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest of `allowed`, or an empty string."""
    close = difflib.get_close_matches(str(name), list(allowed), n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def unknown_name(where: str, kind: str, name: object, allowed: Iterable[str]) -> CodesignError:
    """Build the error for a name that is none of `allowed` (listed, nearest one suggested)."""
    names = sorted(allowed)
    listed = ", ".join(names[:-1]) + " or " + names[-1] if len(names) > 1 else "".join(names)
    article = "an" if kind[0] in "aeio" else "a"  # a unit
    return CodesignError(f"{where}: '{name}' is not {article} {kind}; use {listed}{did_you_mean(name, names)}")
