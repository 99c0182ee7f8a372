"""The columns of SCALE-Sim 3's COMPUTE_REPORT and DETAILED_ACCESS_REPORT, from our counters.

Its quirks live here alone: it prints the index of the last cycle instead of their count, divides its overall
utilization by that index, stretches its compute utilization by `cols - 1` cycles a fold (ws, is), and adds
`rows + cols` outputs a fold in os.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codesign.result import Result
from workloads.errors import CodesignError

#: The keys of a row, after ``layer``.
COLUMNS = (
    "total_cycles", "stall_cycles", "overall_util_pct", "mapping_eff_pct", "compute_util_pct",
    "sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes",
)  # fmt: skip


def scalesim_report(result: Result, *, os_output_bug: bool = True) -> list[dict[str, Any]]:
    """Return a row for each layer of a run on a machine with ``memory.model: resident``.

    Parameters
    ----------
    result : Result
        Of `codesign.run`.
    os_output_bug : bool
        Whether `sram_ofmap_writes` of an output-stationary array has SCALE-Sim's extra `rows + cols` a fold.

    Raises
    ------
    CodesignError
        When the machine loads its operands, which SCALE-Sim's stall-free columns do not know.
    """
    machine = result.simulation.machine
    if machine.memory.model != "resident":
        raise CodesignError(
            f"{machine.name}: SCALE-Sim's columns are those of operands in place; use a machine with "
            "memory.model: resident (scalesim_32x32_ws, _os, _is)"
        )
    array = machine.array
    rows = []
    for row in result.layers:
        counts = {name: count // max(1, row["repeat"]) for name, count in row["counters"].items()}
        columns = scalesim_columns(counts, array.rows, array.cols, array.dataflow, os_output_bug=os_output_bug)
        rows.append({"layer": row["name"], **columns})
    return rows


def scalesim_columns(
    counts: Mapping[str, int], rows: int, cols: int, dataflow: str, *, stall_cycles: int = 0, os_output_bug: bool = True
) -> dict[str, Any]:
    """Return `COLUMNS` of one layer from its counters (`simulators.activity.COUNTERS`).

    Parameters
    ----------
    counts : mapping
        Counters by name.
    rows, cols, dataflow
        Of the array.
    stall_cycles : int
        SCALE-Sim's own stalls of its USER mode, which enter its total and its overall utilization.
    os_output_bug : bool
        As in `scalesim_report`.
    """
    cycles, folds, pes = counts["cycles"], counts["folds"], rows * cols
    last = cycles - 1 + stall_cycles
    stretched = cycles if dataflow == "os" else cycles + folds * (cols - 1)
    extra = folds * (rows + cols) if dataflow == "os" and os_output_bug else 0
    return {
        "total_cycles": last,
        "stall_cycles": stall_cycles,
        "overall_util_pct": _percent(counts["macs"], last * pes),
        "mapping_eff_pct": _percent(counts["mapped_pes"], folds * pes),
        "compute_util_pct": _percent(counts["macs"], stretched * pes),
        "sram_ifmap_reads": counts["scratchpad_read_elements"],
        "sram_filter_reads": counts["weight_read_elements"],
        "sram_ofmap_writes": counts["accumulator_write_elements"] + extra,
    }


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
