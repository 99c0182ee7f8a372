"""SCALE-Sim's recorded rows against the three fidelities: the table of docs/validation.md.

    python -m benchmarks.validate_scalesim [--without-exact]

The rows are found as the tests find them (`tests/shared_data.py`). `exact` computes values and takes a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.timing import Count, table
from codesign.compat.scalesim import scalesim_report
from tests.simulators.npu.scalesim_rows import FLOWS, SIZES, Row, differences, recorded_rows, run_topology

MOST_EXACT_CYCLES = 10**6


def equal(rows: list[Row], size: int, flow: str, fidelity: str) -> tuple[Counter[str], Counter[str]]:
    """Return how many rows of each file equal in every column, and how many only thanks to the os output switch."""
    options = {"random_weights": 1} if fidelity == "exact" else {}
    same: Counter[str] = Counter()
    switched: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        topologies = [row.topology for row in rows]
        found = run_topology(Path(folder), topologies, (size, size), flow, fidelity=fidelity, **options)
    for row in rows:
        result, columns, layer = found[row.topology]
        if differences(row, columns):
            continue
        same[row.source] += 1
        plain = {line["layer"]: line for line in scalesim_report(result, os_output_bug=False)}[layer]
        switched[row.source] += bool(differences(row, plain))
    return same, switched


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-exact", action="store_true")
    fidelities = ("fast", "cycle") if parser.parse_args().without_exact else ("fast", "cycle", "exact")
    everything, lines = recorded_rows(), []
    sources = sorted({row.source for row in everything}, reverse=True)
    for flow in FLOWS:
        of_flow = [row for row in everything if row.dataflow == flow]
        counts = {fidelity: Counter() for fidelity in fidelities}
        asked, switched = Counter(), Counter()
        for size in SIZES:
            for fidelity in fidelities:
                most = MOST_EXACT_CYCLES if fidelity == "exact" else 1 << 62
                rows = [row for row in of_flow if row.rows == size and row.cycles < most]
                same, needed = equal(rows, size, flow, fidelity)
                counts[fidelity] += same
                asked.update((fidelity, row.source) for row in rows)
                switched += needed if fidelity == "cycle" else Counter()
        for source in sources:
            shown = [f"{counts[fidelity][source]} of {asked[fidelity, source]}" for fidelity in fidelities]
            total = sum(row.source == source for row in of_flow)
            stalled = sum(row.source == source and row.stall_cycles > 0 for row in of_flow)
            lines.append((source, flow, Count(total), Count(stalled), *shown, Count(switched[source])))
    header = ("file", "dataflow", "rows", "stalled there", *(f"`{name}`" for name in fidelities), "by the os switch")
    print(table("SCALE-Sim 3.0.0, rows equal in every column", header, lines))


if __name__ == "__main__":
    main()
