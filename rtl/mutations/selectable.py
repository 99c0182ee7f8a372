r"""Many mutants in one design, of which a number chooses one: built once, run many times.

A cell that one of our own kinds changes is kept, and its changed copy stands beside it; which of the two drives what
the cell drove is chosen by the number (copies of registers hold what the mutant's register would hold, for the number
stays what it is from the first cycle on). Yosys's ``mutate -ctrl`` does the same for its own. Number 0 is the original.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtl.mutations.mutants import KINDS, YOSYS, Mutant
from rtl.mutations.netlists import run_script
from rtl.mutations.rtlil import Cell, Edit, Netlist, quoted
from rtl.mutations.structural import NEW, header
from rtl.npu.memories import macro_verilog

#: The environment variable that holds the number when a model is made.
VARIABLE = "CODESIGN_MUTANT"
_NUMBER, _BITS = "mutant_number", 8
_SOURCE = f"""\
module codesign_mutant_number(output reg [{_BITS - 1}:0] number);
  initial number = $c("(std::getenv(\\"{VARIABLE}\\") ? std::atoi(std::getenv(\\"{VARIABLE}\\")) : 0)");
endmodule
"""


def selectable(base: str, mutants: Sequence[Mutant]) -> str:
    """Return Verilog for Verilator that holds mutants of one netlist; the first has the number 1.

    Raises
    ------
    CodesignError
        When the netlist has no such place, or there is no yosys.
    """
    assert len(mutants) < 1 << _BITS
    netlist = Netlist.read(base)
    edit: dict[int, list[str]] = {}
    cells: dict[tuple[str, str], list[tuple[int, Mutant]]] = {}
    commands = []
    for number, mutant in enumerate(mutants, 1):
        mutant.check(netlist)
        if mutant.source == YOSYS:
            commands.append(f"mutate {mutant.arguments} -ctrl {_NUMBER} {_BITS} {number}")
        else:
            cells.setdefault((mutant.module, mutant.cell), []).append((number, mutant))
    for name in {mutant.module for mutant in mutants}:
        first = netlist.modules[name].first
        edit[first] = [netlist.lines[first], *_number_source()]
    for (module, name), group in cells.items():
        edit |= _with_copies(netlist, netlist.modules[module].cells[name], group)
    script = "\n".join(("read_rtlil base.il", *commands, "write_verilog -noattr all.v", ""))
    text = run_script(script, {"base.il": netlist.edited(edit)}, "all.v")
    return f"{text}\n{macro_verilog()}\n{_SOURCE}"


def _number_source() -> list[str]:
    return [
        f"  wire width {_BITS} \\{_NUMBER}",
        f"  cell \\codesign_mutant_number \\{_NUMBER}_source",
        f"    connect \\number \\{_NUMBER}",
        "  end",
    ]


def _with_copies(netlist: Netlist, cell: Cell, group: Sequence[tuple[int, Mutant]]) -> Edit:
    """Return the edit that puts a cell's changed copies beside it, and multiplexers behind them all."""
    driven = {port: cell.connections[port] for port in netlist.outputs(cell)}
    widths = {port: len(netlist.bits(cell, port)) for port in driven}
    first = cell.first
    while netlist.lines[first - 1].startswith("  attribute"):
        first -= 1
    last_of = dict.fromkeys(driven, "")
    lines: list[str] = []
    for i, port in enumerate(driven):
        last_of[port] = f"\\{NEW}_of_{group[0][0]}_{i}"
        lines.append(f"  wire width {widths[port]} {last_of[port]}")
    lines += _redriven(netlist.lines[first : cell.last + 1], driven, last_of)
    for number, mutant in group:
        own = {port: f"\\{NEW}_{number}_copy_{i}" for i, port in enumerate(driven)}
        chosen = {port: f"\\{NEW}_{number}_chosen_{i}" for i, port in enumerate(driven)}
        lines += [f"  wire width {widths[port]} {name}" for some in (own, chosen) for port, name in some.items()]
        lines += _copy(netlist, cell, number, KINDS[mutant.kind].edit(netlist, mutant.place), driven, own, first)
        lines += _is_chosen(number)
        for i, port in enumerate(driven):
            lines += _multiplexer(number, i, widths[port], last_of[port], own[port], chosen[port])
        last_of = chosen
    lines += [f"  connect {signal} {last_of[port]}" for port, signal in driven.items()]
    return {i: [] for i in range(first, cell.last + 1)} | {first: lines}


def _copy(
    netlist: Netlist, cell: Cell, number: int, edit: Edit, driven: dict[str, str], own: dict[str, str], first: int
) -> list[str]:
    """Return the lines of a changed copy under names of its own."""
    assert all(first <= line <= cell.last for line in edit), "a mutation changes one cell"
    lines = [new for i in range(first, cell.last + 1) for new in edit.get(i, (netlist.lines[i],))]
    kinds = (header(cell).split(" ")[3], *(header(cell, k).split(" ")[3] for k in ("$lt", "$le", "$gt", "$ge")))
    named = {f"  cell {kind} {quoted(cell.name)}": f"  cell {kind} \\{NEW}_cell" for kind in kinds}
    lines = [named.get(line, line).replace(f"\\{NEW}", f"\\{NEW}_{number}") for line in lines]
    return _redriven(lines, driven, own)


def _redriven(lines: Sequence[str], driven: dict[str, str], by_port: dict[str, str]) -> list[str]:
    """Return lines with what drives a cell's output signals driving others, by port."""
    found = []
    for line in lines:
        for port, signal in driven.items():
            if line in {f"    connect {quoted(name)} {signal}" for name in (port, "Y", "Q")}:
                line = f"{line.removesuffix(signal)}{by_port[port]}"
            elif line.startswith(f"  connect {signal} "):
                line = f"  connect {by_port[port]} {line.removeprefix(f'  connect {signal} ')}"
        found.append(line)
    return found


def _is_chosen(number: int) -> list[str]:
    return [
        f"  wire \\{NEW}_{number}_is_chosen",
        f"  cell $eq \\{NEW}_{number}_equal",
        "    parameter \\A_SIGNED 0", f"    parameter \\A_WIDTH {_BITS}",
        "    parameter \\B_SIGNED 0", f"    parameter \\B_WIDTH {_BITS}", "    parameter \\Y_WIDTH 1",
        f"    connect \\A \\{_NUMBER}", f"    connect \\B {_BITS}'{number:0{_BITS}b}",
        f"    connect \\Y \\{NEW}_{number}_is_chosen",
        "  end",
    ]  # fmt: skip


def _multiplexer(number: int, output: int, width: int, original: str, copy: str, chosen: str) -> list[str]:
    return [
        f"  cell $mux \\{NEW}_{number}_multiplexer_{output}",
        f"    parameter \\WIDTH {width}",
        f"    connect \\A {original}", f"    connect \\B {copy}",
        f"    connect \\S \\{NEW}_{number}_is_chosen", f"    connect \\Y {chosen}",
        "  end",
    ]  # fmt: skip
