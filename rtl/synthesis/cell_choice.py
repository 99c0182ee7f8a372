"""Cells of a library by what they do: the inverter that drives inputs, the plain flip-flop that costs least."""

from __future__ import annotations

import re
from functools import cache

from rtl.synthesis.boolean import parse_function
from rtl.synthesis.liberty import Cell, Library
from workloads.errors import CodesignError

_PIN = re.compile(r"(?<!_)\bpin\s*\(")
_FLIP_FLOP = re.compile(r"\bff\s*\(")


def smallest_inverter(library: Library) -> str:
    """Return the smallest inverter (of equal ones that with the most drive), or raise CodesignError."""
    return _inverter(library).name


@cache
def dearer_flip_flops(library: Library) -> tuple[str, ...]:
    """Return the plain rising-edge flip-flops but the one that is smallest, inverters of its pins included.

    Plain: a data pin, a clock, one output.

    Raises
    ------
    CodesignError
        When the library has no plain flip-flop.
    """
    inverter = _inverter(library).area_um2
    costs = {}
    for name in library.cell_names():
        if _FLIP_FLOP.search(library.text(name)):
            cell = library.cell(name)
            if (inverted := _plain(cell)) is not None:
                costs[name] = cell.area_um2 + inverter * inverted
    if not costs:
        raise CodesignError(f"{library.name}: no plain flip-flop (data, rising clock, one output)")
    best = min(costs, key=lambda name: (costs[name], library.cell(name).leakage_nw, name))
    return tuple(sorted(name for name in costs if name != best))


def _plain(cell: Cell) -> bool | None:
    """Return whether a plain flip-flop's output is its data inverted; None for another cell."""
    state = cell.flip_flop
    if state is None or state.clear or state.preset or len(cell.inputs()) != 2 or len(cell.outputs()) != 1:
        return None
    clock, data = parse_function(state.clocked_on), parse_function(state.next_state)
    if clock.operator != "name" or len(data.names()) != 1:
        return None
    stored = data.value({data.names()[0]: 1})
    return not parse_function(cell.outputs()[0].function).value({state.state: stored, state.inverse: 1 - stored})


@cache
def _inverter(library: Library) -> Cell:
    found = []
    for name in library.cell_names():
        text = library.text(name)
        if len(_PIN.findall(text)) == 2 and not _FLIP_FLOP.search(text):
            cell = library.cell(name)
            if len(cell.outputs()) == 1 and cell.outputs()[0].function and not cell.latch:
                function = parse_function(cell.outputs()[0].function)
                if [function.value({cell.inputs()[0].name: x}) for x in (0, 1)] == [1, 0]:
                    found.append(cell)
    if not found:
        raise CodesignError(f"{library.name}: no inverter")
    return min(found, key=lambda cell: (cell.area_um2, -cell.leakage_nw, cell.name))
