"""What synthesis, timing and energy need of Liberty libraries, in fixed units: um2, fF, fJ, ps, nW.

Source of the format: Liberty User Guides and Reference Manual Suite 2017.06. An internal power table holds an energy in
(capacitive_load_unit x voltage_unit^2), one for each rise and fall of the pin. Groups for different supply pins
(`related_pg_pin`) are views of one charge; whoever wants an energy takes their mean.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rtl.synthesis.liberty_text import Group, LibertyText, parse_group, read_liberty_text
from workloads.errors import CodesignError, unknown_name

_PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
_LOAD_NAMES = ("total_output_net_capacitance", "equal_or_opposite_output_net_capacitance")


@dataclass(frozen=True)
class Table:
    """A table over input slew (ps) and output load (fF); an axis of one point is a constant.

    A setup time is one over the data's slew and, in place of a load, the clock's slew (ps).

    Attributes
    ----------
    slew_ps, load_ff : tuple of float
        The axes.
    values : tuple of tuples
        A row for each slew, in fJ or ps. Tuples, since single entries are read, by the million.
    """

    slew_ps: tuple[float, ...]
    load_ff: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(slew_ps: np.ndarray, load_ff: np.ndarray, values: np.ndarray) -> Table:
        """Return a table of arrays; values of shape (slews, loads)."""
        return Table(tuple(slew_ps.tolist()), tuple(load_ff.tolist()), tuple(tuple(row) for row in values.tolist()))

    def at(self, slew_ps: float, load_ff: float) -> float:
        """Interpolate linearly over both axes; beyond them the last slope goes on."""
        i, u = place(self.slew_ps, slew_ps)
        j, v = place(self.load_ff, load_ff)
        low, high = self.values[i], self.values[min(i + 1, len(self.slew_ps) - 1)]
        k = min(j + 1, len(self.load_ff) - 1)
        return (low[j] * (1 - v) + low[k] * v) * (1 - u) + (high[j] * (1 - v) + high[k] * v) * u

    def at_load(self, load_ff: float) -> list[float]:
        """Return the values over the slews at a load, the last one twice: ``at`` is between `place` and the next."""
        j, v = place(self.load_ff, load_ff)
        k = min(j + 1, len(self.load_ff) - 1)
        row = [values[j] * (1 - v) + values[k] * v for values in self.values]
        return [*row, row[-1]]


@dataclass(frozen=True)
class Power:
    """Internal energies of a pin (fJ per rise, per fall) for one supply pin, one related pin, in the states `when`."""

    related_pin: str
    when: str
    supply_pin: str
    rise: Table | None
    fall: Table | None

    def mean_fj(self, slew_ps: float, load_ff: float) -> float:
        """Return the mean of a rise and a fall: what a toggle costs over many (they alternate)."""
        return sum(t.at(slew_ps, load_ff) for t in (self.rise, self.fall) if t is not None) / 2


@dataclass(frozen=True)
class Arc:
    """Timing of an output (or, for ``setup_*``, of an input against the clock): tables in ps by their Liberty name."""

    related_pin: str
    kind: str
    sense: str
    tables: dict[str, Table]


@dataclass(frozen=True)
class Pin:
    """A pin of a cell; capacitance in fF."""

    name: str
    direction: str
    capacitance_ff: float
    function: str
    powers: tuple[Power, ...]
    arcs: tuple[Arc, ...]


@dataclass(frozen=True)
class FlipFlop:
    """State of a cell clocked by an edge: the names of Q and its inverse, and Liberty functions."""

    state: str
    inverse: str
    next_state: str
    clocked_on: str
    clear: str
    preset: str


@dataclass(frozen=True)
class Cell:
    """A cell: area in um2, leakage in nW, pins by name. `flip_flop` is None for gates and for what is not modelled.

    `latch` is true for latches and clock gates, which no mapping here uses.
    """

    name: str
    area_um2: float
    leakage_nw: float
    pins: dict[str, Pin]
    flip_flop: FlipFlop | None = None
    latch: bool = False

    def inputs(self) -> list[Pin]:
        """Return the input pins in the library's order."""
        return [pin for pin in self.pins.values() if pin.direction == "input"]

    def outputs(self) -> list[Pin]:
        """Return the output pins in the library's order."""
        return [pin for pin in self.pins.values() if pin.direction == "output"]


