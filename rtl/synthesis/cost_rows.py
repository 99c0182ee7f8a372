"""Rows of a cost table: area, delay and energy of a component on one library, and how its energy follows activity.

The one definition of the CSV that synthesis writes and the cost model reads; imports nothing heavy.

Energy of a group (`clock`, `operands`, `multiply_add`, `partial_sums`) in one cycle, fJ, is a sum of terms, all of
them zero or more, in the statistics of the operands: ``stream`` and ``other`` (shares of bits that toggle from a value
to the next: of what travels through a PE, and of what meets it there: weights over depth that rest in a column, or
that stream too), ``stream_zeros`` and ``other_zeros`` (shares of values that are zero).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

from workloads.errors import CodesignError, unknown_name

#: ``pe``: a whole PE; ``register``: one bit with its enable; ``adder``: of `accumulator`; ``lane``: a lane of the
#: vector unit, `name` its requantizer's rounding; ``block``: any other component, `name` says which.
KINDS = ("pe", "register", "adder", "lane", "block")
GROUPS = ("clock", "operands", "multiply_add", "partial_sums")


@dataclass(frozen=True)
class OperandStatistics:
    """What the energy of a component depends on, each 0 to 1."""

    stream: float
    other: float
    stream_zeros: float = 0.0
    other_zeros: float = 0.0


def _moving(a: OperandStatistics) -> float:
    """Chance that a sum moves below 32 rows (the mean place in a column of 64), where 2 x `stream` values change."""
    return float(1 - (1 - min(1.0, 2 * a.stream) * (1 - a.other_zeros)) ** 32)


#: Terms of a group's energy by the name of their coefficient.
TERMS: dict[str, Callable[[OperandStatistics], float]] = {
    "base": lambda a: 1.0,
    "stream": lambda a: a.stream,
    "other": lambda a: a.other,
    "both": lambda a: a.stream * a.other,
    "live": lambda a: a.stream * (1 - a.other_zeros),
    "values": lambda a: (1 - a.stream_zeros) * (1 - a.other_zeros),
    "moving": _moving,
}
_ENERGIES = tuple(f"{group}_{term}_fj" for group in GROUPS[1:] for term in TERMS)


@dataclass(frozen=True)
class CostRow:
    """A component on a library.

    Attributes
    ----------
    kind, name : str
        One of `KINDS`; which, where a kind has several.
    activation, weight, accumulator : str
        Formats, as they apply; for an `is` array, whose weights stream, see `codesign.costs.synthesized_logic`.
    dataflow : str
        ``ws``, ``os`` or empty.
    shadow, latency_cycles : int
        Of a PE: shadow register, registers from operands to sum.
    area_um2, flip_flops, period_ps, leakage_nw
        Cell area, flip-flops, least clock period, leakage.
    clock_fj : float
        Energy of a clock cycle, whatever the data.
    coefficients : dict
        fJ by ``<group>_<term>_fj``; what is absent is 0.
    fit_error_mean, fit_error_max : float or None
        Of the whole energy against gate-level runs that the fit has not seen, relative; None where nothing is fitted.
    library, node_nm, supply_v, recipe, tool
        What made it: library, its node and supply, the flags, the synthesizer with its version.
    size : float
        Of a block, on the machine that was synthesized (`codesign.costs.blocks`); a table need not have the column.
    """

    kind: str
    name: str
    area_um2: float
    flip_flops: int
    period_ps: float
    leakage_nw: float
    clock_fj: float
    library: str
    node_nm: int
    supply_v: float
    recipe: str
    tool: str
    activation: str = ""
    weight: str = ""
    accumulator: str = ""
    dataflow: str = ""
    shadow: int = 0
    latency_cycles: int = 1
    coefficients: dict[str, float] = field(default_factory=dict)
    fit_error_mean: float | None = None
    fit_error_max: float | None = None
    size: float = 0.0

    def energy_fj(self, group: str, statistics: OperandStatistics) -> float:
        """Return a group's energy in a cycle in which operands move, fJ."""
        if group == "clock":
            return self.clock_fj
        terms = {f"{group}_{term}_fj": value(statistics) for term, value in TERMS.items()}
        return sum(self.coefficients.get(name, 0.0) * value for name, value in terms.items())

    def total_fj(self, statistics: OperandStatistics) -> float:
        """Return the energy of all groups in a cycle, fJ."""
        return sum(self.energy_fj(group, statistics) for group in GROUPS)


_KEY = ("kind", "name", "activation", "weight", "accumulator", "dataflow", "shadow", "latency_cycles")
_FIGURES = ("area_um2", "flip_flops", "period_ps", "leakage_nw", "clock_fj")
_END = ("fit_error_mean", "fit_error_max", "library", "node_nm", "supply_v", "recipe", "tool", "size")
_OPTIONAL = ("size",)
COLUMNS = (*_KEY, *_FIGURES, *_ENERGIES, *_END)
_INTEGERS = {"shadow", "latency_cycles", "flip_flops", "node_nm"}
_TEXTS = {entry.name for entry in fields(CostRow) if entry.type == "str"}


def write_rows(rows: Iterable[CostRow], path: str | Path) -> None:
    """Write a cost table as CSV, figures with six digits; the file is replaced whole."""
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = {name: getattr(row, name) for name in (*_KEY, *_FIGURES, *_END)} | row.coefficients
            writer.writerow({name: text_of(value) for name, value in values.items()})


def text_of(value: object) -> str:
    """Return a value as a cost table holds it: six digits, nothing for None."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def read_rows(text: str, where: str) -> list[CostRow]:
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
        For a column that is missing, a kind that is unknown, a number that is none or negative.
    """
    table = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (*(table.fieldnames or ()), *_OPTIONAL)]
    if missing:
        raise CodesignError(f"{where}: no column '{missing[0]}'; a cost table is what `codesign synth --out` writes")
    rows = [_row(record, f"{where}:{line}") for line, record in enumerate(table, 2)]
    if not rows:
        raise CodesignError(f"{where}: the table has no rows")
    return rows


def _row(record: dict[str, str], where: str) -> CostRow:
    if record["kind"] not in KINDS:
        raise unknown_name(where, "kind of component", record["kind"], KINDS)
    values: dict[str, object] = {}
    for name in COLUMNS:
        text = record.get(name) or ("0" if name in _OPTIONAL else "")
        if name in _TEXTS:
            values[name] = text
            continue
        if not text and (name.startswith("fit_") or name in _ENERGIES):
            values[name] = None
            continue
        values[name] = figure_of(text, name, name in _INTEGERS, where)
    own = {name: value for name in _ENERGIES if (value := values.pop(name))}
    return CostRow(**values, coefficients=own)  # type: ignore[arg-type]


def figure_of(text: str, name: str, whole: bool, where: str) -> float:
    """Return a figure of a cost table; `whole` ones are int.

    Raises
    ------
    CodesignError
        Naming the column, for what is no number of 0 or more.
    """
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise CodesignError(f"{where}: {name} = '{text[:40]}': use a number of 0 or more")
    return value
