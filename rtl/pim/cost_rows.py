"""Rows of the PIM cost tables: area, delay and energy of the bank MAC and of a channel's scheduler on one library.

The one definition of the CSV that synthesis (`rtl.pim.tables`) writes and `codesign.costs.pim` reads; imports nothing
heavy.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from rtl.synthesis.cost_rows import figure_of, text_of
from workloads.errors import CodesignError, unknown_name

KINDS = ("bank_mac", "scheduler")


@dataclass(frozen=True)
class PimCostRow:
    """A component on a library.

    Attributes
    ----------
    kind, name : str
        ``bank_mac`` and its operands' format; ``scheduler`` and its device.
    size : int
        Lanes of a bank MAC; banks of a scheduler's channel.
    latency_clocks, step_clocks : int
        Of a bank MAC: from a slice to the sum, from COMP to COMP. Of a scheduler 0.
    area_um2, flip_flops, period_ps, leakage_nw
        Cell area, flip-flops, least clock period, leakage.
    clock_fj : float
        A clock in which nothing is asked.
    comp_uniform_fj, comp_normal_fj : float
        A COMP beyond its clocks, all lanes: uniform bits (floats: of like size); bell-shaped, a quarter of the range.
    readres_fj : float
        A READRES beyond its clocks.
    command_fj : float
        A command that the scheduler issues, beyond the clocks; attention of random requests.
    library, node_nm, supply_v, recipe, tool
        What made it.
    """

    kind: str
    name: str
    size: int
    latency_clocks: int
    step_clocks: int
    area_um2: float
    flip_flops: int
    period_ps: float
    leakage_nw: float
    clock_fj: float
    comp_uniform_fj: float
    comp_normal_fj: float
    readres_fj: float
    command_fj: float
    library: str
    node_nm: int
    supply_v: float
    recipe: str
    tool: str


COLUMNS = tuple(entry.name for entry in fields(PimCostRow))
_KINDS_OF = {entry.name: str(entry.type) for entry in fields(PimCostRow)}


def write_pim_rows(rows: Iterable[PimCostRow], path: str | Path) -> None:
    """Write a table as CSV, figures with six digits; the file is replaced whole."""
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(text_of(getattr(row, name)) for name in COLUMNS)


def read_pim_rows(text: str, where: str) -> list[PimCostRow]:
    """Return the rows of a table.

    Parameters
    ----------
    text : str
        The CSV.
    where : str
        What errors call it.

    Raises
    ------
    CodesignError
        For a column that is missing, a kind that is unknown, a number that is none or negative, no row.
    """
    table = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if missing:
        raise CodesignError(f"{where}: no column '{missing[0]}'; a PIM cost table is what rtl.pim.tables writes")
    rows = [_row(record, f"{where}:{line}") for line, record in enumerate(table, 2)]
    if not rows:
        raise CodesignError(f"{where}: the table has no rows")
    return rows


def _row(record: dict[str, str], where: str) -> PimCostRow:
    if record["kind"] not in KINDS:
        raise unknown_name(where, "kind of component", record["kind"], KINDS)
    values: dict[str, object] = {}
    for name, kind in _KINDS_OF.items():
        text = record[name] or ""
        values[name] = text if kind == "str" else figure_of(text, name, kind == "int", where)
    return PimCostRow(**values)  # type: ignore[arg-type]
