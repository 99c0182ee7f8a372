"""Area by component: PEs and registers from the arithmetic profile, memories from the SRAM table.

Cell area: no placement utilization, pads, host interface or wiring (a chip of the same core is larger).
"""

from __future__ import annotations

from dataclasses import dataclass

from codesign.costs import structure
from codesign.costs.arithmetic import add, mac, multiply
from codesign.costs.clock import register_area
from codesign.costs.figures import Figure, weakest
from codesign.costs.scaling import carry_area
from codesign.costs.sram import sram_area
from simulators.machine import Machine

COMPONENTS = (
    "array", "skew_registers", "scratchpad", "weight_buffer", "accumulator", "parameter_buffer",
    "vector", "dma", "control",
)  # fmt: skip


@dataclass(frozen=True)
class AreaItem:
    """A part of a component's area, `figure` in um2."""

    component: str
    part: str
    figure: Figure


@dataclass(frozen=True)
class AreaReport:
    """The area of a machine.

    Attributes
    ----------
    items : tuple of AreaItem
        Parts with their sources, in the order of `COMPONENTS`.
    by_component : dict
        um2 by component.
    raw_by_component : dict
        The same without calibration factors.
    total_um2, raw_total_um2 : float
        Sums in that order.
    status : str
        The weakest of the parts'.
    """

    items: tuple[AreaItem, ...]
    by_component: dict[str, float]
    raw_by_component: dict[str, float]
    total_um2: float
    raw_total_um2: float
    status: str


def area(machine: Machine) -> AreaReport:
    """Return the area of a machine by component, in um2."""
    items = (*_logic(machine), *_memories(machine))
    items = tuple(sorted(items, key=lambda item: COMPONENTS.index(item.component)))
    by_component = dict.fromkeys(COMPONENTS, 0.0)
    raw = dict.fromkeys(COMPONENTS, 0.0)
    for item in items:
        by_component[item.component] += item.figure.value
        raw[item.component] += item.figure.raw
    status = weakest(item.figure.status for item in items)
    return AreaReport(items, by_component, raw, sum(by_component.values()), sum(raw.values()), status)


def _logic(machine: Machine) -> list[AreaItem]:
    technology, array, pe = machine.technology, machine.array, machine.array.pe
    profile = technology.arithmetic
    pes = array.rows * array.cols
    cell = carry_area(mac(profile, pe.activation, pe.weight, pe.accumulator, "area_um2"), technology)
    items = [AreaItem("array", "multiply-accumulate", cell.times(pes))]
    if machine.vector:
        lane = multiply(profile, pe.accumulator, vector_multiplier(pe.accumulator), "area_um2").plus(
            add(profile, pe.accumulator, "area_um2")
        )
        lanes = carry_area(lane, technology).times(machine.vector.lanes, "a multiplier and an adder a lane", "assumed")
        items.append(AreaItem("vector", "lanes", lanes))
    adders = carry_area(add(profile, pe.accumulator, "area_um2"), technology).times(array.cols)
    items.append(AreaItem("accumulator", "adders", adders))
    for component, bits in structure.register_bits(machine).items():
        if bits:
            items.append(AreaItem(component, "registers", register_area(technology, bits)))
    return items


def _memories(machine: Machine) -> list[AreaItem]:
    return [
        AreaItem(
            name,
            f"{structure.ports(machine, name)} SRAM",
            sram_area(structure.memory(machine, name), machine.technology),
        )
        for name in structure.MEMORIES
    ]


def vector_multiplier(accumulator: str) -> str:
    """Return the format by which a lane multiplies a sum: the requantizer's 32 bits, or the sum's own float."""
    return "int32" if accumulator.startswith(("int", "uint")) else accumulator
