"""Runs in SCALE-Sim's own environment: reads cases as JSON from stdin, prints what it reports and its CPU seconds.

Needs nothing but scalesim and the standard library; `benchmarks.scalesim` starts it.
"""

import contextlib
import csv
import io
import json
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """[general]
run_name = run
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {cols}
IfmapSramSzkB = 64
FilterSramSzkB = 64
OfmapSramSzkB = 64
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Bandwidth = 10
Dataflow = {dataflow}
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""


def write(path, text):
    """Write a text file; return its path as SCALE-Sim takes it."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def run(scalesim, case, folder):
    """Return one layer's report; no traces are written, which is its fastest way."""
    config = write(folder / "run.cfg", CONFIG.format(**case))
    topology = write(folder / "topology.csv", case["csv"])
    layout = write(folder / "layout.csv", "Layer name,\n")
    began, wall = time.process_time(), time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        gemm = case["columns"] == 3
        simulator = scalesim(True, False, config, topology, layout, gemm)
        simulator.run_scale(top_path=str(folder))
    spent, wall = time.process_time() - began, time.perf_counter() - wall
    report = {"cpu_s": spent, "wall_s": wall}
    for name in ("COMPUTE_REPORT.csv", "DETAILED_ACCESS_REPORT.csv"):
        with (folder / "run" / name).open(encoding="utf-8") as stream:
            header, row = list(csv.reader(stream))
        report.update({key.strip(): cell.strip() for key, cell in zip(header, row, strict=False)})
    return report


def main():
    """Print a JSON line a case."""
    from scalesim.scale_sim import scalesim

    for case in json.load(sys.stdin):
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run(scalesim, case, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
