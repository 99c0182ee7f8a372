"""Energy = integer counts x costs per action, multiplied once, at the end, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codesign.costs.actions import COMPONENTS, ActionCost, action_costs
from codesign.costs.figures import weakest
from simulators.activity import COUNTERS, MEMORY_COUNTERS
from simulators.machine import Machine
from workloads.errors import unknown_name


@dataclass(frozen=True)
class EnergyReport:
    """The energy of some counts on a machine.

    Attributes
    ----------
    costs : tuple of ActionCost
        The costs used, in order.
    counts : tuple of int
        The count of each.
    by_component : dict
        pJ by component (all of `COMPONENTS`): the sum of count x pJ in the order of `costs`.
    raw_by_component : dict
        The same without calibration factors.
    total_pj, raw_total_pj : float
        Sums over components in that order.
    status : str
        The weakest status of the costs that were counted.
    """

    costs: tuple[ActionCost, ...]
    counts: tuple[int, ...]
    by_component: dict[str, float]
    raw_by_component: dict[str, float]
    total_pj: float
    raw_total_pj: float
    status: str

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each action: component, action, counter, count, energy_pj, status."""
        return [
            {
                "component": cost.component,
                "action": cost.action,
                "counter": cost.counter,
                "count": count,
                "energy_pj": count * cost.pj,
                "status": cost.status,
            }
            for cost, count in zip(self.costs, self.counts, strict=True)
        ]


def energy(machine: Machine, counts: Mapping[str, int], costs: list[ActionCost] | None = None) -> EnergyReport:
    """Return the energy of counts by name (absent ones are 0) on a machine.

    Parameters
    ----------
    machine : Machine
        What was counted.
    counts : mapping of str to int
        Names of `simulators.activity.COUNTERS` and `MEMORY_COUNTERS`.
    costs : list of ActionCost, optional
        `action_costs(machine)`, when it is at hand.

    Raises
    ------
    CodesignError
        For a name that is not a counter.
    """
    for name in counts:
        if name not in COUNTERS and name not in MEMORY_COUNTERS:
            raise unknown_name("counts", "counter", name, (*COUNTERS, *MEMORY_COUNTERS))
    used = tuple(action_costs(machine) if costs is None else costs)
    taken = tuple(int(counts.get(cost.counter, 0)) for cost in used)
    by_component = dict.fromkeys(COMPONENTS, 0.0)
    raw = dict.fromkeys(COMPONENTS, 0.0)
    for cost, count in zip(used, taken, strict=True):
        by_component[cost.component] += count * cost.pj
        raw[cost.component] += count * cost.raw_pj
    status = weakest(cost.status for cost, count in zip(used, taken, strict=True) if count)
    return EnergyReport(used, taken, by_component, raw, sum(by_component.values()), sum(raw.values()), status)


def action_vector(machine: Machine) -> dict[str, float]:
    """Return pJ per count for every counter, in the order of `COUNTERS`: what a mapper weighs its choices with."""
    vector = dict.fromkeys(COUNTERS, 0.0)
    for cost in action_costs(machine):
        vector[cost.counter] += cost.pj
    return vector
