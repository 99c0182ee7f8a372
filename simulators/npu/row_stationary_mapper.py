"""Chooses a layer's row-stationary mapping: every mapping that fits is tried, the fastest is taken.

Candidates are estimated at once with the sizes of their whole passes, rests taken as whole; the best few are then run.
"""

from __future__ import annotations

import numpy as np

from simulators.machine import Machine
from simulators.npu.row_stationary import (
    RowStationaryMapping,
    RowStationaryRun,
    filter_folds,
    input_width,
    run_row_stationary,
    sets_on,
    why_not,
)
from workloads.errors import CodesignError
from workloads.formats import parse_format
from workloads.trace import Window

_FIELDS = ("m", "n", "e", "p", "q", "r", "t")
_TRIED = 24


def _halves(extent: int) -> list[int]:
    """Return an extent and its halves rounded up, down to 1."""
    sizes = []
    while extent > 1:
        sizes.append(extent)
        extent = -(-extent // 2)
    return [*sizes, 1]


def candidates(machine: Machine, window: Window) -> np.ndarray:
    """Return every mapping considered, int64 (mappings, 7), columns m, n, e, p, q, r, t; some overflow a buffer."""
    rs, rows = machine.array.row_stationary, []
    ins, outs = window.in_c // window.groups, window.out_c // window.groups
    widest = machine.array.cols * max(1, machine.array.rows // window.kernel_h)
    images = [n for n in range(1, window.batch + 1) if window.batch % n == 0]
    for e in range(1, min(window.out_h, widest) + 1):
        sets = sets_on(machine, window, e)
        for q in range(1, min(ins, rs.ifmap_words // window.kernel_w) + 1):
            most = min(outs, rs.psum_words, rs.filter_words // (q * window.kernel_w))
            for p in _halves(most) + ([16] if most > 16 else []) if most else []:
                for r in range(1, min(sets, -(-ins // q)) + 1):
                    t = min(sets // r, -(-outs // p))
                    chunks = sorted({min(outs, (1 << i) * p * t) for i in range(12)})
                    rows += [(m, n, e, p, q, r, t) for m in chunks for n in images]
    return np.array(rows, np.int64).reshape(-1, len(_FIELDS))


def _fits(machine: Machine, window: Window, table: np.ndarray) -> np.ndarray:
    m, n, e, p, q, r, t = table.T
    pe, rs = machine.array.pe, machine.array.row_stationary
    rows = (e - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    inputs = n * q * r * rows * input_width(window) * parse_format(pe.activation).bits
    sums = n * m * e * window.out_w * rs.psum_bits
    weights = p * t * q * r * window.kernel_h * window.kernel_w * parse_format(pe.weight).bits
    return (inputs + sums <= 8 * machine.scratchpad.size_bytes) & (weights <= 8 * machine.weight_buffer.size_bytes)


def _estimates(machine: Machine, window: Window, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (processing cycles, words from and to DRAM) of mappings, rests of tiles taken as whole."""
    m, n, e, p, q, r, t = table.T
    rs, w = machine.array.row_stationary, window
    ins, outs = w.in_c // w.groups, w.out_c // w.groups
    folds = filter_folds(machine, w)
    filter_rows = -(-w.kernel_h // folds)
    strips = -(-w.out_h // e)
    passes = w.groups * (w.batch // n) * strips * -(-outs // (p * t)) * -(-ins // (q * r)) * folds
    rows = (e - 1) * w.stride_h + (filter_rows - 1) * w.dilation_h + 1
    load = -(-p * t * q * r * filter_rows * w.kernel_w // rs.filter_bus_words)
    fill = q * r * rows * w.kernel_w // rs.ifmap_bus_words
    busy = n * w.out_w * p * q * w.kernel_w
    inputs = n * q * r * rows * input_width(w) // rs.ifmap_bus_words
    sums = n * e * w.out_w * p * t // rs.psum_bus_words
    cycles = passes * (load + fill + np.maximum(np.maximum(busy, inputs), sums))
    weights = w.kernel_h * w.kernel_w * ins * w.out_c * (w.batch // n) * strips
    read = w.batch * w.in_c * w.in_w * strips * np.minimum(rows, w.in_h) * -(-outs // m)
    return cycles, weights + read


def choose_row_stationary(
    machine: Machine, window: Window, zeros: float = 0.0, output_zeros: float = 0.0
) -> tuple[RowStationaryMapping, RowStationaryRun]:
    """Return the mapping of a layer with the fewest cycles, and among equals the least DRAM traffic, and its run.

    Raises
    ------
    CodesignError
        When no mapping fits, saying what the smallest one lacks.
    """
    table = candidates(machine, window)
    if len(table):
        table = table[_fits(machine, window, table)]
    if not len(table):
        smallest = RowStationaryMapping(1, 1, 1, 1, 1, 1, 1)
        raise CodesignError(
            f"does not fit {machine.name}: even its smallest pass has {why_not(machine, window, smallest)}"
        )
    cycles, words = _estimates(machine, window, table)
    best = np.lexsort((words, cycles))[:_TRIED]
    few = np.lexsort((cycles, words + cycles))[:_TRIED]
    runs = []
    for index in dict.fromkeys([*best.tolist(), *few.tolist()]):
        mapping = RowStationaryMapping(*(int(value) for value in table[index]))
        runs.append((mapping, run_row_stationary(machine, window, mapping, zeros, output_zeros)))
    return min(runs, key=lambda pair: pair[1].cycles)
