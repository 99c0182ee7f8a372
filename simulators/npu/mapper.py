"""Chooses a layer's tiling: every candidate that fits is estimated, the cheapest is taken.

Candidates do not depend on the buffers' sizes: a larger buffer only adds some that fit, so the least cost never rises.
"""

from __future__ import annotations

import itertools

import numpy as np

from simulators.npu.fast import (
    CYCLES,
    LOAD_BYTES,
    LOADED,
    STORE_BYTES,
    SUM_READS,
    SUM_WRITES,
    TIMES,
    TOTALS,
    WEIGHTS_LOADED,
    estimate,
)
from simulators.npu.plan import ORDERS, Tiling
from simulators.npu.planner import Compiled, Plan, base_plan, fused_codes, plan_layer
from simulators.npu.program_length import short_first
from simulators.npu.search import search
from workloads.errors import CodesignError
from workloads.trace import Layer

OBJECTIVES = ("cycles", "energy")
_SLOTS = 2

#: Which counter's energy each total of the estimate stands for.
COUNTER_OF_TOTAL = {
    CYCLES: "cycles",
    LOAD_BYTES: "dram_read_bytes",
    STORE_BYTES: "dram_write_bytes",
    LOADED: "scratchpad_write_elements",
    WEIGHTS_LOADED: "weight_write_elements",
    SUM_READS: "accumulator_read_elements",
    SUM_WRITES: "accumulator_write_elements",
}


