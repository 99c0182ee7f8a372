"""Energy of a mapped netlist from toggle counts and the library's tables, in groups.

A net's toggle costs 1/2 C V^2 of the input pins on it, and the driving cell's internal energy at that load and at the
slew that timing found (mean of a rise and a fall, over the related pins and states that the library tells apart). An
input that toggles without its gate's output costs its own internal energy. A flip-flop's clock costs 1/2 C V^2 twice a
cycle and the internal energy of both edges in the state (data, output) in which they happen; where the edge changes the
output, the output's energy is the whole of it.

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


def energy_per_cycle(
    netlist: Netlist, library: Library, timing: Timing, counts: ToggleCounts, grouping: Grouping
) -> EnergyPerCycle:
    """Return the mean energy of a cycle of a run, by group.

    Parameters
    ----------
    netlist, library, timing
        The mapped netlist, its library, its timing (for slews).
    counts : ToggleCounts
        Of the run.
    grouping : callable
        Group of a register or input port by its name; of the gates for an empty name.
    """
    model = _Model(netlist, library, timing)
    sums = dict.fromkeys(GROUPS, 0.0)
    for name, nets in netlist.inputs.items():
        for net in nets:
            if net != netlist.clock:
                sums[grouping(name)] += counts.nets[net] * model.switching_fj(net)
    gates = grouping("")
    at = 0
    for gate in netlist.gates:
        energy, at = model.gate_fj(gate, counts, at)
        sums[gates] += energy
    for i, instance in enumerate(netlist.flip_flops):
        clock, data = model.flip_flop_fj(instance, counts.states[i], counts)
        sums["clock"] += clock
        sums[grouping(register_name(instance))] += data
    return EnergyPerCycle({group: value / counts.lane_cycles for group, value in sums.items()})


def register_name(instance: Instance) -> str:
    """Return the register whose bit a flip-flop is: ``total`` of ``total[3]$_DFF_P_``."""
    return instance.name.removeprefix("\\").split("$_")[0].split("[")[0].split(".")[-1].strip()


class _Model:
    """Energies of cells at the loads and slews of one netlist."""

    def __init__(self, netlist: Netlist, library: Library, timing: Timing) -> None:
        self.netlist, self.slews = netlist, timing.slews_ps
        self.half_v2 = library.supply_v**2 / 2

    def switching_fj(self, net: int) -> float:
        """1/2 C V^2 of a net."""
        return self.half_v2 * self.netlist.loads_ff[net]

    def gate_fj(self, gate: Instance, counts: ToggleCounts, at: int) -> tuple[float, int]:
        """Return a gate's energy over the run, and where the next gate's inputs are counted."""
        energy = 0.0
        outputs = [pin for pin in gate.cell.outputs() if pin.name in gate.nets]
        for pin in outputs:
            net = gate.nets[pin.name]
            internal = self._output_fj(gate, pin, self.netlist.loads_ff[net])
            energy += counts.nets[net] * (internal + self.switching_fj(net))
        for pin in gate.cell.inputs() if outputs else ():
            toggles = counts.passive[at]
            at += 1
            if toggles and pin.powers:
                energy += toggles * _mean_fj(pin.powers, self.slews[gate.nets[pin.name]], 0.0)
        return float(energy), at

    def flip_flop_fj(self, instance: Instance, pairs: np.ndarray, counts: ToggleCounts) -> tuple[float, float]:
        """Return a flip-flop's energy over the run: its clock pin's, and its data's (input and output)."""
        cell, state = instance.cell, instance.cell.flip_flop
        assert state is not None
        clock = cell.pins[parse_function(state.clocked_on).names()[0]]
        slew = self.slews[self.netlist.clock]
        cycles = float(pairs.sum())
        clock_fj = 2 * cycles * self.half_v2 * clock.capacitance_ff
        data_fj = 0.0
        for following in (0, 1):
            for before in (0, 1):
                number = float(pairs[following, before])
                states = _states(cell, following, before)
                rise = sum(power.rise.at(slew, 0.0) for power in _in_state(clock.powers, states) if power.rise)
                fall = sum(power.fall.at(slew, 0.0) for power in _in_state(clock.powers, states) if power.fall)
                clock_fj += number * (fall + (rise if following == before else 0.0))
                if following != before:
                    quiet = _states(cell, before, before)
                    usual = sum(p.rise.at(slew, 0.0) for p in _in_state(clock.powers, quiet) if p.rise)
                    clock_fj += number * usual  # the edge's own share; the output's energy holds the whole edge
                    data_fj -= number * usual
        for pin in cell.outputs():
            if pin.name in instance.nets:
                net = instance.nets[pin.name]
                load = self.netlist.loads_ff[net]
                data_fj += counts.nets[net] * (self._output_fj(instance, pin, load) + self.switching_fj(net))
        for pin in cell.inputs():
            if pin is not clock and pin.name in instance.nets:
                net = instance.nets[pin.name]
                powers = _in_state(pin.powers, {clock.name: 1})
                data_fj += counts.nets[net] * _mean_fj(powers, self.slews[net], 0.0)
        return clock_fj, data_fj

    def _output_fj(self, instance: Instance, pin: Pin, load: float) -> float:
        """Mean over related pins of each one's mean over states, at the related pin's own slew."""
        related = sorted({power.related_pin for power in pin.powers})
        means = []
        for name in related:
            slew = self.slews[instance.nets.get(name, 0)]
            means.append(_mean_fj([power for power in pin.powers if power.related_pin == name], slew, load))
        return sum(means) / len(means) if means else 0.0


def _mean_fj(powers: object, slew: float, load: float) -> float:
    """Mean over states of a toggle, the supplies added up."""
    by_supply: dict[str, list[float]] = {}
    for power in powers:  # type: ignore[attr-defined]
        by_supply.setdefault(power.supply_pin, []).append(power.mean_fj(slew, load))
    return sum(sum(values) / len(values) for values in by_supply.values())


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
