"""Mutations of dependency tokens, at the ports of the token counters and in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rtl.mutations.rtlil import Cell, Edit, Netlist
from rtl.mutations.structural import Kind, Place, cell_at, new_bits, new_wire, reconnected
from simulators.program import CHANNELS, ENGINES, EXECUTE_ENGINE

_PORT = re.compile(r"waits_(\w+)|end_(\w+)__gives")
_EXECUTE_ENDS = ("preload", "matmul")


def _counters(netlist: Netlist) -> Iterator[Cell]:
    """Yield the instances of the token counters."""
    for module in netlist.modules.values():
        yield from (cell for cell in module.cells.values() if cell.kind.rpartition(".")[2] == "tokens")


def _in_use(engine: str, bit: int) -> bool:
    """Whether a program may name a counter: execute with itself has none (docs/npu.md)."""
    mine = "execute" if engine in _EXECUTE_ENDS else engine
    return not (mine == ENGINES[EXECUTE_ENGINE] and bit // CHANNELS == EXECUTE_ENGINE)


def _masks(netlist: Netlist, variant: str) -> Iterator[Place]:
    for cell in _counters(netlist):
        for port in cell.connections:
            match = _PORT.fullmatch(port)
            if match is None:
                continue
            for bit in range(len(netlist.bits(cell, port))):
                if _in_use(match[1] or match[2], bit):
                    yield Place(cell.module, cell.name, port, bit, variant)


def _dropped(netlist: Netlist) -> Iterator[Place]:
    return _masks(netlist, "never")


def _channels(netlist: Netlist) -> Iterator[Place]:
    return _masks(netlist, "of the next channel")


def _mask_changed(netlist: Netlist, place: Place) -> Edit:
    """Drop a bit of a mask, or exchange it with its channel's neighbour."""
    cell = cell_at(netlist, place)
    width = len(netlist.bits(cell, place.port))
    bits = new_bits(width)
    if place.variant == "never":
        bits[place.bit] = "0"
    else:
        other = place.bit - place.bit % CHANNELS + (place.bit + 1) % CHANNELS
        bits[place.bit], bits[other] = bits[other], bits[place.bit]
    before = [new_wire(width), f"  connect {new_wire(width).split()[-1]} {cell.connections[place.port]}"]
    return reconnected(cell, place.port, bits, before)


def _taken(netlist: Netlist) -> Iterator[Place]:
    for name in {cell.kind for cell in _counters(netlist)}:
        for cell in netlist.modules[name].cells.values():
            if cell.kind == "$sub":
                yield Place(name, cell.name, "B", variant="never")


def _kept(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    return reconnected(cell, place.port, ["0"] * len(netlist.bits(cell, place.port)))


KINDS: dict[str, Kind] = {
    "token dropped": Kind(_dropped, _mask_changed),
    "token of another channel": Kind(_channels, _mask_changed),
    "token kept": Kind(_taken, _kept),
}
