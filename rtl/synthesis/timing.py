"""Least clock period of a mapped netlist: static timing over the library's delay tables, without wires.

Rise and fall arrivals and slews travel through the gates (worst arc of each pin); a net's load is the capacitance of
its input pins. A path starts at a flip-flop's clock or at an input port, which is taken as driven by the netlist's
most common flip-flop (a component's neighbours are registers), and ends at a flip-flop's data pin with its setup time,
or at an output port. Not in it: wires, clock skew, margins. ABC's own estimate knows the gates only, not
clock-to-output and setup times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rtl.synthesis.liberty import Arc, Cell, Library, place
from rtl.synthesis.netlist import Instance, Netlist

RISE, FALL = 0, 1
#: What made a net's arrival the latest: a gate, its input net and that net's edge; None at the start of a path.
Cause = tuple[Instance, int, int] | None
#: An output's edge over an arc at a load: the input's edges that cause it, slews of the input, delays at these, and the
#: same of the output's slew.
_Edge = tuple[int, tuple[int, ...], tuple[float, ...], list[float], tuple[tuple[float, ...], list[float]] | None]
_DELAYS, _SLEWS = ("cell_rise", "cell_fall"), ("rise_transition", "fall_transition")
_SETUPS = ("rise_constraint", "fall_constraint")


@dataclass(frozen=True)
class Timing:
    """What static timing found.

    Attributes
    ----------
    period_ps : float
        The longest path, clock-to-output and setup included.
    end : str
        The net where the longest path ends.
    slews_ps : list of float
        Mean of rise and fall slew of each net.
    path : tuple of (str, float)
        Cells on the longest path with what each adds, ps, the register at its start among them (without the setup time
        at its end).
    """

    period_ps: float
    end: str
    slews_ps: list[float]
    path: tuple[tuple[str, float], ...]


def clock_slew_ps(library: Library, cell: Cell) -> float:
    """Return the slew taken for the clock: the third of the slews for which the flip-flop is characterised."""
    arcs = [arc for pin in cell.outputs() for arc in pin.arcs]
    axis = next(arc.tables[name].slew_ps for arc in arcs for name in _DELAYS if name in arc.tables)
    return axis[min(2, len(axis) - 1)]


def static_timing(netlist: Netlist, library: Library) -> Timing:
    """Return the timing of a netlist (period 0 for one without paths)."""
    count = len(netlist.net_names)
    arrival = [[0.0, 0.0] for _ in range(count)]
    slew = [[0.0, 0.0] for _ in range(count)]
    cause: list[list[Cause]] = [[None, None] for _ in range(count)]
    _start(netlist, library, arrival, slew)
    loads, edges = netlist.loads_ff, _Edges()
    for gate in netlist.gates:
        for pin in gate.cell.outputs():
            net = gate.nets.get(pin.name)
            if net is not None:
                for arc in pin.arcs:
                    source = gate.nets.get(arc.related_pin, 0)
                    _pass(edges.over(arc, loads[net]), gate, source, net, arrival, slew, cause)
    period, last = 0.0, (0, RISE)
    for net, setup in _ends(netlist, slew):
        for edge in (RISE, FALL):
            if arrival[net][edge] + setup[edge] > period:
                period, last = arrival[net][edge] + setup[edge], (net, edge)
    end = netlist.net_names[last[0]] if period else ""
    return Timing(period, end, [sum(pair) / 2 for pair in slew], _path(netlist, last, arrival, cause))


def _path(
    netlist: Netlist, last: tuple[int, int], arrival: list[list[float]], cause: list[list[Cause]]
) -> tuple[tuple[str, float], ...]:  # fmt: skip
    """Return the cells from a path's start to its last net and edge, with what each adds."""
    found = []
    net, edge = last
    while step := cause[net][edge]:
        gate, source, before = step
        found.append((gate.name, arrival[net][edge] - arrival[source][before]))
        net, edge = source, before
    register = next((one.name for one in netlist.flip_flops if _drives(one, net)), "")
    return tuple(reversed([*found, (register, arrival[net][edge])]))


def _drives(instance: Instance, net: int) -> bool:
    return any(instance.nets.get(pin.name) == net for pin in instance.cell.outputs())


