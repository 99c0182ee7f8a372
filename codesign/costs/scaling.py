"""Laws that carry a figure of logic from its own node and supply to the machine's.

A law is a named choice: from 45 nm to 7 nm energy falls 17.7 times by Stillmaker and Baas, 2.6 times in Google's
table. SRAM scales apart (`sram`), wires apart (`wires`), and what is off chip does not scale (`dram`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codesign.costs.figures import Figure
from codesign.costs.tables import read_csv, read_json
from simulators.machine import Technology
from workloads.errors import CodesignError, unknown_name

SCALING_TABLE = "tech_scaling.json"


@dataclass(frozen=True)
class Law:
    """A scaling law of logic.

    Attributes
    ----------
    low_nm, high_nm : int
        The nodes that the law covers.
    energy : callable
        (node_nm, supply_v) -> relative energy of an operation.
    area : callable
        node_nm -> relative area.
    lowest_supply_v : callable
        node_nm -> supply below which the law does not hold.
    area_name : str
        What the area follows.
    """

    name: str
    low_nm: int
    high_nm: int
    energy: Callable[[float, float], float]
    area: Callable[[float], float]
    lowest_supply_v: Callable[[float], float]
    area_name: str


def interpolate_log(table: Mapping[float, float], x: float) -> float:
    """Interpolate log(value) over log(key); beyond the ends the last slope goes on.

    Exact at the keys.
    """
    keys = sorted(table)
    if x in table:
        return table[x]
    if len(keys) == 1:
        return table[keys[0]] * x / keys[0]
    above = next((i for i, key in enumerate(keys) if key > x), len(keys) - 1)
    low, high = keys[max(above, 1) - 1], keys[max(above, 1)]
    return table[low] * (table[high] / table[low]) ** (math.log(x / low) / math.log(high / low))


def by_node(section: Mapping[str, float]) -> dict[float, float]:
    """Return a JSON object with node names as keys as a table over node_nm."""
    return {float(node): float(value) for node, value in section.items()}


def nominal_supply_v(node_nm: float) -> float:
    """Return the usual supply of a node, in volts (assumed; log-log between nodes)."""
    return interpolate_log(by_node(read_json(SCALING_TABLE)["nominal_supply_v"]["by_node"]), node_nm)


def _quadratics() -> dict[float, tuple[float, float, float]]:
    section = read_json(SCALING_TABLE)["stillmaker_baas_2017"]["energy_quadratic_in_supply"]
    return {float(node): (a, b, c) for node, (a, b, c) in section.items()}


def _stillmaker_energy(node_nm: float, supply_v: float) -> float:
    """a V^2 + b V + c of the node (Stillmaker and Baas 2017); log-log over node between the fitted ones."""
    fits = {node: a * supply_v**2 + b * supply_v + c for node, (a, b, c) in _quadratics().items()}
    return interpolate_log(fits, node_nm)


def _stillmaker_area(node_nm: float) -> float:
    return interpolate_log(by_node(read_json(SCALING_TABLE)["stillmaker_baas_2017"]["area_to_node_from_45"]), node_nm)


def _stillmaker_lowest_supply(node_nm: float) -> float:
    """Vertex of the quadratic, the larger of the two nodes between which it is interpolated."""
    fits = _quadratics()
    around = [max(n for n in fits if n <= node_nm), min(n for n in fits if n >= node_nm)]
    return max(-fits[node][1] / (2 * fits[node][0]) for node in around)


def _jouppi_exponent() -> float:
    """Exponent of energy over node: the geometric mean of the operations in both the 45 nm and the 7 nm table."""
    energies: dict[str, dict[tuple[str, str], float]] = {"horowitz_45nm": {}, "jouppi_7nm": {}}
    for row in read_csv("arith_energy_area.csv"):
        if row["profile"] in energies:
            energies[row["profile"]][row["operation"], row["format"]] = float(row["energy_pj"])
    old, new = energies["horowitz_45nm"], energies["jouppi_7nm"]
    ratios = [math.log(old[key] / new[key]) for key in old if key in new]
    return sum(ratios) / len(ratios) / math.log(45 / 7)


def _jouppi_energy(node_nm: float, supply_v: float) -> float:
    return node_nm ** _jouppi_exponent() * (supply_v / nominal_supply_v(node_nm)) ** 2


def _density_area(node_nm: float) -> float:
    return 1 / interpolate_log(by_node(read_json(SCALING_TABLE)["transistor_density_mtr_mm2"]["by_node"]), node_nm)


LAWS = {
    law.name: law
    for law in (
        Law(
            "stillmaker_baas_2017", 7, 130, _stillmaker_energy, _stillmaker_area, _stillmaker_lowest_supply,
            "stillmaker_baas_2017",
        ),
        Law("jouppi_2021", 7, 45, _jouppi_energy, _density_area, lambda _: 0.0, "transistor density"),
    )
}  # fmt: skip


def scaling_law(name: str, where: str = "technology.scaling") -> Law:
    """Return the law called `name`, or raise CodesignError naming the nearest."""
    if name not in LAWS:
        raise unknown_name(where, "scaling law", name, LAWS)
    return LAWS[name]


def _check_node(law: Law, node_nm: float) -> None:
    if not law.low_nm <= node_nm <= law.high_nm:
        raise CodesignError(
            f"technology.node_nm: {node_nm:g} nm is outside "
            f"the {law.low_nm} to {law.high_nm} nm of the scaling law '{law.name}'"
        )


def _check_supply(law: Law, node_nm: float, supply_v: float) -> None:
    lowest = law.lowest_supply_v(node_nm)
    if supply_v < lowest:
        raise CodesignError(
            f"technology.supply_v: {supply_v:g} V is below {lowest:.2f} V, the least at {node_nm:g} nm "
            f"for which the scaling law '{law.name}' holds"
        )


def energy_factor(
    name: str, from_nm: float, to_nm: float, from_v: float | None = None, to_v: float | None = None
) -> float:
    """Return energy at (`to_nm`, `to_v`) over energy at (`from_nm`, `from_v`); nominal supplies when absent."""
    law = scaling_law(name)
    from_v = nominal_supply_v(from_nm) if from_v is None else from_v
    to_v = nominal_supply_v(to_nm) if to_v is None else to_v
    if (from_nm, from_v) == (to_nm, to_v):
        return 1.0
    for node, supply in ((from_nm, from_v), (to_nm, to_v)):
        _check_node(law, node)
        _check_supply(law, node, supply)
    return law.energy(to_nm, to_v) / law.energy(from_nm, from_v)


def area_factor(name: str, from_nm: float, to_nm: float) -> float:
    """Return area at `to_nm` over area at `from_nm`."""
    law = scaling_law(name)
    if from_nm == to_nm:
        return 1.0
    _check_node(law, from_nm)
    _check_node(law, to_nm)
    return law.area(to_nm) / law.area(from_nm)


def carry_energy(figure: Figure, technology: Technology, from_v: float | None = None) -> Figure:
    """Carry an energy of logic to a machine's node and supply, recording law and both nodes."""
    assert figure.node_nm is not None
    factor = energy_factor(technology.scaling, figure.node_nm, technology.node_nm, from_v, technology.supply_v)
    if factor == 1.0:
        return figure
    supply = technology.supply_v or nominal_supply_v(technology.node_nm)
    return figure.times(
        factor, f"{technology.scaling} energy {figure.node_nm} -> {technology.node_nm} nm at {supply:.2f} V", "scaled"
    )


def carry_area(figure: Figure, technology: Technology) -> Figure:
    """Carry an area of logic to a machine's node, recording law and both nodes."""
    assert figure.node_nm is not None
    factor = area_factor(technology.scaling, figure.node_nm, technology.node_nm)
    if factor == 1.0:
        return figure
    name = scaling_law(technology.scaling).area_name
    return figure.times(factor, f"{name} area {figure.node_nm} -> {technology.node_nm} nm", "scaled")
