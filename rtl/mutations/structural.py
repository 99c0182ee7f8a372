"""Mutations of our own kinds, made on RTLIL: registers, delays, shifts, tokens, signs, comparisons.

A kind is a pair of functions: `places(netlist)` yields where it can be made, `edit(netlist, place)` makes it.
Registers and conditions stand here, numbers in `rtl.mutations.numbers`, tokens in `rtl.mutations.tokens`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rtl.mutations.rtlil import Bit, Cell, Edit, Netlist, quoted, text_of

REGISTERS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce")
MACRO = "codesign_memory"
NEW = "mutant"  # the name of a wire that a mutation adds


class Place(NamedTuple):
    """Where a mutation is made.

    Attributes
    ----------
    module, cell, port : str
        `port` may be empty.
    bit : int
        Of the port; -1 for all of it.
    variant : str
        What exactly, where a kind has several.
    """

    module: str
    cell: str
    port: str = ""
    bit: int = -1
    variant: str = ""


class Kind(NamedTuple):
    """A kind of mutation."""

    places: Callable[[Netlist], Iterator[Place]]
    edit: Callable[[Netlist, Place], Edit]


def own_cells(netlist: Netlist) -> Iterator[Cell]:
    """Yield the cells of every module, the macros of memories left out."""
    for module in netlist.modules.values():
        if not module.name.startswith(MACRO):
            yield from (cell for cell in module.cells.values() if not cell.kind.startswith(MACRO))


def cell_at(netlist: Netlist, place: Place) -> Cell:
    """Return the cell of a place."""
    return netlist.modules[place.module].cells[place.cell]


def reconnected(cell: Cell, port: str, bits: list[Bit], before: list[str] | None = None) -> dict[int, list[str]]:
    """Return the edit that connects a port to other bits; the lines `before` come in front of the cell."""
    edit = {cell.lines[port]: [f"    connect \\{port} {text_of(bits)}"]}
    return edit | ({cell.first: [*before, header(cell)]} if before else {})


def header(cell: Cell, kind: str = "") -> str:
    """Return a cell's first line, perhaps with another kind."""
    return f"  cell {quoted(kind or cell.kind)} {quoted(cell.name)}"


def replaced(netlist: Netlist, cell: Cell, lines: list[str]) -> dict[int, list[str]]:
    """Return the edit that puts other lines in the place of a whole cell, its attributes included."""
    first = cell.first
    while netlist.lines[first - 1].startswith("  attribute"):
        first -= 1
    return {i: [] for i in range(first, cell.last + 1)} | {cell.first: lines}


def wired(netlist: Netlist, cell: Cell, output: str, source: str) -> Edit:
    """Return the edit that replaces a cell by a wire from one of its inputs to its output."""
    width = len(netlist.bits(cell, output))
    bits = (netlist.bits(cell, source) + ["0"] * width)[:width]
    return replaced(netlist, cell, [f"  connect {cell.connections[output]} {text_of(bits)}"])


def new_wire(width: int) -> str:
    """Return the line that declares the new wire."""
    return f"  wire width {width} \\{NEW}"


def new_bits(width: int) -> list[Bit]:
    """Return the bits of the new wire."""
    return [(NEW, i) for i in range(width)]


def _registers(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if cell.kind in REGISTERS:
            yield Place(cell.module, cell.name)


def _register_removed(netlist: Netlist, place: Place) -> Edit:
    return wired(netlist, cell_at(netlist, place), "Q", "D")


def _enables(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if cell.kind in REGISTERS and "EN" in cell.connections:
            yield Place(cell.module, cell.name, "EN")


def _hold_dropped(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    return reconnected(cell, "EN", [str(cell.number("EN_POLARITY"))])


def _outputs(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if "clk" not in netlist.modules[cell.module].wires:
            continue
        for port in netlist.outputs(cell):
            if any(isinstance(bit, tuple) for bit in netlist.bits(cell, port)):
                yield Place(cell.module, cell.name, port)


def _register_added(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    width = len(netlist.bits(cell, place.port))
    register = [
        f"  cell $dff \\{NEW}_register",
        "    parameter \\CLK_POLARITY 1",
        f"    parameter \\WIDTH {width}",
        "    connect \\CLK \\clk",
        f"    connect \\D \\{NEW}",
        f"    connect \\Q {cell.connections[place.port]}",
        "  end",
    ]
    return {
        cell.first: [new_wire(width), header(cell)],
        cell.lines[place.port]: [f"    connect {quoted(place.port)} \\{NEW}"],
        cell.last: [netlist.lines[cell.last], *register],
    }


def _conditions(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if cell.kind in ("$and", "$or", "$logic_and", "$logic_or") and len(netlist.bits(cell, "Y")) == 1:
            for kept in "AB":
                yield Place(cell.module, cell.name, kept, variant=f"only {kept} counts")


def _condition_dropped(netlist: Netlist, place: Place) -> Edit:
    return wired(netlist, cell_at(netlist, place), "Y", place.port)


KINDS: dict[str, Kind] = {
    "register removed": Kind(_registers, _register_removed),
    "register added": Kind(_outputs, _register_added),
    "hold dropped": Kind(_enables, _hold_dropped),
    "condition dropped": Kind(_conditions, _condition_dropped),
}
