"""A result as a table of layers and a summary, as wide as the reader's terminal."""

from __future__ import annotations

import io
import os
import re
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from codesign.report.repeats import fold_blocks
from codesign.report.summary import INDENT, summary_lines
from codesign.report.units import energy, percent, si

if TYPE_CHECKING:
    from codesign.result import Result

#: Columns where there is no terminal to ask.
PIPE_WIDTH = 140
#: Narrower than this the table would say nothing.
LEAST_WIDTH = 60


def terminal_width() -> int:
    """Return the columns of the terminal."""
    return max(LEAST_WIDTH, shutil.get_terminal_size().columns)


def render(result: Result, width: int | None = None, colour: bool = False) -> str:
    """Return the report as text.

    Parameters
    ----------
    width : int or None
        Columns; None for a pipe: the variable COLUMNS, else `PIPE_WIDTH`.
    colour : bool
        With the escape codes of a terminal.
    """
    if width is None:
        given = os.environ.get("COLUMNS", "")
        width = max(LEAST_WIDTH, int(given)) if given.isdecimal() else PIPE_WIDTH
    text = io.StringIO()
    console = Console(
        file=text, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False,
        emoji=False, legacy_windows=False,
    )  # fmt: skip
    rows, folds = fold_blocks([_cells(row) for row in result.layers])
    console.print(_layer_table(rows, width))
    for line in [*folds, *summary_lines(result)]:
        for part in _wrapped(line, width):
            console.print(part, style="bold" if not part.startswith(" ") else None)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _wrapped(line: str, width: int) -> list[str]:
    """Return `line` in lines of at most `width`; a share stays with its name."""
    bound = re.sub(r" (<?\d+) %", "\u00a0\\1\u00a0%", line)
    parts = textwrap.wrap(bound, width, subsequent_indent=" " * INDENT, break_on_hyphens=False)
    return [part.replace("\u00a0", " ") for part in parts] or [""]


def _layer_table(rows: list[dict[str, str]], width: int) -> Table:
    """Wide readers get the shape and the bottleneck in full; narrow ones the figures and its first words."""
    names, cells = _fitting(rows, width)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name in names:
        justify: Any = "right" if name in _FIGURES else "left"
        table.add_column(_TITLES.get(name, name), justify=justify, no_wrap=True, overflow="ellipsis")
    for row in cells:
        table.add_row(*row)
    return table


_FIGURES = ("cycles", "busy", "DRAM", "energy")
_TITLES = {"full": "what binds it", "short": "what binds it", "brief": "bound by"}
#: Columns from the widest reader to the narrowest.
_LAYOUTS = (
    ("layer", "operator", "shape", "cycles", "busy", "full", "DRAM", "energy"),
    ("layer", "operator", "shape", "cycles", "busy", "short", "DRAM", "energy"),
    ("layer", "shape", "cycles", "busy", "short", "DRAM", "energy"),
    ("layer", "shape", "cycles", "busy", "brief", "DRAM", "energy"),
    ("layer", "cycles", "busy", "brief", "DRAM", "energy"),
)
_LEAST_LAYER, _GAP = 20, 2


def _cells(row: dict[str, Any]) -> dict[str, str]:
    return {
        "layer": f"{row['name']} x{row['repeat']}" if row["repeat"] > 1 else row["name"],
        "operator": row["operator"],
        "shape": row["shape"],
        "cycles": si(row["cycles"]),
        "busy": percent(row["busy"]) if row["where"] in ("array", "vector") else "-",
        "full": row["bottleneck"],
        "short": row["bottleneck"].replace(" of cycles", ""),
        "brief": f"{row['bound_by']} {percent(row['bound_share'])}" if row["bound_share"] else "-",
        "DRAM": si(row["dram_bytes"], "B"),
        "energy": energy(row["energy_pj"]),
    }


def _fitting(rows: list[dict[str, str]], width: int) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the columns of the first layout that fits, and its cells; the layers' names take what is left."""
    for layout in _LAYOUTS:
        widest = {name: max([len(_TITLES.get(name, name)), *(len(row[name]) for row in rows)]) for name in layout}
        left = width - sum(widest[name] + _GAP for name in layout[1:])
        if left >= min(_LEAST_LAYER, widest["layer"]):
            break
    left = max(left, 4)
    return layout, [[shortened(row["layer"], left), *(row[name] for name in layout[1:])] for row in rows]


def shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` characters, the middle left out: both ends of a layer's name tell it apart."""
    if len(text) <= width:
        return text
    head = (width - 2) // 2
    return f"{text[:head]}..{text[len(text) - (width - 2 - head) :]}"
