"""Do two runs of one program agree in every cycle, every counter and every byte? The first difference, in words."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simulators.activity import COUNTERS, MEMORY_COUNTERS
from simulators.program import OPCODES


class Run(Protocol):
    """What a bench or a simulator says of a program."""

    cycles: int
    start: np.ndarray
    end: np.ndarray
    counts: np.ndarray


def _first_times(program: np.ndarray, rtl: Run, simulator: Run) -> str:
    """Return the earliest start or end that differs, or nothing."""
    found: list[tuple[int, str]] = []
    for what, ours, theirs in (("starts", rtl.start, simulator.start), ("ends", rtl.end, simulator.end)):
        for i in np.flatnonzero(ours != theirs):
            cycle = min(c for c in (int(ours[i]), int(theirs[i])) if c >= 0) if max(ours[i], theirs[i]) >= 0 else 0
            name = OPCODES[int(program["opcode"][i])]
            found.append(
                (cycle, f"command {i} ({name}) {what} in cycle {ours[i]} in RTL, {theirs[i]} in the simulator")
            )
    return min(found)[1] if found else ""


def _memory_lines(rtl: Run, simulator: Run) -> list[str]:
    """Return what a cycle-level DRAM did otherwise behind the RTL's port, where both sides say."""
    ours, theirs = getattr(rtl, "memory", None), getattr(simulator, "memory", None)
    if ours is None or theirs is None:
        return []
    return [
        f"counter {MEMORY_COUNTERS[i]}: {ours[i]} in RTL, {theirs[i]} in the simulator"
        for i in np.flatnonzero(ours != theirs)
    ]


def differences(
    program: np.ndarray, rtl: Run, simulator: Run, rtl_dram: np.ndarray, simulator_dram: np.ndarray
) -> list[str]:
    """Return what differs between the RTL's run and the simulator's, a line each; nothing when they are equal.

    Parameters
    ----------
    program : numpy.ndarray
        Of `simulators.program.COMMAND`.
    rtl_dram, simulator_dram : numpy.ndarray
        uint8, after the runs.
    """
    lines = [line for line in (_first_times(program, rtl, simulator),) if line]
    if rtl.cycles != simulator.cycles:
        lines.append(f"{rtl.cycles} cycles in RTL, {simulator.cycles} in the simulator")
    for i in np.flatnonzero(np.asarray(rtl.counts) != np.asarray(simulator.counts)):
        lines.append(f"counter {COUNTERS[i]}: {rtl.counts[i]} in RTL, {simulator.counts[i]} in the simulator")
    lines += _memory_lines(rtl, simulator)
    wrong = np.flatnonzero(rtl_dram != simulator_dram)
    if len(wrong):
        at = int(wrong[0])
        lines.append(
            f"DRAM byte {at}: {rtl_dram[at]} in RTL, {simulator_dram[at]} in the simulator ({len(wrong)} bytes differ)"
        )
    return lines
