"""What a vector command writes, from docs/npu.md, in numpy alone; reads and writes must lie apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtl.functions.reference import requantize, shift_rounded
from rtl.parameters import NpuParameters
from simulators.npu.exact import Memories
from simulators.program import (
    ACCUMULATOR,
    ADD,
    AVERAGE_POOL,
    DEPTHWISE,
    MAX_POOL,
    MUL,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_POSITION,
    PARAMETER_WORDS,
    REQUANTIZE,
    ROUND_ONCE,
)


class Written(NamedTuple):
    """Addresses and elements (positions, channels), and how many of them were what."""

    addresses: np.ndarray
    elements: np.ndarray
    negative: int
    saturated: int
    ties: int


def _offset(row: np.void, prefix: str, index: np.ndarray) -> np.ndarray:
    n0, n1 = int(row[prefix + "n0"]), int(row[prefix + "n1"])
    s0, s1, s2 = (int(row[f"{prefix}s{i}"]) for i in range(3))
    return index % n0 * s0 + index // n0 % n1 * s1 + index // (n0 * n1) * s2


def written_by(p: NpuParameters, memories: Memories, row: np.void) -> Written:
    """Return what one command writes."""
    function, none = int(row["value"]), int(row["parameter_mode"]) == PARAMETER_NONE
    i = np.arange(row["count"])[:, None, None]
    channel = np.arange(row["used_cols"])[None, :, None]
    tap = np.arange(row["lane_n0"] * row["lane_n1"])[None, None, :]
    address = row["address"] + _offset(row, "", row["start"] + i) + _offset(row, "lane_", row["lane_start"] + tap)
    from_sums = row["memory"] == ACCUMULATOR
    x = memories.accumulator[address, channel] if from_sums else memories.scratchpad[address + channel]
    x = x.astype(np.int64)
    entries = memories.parameters.astype(np.int64).reshape(-1, PARAMETER_WORDS)
    index = (
        {PARAMETER_LANE: channel, PARAMETER_POSITION: i}.get(int(row["parameter_mode"]), 0) if function != ADD else 0
    )
    bias, multiplier, word = np.moveaxis(entries[row["parameter_address"] + index + 0 * (i + channel)], -1, 0)[..., 0]
    shift = word & 63
    value = _values(memories, row, function, x, channel, tap, entries)
    if function == ADD:
        shift = np.zeros_like(shift) if none else shift
        exact, y = value, shift_rounded(value, shift, p.requantize)
    elif none or function == MAX_POOL:
        exact, shift, y = value, np.zeros_like(value), value
    else:
        exact, y = (value + bias) * multiplier, requantize(value, bias, multiplier, shift, p.requantize)
        if p.requantize == "tflite_double":
            y = np.where(word & ROUND_ONCE, shift_rounded(exact, shift, p.requantize), y)
    y = y + (0 if function == MAX_POOL else row["output_zero_point"])
    elements = np.clip(y, row["low"], row["high"])
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), -1)
    ties = (exact & ((np.int64(1) << shift) - 1)) == half
    addresses = (
        row["destination"] + i % row["n0"] * row["d_s0"] + i // row["n0"] * row["d_s1"] + channel * row["d_lane"]
    )[..., 0]
    return Written(addresses, elements, int((y < 0).sum()), int((elements != y).sum()), int(ties.sum()))


def _values(
    memories: Memories, row: np.void, function: int, x: np.ndarray, channel: np.ndarray, tap: np.ndarray,
    entries: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return what is requantized, of shape (positions, channels)."""
    zero = np.where(tap == 0, row["zero_point_0"], row["zero_point_1"])
    if function == DEPTHWISE:
        weights = memories.weights[row["weight_address"] + tap * row["weight_stride"] + channel].astype(np.int64)
        return (x * weights).sum(-1)
    if function == ADD:
        none = row["parameter_mode"] == PARAMETER_NONE
        multipliers = np.int64(1) if none else entries[row["parameter_address"] + tap, 1]
        return ((x - zero) * multipliers).sum(-1)
    if function == MUL:
        return (x - zero).prod(-1)
    return {MAX_POOL: x.max(-1), AVERAGE_POOL: x.sum(-1), REQUANTIZE: x[..., 0]}[function]
