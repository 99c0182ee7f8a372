"""Mapped parts joined into one netlist of library cells, so that paths through several of them are timed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtl.synthesis.liberty import Library
from rtl.synthesis.netlist import ONE, ZERO, Instance, Netlist, clock_of, known_cell
from rtl.synthesis.yosys import Synthesis

_CONSTANTS = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}


@dataclass(frozen=True)
class Surroundings:
    """What lies around an instance and lets gates and registers in it vanish.

    Attributes
    ----------
    tied : tuple of (str, int, int)
        Port, bit and value of inputs that are constant.
    unread : tuple of (str, int)
        Port and bit of outputs that reach no gate, register, memory or output.
    """

    tied: tuple[tuple[str, int, int], ...] = ()
    unread: tuple[tuple[str, int], ...] = ()


def assemble(parts: Mapping[str, Synthesis], top: str, library: Library) -> Netlist:
    """Return part `top` with the parts below it in place of their boxes.

    What has no part (a memory macro; every box when `parts` holds the top alone) is a border: its outputs are among
    the netlist's inputs, its inputs among the outputs, named ``instance.port``.

    Parameters
    ----------
    parts : mapping
        Syntheses by the name of their top module; one by the path of an instance is that instance's alone.
    top : str
        One of them.
    library : Library

    Raises
    ------
    CodesignError
        For a latch, an unmapped cell, a second clock.
    """
    return _joined(parts, top, library).netlist(top)


def surroundings(parts: Mapping[str, Synthesis], top: str, library: Library, box: str) -> dict[str, Surroundings]:
    """Return what lies around every instance of a module that has no part yet, by path; `parts` as in `assemble`."""
    joiner = _joined(parts, top, library)
    find, read = joiner.find, set()
    for _, cell, pins in joiner.cells:
        read |= {find(pins[pin.name]) for pin in cell.inputs() if pin.name in pins}
    read |= {find(net) for nets in joiner.borders[1].values() for net in nets}
    found = {}
    for kind, path, directions, nets in joiner.boxes:
        if kind == box:
            bits = [(pin, i, find(net)) for pin in sorted(nets) for i, net in enumerate(nets[pin])]
            tied = tuple((pin, i, net) for pin, i, net in bits if directions[pin] == "input" and net in (ZERO, ONE))
            unread = tuple((pin, i) for pin, i, net in bits if directions[pin] == "output" and net not in read)
            found[path] = Surroundings(tied, unread)
    return found


def _joined(parts: Mapping[str, Synthesis], top: str, library: Library) -> _Joiner:
    joiner = _Joiner(parts, library)
    numbers = joiner.module(parts[top], top, "")
    inputs, outputs = joiner.borders
    for name, port in parts[top].netlist["modules"][top]["ports"].items():
        (inputs if port["direction"] == "input" else outputs)[name] = [numbers[bit] for bit in port["bits"]]
    return joiner


class _Joiner:
    """Nets of all instances in one numbering; nets that a port joins are one (the least number stands for all)."""

    def __init__(self, parts: Mapping[str, Synthesis], library: Library) -> None:
        self.parts, self.library = parts, library
        self.names, self.same = ["0", "1"], [ZERO, ONE]
        self.cells: list[tuple[str, Any, dict[str, int]]] = []
        self.borders: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
        self.boxes: list[tuple[str, str, dict[str, str], dict[str, list[int]]]] = []

    def module(self, part: Synthesis, name: str, prefix: str) -> dict[Any, int]:
        """Place one instance of a part; return its nets by yosys's numbers."""
        module = part.netlist["modules"][name]
        numbers: dict[Any, int] = dict(_CONSTANTS)
        for wire_name, wire in module["netnames"].items():
            for i, bit in enumerate(wire["bits"]):
                self._net(numbers, bit, f"{prefix}{wire_name}[{i}]")
        for cell_name, cell in module["cells"].items():
            pins = {pin: bits for pin, bits in cell["connections"].items() if bits}
            nets = {pin: [self._net(numbers, bit, f"{prefix}{cell_name}.{pin}") for bit in pins[pin]] for pin in pins}
            kind, path = cell["type"], f"{prefix}{cell_name}"
            if inner := self.parts.get(path) or self.parts.get(kind):
                self._join(inner, kind, path, nets)
            elif "blackbox" in part.netlist["modules"].get(kind, {}).get("attributes", {}):
                self.boxes.append((kind, path, cell["port_directions"], nets))
                for pin, bits in nets.items():
                    self.borders[cell["port_directions"][pin] == "input"][f"{path}.{pin}"] = bits
            else:
                self.cells.append((path, known_cell(kind, name, self.library), {pin: nets[pin][0] for pin in nets}))
        return numbers

    def _net(self, numbers: dict[Any, int], bit: Any, name: str) -> int:
        if bit not in numbers:
            numbers[bit] = len(self.names)
            self.same.append(len(self.names))
            self.names.append(name)
        return numbers[bit]

    def _join(self, part: Synthesis, kind: str, path: str, nets: dict[str, list[int]]) -> None:
        inner = self.module(part, kind, f"{path}.")
        ports = part.netlist["modules"][kind]["ports"]
        for pin, bits in nets.items():
            for outside, bit in zip(bits, ports[pin]["bits"], strict=True):
                first, second = sorted((self.find(outside), self.find(inner[bit])))
                self.same[second] = first

    def find(self, net: int) -> int:
        """Return the net that stands for all those joined with this one."""
        while self.same[net] != net:
            self.same[net] = self.same[self.same[net]]
            net = self.same[net]
        return net

    def netlist(self, top: str) -> Netlist:
        """Return everything that was placed."""
        find = self.find
        instances = [
            Instance(name, cell, {pin: find(net) for pin, net in pins.items()}) for name, cell, pins in self.cells
        ]
        inputs, outputs = ({name: [find(net) for net in nets] for name, nets in side.items()} for side in self.borders)
        return Netlist(top, self.names, instances, inputs, outputs, clock_of(instances, top))