@dataclass(eq=False)
class Library:
    """One library in one or several files; cells are parsed when they are first asked for.

    Attributes
    ----------
    name : str
        The files' library names, joined by ``+``.
    paths : tuple of Path
        Where it was read from.
    supply_v, temperature_c : float
        Nominal supply (V) and temperature.
    corner : str
        Its default operating conditions.
    """

    name: str
    paths: tuple[Path, ...]
    supply_v: float
    temperature_c: float
    corner: str
    _texts: dict[str, tuple[str, _Units]]
    _cells: dict[str, Cell] = field(default_factory=dict)

    def cell_names(self) -> list[str]:
        """Return the names of all cells."""
        return list(self._texts)

    def text(self, name: str) -> str:
        """Return a cell's own text."""
        return self._texts[name][0]

    def __contains__(self, name: str) -> bool:
        return name in self._texts

    def cell(self, name: str) -> Cell:
        """Return a cell, or raise CodesignError naming the nearest."""
        if name not in self._cells:
            if name not in self._texts:
                raise unknown_name(self.name, "cell of the library", name, self._texts)
            text, units = self._texts[name]
            self._cells[name] = _cell(parse_group(text), units)
        return self._cells[name]


def load_library(paths: str | Path | Sequence[str | Path]) -> Library:
    """Load a library from its file or files (``.lib`` or ``.lib.gz``; ASAP7 comes in five).

    Raises
    ------
    CodesignError
        For a file that is no Liberty file, for no file, or for files of different supplies.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise CodesignError("a Liberty file is needed: --library PATH.lib")
    files = [read_liberty_text(path) for path in listed]
    units = [_Units.of(file) for file in files]
    if len({unit.supply_v for unit in units}) > 1:
        raise CodesignError(f"{files[0].path} and the others differ in supply: {[unit.supply_v for unit in units]} V")
    texts = {name: (text, unit) for file, unit in zip(files, units, strict=True) for name, text in file.cells.items()}
    header = files[0].header
    corner = header.text("default_operating_conditions")
    names = "+".join(file.name for file in files)
    temperature = header.number("nom_temperature", _operating(header, "temperature", 25.0))
    return Library(names, tuple(Path(path) for path in listed), units[0].supply_v, temperature, corner, texts)


@dataclass(frozen=True)
class _Units:
    """Factors from the file's units to fF, ps, fJ, nW, and the axes of its table templates."""

    capacitance: float
    time: float
    energy: float
    leakage: float
    supply_v: float
    templates: dict[str, Group]

    @staticmethod
    def of(file: LibertyText) -> _Units:
        header = file.header
        number, unit = header.attributes.get("capacitive_load_unit", ["1", "pf"])
        farad = float(number) * _PREFIX[unit.lower().removesuffix("f")]
        volt = _scaled(header.text("voltage_unit", "1V"), "v")
        templates = {group.arguments[0]: group for group in header.groups if group.name.endswith("_template")}
        supply = header.number("nom_voltage", _operating(header, "voltage", 0.0)) * volt
        if supply <= 0:
            raise CodesignError(f"{file.path}: the library states no supply (nom_voltage)")
        return _Units(
            farad * 1e15,
            _scaled(header.text("time_unit", "1ns"), "s") * 1e12,
            farad * volt**2 * 1e15,
            _scaled(header.text("leakage_power_unit", "1nW"), "w") * 1e9,
            supply,
            templates,
        )


def _operating(header: Group, key: str, default: float) -> float:
    groups = header.all("operating_conditions")
    return groups[0].number(key, default) if groups else default


def _scaled(text: str, unit: str) -> float:
    """Return ``1ns`` as 1e-9."""
    body = text.lower().removesuffix(unit)
    digits = body.rstrip("fpnum")
    return float(digits) * _PREFIX[body[len(digits) :]]


def place(axis: tuple[float, ...], x: float) -> tuple[int, float]:
    """Return where a value stands on an axis: the point before it, and how far it is to the next one (1: there)."""
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(bisect_left(axis, x) - 1, 0), len(axis) - 2)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])


