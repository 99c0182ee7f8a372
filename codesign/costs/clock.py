"""Registers: what a register bit costs in area, in energy as data pass, and in energy each cycle for its clock pin.

One table (Aladdin, 40 nm) gives the register bit of every arithmetic profile, and is named in its rows. Its energy is
split: a quarter is the clock pin and its share of the tree, paid each cycle by every bit that is there; the rest is
paid when data move.
"""

from __future__ import annotations

from codesign.costs.figures import Figure
from codesign.costs.scaling import carry_area, carry_energy
from codesign.costs.tables import read_csv
from simulators.machine import Technology

#: Share of a register's energy that its clock takes whether data move or not: 415 of 1633 fJ in a synthesized int8 PE
#: at 45 nm.
CLOCK_SHARE = 0.25


def _register(metric: str, unit: str) -> Figure:
    row = next(row for row in read_csv("arith_energy_area.csv") if row["operation"] == "register")
    return Figure(float(row[metric]), unit, int(row["node_nm"]), row["source"], row["status"])


def register_area(technology: Technology, bits: float) -> Figure:
    """Return the area of some register bits at the machine's node, in um2."""
    return carry_area(_register("area_um2", "um2"), technology).times(bits)


def register_energy(technology: Technology, bits: float) -> Figure:
    """Return the energy of moving data into some register bits, the clock's share excluded, in pJ."""
    figure = carry_energy(_register("energy_pj", "pJ"), technology)
    return figure.times(bits * (1 - CLOCK_SHARE), f"{1 - CLOCK_SHARE:.0%} of a register bit x {bits:g} bits", "assumed")


def clock_energy(technology: Technology, bits: float) -> Figure:
    """Return the energy of clocking some register bits for one cycle, in pJ."""
    figure = carry_energy(_register("energy_pj", "pJ"), technology)
    return figure.times(
        bits * CLOCK_SHARE, f"{CLOCK_SHARE:.0%} of a register bit x {bits:g} bits, each cycle", "assumed"
    )