def _start(netlist: Netlist, library: Library, arrival: list[list[float]], slew: list[list[float]]) -> None:
    loads = netlist.loads_ff
    for instance in netlist.flip_flops:
        for pin in instance.cell.outputs():
            if pin.name in instance.nets:
                net = instance.nets[pin.name]
                arrival[net], slew[net] = _launch(instance.cell, pin.arcs, loads[net], library)
    if not netlist.flip_flops:
        return
    kinds = Counter(instance.cell.name for instance in netlist.flip_flops)
    driver = library.cell(min(kinds, key=lambda name: (-kinds[name], name)))
    for nets in netlist.inputs.values():
        for net in nets:
            if net != netlist.clock:
                arrival[net], slew[net] = _launch(driver, driver.outputs()[0].arcs, loads[net], library)
    if netlist.clock >= 0:
        slew[netlist.clock] = [clock_slew_ps(library, driver)] * 2


def _launch(cell: Cell, arcs: tuple[Arc, ...], load: float, library: Library) -> tuple[list[float], list[float]]:
    clock = clock_slew_ps(library, cell)
    edges = [arc for arc in arcs if arc.kind in ("rising_edge", "falling_edge")]
    delays, slews = ([_worst(edges, name, clock, load) for name in names] for names in (_DELAYS, _SLEWS))
    return delays, slews


def _worst(arcs: list[Arc], name: str, slew: float, load: float) -> float:
    return max((arc.tables[name].at(slew, load) for arc in arcs if name in arc.tables), default=0.0)


class _Edges:
    """Delays and slews over arcs by the input's slew: tables at a load, interpolated once for all alike."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, float], list[_Edge]] = {}

    def over(self, arc: Arc, load: float) -> list[_Edge]:
        """Return the edges of an output with some load that come over an arc."""
        found = self.known.get((id(arc), load))
        if found is None:
            found = self.known[id(arc), load] = list(_edges_at(arc, load))
        return found


def _edges_at(arc: Arc, load: float) -> Iterator[_Edge]:
    for edge in (RISE, FALL):
        delay, transition = arc.tables.get(_DELAYS[edge]), arc.tables.get(_SLEWS[edge])
        if delay is not None:
            slews = None if transition is None else (transition.slew_ps, transition.at_load(load))
            yield edge, _causes(arc.sense, edge), delay.slew_ps, delay.at_load(load), slews


def _pass(
    edges: list[_Edge], gate: Instance, source: int, net: int, arrival: list[list[float]], slew: list[list[float]],
    cause: list[list[Cause]],
) -> None:  # fmt: skip
    """Carry the later of what comes over one arc into the output's arrival; the slew is the worst of all arcs."""
    if source < 2:
        return
    for edge, causes, axis, delays, slews in edges:
        for before in causes:
            entering = slew[source][before]
            i, u = place(axis, entering)
            time = arrival[source][before] + (delays[i] * (1 - u) + delays[i + 1] * u)
            if time > arrival[net][edge]:
                arrival[net][edge] = time
                cause[net][edge] = (gate, source, before)
            if slews is not None:
                if slews[0] != axis:
                    i, u = place(slews[0], entering)
                slew[net][edge] = max(slew[net][edge], slews[1][i] * (1 - u) + slews[1][i + 1] * u)


def _causes(sense: str, edge: int) -> tuple[int, ...]:
    if sense == "positive_unate":
        return (edge,)
    return (1 - edge,) if sense == "negative_unate" else (RISE, FALL)


def _ends(netlist: Netlist, slew: list[list[float]]) -> list[tuple[int, list[float]]]:
    """Return the nets at which paths end, with the setup times of a rise and a fall there."""
    ends: list[tuple[int, list[float]]] = []
    for instance in netlist.flip_flops:
        clock = slew[netlist.clock][RISE]
        for pin in instance.cell.inputs():
            net = instance.nets.get(pin.name, 0)
            setups = [arc for arc in pin.arcs if arc.kind.startswith("setup")]
            if setups and net > 1:
                ends.append((net, [_worst(setups, name, slew[net][edge], clock) for edge, name in enumerate(_SETUPS)]))
    return ends + [(net, [0.0, 0.0]) for nets in netlist.outputs.values() for net in nets if net > 1]
