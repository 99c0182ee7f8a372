"""Leakage: of memories from the SRAM table, of logic from a library at its own node, else a share of dynamic power."""

from __future__ import annotations

from dataclasses import replace

from codesign.costs.figures import Figure
from codesign.costs.scaling import nominal_supply_v
from codesign.costs.sram import Sram
from simulators.machine import Technology

#: Leakage of logic over its dynamic power with every unit busy at `REFERENCE_HZ`, by device class.
LOGIC_SHARE = {"itrs-hp": 0.10, "itrs-lstp": 0.01}
REFERENCE_HZ = 1e9
_PJ_PER_MJ = 1e9


def sram_leakage(memory: Sram, technology: Technology, clock_hz: float) -> Figure:
    """Return the leakage of a memory in pJ a clock cycle: power (in proportion to the supply) / clock."""
    figure = memory.figure("leakage_mw")
    if technology.supply_v is not None:
        relative = technology.supply_v / nominal_supply_v(technology.node_nm)
        figure = figure.times(relative, f"x V at {technology.supply_v:g} V", "assumed")
    return replace(figure.times(_PJ_PER_MJ / clock_hz, f"mW over {clock_hz:.4g} Hz"), unit="pJ")


def logic_leakage(busy: Figure, technology: Technology, clock_hz: float) -> Figure:
    """Return the leakage of logic in pJ a clock cycle; `busy` is its dynamic energy (pJ) in a cycle with no unit idle.

    The power does not follow the clock: it is the share at 1 GHz.
    """
    share = LOGIC_SHARE[technology.sram_cell]
    law = f"{share:.0%} of full dynamic power at {REFERENCE_HZ / 1e9:g} GHz, over {clock_hz:.4g} Hz"
    return busy.times(share * REFERENCE_HZ / clock_hz, law, "assumed")


def share_of_power(
    busy: list[tuple[str, Figure]], technology: Technology, clock_hz: float
) -> list[tuple[str, Figure]]:  # fmt: skip
    """Return `logic_leakage` of each kind of logic."""
    return [(name, logic_leakage(figure, technology, clock_hz)) for name, figure in busy]