def _numbers(texts: list[str]) -> np.ndarray:
    return np.array([float(x) for text in texts for x in text.replace(",", " ").split()])


def _table(group: Group | None, units: _Units, factor: float) -> Table | None:
    """Return a table with slew first, load second, whichever order its template has; None of none."""
    if group is None or "values" not in group.attributes:
        return None
    template = units.templates.get(group.arguments[0] if group.arguments else "", Group("", []))
    values = _numbers(group.attributes["values"]) * factor
    slew, load, order = np.zeros(1), np.zeros(1), []
    for number in (1, 2):
        variable = template.text(f"variable_{number}")
        key = f"index_{number}"
        texts = group.attributes.get(key) or template.attributes.get(key)
        if not texts or not variable or values.size == 1:
            continue
        axis = _numbers(texts)
        if variable in _LOAD_NAMES:
            load = axis * units.capacitance
        elif variable == "related_pin_transition":
            load = axis * units.time
        else:
            slew = axis * units.time
        order.append("load" if variable in _LOAD_NAMES or variable == "related_pin_transition" else "slew")
    if order[:1] == ["load"]:
        return Table.of(slew, load, values.reshape(len(load), len(slew)).T)
    return Table.of(slew, load, values.reshape(len(slew), len(load)))


def _first(group: Group, name: str) -> Group | None:
    return next(iter(group.all(name)), None)


def _powers(pin: Group, units: _Units) -> tuple[Power, ...]:
    powers = []
    for group in pin.all("internal_power"):
        both = _table(_first(group, "power"), units, units.energy)
        rise = _table(_first(group, "rise_power"), units, units.energy) or both
        fall = _table(_first(group, "fall_power"), units, units.energy) or both
        for related in group.text("related_pin").split() or [""]:
            powers.append(Power(related, group.text("when"), group.text("related_pg_pin"), rise, fall))
    return tuple(powers)


def _arcs(pin: Group, units: _Units) -> tuple[Arc, ...]:
    arcs = []
    for group in pin.all("timing"):
        kind = group.text("timing_type", "combinational")
        if kind.startswith(("hold", "recovery", "removal", "min_pulse", "minimum", "non_seq", "three_state")):
            continue
        tables = {
            inner.name: table for inner in group.groups if (table := _table(inner, units, units.time)) is not None
        }
        for related in group.text("related_pin").split():
            arcs.append(Arc(related, kind, group.text("timing_sense", "non_unate"), tables))
    return tuple(arcs)


def _leakage(cell: Group, units: _Units) -> float:
    """Return the stated cell leakage, else the unconditional groups, else the mean over states; sums over supplies."""
    if "cell_leakage_power" in cell.attributes:
        return cell.number("cell_leakage_power") * units.leakage
    by_supply: dict[str, list[tuple[bool, float]]] = {}
    for group in cell.all("leakage_power"):
        found = by_supply.setdefault(group.text("related_pg_pin"), [])
        found.append(("when" in group.attributes, group.number("value")))
    total = 0.0
    for found in by_supply.values():
        values = [value for conditional, value in found if not conditional] or [value for _, value in found]
        total += sum(values) / len(values)
    return total * units.leakage


def _cell(group: Group, units: _Units) -> Cell:
    pins = {}
    for pin in group.all("pin"):
        for name in pin.arguments:
            direction, capacitance = pin.text("direction"), pin.number("capacitance") * units.capacitance
            function = pin.text("function")
            pins[name] = Pin(name, direction, capacitance, function, _powers(pin, units), _arcs(pin, units))
    flip_flop = _first(group, "ff")
    latch = any(_first(group, name) for name in ("latch", "statetable", "latch_bank"))
    state = None
    if flip_flop is not None:
        texts = [flip_flop.text(key) for key in ("next_state", "clocked_on", "clear", "preset")]
        state = FlipFlop(flip_flop.arguments[0], flip_flop.arguments[1], *texts)
    area = group.number("area")
    return Cell(group.arguments[0], area, _leakage(group, units), pins, state, latch)
