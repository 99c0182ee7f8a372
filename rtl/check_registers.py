"""Every register of PEs, queues, tokens, counters and sums, after every cycle: RTL against `exact`.

A rolling hash says that they are equal; where it first differs both are run again for that cycle's values, and the RTL
once more for a waveform around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtl.bench import Options, run
from rtl.bench.job import Run
from rtl.bench.shape import BenchDesign
from rtl.equality import differences
from simulators.machine import Machine
from simulators.npu.exact import ExactRun, Probe, new_memories, new_probe, run_exact

#: Cycles of a waveform before and after the first difference.
BEFORE, AFTER = 50, 20
_SHOWN = 5


@dataclass(frozen=True)
class Comparison:
    """One program on both.

    Attributes
    ----------
    simulator : ExactRun
    rtl : Run
    lines : list of str
        What differs: registers first, then times, counters and bytes; empty when all is equal.
    cycle : int
        The first cycle after which a register differs, -1 for none.
    """

    simulator: ExactRun
    rtl: Run
    lines: list[str]
    cycle: int


def compare_registers(
    design: BenchDesign,
    machine: Machine,
    program: np.ndarray,
    dram: np.ndarray,
    stalls: np.ndarray | None = None,
    waves: str = "",
) -> Comparison:
    """Run a program on the RTL (in Verilator) and on `exact`; `dram` is left as it is.

    Parameters
    ----------
    design : Design
        With the port ``probe``.
    waves : str
        A file, ``.fst`` or ``.vcd``: written when anything differs, from `BEFORE` cycles before the first difference
        to `AFTER` cycles after it; cycle t lasts from 10 t to 10 t + 10 of its time unit.
    """
    memories, bytes_of_rtl = new_memories(machine, dram.copy()), dram.copy()
    cycles = run_exact(machine, program, new_memories(machine, dram.copy()), stalls).cycles
    probe = new_probe(machine, cycles + 1)
    golden = run_exact(machine, program, memories, stalls, probe)
    ours = run("verilator", design, machine, program, bytes_of_rtl, stalls, Options(hashes=True, keep_fault=True))
    cycle, lines = _first(ours, probe), []
    if cycle >= 0:
        lines.append(_registers(design, machine, program, dram, stalls, cycle))
    if ours.fault:
        lines.append(str(ours.fault))
    else:
        lines += differences(program, ours, golden, bytes_of_rtl, memories.dram)
    if lines and waves:
        at = cycle if cycle >= 0 else min(ours.cycles, cycles)
        window = (max(at - BEFORE, 0), at + AFTER + 1)
        options = Options(waves=waves, waves_window=window, keep_fault=True)
        run("verilator", design, machine, program, dram.copy(), stalls, options)
        lines.append(f"{waves}: cycles {window[0]} to {window[1] - 1}")
    return Comparison(golden, ours, lines, cycle)


def _first(rtl: Run, probe: Probe) -> int:
    assert rtl.hashes is not None
    common = min(len(rtl.hashes), len(probe.hashes))
    wrong = np.flatnonzero(rtl.hashes[:common] != probe.hashes[:common])
    if len(wrong):
        return int(wrong[0])
    return -1 if len(rtl.hashes) == len(probe.hashes) else common  # one of them goes on


def _registers(
    design: BenchDesign, machine: Machine, program: np.ndarray, dram: np.ndarray, stalls: np.ndarray | None, cycle: int
) -> str:
    """Return the registers that differ after a cycle, in words."""
    probe = new_probe(machine, first=cycle, window=1)
    run_exact(machine, program, new_memories(machine, dram.copy()), stalls, probe)
    options = Options(window=(cycle + 1, cycle + 2), keep_fault=True)
    ours = run("verilator", design, machine, program, dram.copy(), stalls, options).window
    assert ours is not None
    values = [
        f"{name} is {mine} in RTL, {theirs} in the simulator"
        for (name, _, _), mine, theirs in zip(design.probe_fields, ours[0], probe.window[0], strict=True)
        if mine != theirs
    ]
    more = f" ({len(values) - _SHOWN} more registers)" if len(values) > _SHOWN else ""
    return f"after cycle {cycle}: {'; '.join(values[:_SHOWN]) or 'no register'}{more}"
