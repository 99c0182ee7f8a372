"""A component as gates: mapped, timed, run under stimuli against its RTL, its energy measured."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtl.synthesis.energy import EnergyModel, Grouping
from rtl.synthesis.liberty import Library
from rtl.synthesis.netlist import Netlist, netlist_of
from rtl.synthesis.timing import Timing, static_timing
from rtl.synthesis.toggles import GateProgram, ToggleCounts, compile_gates, simulate
from rtl.synthesis.yosys import Recipe, synthesize
from workloads.errors import CodesignError

#: Nodes of libraries by a part of their name, nm: Liberty files do not state one.
NODES_NM = {"asap7": 7, "sky130": 130, "osu018": 180, "nangateopencell": 45, "gscl45": 45}


def node_of(library: Library, node_nm: int | None = None) -> int:
    """Return the node of a library, nm: the one given, else that of a library known by name.

    Raises
    ------
    CodesignError
        For a library that is not known, when none is given.
    """
    name = " ".join((library.name, *(str(path) for path in library.paths))).lower()
    node = node_nm or next((node for part, node in NODES_NM.items() if part in name), None)
    if node is None:
        raise CodesignError(f"{library.name}: its node is not known; give it (--node-nm)")
    return node


@dataclass(frozen=True)
class Gates:
    """A mapped component.

    Attributes
    ----------
    verilog, top : str
        The RTL.
    library, netlist, timing, program
        What it became.
    recipe, tool : str
        Flags and synthesizer.
    """

    verilog: str
    top: str
    library: Library
    netlist: Netlist
    timing: Timing
    program: GateProgram
    recipe: str
    tool: str

    @classmethod
    def of(cls, verilog: str, top: str, library: Library, recipe: Recipe | None = None) -> Gates:
        """Map a component, flat; see `rtl.synthesis.yosys.synthesize` for what can be refused."""
        mapped = synthesize(verilog, top, library, recipe)
        netlist = netlist_of(mapped, library)
        timing = static_timing(netlist, library)
        program = compile_gates(netlist)
        return cls(verilog, top, library, netlist, timing, program, mapped.recipe.flags, mapped.tool)

    def run(self, inputs: Mapping[str, np.ndarray], counted: int) -> ToggleCounts:
        """Run 64 lanes; cycles from `counted` on count."""
        return simulate(self.netlist, self.program, inputs, counted)

    def energy_model(self, grouping: Grouping) -> EnergyModel:
        """Return the energies of the netlist's toggles."""
        return EnergyModel(self.netlist, self.library, self.timing, grouping)

    def against_rtl(self, inputs: Mapping[str, np.ndarray]) -> tuple[int, int]:
        """Return (output bits compared, mismatches) of gates and RTL, by Verilator, in all lanes and cycles."""
        from rtl.synthesis.rtl_run import run_rtl

        gates = self.run(inputs, 1).values
        widths = {name: len(nets) for name, nets in self.netlist.outputs.items()}
        clock = "clk" if "clk" in self.netlist.inputs else ""
        words = run_rtl(self.verilog, self.top, inputs, widths, clock)
        compared = sum(64 * value.size for value in gates.values())
        return compared, sum(int(np.bitwise_count(gates[name] ^ words[name]).sum()) for name in gates)

    def must_equal_rtl(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Compare gates and RTL, and tell on stderr how much was compared.

        Raises
        ------
        CodesignError
            When a bit differs.
        """
        compared, mismatches = self.against_rtl(inputs)
        print(f"{self.top}: {compared:,} output bits compared with the RTL, {mismatches} differ", file=sys.stderr)
        if mismatches:
            raise CodesignError(f"{self.top}: {mismatches} of {compared} output bits differ between gates and RTL")

    def figures(self, node_nm: int | None = None) -> dict[str, Any]:
        """Return what every row of a cost table says of a component; the library's node when none is given.

        Raises
        ------
        CodesignError
            When the node is not known.
        """
        library, netlist = self.library, self.netlist
        return {
            "area_um2": netlist.area_um2, "flip_flops": len(netlist.flip_flops), "period_ps": self.timing.period_ps,
            "leakage_nw": netlist.leakage_nw, "library": f"{library.name} {library.corner}",
            "node_nm": node_of(library, node_nm), "supply_v": library.supply_v, "recipe": self.recipe,
            "tool": self.tool,
        }  # fmt: skip
