"""The registers and memories of the `exact` fidelity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.npu.config import C

# Slots of `Registers.r`.
NAMES = (
    "preload", "preload_row", "tile",  # preload under way (-1) and its next row; a whole or coming tile waits
    "matmul", "step", "wait", "in_flight",  # matmul under way (-1), next step; drain cycles left; started, not ended
    "vector", "position", "group", "tap", "pass",  # vector command under way (-1) and its loop counters
    "beat", "gathered",  # beats of the load entry being drained; cycles of the request being gathered (0: none)
    "first_head", "first_len", "last_head", "last_len",  # waves crossing the array
    "preloads_head", "preloads_len",  # preloads whose tile is still on its way
    "vector_pending",  # the vector command's outputs still in its pipeline
    "moves",  # cycles in which the array's registers moved: they hold while no matmul is in flight
)  # fmt: skip
R = {name: i for i, name in enumerate(NAMES)}


class Memories(NamedTuple):
    """On-chip memories and DRAM. Elements are int32 (scratchpad, weights, parameters), sums int32 or int64."""

    scratchpad: np.ndarray
    weights: np.ndarray
    accumulator: np.ndarray
    parameters: np.ndarray
    dram: np.ndarray


class Registers(NamedTuple):
    """Registers of the array, skew lines and unit counters; lines are rings indexed by cycle.

    Attributes
    ----------
    r : int64
        Unit counters, by `R`.
    activation, weight, shadow, below : (rows, cols)
        Per PE: operand passed on to the right; stationary and shadow weight; os operand passed down.
    total : (rows, cols)
        Partial sum register.
    products : (pe latency, rows, cols)
        Product registers.
    stream, top : (depth, rows), (depth, cols)
        Words read from memory on their way to row and column edges.
    words, word_lane : (depth, rows), (depth,)
        os, shifted: words on their way to the serializer, and their lane.
    serial : (rows, rows)
        The serializer.
    tile_row, tile : (depth,), (depth, cols)
        Rows of the stationary tile on their way.
    tag : (depth, 4)
        Per issued vector: valid, accumulator word, command, last.
    out : (accumulator latency + 1, rows, cols)
        Sums on their way to the accumulator.
    first, last : (waves, 2)
        (cycle at PE (0, 0), command) of waves that clear a sum or swap a weight, and that end a sum.
    preloads : (waves,)
    lane_offset : (2, max(rows, cols))
        Address offsets of lanes, of the preload and the matmul under way.
    lanes : (lanes,)
        The vector unit's running values.
    line_value, line_to : (vector depth, lanes), (vector depth, 3)
        Its output pipeline: values; (channels, address, last).
    gather, offer : (burst bytes,)
    """

    r: np.ndarray
    activation: np.ndarray
    weight: np.ndarray
    shadow: np.ndarray
    below: np.ndarray
    total: np.ndarray
    products: np.ndarray
    stream: np.ndarray
    top: np.ndarray
    words: np.ndarray
    word_lane: np.ndarray
    serial: np.ndarray
    tile_row: np.ndarray
    tile: np.ndarray
    tag: np.ndarray
    out: np.ndarray
    first: np.ndarray
    last: np.ndarray
    preloads: np.ndarray
    lane_offset: np.ndarray
    lanes: np.ndarray
    line_value: np.ndarray
    line_to: np.ndarray
    gather: np.ndarray
    offer: np.ndarray


def new_registers(config: np.ndarray, functions: np.ndarray, dtype: type) -> Registers:
    """Return all registers at reset; partial sums of `dtype` (int32 or int64)."""
    rows, cols, latency = (int(config[C[name]]) for name in ("rows", "cols", "pe_latency"))
    write, operand = int(config[C["accumulator_latency"]]), int(config[C["operand_latency"]])
    depth = rows + cols + latency + operand + write + int(config[C["serializer"]]) + 4
    vector_depth = int(config[C["vector_latency"]] + functions[:, 0].max()) + 1
    lanes, waves = int(config[C["lanes"]]), depth + 2 * rows
    r = np.zeros(len(NAMES), np.int64)
    r[[R["preload"], R["matmul"], R["vector"]]] = -1

    def pe() -> np.ndarray:
        return np.zeros((rows, cols), dtype)

    return Registers(
        r, pe(), pe(), pe(), pe(), pe(), np.zeros((latency, rows, cols), dtype),
        np.zeros((depth, rows), dtype), np.zeros((depth, cols), dtype),
        np.zeros((depth, rows), dtype), np.full(depth, -1, np.int64), np.zeros((rows, rows), dtype),
        np.full(depth, -1, np.int64), np.zeros((depth, cols), dtype), np.zeros((depth, 4), np.int64),
        np.zeros((write + 1, rows, cols), dtype), np.zeros((waves, 2), np.int64), np.zeros((waves, 2), np.int64),
        np.zeros(waves, np.int64), np.zeros((2, max(rows, cols)), np.int64), np.zeros(lanes, np.int64),
        np.zeros((vector_depth, lanes), np.int64), np.zeros((vector_depth, 3), np.int64),
        np.zeros(int(config[C["burst_bytes"]]), np.uint8), np.zeros(int(config[C["burst_bytes"]]), np.uint8),
    )  # fmt: skip
