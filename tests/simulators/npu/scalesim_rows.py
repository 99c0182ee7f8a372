"""SCALE-Sim's recorded rows, and running them here from topology files of their own."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import codesign as cd
from codesign.compat.scalesim import scalesim_report
from tests.shared_data import shared_path

FILES = ("npu/scalesim_v3_measured_layers.csv", "npu/scalesim_v3_formula_fixtures.csv")
FLOWS = ("ws", "os", "is")
SIZES = (16, 32, 128)
HEADERS = {
    7: "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,",
    3: "Layer, M, N, K,",
}
COUNTS = ("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes")
PERCENTAGES = ("mapping_eff_pct", "compute_util_pct", "overall_util_pct")


@dataclass(frozen=True)
class Row:
    """One recorded layer; `cycles` is the count without stalls, the percentages stand as printed."""

    source: str
    layer: str
    topology: tuple[int, ...]
    rows: int
    cols: int
    dataflow: str
    cycles: int
    stall_cycles: int
    recorded: tuple[tuple[str, str], ...]

    @property
    def point(self) -> tuple:
        """What decides every stall-free column."""
        return self.topology, self.rows, self.cols, self.dataflow


def _row(source: str, cells: dict[str, str]) -> Row:
    stalls = int(cells.get("stall_cycles", 0))
    last = int(cells.get("total_cycles_stall_free") or int(cells["total_cycles"]) - stalls)
    kept = tuple((name, cells[name]) for name in COUNTS + PERCENTAGES)
    topology = tuple(int(cell) for cell in cells["topology_row"].split())
    size = int(cells["array_rows"]), int(cells["array_cols"])
    return Row(source, cells["layer"], topology, *size, cells["dataflow"], last + 1, stalls, kept)


def recorded_rows(files: tuple[str, ...] = FILES) -> list[Row]:
    """Return every row of the oracle files; skips the running test where they are absent."""
    rows = []
    for name in files:
        with shared_path(name).open(encoding="utf-8") as stream:
            rows += [_row(Path(name).stem, cells) for cells in csv.DictReader(stream)]
    return rows


def run_topology(folder: Path, topologies: list[tuple[int, ...]], size: tuple[int, int], dataflow: str, **options):
    """Return {topology: (result, row of SCALE-Sim's columns, layer's name)}, run through topology files."""
    found = {}
    for columns, header in HEADERS.items():
        chosen = sorted({topology for topology in topologies if len(topology) == columns})
        if not chosen:
            continue
        path = folder / f"topology{columns}.csv"
        lines = [f"l{i}, {', '.join(map(str, topology))}," for i, topology in enumerate(chosen)]
        path.write_text("\n".join([header, *lines]) + "\n")
        overrides = [f"array.rows={size[0]}", f"array.cols={size[1]}"]
        result = cd.run(path, f"scalesim_32x32_{dataflow}", set=overrides, **options)
        for topology, row in zip(chosen, scalesim_report(result), strict=True):
            found[topology] = result, row, row["layer"]
    return found


def differences(row: Row, columns: dict) -> list[str]:
    """Return what differs between a recorded row and ours, a line each."""
    recorded = dict(row.recorded)
    ours = {"total_cycles": columns["total_cycles"], **{name: columns[name] for name in COUNTS}}
    theirs = {"total_cycles": row.cycles - 1, **{name: int(recorded[name]) for name in COUNTS}}
    for name in PERCENTAGES[: 2 if row.stall_cycles else 3]:
        ours[name], theirs[name] = f"{columns[name]:.4f}", recorded[name]
    where = f"{row.source}: {row.layer} on {row.rows}x{row.cols} {row.dataflow}"
    return [f"{where}: {name} {ours[name]}, recorded {theirs[name]}" for name in ours if ours[name] != theirs[name]]
