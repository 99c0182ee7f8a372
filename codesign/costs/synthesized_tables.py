"""Components of cost tables from synthesis, looked up by format; what a table lacks is carried by a law.

A PE without a row: its gates over the product of its operands' widths (integers) or significands (floats), log-log
through the rows of its kind and dataflow (one row alone: in proportion), its registers and their clock in proportion
to their bits. An adder over its width or significand, a lane in proportion to the width of its sums, a block by its
size (`codesign.costs.blocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from codesign.costs.arithmetic import SIGNIFICANDS
from codesign.costs.blocks import BLOCKS, block_factor
from codesign.costs.scaling import interpolate_log
from rtl.synthesis.cost_rows import GROUPS, CostRow, OperandStatistics, read_rows
from simulators.machine import Machine
from workloads.errors import CodesignError
from workloads.formats import parse_format

#: The shipped tables, by file.
SHIPPED = ("synthesized_asap7.csv", "synthesized_sky130hd.csv")
#: Registers of a PE that hold no data: write and swap (ws), clear and shift (os).
CONTROL_BITS = 2


@dataclass(frozen=True)
class PeFormats:
    """A PE as the tables know it: what streams, what meets it there, the sum (`is` is ws with operands exchanged)."""

    stream: str
    other: str
    total: str
    dataflow: str
    shadow: bool
    latency_cycles: int

    @property
    def integer(self) -> bool:
        """All three formats are integers."""
        return all(parse_format(name).is_integer for name in (self.stream, self.other, self.total))

    @property
    def size(self) -> float:
        """Product of the operands' widths or significands."""
        return float(digits(self.stream) * digits(self.other))

    @property
    def register_bits(self) -> dict[str, int]:
        """Register bits by group of energy."""
        stream, other, total = (parse_format(name).bits for name in (self.stream, self.other, self.total))
        copies = 2 if self.shadow and self.dataflow == "ws" else 1
        product = (self.latency_cycles - 1) * (stream + other)
        return {"operands": stream + copies * other + CONTROL_BITS, "multiply_add": product, "partial_sums": total}


@dataclass(frozen=True)
class Component:
    """A component at its library's node, whole.

    Attributes
    ----------
    area_um2, clock_fj, leakage_nw : float
        Cell area; energy of a clock cycle; leakage.
    groups_fj : dict
        Energy of `GROUPS` but the clock in a cycle in which operands move.
    node_nm, supply_v, source
        Of the library.
    law : str
        What carried it from the table's rows; empty for a row's own figures.
    """

    area_um2: float
    clock_fj: float
    groups_fj: dict[str, float]
    node_nm: int
    supply_v: float
    source: str
    law: str = ""
    leakage_nw: float = 0.0


def digits(name: str) -> int:
    """Return the bits of an integer, or of a float's significand."""
    parsed = parse_format(name)
    return parsed.bits if parsed.is_integer else SIGNIFICANDS[parsed.name]


