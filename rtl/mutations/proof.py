"""Is a mutant equivalent? Yosys proves that its module, with all that is below it, is what it was (`equiv_induct`).

A proof stands for every input of the module and every state that both can be in; no proof is no verdict.
"""

from __future__ import annotations

from rtl.mutations.mutants import Mutant
from rtl.mutations.netlists import run_script
from rtl.mutations.rtlil import Netlist, quoted
from workloads.errors import CodesignError

_SIDE = """\
read_rtlil {file}
hierarchy -top {top}
flatten
opt_clean -purge
rename {top} {side}
design -stash {side}
"""
_SCRIPT = """\
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
equiv_make -blacklist changed.txt gold gate equiv
hierarchy -top equiv
clean -purge
equiv_struct
equiv_simple -undef
equiv_induct -undef -seq 2
tee -o status.txt equiv_status
"""
_DEPTHS = 4  # cells behind the changed one that may differ inside, as long as what follows them does not


def is_proved_equivalent(base: str, mutant: Mutant, within: str = "") -> bool:
    """Return whether Yosys proves that a module does with a mutant what it does without.

    Parameters
    ----------
    base : str
        The netlist that the mutant is of, RTLIL.
    within : str
        The module: the mutant's own, or one that it is part of.
    """
    netlist = Netlist.read(base)
    files = {"gold.il": base, "gate.il": mutant.netlist(base)}
    top = quoted(within or mutant.module)
    sides = "".join(_SIDE.format(file=f"{side}.il", top=top, side=side) for side in ("gold", "gate"))
    changed = {mutant.cell}
    ports = {name for name, wire in netlist.modules[mutant.module].wires.items() if wire.port}
    for _ in range(_DEPTHS):
        changed, wires = _behind(netlist, mutant.module, changed)
        wires -= ports  # what leaves the module must be equal
        names = "".join(f"{quoted(name)}\n" for name in sorted(changed | wires))
        try:
            status = run_script(sides + _SCRIPT, files | {"changed.txt": names}, "status.txt")
        except CodesignError:
            return False
        if "Equivalence successfully proven" in status:
            return True
        changed |= _readers(netlist, mutant.module, wires)
    return False


def _behind(netlist: Netlist, module: str, names: set[str]) -> tuple[set[str], set[str]]:
    """Return cells and the wires that they drive."""
    cells = netlist.modules[module].cells
    bits = (bit for name in names for port in netlist.outputs(cells[name]) for bit in netlist.bits(cells[name], port))
    return names, {bit[0] for bit in bits if isinstance(bit, tuple)}


def _readers(netlist: Netlist, module: str, wires: set[str]) -> set[str]:
    """Return the cells that read any of some wires."""
    found = set()
    for cell in netlist.modules[module].cells.values():
        inputs = set(cell.connections) - set(netlist.outputs(cell))
        if any(isinstance(bit, tuple) and bit[0] in wires for port in inputs for bit in netlist.bits(cell, port)):
            found.add(cell.name)
    return found
