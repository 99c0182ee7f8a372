"""Every cost of a machine with its source: the list that a report ends in."""

from __future__ import annotations

from typing import Any

from codesign.costs.actions import action_costs
from codesign.costs.area import area_of_cores
from simulators.machine import Machine

COLUMNS = ("kind", "component", "item", "counter", "value", "raw_value", "unit", "node_nm", "source", "status", "law")


def cost_table(machine: Machine, by_command: bool = False) -> list[dict[str, Any]]:
    """Return a row (`COLUMNS`) for every energy per action and every area of a machine.

    `value` is what the reports use, `raw_value` the same before named calibration factors, `node_nm` the source's own
    node (None for off-chip memory), `law` what carried the source's number to the machine; `by_command` as in
    `codesign.costs.actions.action_costs`.
    """
    rows = []
    for cost in action_costs(machine, by_command):
        place = ("energy", cost.component, cost.action, cost.counter)
        rows.append((*place, cost.pj, cost.raw_pj, "pJ", cost.node_nm, cost.source, cost.status, cost.law))
    for item in area_of_cores(machine).items:
        figure = item.figure
        place = ("area", item.component, item.part, "")
        rows.append((*place, figure.value, figure.raw, "um2", figure.node_nm, figure.source, figure.status, figure.law))
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
