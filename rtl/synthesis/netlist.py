"""A mapped, flat netlist as numbers: nets, cells, their pins, and the order in which gates can be evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rtl.synthesis.liberty import Cell, Library
from rtl.synthesis.yosys import Synthesis
from workloads.errors import CodesignError

#: Nets of the constants.
ZERO, ONE = 0, 1


@dataclass(frozen=True)
class Instance:
    """A cell in the netlist: `nets` by pin; a pin left open has none.

    The name of a flip-flop begins with that of the register whose bit it is (`Synthesis` sees to it).
    """

    name: str
    cell: Cell
    nets: dict[str, int]


@dataclass
class Netlist:
    """A flat netlist of library cells.

    Attributes
    ----------
    top : str
        The module's name.
    net_names : list of str
        A name for each net, ``name[bit]`` for those that the RTL named; the constants are 0 and 1.
    instances : list of Instance
        All cells.
    inputs, outputs : dict
        Nets of each port, low bit first.
    clock : int
        The net that clocks the flip-flops; -1 where there is none.
    """

    top: str
    net_names: list[str]
    instances: list[Instance]
    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    clock: int

    @property
    def area_um2(self) -> float:
        """Sum of the cells' areas."""
        return sum(instance.cell.area_um2 for instance in self.instances)

    @property
    def leakage_nw(self) -> float:
        """Sum of the cells' leakage."""
        return sum(instance.cell.leakage_nw for instance in self.instances)

    @cached_property
    def flip_flops(self) -> list[Instance]:
        """The sequential cells."""
        return [instance for instance in self.instances if instance.cell.flip_flop is not None]

    @cached_property
    def gates(self) -> list[Instance]:
        """The combinational cells, each after those that drive it."""
        return _ordered([instance for instance in self.instances if instance.cell.flip_flop is None], self)

    @cached_property
    def loads_ff(self) -> list[float]:
        """Capacitance of the input pins on each net, fF."""
        loads = [0.0] * len(self.net_names)
        for instance in self.instances:
            for pin in instance.cell.inputs():
                if pin.name in instance.nets:
                    loads[instance.nets[pin.name]] += pin.capacitance_ff
        return loads


def netlist_of(synthesis: Synthesis, library: Library) -> Netlist:
    """Return a flat synthesis as a netlist of library cells.

    Raises
    ------
    CodesignError
        For a cell that is not the library's (an unmapped one, a black box), a latch, or a second clock.
    """
    module = synthesis.netlist["modules"][synthesis.top]
    numbers: dict[Any, int] = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}
    names = ["0", "1"]

    def number(bit: Any) -> int:
        if bit not in numbers:
            numbers[bit] = len(names)
            names.append(f"${bit}")
        return numbers[bit]

    for name, wire in sorted(module["netnames"].items(), key=lambda item: (item[1]["hide_name"], item[0])):
        for i, bit in enumerate(wire["bits"]):
            net = number(bit)
            if net > ONE and names[net].startswith("$"):
                names[net] = f"{name}[{i}]" if not wire["hide_name"] else f"${name}[{i}]"
    instances = [
        Instance(name, known_cell(cell["type"], synthesis.top, library), {p: number(b[0]) for p, b in _pins(cell)})
        for name, cell in module["cells"].items()
    ]
    ports = {"input": {}, "output": {}, "inout": {}}  # type: dict[str, dict[str, list[int]]]
    for name, port in module["ports"].items():
        ports[port["direction"]][name] = [number(bit) for bit in port["bits"]]
    return Netlist(synthesis.top, names, instances, ports["input"], ports["output"], clock_of(instances, synthesis.top))


def _pins(cell: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(pin, bits) for pin, bits in cell["connections"].items() if bits]


def known_cell(kind: str, top: str, library: Library) -> Cell:
    """Return a cell of the library; one that is absent or a latch is an error that names the module."""
    if kind not in library:
        raise CodesignError(f"{top}: cell {kind} is not of the library {library.name}")
    cell = library.cell(kind)
    if cell.latch:
        raise CodesignError(f"{top}: cell {kind} is a latch; only flip-flops and gates can be simulated and timed")
    return cell


def clock_of(instances: list[Instance], top: str) -> int:
    """Return the net that clocks the flip-flops (-1: there are none); a second one is an error."""
    clocks = set()
    for instance in instances:
        state = instance.cell.flip_flop
        if state is not None:
            clocks.add(instance.nets[state.clocked_on.strip("!'() ")])
    if len(clocks) > 1:
        raise CodesignError(f"{top}: {len(clocks)} clocks where one is understood")
    return clocks.pop() if clocks else -1


def _ordered(gates: list[Instance], netlist: Netlist) -> list[Instance]:
    """Topological order by a stack; a loop of gates is an error."""
    driver = {
        gate.nets[pin.name]: i for i, gate in enumerate(gates) for pin in gate.cell.outputs() if pin.name in gate.nets
    }
    users: list[list[int]] = [[] for _ in gates]
    missing = [0] * len(gates)
    for i, gate in enumerate(gates):
        for pin in gate.cell.inputs():
            source = driver.get(gate.nets.get(pin.name, -1))
            if source is not None:
                users[source].append(i)
                missing[i] += 1
    ready = [i for i in range(len(gates) - 1, -1, -1) if missing[i] == 0]
    order = []
    while ready:
        i = ready.pop()
        order.append(gates[i])
        for user in users[i]:
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user)
    if len(order) < len(gates):
        raise CodesignError(f"{netlist.top}: a combinational loop of gates")
    return order
