"""Where a command's output goes: the standard output, a file, or a report's folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from codesign.cli_options import Output
from workloads.errors import CodesignError

if TYPE_CHECKING:
    from codesign.result import Result


def dimensions_of(texts: list[str]) -> dict[str, int]:
    """Return the sizes of NAME=SIZE texts."""
    sizes = {}
    for text in texts:
        name, _, size = text.partition("=")
        if not name or not size.isdecimal() or not 1 <= int(size[:10]) < 1 << 31 or len(size) > 10:
            raise CodesignError(f"--dim {text}: NAME=SIZE with a size from 1 to {(1 << 31) - 1} is needed")
        sizes[name] = int(size)
    return sizes


def rendered(result: Result, output: Output, out: str) -> str:
    """Return a result as text; a table is as wide as the terminal."""
    if output is Output.json:
        return result.to_json()
    if output is Output.csv:
        return result.to_csv()
    from codesign.report.table import render, terminal_width

    tty = not out and sys.stdout.isatty()
    return render(result, width=terminal_width() if tty else None, colour=tty)


def emit(text: str, out: str) -> None:
    """Write to a file, or to the standard output when there is none."""
    if out:
        from codesign.files import write_atomically

        write_atomically(out, text)
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit has somewhere to go
        raise typer.Exit(141) from None


def is_folder(out: str) -> bool:
    """Return whether an output is a folder: one that is there, a name that ends in a slash, or one without a suffix."""
    path = Path(out)
    return bool(out) and (out.endswith("/") or path.is_dir() or not (path.suffix or path.exists()))


def check_report(out: str) -> None:
    """Refuse a report's folder before the work, not after it."""
    from codesign.report.folder import check_folder

    check_folder(out)


def check_file(out: str, option: str = "--out") -> None:
    """Refuse an output that cannot be written before the work, not after it; `option` names it."""
    if not out:
        return
    if out.endswith("/") and not Path(out).exists():
        raise CodesignError(f"{option} {out}: is the name of a folder; a file is needed")
    if Path(out).is_dir() or not Path(out).parent.is_dir():
        reason = "is a folder" if Path(out).is_dir() else "its folder does not exist"
        raise CodesignError(f"{option} {out}: {reason}")
