"""How much of each on-chip memory a layer fills: the greatest address that its program writes, over the capacity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codesign.report.replay import Replay
from simulators.machine import Machine
from simulators.program import (
    ACCUMULATOR,
    FILL,
    LOAD,
    MATMUL,
    MEMORIES,
    SCRATCHPAD,
    VECTOR,
)


def occupancy(machine: Machine, replay: Replay) -> dict[str, float]:
    """Return the share of each memory (`simulators.program.MEMORIES`) that a layer's program fills, 0 to 1."""
    from simulators.npu.config import capacities

    program = replay.program
    if not len(program):
        return dict.fromkeys(MEMORIES, 0.0)
    capacity, filled = capacities(machine), {}
    for memory, name in enumerate(MEMORIES):
        tops = [_top(program[chosen(program, memory)], last) for chosen, last in _WRITERS]
        filled[name] = min(max(tops) / capacity[memory], 1.0) if capacity[memory] else 0.0
    return filled


def _last_loaded(rows: np.ndarray) -> np.ndarray:
    """Rows of n0 contiguous elements, n1 rows a plane, count planes."""
    return rows["address"] + _reach(rows["n1"], rows["s1"]) + _reach(rows["count"], rows["s2"]) + rows["n0"] - 1


def _last_summed(rows: np.ndarray) -> np.ndarray:
    return rows["destination"] + rows["count"] - 1


def _last_finished(rows: np.ndarray) -> np.ndarray:
    inner = np.minimum(rows["count"], rows["n0"])
    planes = -(-rows["count"] // np.maximum(rows["n0"], 1))
    lanes = _reach(rows["used_cols"], rows["d_lane"])
    return rows["destination"] + _reach(inner, rows["d_s0"]) + _reach(planes, rows["d_s1"]) + lanes


def _reach(number: np.ndarray, stride: np.ndarray) -> np.ndarray:
    return np.maximum(number - 1, 0) * np.maximum(stride, 0)


def _top(rows: np.ndarray, last: Callable[[np.ndarray], np.ndarray]) -> int:
    return int(last(rows).max()) + 1 if len(rows) else 0


#: Which commands write a memory, and the last address that each writes.
_WRITERS: tuple[tuple[Callable[[np.ndarray, int], np.ndarray], Callable[[np.ndarray], np.ndarray]], ...] = (
    (lambda p, memory: np.isin(p["opcode"], (LOAD, FILL)) & (p["memory"] == memory), _last_loaded),
    (lambda p, memory: (p["opcode"] == MATMUL) & (memory == ACCUMULATOR), _last_summed),
    (lambda p, memory: (p["opcode"] == VECTOR) & (memory == SCRATCHPAD), _last_finished),
)
