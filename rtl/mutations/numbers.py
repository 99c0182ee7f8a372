"""Mutations of numbers: shifts, signs, comparisons and constants that are wrong by one."""

from __future__ import annotations

from collections.abc import Iterator

from rtl.mutations.rtlil import Bit, Cell, Edit, Netlist, text_of
from rtl.mutations.structural import (
    NEW,
    REGISTERS,
    Kind,
    Place,
    cell_at,
    header,
    new_bits,
    new_wire,
    own_cells,
    reconnected,
)

_SHIFTS = ("$shl", "$shr", "$sshl", "$sshr", "$shift", "$shiftx")
_ARITHMETIC = ("$add", "$sub", "$mul", "$mux", "$pmux", *REGISTERS)  # others have masks, all of one bit
_NEIGHBOURS = {"$lt": "$le", "$le": "$lt", "$gt": "$ge", "$ge": "$gt"}


def _constant(bits: list[Bit]) -> bool:
    return all(bit in ("0", "1") for bit in bits)


def _plus_one(bits: list[Bit]) -> list[Bit]:
    value = sum(1 << i for i, bit in enumerate(bits) if bit == "1") + 1
    return [str(value >> i & 1) for i in range(len(bits))]


def _moved(netlist: Netlist, cell: Cell, port: str) -> list[Bit] | None:
    """Return the slice next to the one that a port takes of a wider wire, or None where it takes none."""
    bits = netlist.bits(cell, port)
    if len(bits) < 2 or not isinstance(bits[0], tuple):
        return None
    name, low = bits[0]
    if bits != [(name, low + i) for i in range(len(bits))]:
        return None
    width = netlist.modules[cell.module].wires[name].width
    if low + len(bits) < width:
        return [(name, low + 1 + i) for i in range(len(bits))]
    return [(name, low - 1 + i) for i in range(len(bits))] if low else None


def _shifts(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if cell.kind in _SHIFTS:
            yield Place(cell.module, cell.name, "B", variant="amount + 1")
            continue
        outputs = netlist.outputs(cell)
        for port in cell.connections:
            if port not in outputs and _moved(netlist, cell, port):
                yield Place(cell.module, cell.name, port, variant="slice of the next bit")


def _shift_changed(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    if place.variant != "amount + 1":
        bits = _moved(netlist, cell, place.port)
        assert bits, "places yields those that can be moved"
        return reconnected(cell, place.port, bits)
    width = cell.number("B_WIDTH")
    adder = [
        new_wire(width + 1),
        f"  cell $add \\{NEW}_adder",
        "    parameter \\A_SIGNED 0", f"    parameter \\A_WIDTH {width}",
        "    parameter \\B_SIGNED 0", "    parameter \\B_WIDTH 1", f"    parameter \\Y_WIDTH {width + 1}",
        f"    connect \\A {cell.connections['B']}", "    connect \\B 1'1", f"    connect \\Y \\{NEW}",
        "  end",
    ]  # fmt: skip
    edit = reconnected(cell, "B", new_bits(width + 1), adder)
    return edit | {cell.lines["B_WIDTH"]: [f"    parameter \\B_WIDTH {width + 1}"]}


def _extended(bits: list[Bit]) -> bool:
    return len(bits) > 2 and isinstance(bits[-1], tuple) and bits[-1] == bits[-2]


def _has_sign(netlist: Netlist, cell: Cell) -> bool:
    """Whether an operand is extended, or compared, by its sign."""
    if cell.kind == "$sshr" or (cell.kind in _NEIGHBOURS and cell.number("A_SIGNED")):
        return True
    if cell.kind not in ("$add", "$sub", "$mul") or not cell.number("A_SIGNED"):
        return False
    width = cell.number("Y_WIDTH")
    return any(len(netlist.bits(cell, p)) < width and netlist.bits(cell, p)[-1] != "0" for p in "AB")


def _signs(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if _has_sign(netlist, cell):
            yield Place(cell.module, cell.name, variant="unsigned")
        for port in sorted(cell.connections.keys() & {"A", "B", "D"}):
            if cell.kind in _ARITHMETIC and _extended(netlist.bits(cell, port)):
                yield Place(cell.module, cell.name, port, variant="extended by 0")


def _sign_changed(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    if place.port:
        bits = netlist.bits(cell, place.port)
        sign = bits[-1]
        low = next(i for i in range(len(bits)) if bits[i:] == [sign] * (len(bits) - i)) + 1
        return reconnected(cell, place.port, bits[:low] + ["0"] * (len(bits) - low))
    ports = ("A",) if cell.kind == "$sshr" else ("A", "B")
    return {cell.lines[f"{p}_SIGNED"]: [f"    parameter \\{p}_SIGNED 0"] for p in ports}


def _comparisons(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if cell.kind in _NEIGHBOURS:
            yield Place(cell.module, cell.name, variant=_NEIGHBOURS[cell.kind])
        if cell.kind in ("$eq", "$ne") and len(netlist.bits(cell, "B")) > 1 and _constant(netlist.bits(cell, "B")):
            yield Place(cell.module, cell.name, "B", variant="constant + 1")


def _comparison_changed(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    if place.port:
        return reconnected(cell, place.port, _plus_one(netlist.bits(cell, place.port)))
    return {cell.first: [header(cell, place.variant)]}


def _constants(netlist: Netlist) -> Iterator[Place]:
    for cell in own_cells(netlist):
        if cell.kind in ("$add", "$sub"):
            for port in "AB":
                if _constant(netlist.bits(cell, port)):
                    yield Place(cell.module, cell.name, port, variant="constant + 1")


def _constant_changed(netlist: Netlist, place: Place) -> Edit:
    cell = cell_at(netlist, place)
    bits = _plus_one(["0" if bit == "x" else bit for bit in netlist.bits(cell, place.port)] + ["0"])
    edit: dict[int, list[str]] = {cell.lines[place.port]: [f"    connect \\{place.port} {text_of(bits)}"]}
    return edit | {cell.lines[f"{place.port}_WIDTH"]: [f"    parameter \\{place.port}_WIDTH {len(bits)}"]}


KINDS: dict[str, Kind] = {
    "shift changed": Kind(_shifts, _shift_changed),
    "sign changed": Kind(_signs, _sign_changed),
    "comparison off by one": Kind(_comparisons, _comparison_changed),
    "constant off by one": Kind(_constants, _constant_changed),
}
