"""Energy of a mapped netlist from toggle counts and the library's tables, in groups.

A net's toggle costs 1/2 C V^2 of the input pins on it, and the driving cell's internal energy at that load and at the
slew that timing found (mean of a rise and a fall, over the related pins and states that the library tells apart). An
input that toggles without its gate's output costs its own internal energy. A flip-flop's clock costs 1/2 C V^2 twice a
cycle and the internal energy of both edges in the state (data, output) in which they happen; where the edge changes the
output, the output's energy is the whole of it.

A library that tables energies for power and ground (ASAP7) shows one charge twice, as it leaves one and as it enters
the other: over a rise and a fall the two are equal (median ratio 0.999 over ASAP7's output arcs). Their mean counts.

Not in it: glitches (+20 to +60 % of the gates' share in multipliers), wires, the clock tree above the flip-flops' pins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rtl.synthesis.boolean import parse_function
from rtl.synthesis.liberty import Cell, Library, Pin, Power
from rtl.synthesis.netlist import Instance, Netlist
from rtl.synthesis.timing import Timing
from rtl.synthesis.toggles import ToggleCounts

#: Groups of a component's energy. `clock`: clock pins of all flip-flops; `operands`: operand registers and input nets;
#: `multiply_add`: gates and product registers; `partial_sums`: sum registers and sum inputs.
GROUPS = ("clock", "operands", "multiply_add", "partial_sums")
#: Says which group a register, an input port, or (with an empty name) the gates belong to.
Grouping = Callable[[str], str]


@dataclass(frozen=True)
class EnergyPerCycle:
    """Energy of a component in one clock cycle, fJ, by group."""

    by_group: dict[str, float]

    @property
    def total_fj(self) -> float:
        """The sum over groups in their order."""
        return sum(self.by_group.values())


class EnergyModel:
    """Energy of each toggle of a netlist, at its own loads and slews; made once, used for every run.

    Parameters
    ----------
    netlist, library, timing
        The mapped netlist, its library, its timing (for slews).
    grouping : callable
        Group of a register or input port by its name; of the gates for an empty name.
    """

    def __init__(self, netlist: Netlist, library: Library, timing: Timing, grouping: Grouping) -> None:
        self.netlist, self.slews = netlist, timing.slews_ps
        self.half_v2 = library.supply_v**2 / 2
        self.net_fj = np.zeros((len(GROUPS), len(netlist.net_names)))
        self.edge_fj = np.zeros((len(GROUPS), len(netlist.flip_flops), 2, 2))
        passive: list[float] = []
        for name, nets in netlist.inputs.items():
            for net in nets:
                if net != netlist.clock:
                    self.net_fj[GROUPS.index(grouping(name)), net] += self._switching_fj(net)
        self.gates = GROUPS.index(grouping(""))
        for gate in netlist.gates:
            passive += self._gate(gate)
        for i, instance in enumerate(netlist.flip_flops):
            self._flip_flop(i, instance, GROUPS.index(grouping(register_name(instance))))
        self.passive_fj = np.array(passive)

    def per_cycle(self, counts: ToggleCounts) -> EnergyPerCycle:
        """Return the mean energy of a cycle of a run, by group."""
        sums = self.net_fj @ counts.nets + np.einsum("gfij,fij->g", self.edge_fj, counts.states)
        sums[self.gates] += float(self.passive_fj @ counts.passive)
        return EnergyPerCycle(dict(zip(GROUPS, (sums / counts.lane_cycles).tolist(), strict=True)))

    def _switching_fj(self, net: int) -> float:
        """1/2 C V^2 of a net."""
        return self.half_v2 * self.netlist.loads_ff[net]

    def _gate(self, gate: Instance) -> list[float]:
        """Add a gate's energy to the nets that it drives; return that of its inputs' toggles which change no output."""
        outputs = [pin for pin in gate.cell.outputs() if pin.name in gate.nets]
        for pin in outputs:
            net = gate.nets[pin.name]
            internal = self._output_fj(gate, pin, self.netlist.loads_ff[net])
            self.net_fj[self.gates, net] += internal + self._switching_fj(net)
        inputs = gate.cell.inputs() if outputs else []
        return [_mean_fj(pin.powers, self.slews[gate.nets.get(pin.name, 0)], 0.0) for pin in inputs]

    def _flip_flop(self, i: int, instance: Instance, group: int) -> None:
        """Add a flip-flop's energies: of its clock pin, and of its data (input and output)."""
        cell, state, clocks = instance.cell, instance.cell.flip_flop, GROUPS.index("clock")
        assert state is not None
        clock = cell.pins[parse_function(state.clocked_on).names()[0]]
        slew = self.slews[self.netlist.clock]
        self.edge_fj[clocks, i] += 2 * self.half_v2 * clock.capacitance_ff
        for following in (0, 1):
            for before in (0, 1):
                states = _states(cell, following, before)
                rise, fall = _edges_fj(_in_state(clock.powers, states), slew)
                if following != before:
                    # the edge's own share is that of a quiet one; the output's energy holds the whole edge
                    quiet = _states(cell, before, before)
                    rise, _ = _edges_fj(_in_state(clock.powers, quiet), slew)
                    self.edge_fj[group, i, following, before] -= rise
                self.edge_fj[clocks, i, following, before] += fall + rise
        for pin in cell.outputs():
            if pin.name in instance.nets:
                net = instance.nets[pin.name]
                internal = self._output_fj(instance, pin, self.netlist.loads_ff[net])
                self.net_fj[group, net] += internal + self._switching_fj(net)
        for pin in cell.inputs():
            if pin is not clock and pin.name in instance.nets:
                net = instance.nets[pin.name]
                self.net_fj[group, net] += _mean_fj(_in_state(pin.powers, {clock.name: 1}), self.slews[net], 0.0)

    def _output_fj(self, instance: Instance, pin: Pin, load: float) -> float:
        """Mean over related pins of each one's mean over states, at the related pin's own slew."""
        related = sorted({power.related_pin for power in pin.powers})
        means = []
        for name in related:
            slew = self.slews[instance.nets.get(name, 0)]
            means.append(_mean_fj([power for power in pin.powers if power.related_pin == name], slew, load))
        return sum(means) / len(means) if means else 0.0


