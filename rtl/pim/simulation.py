"""Runs a bench of `rtl.pim` under cocotb, in Verilator or Icarus; builds are kept by content (`rtl.build_cache`).

A bench is a component whose outputs change only when Python has something to do: Python then wakes, not every clock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rtl.bench.cocotb_run import build_icarus, build_verilator, require_cocotb, run_bench
from workloads.errors import unknown_name

SIMULATORS = ("verilator", "icarus")


def simulate(
    verilog: str, top: str, ports: Sequence[str], module: str, job: Mapping[str, Any], simulator: str = "verilator"
) -> dict[str, np.ndarray]:
    """Run a cocotb test module on a design.

    Parameters
    ----------
    verilog, top : str
        The design.
    ports : sequence of str
        Ports of the top that Python reads or writes; ``clk`` and ``rst`` besides.
    module : str
        Python module of the cocotb test: it reads ``job.npz`` and writes ``result.npz`` in its working folder.
    job : mapping
        Arrays for ``job.npz``.
    simulator : str
        One of `SIMULATORS`.

    Raises
    ------
    CodesignError
        When a tool is missing or the test fails; the simulator's log is its note.
    """
    if simulator not in SIMULATORS:
        raise unknown_name("simulator", "simulator", simulator, SIMULATORS)
    require_cocotb()
    if simulator == "verilator":
        program = build_verilator(verilog, top, ("clk", "rst", *ports))
    else:
        program = build_icarus({"design.v": f"`timescale 1ns/1ps\n{verilog}"}, top)
    with tempfile.TemporaryDirectory(prefix="codesign-") as name:
        folder = Path(name)
        np.savez(folder / "job.npz", **job)
        run_bench(simulator, top, module, program, folder)
        with np.load(folder / "result.npz", allow_pickle=False) as result:
            return dict(result)