class Table:
    """The rows of one library.

    Parameters
    ----------
    rows : sequence of CostRow
    where : str
        What errors call it.
    """

    def __init__(self, rows: Sequence[CostRow], where: str) -> None:
        self.rows, self.where = rows, where
        first = rows[0]
        self.node_nm, self.supply_v = first.node_nm, first.supply_v
        self.source = f"RTL on {_short(first.library)}, {first.tool}"

    def pe(self, formats: PeFormats, statistics: OperandStatistics) -> Component:
        """Return a PE and its energy with operands of some statistics."""
        shadow = formats.shadow and formats.dataflow == "ws"
        wanted = replace(formats, shadow=shadow)
        for row in self._pes(formats):
            if _formats(row) == wanted:
                return self._component(row, statistics)
        return self._estimated(formats, statistics)

    def register(self, statistics: OperandStatistics) -> Component:
        """Return a register bit with its enable."""
        return self._component(self._one("register", lambda row: True, "a register bit"), statistics)

    def adder(self, name: str) -> Component:
        """Return an adder of format `name`."""
        integer = parse_format(name).is_integer
        rows = [row for row in self.rows if row.kind == "adder" and parse_format(row.accumulator).is_integer == integer]
        anchors = {float(digits(row.accumulator)): row for row in rows}
        if not anchors:
            raise CodesignError(f"{self.where}: no adder of {'integers' if integer else 'floats'} for {name}")
        size = float(digits(name))
        if size in anchors:
            return self._component(anchors[size], _QUIET)
        law = f"adder over {'width' if integer else 'significand'} {size:g}, log-log through {_list(anchors)}"
        return self._carried(anchors, size, law)

    def lane(self, rounding: str, name: str) -> Component | None:
        """Return a lane that requantizes sums of format `name`; None for floats, which have no RTL."""
        if not parse_format(name).is_integer:
            return None
        row = self._one("lane", lambda row: row.name == rounding, f"a vector lane with rounding '{rounding}'")
        found = self._component(row, _QUIET)
        bits, own = parse_format(name).bits, parse_format(row.accumulator).bits
        return found if bits == own else _times(found, bits / own, f"lane over width {bits}, in proportion to {own}")

    def blocks(self, machine: Machine) -> dict[str, Component]:
        """Return the blocks that the table has rows for, by name, in a machine's size."""
        found = {}
        for row in self.rows:
            if row.kind == "block" and row.name in BLOCKS and row.size > 0:
                factor, law = block_factor(row, machine)
                own = self._component(row, _QUIET)
                found[row.name] = own if factor == 1 else _times(own, factor, law)
        return found

    def _pes(self, formats: PeFormats) -> list[CostRow]:
        """Return the PEs of the same kind of numbers and dataflow."""
        rows = [row for row in self.rows if row.kind == "pe"]
        alike = [row for row in rows if parse_format(row.accumulator).is_integer == formats.integer]
        found = [row for row in alike if row.dataflow == formats.dataflow] or alike
        if not found:
            raise CodesignError(f"{self.where}: no PE of {'integers' if formats.integer else 'floats'}")
        return found

    def _one(self, kind: str, wanted: Callable[[CostRow], bool], what: str) -> CostRow:
        for row in self.rows:
            if row.kind == kind and wanted(row):
                return row
        raise CodesignError(f"{self.where}: the table has no row for {what}")

    def _component(self, row: CostRow, statistics: OperandStatistics) -> Component:
        groups = {group: row.energy_fj(group, statistics) for group in GROUPS[1:]}
        source = self.source
        return Component(
            row.area_um2, row.clock_fj, groups, row.node_nm, row.supply_v, source, leakage_nw=row.leakage_nw
        )  # fmt: skip

    def _carried(self, anchors: dict[float, CostRow], size: float, law: str) -> Component:
        def along(value: Callable[[CostRow], float]) -> float:
            return interpolate_log({key: value(row) for key, row in anchors.items()}, size)

        first = next(iter(anchors.values()))
        energy = along(lambda row: row.total_fj(_QUIET))
        groups = {"multiply_add": energy}
        return Component(
            along(lambda row: row.area_um2), first.clock_fj, groups, self.node_nm, self.supply_v, self.source, law,
            along(lambda row: row.leakage_nw),
        )  # fmt: skip

    def _estimated(self, formats: PeFormats, statistics: OperandStatistics) -> Component:
        """Return a PE without a row."""
        anchors: dict[float, CostRow] = {}
        for row in sorted(self._pes(formats), key=lambda row: (row.latency_cycles, not row.shadow)):
            anchors.setdefault(_formats(row).size, row)
        bit = self.register(statistics)

        def along(value: Callable[[CostRow], float]) -> float:
            return interpolate_log({key: value(row) for key, row in anchors.items()}, formats.size)

        def ratio(row: CostRow, group: str) -> float:
            return formats.register_bits[group] / _formats(row).register_bits[group]

        def own(row: CostRow, group: str) -> float:
            return row.energy_fj(group, statistics) * ratio(row, group)

        bits = sum(formats.register_bits.values())
        groups = {"multiply_add": along(lambda row: row.energy_fj("multiply_add", statistics))}
        groups["multiply_add"] += formats.register_bits["multiply_add"] * bit.groups_fj["operands"]
        for group in ("operands", "partial_sums"):
            groups[group] = along(partial(own, group=group))
        area = along(lambda row: row.area_um2 - row.flip_flops * bit.area_um2) + bits * bit.area_um2
        leakage = along(lambda row: row.leakage_nw)
        clock = bits * along(lambda row: row.clock_fj / row.flip_flops)
        measure = "widths" if formats.integer else "significands"
        law = f"gates over product of {measure} {formats.size:g}, log-log through {_list(anchors)}; registers by bits"
        return Component(area, clock, groups, self.node_nm, self.supply_v, self.source, law, leakage)


_QUIET = OperandStatistics(0.5, 0.5)


def _formats(row: CostRow) -> PeFormats:
    return PeFormats(
        row.activation, row.weight, row.accumulator, row.dataflow, bool(row.shadow), row.latency_cycles
    )  # fmt: skip


def _times(component: Component, factor: float, law: str) -> Component:
    groups = {group: value * factor for group, value in component.groups_fj.items()}
    return Component(
        component.area_um2 * factor, component.clock_fj * factor, groups, component.node_nm, component.supply_v,
        component.source, law, component.leakage_nw * factor,
    )  # fmt: skip


def _list(anchors: dict[float, CostRow]) -> str:
    return ", ".join(f"{key:g}" for key in sorted(anchors))


def _short(library: str) -> str:
    """Return a library's name; of one in several files the first part of the first's."""
    names = library.split(" ")[0].split("+")
    return names[0] if len(names) == 1 else names[0].split("_")[0]


@cache
def tables(profile: str) -> tuple[Table, ...]:
    """Return the tables of a profile: the shipped ones, or that of a file that `codesign synth --out` wrote.

    Raises
    ------
    CodesignError
        For a file that is not there or is no cost table.
    """
    if not profile.endswith(".csv"):
        folder = files("codesign.costs") / "data"
        texts = {name: (folder / name).read_text(encoding="utf-8") for name in SHIPPED}
    else:
        try:
            texts = {profile: Path(profile).read_text(encoding="utf-8")}
        except OSError as error:
            raise CodesignError(f"technology.arithmetic: {profile}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise CodesignError(f"technology.arithmetic: {profile}: not a text file") from None
    return tuple(Table(read_rows(text, name), name) for name, text in texts.items())
