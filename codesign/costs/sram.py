"""Energy, leakage, area and time of an on-chip memory, from the CACTI 7 table.

Outside the table the figure says what was done: below 1 KiB the table's small register files, below 128 B the smallest
of them; above the largest (16 MiB) and wider than 1024 bit several macros; shallower than 32 rows, 32 rows; between
nodes log-log; below 22 nm by the ratio of bit cells, above 90 nm by the area factor of Stillmaker and Baas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from codesign.costs import sram_table as table
from codesign.costs.figures import Figure, weakest
from codesign.costs.scaling import SCALING_TABLE, area_factor, by_node, interpolate_log, nominal_supply_v
from codesign.costs.sram_banks import BANKS, bank_ratio
from codesign.costs.tables import read_json
from simulators.machine import Technology
from workloads.errors import CodesignError, unknown_name

SOURCE = "CACTI 7 (1ffd8df), 350 K"
CELL_TYPES = ("itrs-hp", "itrs-lstp")
LOWEST_NM, HIGHEST_NM = 3, 130


@dataclass(frozen=True)
class Sram:
    """The raw figures of one memory (no calibration factor).

    Attributes
    ----------
    read_pj, write_pj : float
        Energy of one access of a whole word.
    leakage_mw, area_um2 : float
        Of the whole memory.
    access_ns, cycle_ns : float
        Times.
    node_nm : int
        The table's node nearest to the one asked for.
    status, law : str
        How far to trust it, and what was done to the table's points.
    """

    read_pj: float
    write_pj: float
    leakage_mw: float
    area_um2: float
    access_ns: float
    cycle_ns: float
    node_nm: int
    status: str
    law: str

    def figure(self, metric: str) -> Figure:
        """Return one metric (an attribute's name) with its provenance."""
        units = {"pj": "pJ", "mw": "mW", "um2": "um2", "ns": "ns"}
        unit = units[metric.rsplit("_", 1)[1]]
        return Figure(getattr(self, metric), unit, self.node_nm, SOURCE, self.status, self.law)


class _Steps:
    """What was done to the table's points, and how weak that makes the figure."""

    def __init__(self) -> None:
        self.law: list[str] = []
        self.status = "published"

    def add(self, law: str, status: str) -> None:
        if law not in self.law:
            self.law.append(law)
        self.status = weakest((self.status, status))


@lru_cache(maxsize=4096)
def sram(
    size_bytes: int, width_bits: int, node_nm: int, cell_type: str = "itrs-hp", ports: str = "1rw", banks: int = 1
) -> Sram:
    """Return the figures of a memory of `size_bytes` in all its banks, with words of `width_bits`.

    Parameters
    ----------
    size_bytes, width_bits, node_nm : int
        Capacity, word, technology node.
    cell_type : str
        ``itrs-hp`` or ``itrs-lstp``.
    ports : str
        ``1rw``, ``1r1w``, ``2rw``, ``2r1w``, ``4r2w``.
    banks : int
        Banks behind one port.

    Raises
    ------
    CodesignError
        For names or nodes that no table has.
    """
    if ports not in table.port_names():
        raise unknown_name("sram", "kind of ports", ports, table.port_names())
    if cell_type not in CELL_TYPES:
        raise unknown_name("technology.sram_cell", "cell of the SRAM table", cell_type, CELL_TYPES)
    if not LOWEST_NM <= node_nm <= HIGHEST_NM:
        raise CodesignError(
            f"technology.node_nm: {node_nm} nm is outside "
            f"the {LOWEST_NM} to {HIGHEST_NM} nm of the SRAM table and its scaling"
        )
    steps = _Steps()
    macros, abreast, size, width, banked = _shape(size_bytes, width_bits, ports, banks, steps)
    values, nearest = _at_node(ports, cell_type, node_nm, banked, size, width, steps)
    access_ns, cycle_ns, read_nj, write_nj, leakage_mw, area_mm2 = values
    found = Sram(
        read_pj=read_nj * 1e3 * abreast,
        write_pj=write_nj * 1e3 * abreast,
        leakage_mw=leakage_mw * macros,
        area_um2=area_mm2 * 1e6 * macros,
        access_ns=access_ns,
        cycle_ns=cycle_ns,
        node_nm=nearest,
        status=steps.status,
        law="; ".join(steps.law),
    )
    return _no_less_than_half(found, size_bytes, width_bits, node_nm, cell_type, ports, banks)


def _no_less_than_half(found: Sram, size_bytes: int, *rest: Any) -> Sram:
    """Area and leakage never fall when the size doubles; outside the table's points the half may say more."""
    if size_bytes <= table.LEAST_SIZE:
        return found
    half = sram(size_bytes // 2, *rest)
    if half.area_um2 <= found.area_um2 and half.leakage_mw <= found.leakage_mw:
        return found
    return replace(
        found,
        area_um2=max(found.area_um2, half.area_um2),
        leakage_mw=max(found.leakage_mw, half.leakage_mw),
        status="assumed",
        law="; ".join(filter(None, (found.law, "area and leakage no less than those of half the size"))),
    )


def _shape(
    size_bytes: int, width_bits: int, ports: str, banks: int, steps: _Steps
) -> tuple[int, int, float, float, int]:
    """Return (macros, macros per access, bytes and bits of one macro, its banks): macros that the table knows."""
    abreast = -(-width_bits // table.GREATEST_WIDTH)
    if abreast > 1:
        steps.add(f"{abreast} macros side by side", "assumed")
    groups = max(1, math.ceil(banks / BANKS[-1]))
    groups = max(groups, math.ceil(size_bytes / abreast / table.largest_size(ports)))
    if groups > 1:
        steps.add(f"{groups} macros, one of which is accessed", "assumed")
    size, width = size_bytes / abreast / groups, width_bits / abreast
    if width < table.LEAST_WIDTH:
        width = table.LEAST_WIDTH
        steps.add(f"an access takes a word of {table.LEAST_WIDTH} bit", "assumed")
    banks = math.ceil(banks / groups)
    least = max(table.LEAST_ROWS * width / 8, table.LEAST_SIZE)
    if size < least * banks:
        size = least * banks
        steps.add(f"banks as the least of their width, {least:g} B ({table.LEAST_ROWS} rows)", "assumed")
    elif size / banks < 1024:
        steps.add("register file of the table", "published")
    return groups * abreast, abreast, size, width, banks


def _at_node(
    ports: str, cell_type: str, node_nm: int, banks: int, size: float, width: float, steps: _Steps
) -> tuple[table.Values, int]:
    """Return the metrics at any node, and the table's node nearest to it."""
    nodes = table.nodes("1rw", cell_type)
    inside = min(max(node_nm, nodes[0]), nodes[-1])
    high = next(node for node in nodes if node >= inside)
    low = max(node for node in nodes if node <= inside)
    values = _in_table(ports, cell_type, low, banks, size, width, steps)
    if low != high:
        t = math.log(inside / low) / math.log(high / low)
        values = table.blend(values, _in_table(ports, cell_type, high, banks, size, width, steps), t)
        steps.add(f"log-log between {high} and {low} nm", "scaled")
    nearest = min(low, high, key=lambda node: (abs(math.log(node / inside)), node))
    if node_nm != inside:
        values = table.product(values, _beyond(inside, node_nm, steps))
    return values, nearest


def _beyond(from_nm: int, to_nm: int, steps: _Steps) -> table.Values:
    """Factors of a node outside the table: area as the bit cell (or the area law), lines and devices as its root."""
    if to_nm < from_nm:
        cells = read_json(SCALING_TABLE)["sram_bitcell_um2"]["by_node"]
        cell = by_node({node: entry["value"] for node, entry in cells.items()})
        area = interpolate_log(cell, to_nm) / interpolate_log(cell, from_nm)
        steps.add(
            f"bit-cell ratio {from_nm} -> {to_nm} nm: area x{area:.3f}, energy, leakage and time x its root", "assumed"
        )
    else:
        area = area_factor("stillmaker_baas_2017", from_nm, to_nm)
        steps.add(
            f"area factor {from_nm} -> {to_nm} nm: area x{area:.3f}, energy, leakage and time x its root", "assumed"
        )
    return tuple(area if name == "area_mm2" else math.sqrt(area) for name in table.METRICS)


def _in_table(
    ports: str, cell_type: str, node_nm: int, banks: int, size: float, width: float, steps: _Steps
) -> table.Values:
    """Return the metrics at a node of the table, by ratio where the table has no such ports or banks."""
    if node_nm in table.nodes(ports, cell_type):
        rows = table.lattice(ports, cell_type, node_nm)
        if (size, width) not in table.points()[ports, cell_type, node_nm, 1] and banks == 1:
            steps.add("log interpolation over size and width", "scaled")
        values = table.lookup(rows, size, width)
    else:
        near = min(table.nodes(ports, "itrs-hp"), key=lambda node: (abs(math.log(node / node_nm)), node))
        steps.add(f"{ports} over 1rw as itrs-hp at {near} nm", "assumed")
        base = table.lookup(table.lattice("1rw", cell_type, node_nm), size, width)
        hp = [table.lookup(table.lattice(kind, "itrs-hp", near), size, width) for kind in (ports, "1rw")]
        values = table.product(base, table.ratio(*hp))
    if banks > 1:
        values = table.product(values, bank_ratio(node_nm, banks, size, width))
        if (size, width) not in table.points().get(("1rw", "itrs-hp", node_nm, banks), {}):
            steps.add(f"{banks} banks over one as interpolated at 22 and 45 nm, 16 KiB and more", "scaled")
    if banks > 1 and (ports, cell_type) != ("1rw", "itrs-hp"):
        steps.add("banks over one bank as 1rw itrs-hp", "assumed")
    return values


def sram_energy(memory: Sram, metric: str, technology: Technology) -> Figure:
    """Return ``read_pj`` or ``write_pj`` at the machine's supply (V^2), calibrated by `sram_energy_factor`."""
    figure = memory.figure(metric)
    if technology.supply_v is not None:
        relative = technology.supply_v / nominal_supply_v(technology.node_nm)
        figure = figure.times(relative**2, f"x V^2 at {technology.supply_v:g} V", "scaled")
    return figure.calibrated(technology.sram_energy_factor, "sram_energy_factor")


def sram_area(memory: Sram, technology: Technology) -> Figure:
    """Return the area, calibrated by `sram_area_factor`."""
    return memory.figure("area_um2").calibrated(technology.sram_area_factor, "sram_area_factor")
