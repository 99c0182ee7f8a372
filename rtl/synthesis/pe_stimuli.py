"""What a PE sees in an array: 64 lanes are a column of 64 PEs (ws), or 64 PEs that each keep their own sum (os).

In ws the sum that comes from above is that of the real column, so that partial sums toggle as they do at every depth
of an array. Every stimulus begins with reset and ends with the cycles that count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtl.synthesis.streams import float_patterns, toggle_rate, zero_share
from rtl.synthesis.toggles import LANES, lane_words
from workloads.formats import Format, parse_format

#: Steps of an os matmul: then the sum is cleared.
DEPTH = 128
#: Cycles of reset and loading before those that count.
LEAD = 8


@dataclass(frozen=True)
class PeShape:
    """What the stimuli need to know of a PE.

    Attributes
    ----------
    activation, weight, accumulator : str
        Formats.
    dataflow : str
        ``ws`` or ``os``.
    shadow : bool
        ws: the next weight in a register of its own.
    latency_cycles : int
        Registers from operands to sum.
    """

    activation: str
    weight: str
    accumulator: str
    dataflow: str = "ws"
    shadow: bool = True
    latency_cycles: int = 1

    @property
    def formats(self) -> tuple[Format, Format, Format]:
        """The three formats."""
        return parse_format(self.activation), parse_format(self.weight), parse_format(self.accumulator)


@dataclass(frozen=True)
class Stimulus:
    """Inputs of 64 lanes, and the activity of what streams.

    Attributes
    ----------
    inputs : dict
        Words (cycles, bits) by port.
    activity : dict
        ``stream``, ``other`` (toggle rates; of weights that rest: over depth, down the column), ``stream_zeros``,
        ``other_zeros``.
    """

    inputs: dict[str, np.ndarray]
    activity: dict[str, float]


def multiply_stimulus(shape: PeShape, stream: np.ndarray, other: np.ndarray) -> Stimulus:
    """Return a PE that multiplies: a vector (ws) or step (os) a cycle.

    Parameters
    ----------
    shape : PeShape
    stream : ndarray
        Patterns (steps, 64) of what travels to the right.
    other : ndarray
        Patterns of the weights: (1, 64) that rest (ws), or (steps, 64) that stream too (os).
    """
    first, second, total = shape.formats
    steps = len(stream)
    over_depth = other.T if shape.dataflow == "ws" else other
    activity = {
        "stream": toggle_rate(stream, first.bits), "other": toggle_rate(over_depth, second.bits),
        "stream_zeros": zero_share(stream), "other_zeros": zero_share(other),
    }  # fmt: skip
    inputs = _quiet(shape, LEAD + steps)
    inputs["stream_in"][LEAD:] = lane_words(stream, first.bits)
    inputs["enable"][LEAD:] = ~np.uint64(0)
    if shape.dataflow == "ws":
        _load(shape, inputs, other[0], 3)
        sums = _sums_above(stream, other[0], shape)
        late = shape.latency_cycles - 1
        inputs["total_in"][LEAD + late :] = lane_words(sums[: steps - late], total.bits)
    else:
        inputs["weight_in"][LEAD:] = lane_words(other, second.bits)
        inputs["clear_in"][LEAD + shape.latency_cycles - 1 :: DEPTH] = ~np.uint64(0)
    return Stimulus(inputs, activity)


def _quiet(shape: PeShape, cycles: int) -> dict[str, np.ndarray]:
    """All inputs at 0, reset in the first two cycles."""
    first, second, total = shape.formats
    ws = {"tile_in": second.bits, "tile_write_in": 1} | ({"swap_in": 1} if shape.shadow else {})
    os = {"weight_in": second.bits, "clear_in": 1, "shift_in": 1}
    widths = {"rst": 1, "enable": 1, "stream_in": first.bits, "total_in": total.bits}
    widths |= ws if shape.dataflow == "ws" else os
    inputs = {name: np.zeros((cycles, width), np.uint64) for name, width in widths.items()}
    inputs["rst"][:2] = ~np.uint64(0)
    return inputs


def _load(shape: PeShape, inputs: dict[str, np.ndarray], weights: np.ndarray, at: int) -> None:
    """Write the weights in cycle `at`, and swap them in with the next vector."""
    inputs["tile_in"][at] = lane_words(weights[None, :], shape.formats[1].bits)
    inputs["tile_write_in"][at] = ~np.uint64(0)
    if shape.shadow:
        inputs["swap_in"][at + 1] = inputs["enable"][at + 1] = ~np.uint64(0)


def values_of(bits: np.ndarray, form: Format) -> np.ndarray:
    """Return the numbers of some patterns: int64, or float32 for floats."""
    if form.is_integer:
        values = bits.astype(np.int64)
        return values - ((values >> (form.bits - 1)) << form.bits) if form.is_signed else values
    words = bits << np.uint64(32 - form.bits)
    return words.astype(np.uint32).view(np.float32)


def _sums_above(stream: np.ndarray, weights: np.ndarray, shape: PeShape) -> np.ndarray:
    """Return what comes from above PE l of a column: the sum over the rows before it, as patterns."""
    first, second, total = shape.formats
    products = values_of(stream, first) * values_of(weights, second)[None, :]
    sums = np.zeros_like(products)
    for row in range(1, LANES):
        sums[:, row] = sums[:, row - 1] + products[:, row - 1]
    if total.is_integer:
        return sums.astype(np.uint64) & np.uint64((1 << total.bits) - 1)
    return float_patterns(sums, total)
