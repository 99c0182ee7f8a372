"""A result as a table of layers and a summary, as wide as the reader's terminal."""

from __future__ import annotations

import io
import os
import shutil
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from codesign.report.summary import summary_lines
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
    console.print(_layer_table(result, width))
    for line in summary_lines(result):
        console.print(line, soft_wrap=not colour, style="bold" if line.startswith(f"{result.network} on") else None)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _layer_table(result: Result, width: int) -> Table:
    """Wide readers get the shape and the bottleneck in full; narrow ones the figures and its first words."""
    cells: dict[str, list[str]] = {name: [] for name in ("layer", "operator", "shape", "cycles", "busy", "binds", "DRAM", "energy")}
    for row in result.layers:
        cells["layer"].append(f"{row['name']} x{row['repeat']}" if row["repeat"] > 1 else row["name"])
        cells["operator"].append(row["operator"])
        cells["shape"].append(row["shape"])
        cells["cycles"].append(si(row["cycles"]))
        cells["busy"].append(percent(row["busy"]) if row["where"] in ("array", "vector") else "-")
        cells["binds"].append(_binds(row, width))
        cells["DRAM"].append(si(row["dram_bytes"], "B"))
        cells["energy"].append(energy(row["energy_pj"]))
    if width < 120:
        del cells["operator"]
    if width < 100:
        del cells["shape"]
    titles = {"binds": "what binds it"}
    widest = {name: max([len(titles.get(name, name)), *map(len, column)]) for name, column in cells.items()}
    widest["shape"] = min(widest.get("shape", 0), 32)
    rest = sum(size for name, size in widest.items() if name != "layer" and name in cells) + 2 * (len(cells) - 1)
    widest["layer"] = max(8, min(widest["layer"], width - rest))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name in cells:
        right = name in ("cycles", "busy", "DRAM", "energy")
        table.add_column(titles.get(name, name), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for values in zip(*cells.values(), strict=True):
        table.add_row(*(shortened(value, widest[name]) for name, value in zip(cells, values, strict=True)))
    return table


def _binds(row: dict[str, Any], width: int) -> str:
    if width >= 140:
        return str(row["bottleneck"])
    if width >= 110:
        return str(row["bottleneck"]).replace(" of cycles", "")
    return f"{row['bound_by']} {percent(row['bound_share'])}" if row["bound_share"] else str(row["bound_by"])


def shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` characters, the middle left out: both ends of a layer's name tell it apart."""
    if len(text) <= width:
        return text
    head = (width - 2) // 2
    return f"{text[:head]}..{text[len(text) - (width - 2 - head):]}"
