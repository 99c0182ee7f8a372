"""Energy of off-chip memory by technology, device and interface together."""

from __future__ import annotations

from codesign.costs.figures import Figure
from codesign.costs.scaling import SCALING_TABLE
from codesign.costs.tables import read_json
from workloads.errors import unknown_name


def dram_technologies() -> list[str]:
    """Return the names that `dram_energy` knows."""
    return list(read_json(SCALING_TABLE)["dram_pj_per_bit"])


def dram_energy(technology: str, where: str = "memory.technology") -> Figure:
    """Return the energy of moving one bit to or from a memory, in pJ. It does not follow the logic's node.

    Raises
    ------
    CodesignError
        When the technology is in no table, naming the nearest.
    """
    table = read_json(SCALING_TABLE)["dram_pj_per_bit"]
    if technology not in table:
        raise unknown_name(where, "memory technology", technology, table)
    row = table[technology]
    return Figure(float(row["value"]), "pJ", None, f"{technology}: {row['source']}", row["status"])
