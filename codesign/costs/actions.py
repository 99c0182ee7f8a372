"""What each action costs: one row for each (component, action), tied to one counter of `simulators.activity`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from codesign.costs import logic_actions as logic
from codesign.costs import memory_actions as memory
from codesign.costs.dram import dram_part
from codesign.costs.logic import Rows, is_synthesized
from codesign.costs.row_stationary import row_stationary_costs
from simulators.machine import Machine
from workloads.activity import Activity

#: Energy of a cycle-level DRAM by command, in place of the component `dram`, which prices bytes.
DRAM_PARTS = ("dram_activate", "dram_read", "dram_write", "dram_refresh", "dram_background", "dram_io")
#: The components and who prices them, in the order of all sums.
_ROWS: dict[str, Callable[[Machine], Rows]] = {
    "array": logic.array,
    "clock": logic.clock,
    "scratchpad": memory.scratchpad,
    "weight_buffer": memory.weight_buffer,
    "accumulator": memory.accumulator,
    "parameter_buffer": memory.parameter_buffer,
    "vector": logic.vector,
    "dma": logic.dma,
    "dram": logic.dram,
    **{name: partial(dram_part, name) for name in DRAM_PARTS},
    "wires": logic.wires,
    "leakage": logic.leakage,
}
COMPONENTS = tuple(_ROWS)


@dataclass(frozen=True)
class ActionCost:
    """The energy of one action.

    Attributes
    ----------
    component, action : str
        One of `COMPONENTS`, and what it does.
    counter : str
        The counter of `simulators.activity.COUNTERS` (or `MEMORY_COUNTERS`) that counts it.
    pj, raw_pj : float
        Energy per count, with and without calibration factors.
    node_nm : int or None
        The source's own node.
    source, status, law : str
        Provenance, as in `figures.Figure`.
    """

    component: str
    action: str
    counter: str
    pj: float
    raw_pj: float
    node_nm: int | None
    source: str
    status: str
    law: str


def action_costs(machine: Machine, by_command: bool = False) -> list[ActionCost]:
    """Return the cost of every action of a machine, by component in the order of `COMPONENTS`. None is zero.

    Where costs follow activity they are those of uniform random bits; `layer_costs` has those of a layer. With
    `by_command` the DRAM's commands are priced, otherwise the bytes that it moves.
    """
    if machine.array.dataflow == "rs":
        rows = row_stationary_costs(machine)
        return [cost for component, action, counter, figure in rows
                for cost in _costs(component, iter([(action, counter, figure)]))]  # fmt: skip
    left_out = ("dram",) if by_command else DRAM_PARTS
    priced = [component for component in COMPONENTS if component not in left_out]
    return [cost for component in priced for cost in _costs(component, _ROWS[component](machine))]


def layer_costs(machine: Machine, costs: list[ActionCost], activity: Activity | None) -> list[ActionCost]:
    """Return a machine's `costs` with those of its array as the activity of a layer makes them.

    A published profile of arithmetic knows no activity: its costs are the same for every layer.
    """
    if activity is None or not is_synthesized(machine):
        return costs
    array = _costs("array", logic.array(machine, activity))
    return array + [cost for cost in costs if cost.component != "array"]


def _costs(component: str, rows: Rows) -> list[ActionCost]:
    found = []
    for action, counter, figure in rows:
        if figure.value == 0:
            continue
        found.append(
            ActionCost(
                component, action, counter, figure.value, figure.raw,
                figure.node_nm, figure.source, figure.status, figure.law,
            )
        )  # fmt: skip
    return found
