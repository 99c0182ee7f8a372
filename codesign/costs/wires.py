"""Energy of on-die wires between blocks: C V^2 of repeated wires, a bit and a millimetre at a time."""

from __future__ import annotations

import math

from codesign.costs.figures import Figure
from codesign.costs.scaling import nominal_supply_v
from simulators.machine import Technology

#: Middle of the usual 0.08 to 0.12 pJ/bit/mm of a repeated global wire; capacitance a millimetre hardly scales.
WIRE_PJ_PER_BIT_MM = 0.10
#: Supply at which that holds.
WIRE_SUPPLY_V = 0.8


def wire_energy(technology: Technology, bits: float, distance_mm: float) -> Figure:
    """Return the energy of `bits` over `distance_mm`, in pJ: 0.10 pJ/bit/mm x (V / 0.8 V)^2 (assumed)."""
    supply = technology.supply_v or nominal_supply_v(technology.node_nm)
    per_bit_mm = WIRE_PJ_PER_BIT_MM * (supply / WIRE_SUPPLY_V) ** 2
    law = f"0.10 pJ/bit/mm at 0.8 V, x V^2 at {supply:.2f} V, over {distance_mm:.3g} mm from block areas"
    return Figure(
        bits * per_bit_mm * distance_mm, "pJ", technology.node_nm, "usual range 0.08-0.12 pJ/bit/mm", "assumed", law
    )


def distance_mm(area_um2: float, other_um2: float) -> float:
    """Return the distance between the centres of two square blocks side by side, in mm."""
    return (math.sqrt(area_um2) + math.sqrt(other_um2)) / 2 / 1000
