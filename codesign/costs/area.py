"""Area by component: logic from the machine's profile, memories from the SRAM table.

Cell area: no placement utilization, pads, host interface or wiring (a chip of the same core is larger).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codesign.costs import structure
from codesign.costs.figures import Figure, weakest
from codesign.costs.logic import logic_of
from codesign.costs.row_stationary import pe_memories_area
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
    """Return the area of a core of a machine by component, in um2."""
    return _reported((*_logic(machine), *_memories(machine)))


def area_of_cores(machine: Machine) -> AreaReport:
    """Return the area of all cores of a machine together, without what connects them to the memory."""
    one = area(machine)
    if machine.cores == 1:
        return one
    law = f"{machine.cores} cores"
    return _reported([AreaItem(item.component, item.part, item.figure.times(machine.cores, law)) for item in one.items])


def _reported(items: Iterable[AreaItem]) -> AreaReport:
    items = tuple(sorted(items, key=lambda item: COMPONENTS.index(item.component)))
    by_component = dict.fromkeys(COMPONENTS, 0.0)
    raw = dict.fromkeys(COMPONENTS, 0.0)
    for item in items:
        by_component[item.component] += item.figure.value
        raw[item.component] += item.figure.raw
    status = weakest(item.figure.status for item in items)
    return AreaReport(items, by_component, raw, sum(by_component.values()), sum(raw.values()), status)


def _logic(machine: Machine) -> list[AreaItem]:
    return [AreaItem(component, part, figure) for component, part, figure in logic_of(machine).area()]


def _memories(machine: Machine) -> list[AreaItem]:
    stores = machine.array.dataflow == "rs"
    return [AreaItem("array", "weights of the PEs: SRAM", pe_memories_area(machine))] * stores + [
        AreaItem(
            name,
            f"{structure.ports(machine, name)} SRAM",
            sram_area(structure.memory(machine, name), machine.technology),
        )
        for name in structure.MEMORIES
    ]
