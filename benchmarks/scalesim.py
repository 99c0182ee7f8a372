"""SCALE-Sim 3.0.0 in its own environment against `cycle` here: the same topology rows, one run, CPU seconds.

    python -m benchmarks.scalesim --setup build/scalesim       # makes the environment, then measures
    python -m benchmarks.scalesim --scalesim-python PATH       # measures with an environment that is there
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import codesign as cd
from benchmarks import npu_speed
from benchmarks.timing import Count, Number, cpu_seconds, table
from codesign.compat.scalesim import scalesim_report
from simulators.machine_files import load_machine

PACKAGES = ("scalesim==3.0.0", "numpy==1.26.4")  # it breaks on numpy 2
SIDE = Path(__file__).parent / "peers" / "run_scalesim.py"  # alone in its folder: it imports SCALE-Sim by name
HEADERS = {
    7: "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,",
    3: "Layer, M, N, K,",
}
#: (name, topology row, array rows and columns, dataflow); the convolutions are ResNet-18's.
LAYERS = (
    ("GEMM 64^3", (64, 64, 64), 32, "ws"),
    ("GEMM 196x192x384", (196, 192, 384), 32, "ws"),
    ("Conv4_s", (28, 28, 1, 1, 128, 256, 2), 32, "is"),
    ("Conv3_s", (56, 56, 1, 1, 64, 128, 2), 32, "os"),
    ("Conv5_s", (14, 14, 1, 1, 256, 512, 2), 32, "ws"),
    ("Conv3_1a", (56, 56, 3, 3, 64, 128, 2), 128, "ws"),
    ("Conv4_1a", (28, 28, 3, 3, 128, 256, 2), 128, "os"),
    ("Conv3_1b", (28, 28, 3, 3, 128, 128, 1), 32, "ws"),
)
#: Our column, the one that SCALE-Sim prints.
SAME = {
    "total_cycles": "Total Cycles", "sram_ifmap_reads": "SRAM IFMAP Reads", "sram_filter_reads": "SRAM Filter Reads",
    "sram_ofmap_writes": "SRAM OFMAP Writes", "mapping_eff_pct": "Mapping Efficiency %",
    "overall_util_pct": "Overall Util %", "compute_util_pct": "Compute Util %",
}  # fmt: skip


def topology(name: str, row: tuple[int, ...]) -> str:
    """Return a topology file of one layer."""
    return f"{HEADERS[len(row)]}\n{name}, {', '.join(map(str, row))},\n"


def set_up(folder: Path) -> Path:
    """Make SCALE-Sim's own environment; return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def theirs(python: Path) -> list[dict]:
    """Return what SCALE-Sim reports of every layer, with its CPU seconds."""
    cases = [
        {"rows": size, "cols": size, "dataflow": flow, "columns": len(row), "csv": topology(name, row)}
        for name, row, size, flow in LAYERS
    ]
    with tempfile.TemporaryFile("w+") as stdin:
        json.dump(cases, stdin)
        stdin.seek(0)
        reports = []
        with subprocess.Popen([python, SIDE], stdin=stdin, stdout=subprocess.PIPE, text=True) as side:
            for line in side.stdout:
                reports.append(json.loads(line))
                print(f"  SCALE-Sim {len(reports)}/{len(LAYERS)}: {reports[-1]['cpu_s']:.2f} CPU-s", file=sys.stderr)
    if len(reports) != len(LAYERS):
        raise SystemExit(f"{python}: SCALE-Sim ended with {side.returncode} after {len(reports)} layers")
    return reports


def ours(folder: Path) -> tuple[float, list[tuple[float, dict]]]:
    """Return CPU seconds of the first run (kernels from their cache), then warm ones and the report of every layer.

    A run reads the topology file and makes the whole result: cycles, counters, energy, area, what binds each layer.
    """
    done, first = [], 0.0
    for name, row, size, flow in LAYERS:
        path = folder / "topology.csv"
        path.write_text(topology(name, row))
        began = time.process_time()
        machine = load_machine(f"scalesim_32x32_{flow}", [f"array.rows={size}", f"array.cols={size}"])
        cd.run(path, machine)
        first = first or time.process_time() - began
        spent, result = cpu_seconds(lambda path=path, machine=machine: cd.run(path, machine), 11)
        done.append((spent, scalesim_report(result)[0]))
    return first, done


def is_same(mine: dict, other: dict) -> bool:
    """Whether all columns agree: counts exactly, percentages to the last digits of a double."""
    return all(abs(mine[a] - float(other[b])) <= 1e-9 * max(1.0, abs(mine[a])) for a, b in SAME.items())


def compare(python: Path) -> str:
    """Return the table of CPU seconds."""
    reports = theirs(python)
    with tempfile.TemporaryDirectory() as folder:
        first, done = ours(Path(folder))
    rows = []
    for (name, _, size, flow), other, (spent, mine) in zip(LAYERS, reports, done, strict=True):
        slow = other["cpu_s"]
        cycles = Count(mine["total_cycles"] + 1)
        same = "yes" if is_same(mine, other) else "NO"
        figures = cycles, Number(slow), Number(1e3 * spent), Count(slow / spent)
        rows.append((name, f"{size}x{size} {flow}", *figures, same))
    slow, fast = sum(r["cpu_s"] for r in reports), sum(spent for spent, _ in done)
    cycles = Count(sum(mine["total_cycles"] + 1 for _, mine in done))
    same = "yes" if all(row[-1] == "yes" for row in rows) else "NO"
    rows.append(("all", "", cycles, Number(slow), Number(1e3 * fast), Count(slow / fast), same))
    header = ("layer", "array", "cycles", "SCALE-Sim CPU-s", "`cycle` CPU-ms", "ratio", "same columns")
    note = f"Ours warm (machine loaded, kernels compiled); the first run of the process took {first:.2f} CPU-s.\n"
    return table("The same layers, SCALE-Sim 3.0.0 and `cycle`", header, rows) + "\n" + note


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scalesim-python", type=Path, help="Python of an environment that has SCALE-Sim 3.0.0")
    parser.add_argument("--setup", type=Path, help="folder to make such an environment in")
    parser.add_argument("--only-compare", action="store_true", help="leave our own speeds out")
    options = parser.parse_args()
    if not options.scalesim_python and not options.setup:
        parser.error("give --scalesim-python PATH or --setup FOLDER")
    python = options.scalesim_python or set_up(options.setup)
    print(compare(python))
    if not options.only_compare:
        npu_speed.main()


if __name__ == "__main__":
    main()