def register_name(instance: Instance) -> str:
    """Return the register whose bit a flip-flop is: ``total`` of ``total[3]$_DFF_P_``."""
    return instance.name.removeprefix("\\").split("$_")[0].split("[")[0].split(".")[-1].strip()


def _edges_fj(powers: list[Power], slew: float) -> tuple[float, float]:
    """Energy of a rise and of a fall of a pin, mean over supply pins."""
    pins = max(len({power.supply_pin for power in powers}), 1)
    rise = sum(power.rise.at(slew, 0.0) for power in powers if power.rise)
    fall = sum(power.fall.at(slew, 0.0) for power in powers if power.fall)
    return rise / pins, fall / pins


def _mean_fj(powers: object, slew: float, load: float) -> float:
    """Mean over states of a toggle, and over the supply pins that the charge passes."""
    by_supply: dict[str, list[float]] = {}
    for power in powers:  # type: ignore[attr-defined]
        by_supply.setdefault(power.supply_pin, []).append(power.mean_fj(slew, load))
    return sum(sum(values) / len(values) for values in by_supply.values()) / max(len(by_supply), 1)


def _states(cell: Cell, following: int, before: int) -> Mapping[str, int]:
    """Values of a flip-flop's pins and state names before an edge that takes it from `before` to `following`."""
    state = cell.flip_flop
    assert state is not None
    names = {state.state: before, state.inverse: 1 - before}
    outputs = {pin.name: parse_function(pin.function).value(names) for pin in cell.outputs() if pin.function}
    data = parse_function(state.next_state)
    free = [name for name in data.names() if name not in names]
    values = dict.fromkeys(free, following)
    if len(free) == 1 and data.value(values | names) != following:
        values = {free[0]: 1 - following}
    return names | outputs | values


def _in_state(powers: tuple[Power, ...], states: Mapping[str, int]) -> list[Power]:
    """Return the energies that hold in a state: those whose `when` is true, else those without one."""
    known = []
    for power in powers:
        if power.when:
            condition = parse_function(power.when)
            if all(name in states for name in condition.names()) and condition.value(states):
                known.append(power)
    return known or [power for power in powers if not power.when]
