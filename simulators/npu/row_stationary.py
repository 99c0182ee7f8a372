"""The row-stationary dataflow of Eyeriss: a layer as processing passes of PE sets.

Chen, Emer, Sze, ISCA 2016 and Chen, Krishna, Emer, Sze, JSSC 2017. A PE keeps a row of filters and slides a row of
inputs along it; a set of `R x e` PEs makes `e` rows of outputs, its sums going up a column; the array holds `r x t`
sets. Nothing here is fitted: a pass costs what its words take on their buses and its multiplies in a PE.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from simulators.activity import INDEX
from simulators.machine import Machine
from simulators.npu.counts import new_counts
from workloads.formats import parse_format
from workloads.trace import Window


@dataclass(frozen=True)
class RowStationaryMapping:
    """The mapping of a layer, in the letters of the Eyeriss papers.

    Attributes
    ----------
    m : int
        Filters whose sums lie in the buffer at once.
    n : int
        Images of a pass.
    e : int
        Output rows of a PE set: its width.
    p, q : int
        Filters and input channels that a PE works through.
    r, t : int
        Sets side by side with other channels, and with other filters.
    """

    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int

    def as_dict(self) -> dict[str, int]:
        """Return the fields as a plain dict, for mapping files."""
        return asdict(self)


@dataclass(frozen=True)
class RowStationaryRun:
    """What a layer does under a mapping.

    Attributes
    ----------
    processing_cycles : int
        Passes one after the other; what waits for DRAM is not in it.
    cycles : int
        With what DRAM adds.
    counts : numpy.ndarray
        int64, by `simulators.activity.COUNTERS`.
    """

    processing_cycles: int
    cycles: int
    counts: np.ndarray


def parts(extent: int, tile: int) -> list[tuple[int, int]]:
    """Return the tiles of a dimension as (size, how many): whole ones, and the rest."""
    whole, rest = divmod(extent, tile)
    return [(size, times) for size, times in ((tile, whole), (rest, 1 if rest else 0)) if times]


def filter_folds(machine: Machine, window: Window) -> int:
    """Return the passes that a filter taller than the array takes."""
    return -(-window.kernel_h // machine.array.rows)


def sets_on(machine: Machine, window: Window, e: int) -> int:
    """Return how many PE sets of width `e` the array holds; a set wider than the array is folded below itself."""
    rows = -(-window.kernel_h // filter_folds(machine, window))
    if e <= machine.array.cols:
        return (machine.array.rows // rows) * (machine.array.cols // e)
    return machine.array.rows // (rows * -(-e // machine.array.cols))


def why_not(machine: Machine, window: Window, mapping: RowStationaryMapping) -> str:
    """Return why a mapping does not fit, in words; empty when it does."""
    rs, k = machine.array.row_stationary, mapping
    if k.q * window.kernel_w > rs.ifmap_words:
        return f"q x S = {k.q * window.kernel_w} inputs, a PE holds {rs.ifmap_words}"
    if k.p * k.q * window.kernel_w > rs.filter_words:
        return f"p x q x S = {k.p * k.q * window.kernel_w} weights, a PE holds {rs.filter_words}"
    if k.p > rs.psum_words:
        return f"p = {k.p} sums, a PE holds {rs.psum_words}"
    if k.r * k.t > sets_on(machine, window, k.e):
        return f"{k.r} x {k.t} sets of width {k.e}, the array holds {sets_on(machine, window, k.e)}"
    need, have = buffer_bytes(machine, window, mapping), machine.scratchpad.size_bytes
    if need > have:
        return f"inputs and sums of {need} bytes, the scratchpad has {have}"
    need, have = k.p * k.t * k.q * k.r * window.kernel_h * window.kernel_w, machine.weight_buffer.size_bytes
    bits = parse_format(machine.array.pe.weight).bits
    return f"weights of {need * bits // 8} bytes, the weight buffer has {have}" if need * bits > 8 * have else ""


def buffer_bytes(machine: Machine, window: Window, k: RowStationaryMapping) -> int:
    """Return the bytes of scratchpad that a mapping needs: the inputs of a pass, and the sums of `m` filters."""
    bits = parse_format(machine.array.pe.activation).bits
    inputs = k.n * k.q * k.r * _input_rows(window, k.e) * input_width(window)
    sums = k.n * k.m * k.e * window.out_w
    return -(-(inputs * bits + sums * machine.array.row_stationary.psum_bits) // 8)


def input_width(window: Window) -> int:
    """Return the columns of inputs that a row of outputs needs, padding included."""
    return (window.out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1


def _input_rows(window: Window, e: int) -> int:
    return (e - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1


def _passes(window: Window, k: RowStationaryMapping) -> Iterator[tuple[int, ...]]:
    """Yield kinds of equal passes: (how many, first in channels, images, rows, filters, channels)."""
    groups, ins, outs = window.groups, window.in_c // window.groups, window.out_c // window.groups
    depth = min(k.q * k.r, ins)
    tiles = product(parts(window.batch, k.n), parts(window.out_h, k.e), parts(outs, k.p * k.t), parts(ins, depth))
    for (n, n_times), (e, e_times), (filters, f_times), (channels, c_times) in tiles:
        times = groups * n_times * e_times * f_times
        first = channels == depth
        if first:
            yield times, 1, n, e, filters, channels
        if c_times > first:
            yield times * (c_times - first), 0, n, e, filters, channels


def run_row_stationary(
    machine: Machine, window: Window, mapping: RowStationaryMapping, zeros: float = 0.0, output_zeros: float = 0.0
) -> RowStationaryRun:
    """Run a layer pass by pass.

    A pass brings its weights into the PEs (nothing else happens then: a PE has one place for them), then the first
    window of each input row; after that multiplying, inputs, and sums to and from the buffer go side by side, and the
    slowest sets the pace. Inputs and outputs pass DRAM before and after, unless the scratchpad is double-buffered;
    the weight buffer fetches ahead.

    Parameters
    ----------
    zeros, output_zeros : float
        Shares of the layer's inputs and outputs that are zero: compressed in DRAM, and not multiplied.
    """
    rs, w, k = machine.array.row_stationary, window, mapping
    counts, at = new_counts(), INDEX
    folds = filter_folds(machine, w)
    filter_rows = -(-w.kernel_h // folds)
    processing = 0
    for times, first, n, e, filters, channels in _passes(w, k):
        times *= folds
        first_times = times // folds if first else 0
        in_filters, in_channels = -(-filters // k.t), -(-channels // k.r)
        weights = filters * channels * filter_rows * w.kernel_w
        rows = (e - 1) * w.stride_h + (filter_rows - 1) * w.dilation_h + 1
        inputs, window_words = n * channels * rows * input_width(w), channels * rows * w.kernel_w
        sums = n * e * w.out_w * filters
        busy = n * w.out_w * in_filters * in_channels * w.kernel_w
        load, fill = -(-weights // rs.filter_bus_words), -(-window_words // rs.ifmap_bus_words)
        rest = max(busy, -(-inputs // rs.ifmap_bus_words), -(-sums // rs.psum_bus_words))
        up = filter_rows - 1 + machine.array.pe.latency_cycles
        processing += times * (load + fill + rest + up)
        counts[at["folds"]] += times
        counts[at["mapped_pes"]] += times * filter_rows * e * -(-channels // in_channels) * -(-filters // in_filters)
        counts[at["array_cycles"]] += times * busy
        counts[at["preload_cycles"]] += times * load
        counts[at["execute_wait_array"]] += times * (load + fill + rest + up - busy)
        counts[at["weight_read_elements"]] += times * weights
        counts[at["scratchpad_read_elements"]] += times * inputs
        counts[at["accumulator_write_elements"]] += times * sums
        counts[at["accumulator_read_elements"]] += (times - first_times) * sums
    macs = w.macs
    counts[at["macs"]] = macs
    counts[at["mac_slots"]] = round(macs * (1 - zeros)) if rs.zero_gating else macs
    exposed = _dram(machine, w, k, counts, processing, (zeros, output_zeros))
    counts[at["cycles"]] = processing + exposed
    counts[at["execute_wait_token_load"]] = exposed
    return RowStationaryRun(processing, processing + exposed, counts)


def _dram(
    machine: Machine,
    w: Window,
    k: RowStationaryMapping,
    counts: np.ndarray,
    processing: int,
    zeros: tuple[float, float],
) -> int:
    """Count what crosses the DRAM port; return the cycles that it adds to the passes."""
    at, pe = INDEX, machine.array.pe
    ins, outs = w.in_c // w.groups, w.out_c // w.groups
    inputs = w.batch * w.in_c * input_rows_read(w, k.e) * w.in_w * -(-outs // k.m)
    outputs = w.batch * w.out_h * w.out_w * w.out_c
    weights = w.kernel_h * w.kernel_w * ins * w.out_c * -(-w.batch // k.n) * -(-w.out_h // k.e)
    activation, weight = parse_format(pe.activation).bits, parse_format(pe.weight).bits
    input_bytes = compressed_bytes(inputs, activation, zeros[0])
    output_bytes = compressed_bytes(outputs, activation, zeros[1])
    weight_bytes = -(-weights * weight // 8)
    counts[at["scratchpad_write_elements"]] = inputs
    counts[at["weight_write_elements"]] = weights
    counts[at["store_scratchpad_reads"]] = outputs
    counts[at["dram_read_bytes"]], counts[at["dram_write_bytes"]] = input_bytes + weight_bytes, output_bytes
    bus, burst = machine.dma.bus_bytes, machine.dma.burst_bytes
    for engine, size in (("load", input_bytes + weight_bytes), ("store", output_bytes)):
        counts[at[f"{engine}_beats"]], counts[at[f"{engine}_requests"]] = -(-size // bus), -(-size // burst)
    hidden = weight_bytes if machine.weight_buffer.double_buffered else 0
    hidden += input_bytes + output_bytes if machine.scratchpad.double_buffered else 0
    late = _machine_cycles(machine, input_bytes + weight_bytes + output_bytes - hidden)
    return late + max(0, _machine_cycles(machine, hidden) - processing)


def input_rows_read(w: Window, e: int) -> int:
    """Return the image's rows that strips of `e` output rows read, rows of two strips twice, padding not at all."""
    read = 0
    for first in range(0, w.out_h, e):
        last = min(first + e, w.out_h) - 1
        top = first * w.stride_h - w.pad_top
        bottom = last * w.stride_h - w.pad_top + (w.kernel_h - 1) * w.dilation_h
        read += max(0, min(bottom, w.in_h - 1) - max(top, 0) + 1)
    return read


#: Run-length code of Eyeriss: words of 64 bit hold a flag and as many (run of zeros, value) pairs as fit.
RLC_WORD_BITS, RLC_RUN_BITS = 64, 5


def compressed_bytes(elements: int, bits: int, zeros: float) -> int:
    """Return the bytes of some elements in DRAM, a share `zeros` of them zero and spread at random.

    A pair for each value that is not zero and for each run of 32 zeros; as they are where that is less.
    """
    plain = -(-elements * bits // 8)
    if elements == 0:
        return plain
    longest = 1 << RLC_RUN_BITS
    runs = zeros**longest
    pairs = elements / longest if runs == 1 else elements * (1 - zeros) / (1 - runs)
    words = math.ceil(pairs / ((RLC_WORD_BITS - 1) // (RLC_RUN_BITS + bits)))
    return min(plain, words * RLC_WORD_BITS // 8)


def _machine_cycles(machine: Machine, size: int) -> int:
    """Return the machine cycles in which DRAM moves some bytes."""
    if machine.memory.model == "resident":
        return 0
    clocks = -(-size // machine.memory.bytes_per_cycle)
    return int(-(-clocks // machine.memory_clock_ratio))
