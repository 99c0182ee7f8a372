"""Benches: run a program on the RTL with one of four simulators and record the cycle of every start and end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtl.bench.job import Job, Options, Run, prepare
from rtl.bench.shape import BenchDesign
from simulators.activity import COUNTERS
from simulators.machine import Machine
from workloads.errors import CodesignError, unknown_name

__all__ = ["BACKENDS", "Options", "Run", "run"]


def _verilator(job: Job, options: Options) -> Run:
    from rtl.bench.raw import run_raw

    return run_raw(job, options)


def _amaranth(job: Job, options: Options) -> Run:
    from rtl.bench.amaranth_bench import run_amaranth

    return run_amaranth(job, options)


def _cocotb_verilator(job: Job, options: Options) -> Run:
    from rtl.bench.cocotb_bench import run_cocotb

    return run_cocotb(job, options, "verilator")


def _icarus(job: Job, options: Options) -> Run:
    from rtl.bench.cocotb_bench import run_cocotb

    return run_cocotb(job, options, "icarus")


#: Simulators by name. ``verilator`` is its C++ alone; ``cocotb-verilator`` and ``icarus`` (four-state) run a cocotb
#: bench; ``amaranth`` is Amaranth's own simulator, which needs no Verilog and no other package.
BACKENDS: dict[str, Callable[[Job, Options], Run]] = {
    "verilator": _verilator,
    "cocotb-verilator": _cocotb_verilator,
    "icarus": _icarus,
    "amaranth": _amaranth,
}


def run(
    backend: str,
    design: BenchDesign,
    machine: Machine,
    program: np.ndarray,
    dram: np.ndarray,
    stalls: np.ndarray | None = None,
    options: Options | None = None,
) -> Run:
    """Run a program on the RTL to its end.

    Parameters
    ----------
    backend : str
        One of `BACKENDS`.
    design : rtl.design.Design
        The machine's RTL.
    machine : Machine
        Gives the timing of the memory at the port: that of the simulator, by the simulator's own code.
    program : numpy.ndarray
        `simulators.program.COMMAND` (commands,).
    dram : numpy.ndarray
        uint8; written in place by stores.
    stalls : numpy.ndarray, optional
        uint8 (cycles, 2): cycles in which the request port or the response port is stalled.

    Raises
    ------
    CodesignError
        When the back end is unknown or not installed, the program does not fit the design, or the RTL stands still.
    """
    if backend not in BACKENDS:
        raise unknown_name("backend", "back end", backend, BACKENDS)
    chosen = options or Options()
    if (chosen.hashes or chosen.window[1] > chosen.window[0]) and (backend != "verilator" or not design.probe):
        raise CodesignError(f"{backend}: probes are recorded by 'verilator', of a design with the port 'probe'")
    job = prepare(design, machine, program, dram, stalls)
    if len(program) == 0:
        start, end = job.times()
        return Run(0, start, end, np.zeros(len(COUNTERS), np.int64))
    return BACKENDS[backend](job, chosen)