def halvings(extent: int, multiple: int = 1) -> list[int]:
    """Return `extent` and its halves, rounded up to a multiple while they are above it, and the multiple itself."""
    sizes, divisor = {min(extent, multiple)}, 1
    while divisor < 2 * extent:
        part = -(-extent // divisor)
        sizes.add(min(extent, -(-part // multiple) * multiple if part > multiple else part))
        divisor *= 2
    return sorted(sizes, reverse=True)


def channel_tiles(compiled: Compiled, layer: Layer, channels: int) -> list[int]:
    """Return candidate input-channel tiles: halves, and for an im2col stream those that just fill 1, 2, 4 ... folds."""
    a, taps = compiled.machine.array, layer.window.kernel_h * layer.window.kernel_w
    sizes = set(halvings(channels, a.rows))
    folds = 1
    while a.convolution == "im2col" and taps > 1 and folds * a.rows // taps < channels:
        if folds * a.rows >= taps:
            sizes.add(folds * a.rows // taps)
        folds *= 2
    return sorted(sizes, reverse=True)


def is_depthwise(layer: Layer) -> bool:
    """Whether a convolution has one input and one output channel a group."""
    w = layer.window
    return layer.engine == "matrix" and w.groups > 1 and w.groups == w.in_c == w.out_c


def packings(compiled: Compiled, layer: Layer) -> list[int]:
    """Return how many groups may share the array: 1, and the most that fit side by side (and start at whole bytes)."""
    w, a = layer.window, compiled.machine.array
    ins, outs, bits = w.in_c // w.groups, w.out_c // w.groups, compiled.unit_bits[0]
    most = max(1, min(a.rows // ins, a.cols // outs, w.groups))
    fitting = [packed for packed in range(1, most + 1) if w.groups % packed == 0]
    whole = [p for p in fitting if p == w.groups or (p * ins * bits % 8 == 0 and p * outs * bits % 8 == 0)]
    return sorted({1, fitting[-1], *whole[-1:]})


def _extents(layer: Layer, outputs: list[int], channels: list[int]) -> list[tuple[int, ...]]:
    """Return the candidate tiles: (images, rows, columns, output channels, input channels)."""
    w = layer.window
    pixels = [(b, w.out_h, w.out_w) for b in halvings(w.batch)]
    pixels += [(1, h, w.out_w) for h in halvings(w.out_h)[1:]]
    pixels += [(1, 1, x) for x in halvings(w.out_w)[1:]]
    return [(*p, n, c) for p, n, c in itertools.product(pixels, outputs, channels)]


def candidates(compiled: Compiled, layer: Layer, where: str, packed: int) -> np.ndarray:
    """Return every tiling considered, int64 (n, 6): the columns of `search`."""
    w, a = layer.window, compiled.machine.array
    if compiled.resident:
        groups = w.groups // packed
        return np.array([[w.batch, w.out_h, w.out_w, w.out_c // groups, w.in_c // groups, 0]], np.int64)
    if where == "array":
        groups = w.groups // packed
        tiles = _extents(layer, halvings(w.out_c // groups, a.cols), channel_tiles(compiled, layer, w.in_c // groups))
        return np.array([(*t, order) for t in tiles for order in range(len(ORDERS))], np.int64)
    lanes = compiled.machine.vector.lanes if compiled.machine.vector else 1
    whole = layer.engine == "move" or layer.function in ("softmax", "layer_norm", "rms_norm", "lrn")
    channels = [w.in_c] if whole else halvings(w.in_c, lanes)
    pixels = sorted({t[:3] for t in _extents(layer, [1], [1])}, reverse=True)
    return np.array([(*p, c, c, 0) for p in pixels for c in channels], np.int64)


def places(compiled: Compiled, layer: Layer) -> list[tuple[str, int]]:
    """Return where a layer could run: (array or vector, packed groups)."""
    if layer.engine != "matrix":
        return [("vector", 1)]
    where = [("array", packed) for packed in packings(compiled, layer)]
    vector = compiled.machine.vector
    if is_depthwise(layer) and vector and "depthwise" in vector.functions and not compiled.resident:
        where.append(("vector", 1))
    return where


def _weights(objective: str, action_pj: dict[str, float] | None) -> np.ndarray:
    """Return the cost of a unit of each total."""
    weights = np.zeros(TOTALS)
    if objective == "cycles":
        weights[CYCLES] = 1.0
    else:
        for total, counter in COUNTER_OF_TOTAL.items():
            weights[total] = (action_pj or {}).get(counter, 0.0)
    return weights


def choose(
    compiled: Compiled, layer: Layer, objective: str = "cycles", action_pj: dict[str, float] | None = None
) -> Plan:
    """Return the cheapest plan of a layer.

    Parameters
    ----------
    objective : str
        `cycles`, or `energy`: the estimate's counts times `action_pj` (pJ by counter name).

    Raises
    ------
    CodesignError
        When no tiling fits, saying which buffer the smallest one overflows.
    """
    weights = _weights(objective, action_pj)
    best: tuple[float, Plan] | None = None
    for where, packed in places(compiled, layer):
        row = _cheapest(compiled, layer, where, packed, weights)
        if row is None:
            continue
        plan = plan_layer(compiled, layer, tiling_of(row, where, packed))
        assert isinstance(plan, Plan)
        cost = plan_cost(compiled, plan, weights)
        if best is None or cost < best[0]:
            best = cost, plan
    if best is None:
        raise CodesignError(_why_not(compiled, layer))
    return best[1]


def _cheapest(compiled: Compiled, layer: Layer, where: str, packed: int, weights: np.ndarray) -> np.ndarray | None:
    """Return the cheapest candidate that fits, a short program first; None when none does."""
    table = candidates(compiled, layer, where, packed)
    totals, now, free = np.zeros(TOTALS, np.int64), np.zeros(TIMES, np.int64), np.ones((5, _SLOTS), np.int64)
    g = base_plan(compiled, layer, where, packed)
    arguments = (compiled.config, compiled.functions, compiled.capacity, compiled.doubled, g, fused_codes(layer))
    for rows in short_first(compiled, layer, packed, table) if where == "array" else (table,):
        index = int(search(*arguments, rows, weights, totals, now, free))
        if index >= 0:
            return rows[index]
    return None


def plan_cost(compiled: Compiled, plan: Plan, weights: np.ndarray) -> float:
    """Return the estimated cost of a plan."""

    return float(weights @ estimate(compiled.config, compiled.functions, plan.g, plan.codes))


def tiling_of(row: np.ndarray, where: str, packed: int) -> Tiling:
    """Return a row of candidates as a `Tiling`."""
    images, h, w, n, c, order = (int(v) for v in row)
    return Tiling(where, images, h, w, n, c, ORDERS[order], packed)


def _why_not(compiled: Compiled, layer: Layer) -> str:
    """Return the reason of the smallest tiling that does not fit."""
    where, packed = places(compiled, layer)[-1]
    table = candidates(compiled, layer, where, packed)
    smallest = table[np.argmin(np.prod(table[:, :5].astype(float), axis=1))]
    reason = plan_layer(compiled, layer, tiling_of(smallest, where, packed))
    return f"{layer.name} ({layer.operator}) does not fit {compiled.machine.name}: even its smallest tile's {reason}"
