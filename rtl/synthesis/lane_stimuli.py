"""What a vector lane sees when it requantizes: sums of a layer, the entry of its channel, a value a clock."""

from __future__ import annotations

import numpy as np
from amaranth.lib import data

from rtl.npu.vector_lane import bounds_layout, lane_signature, select_layout
from rtl.npu.vector_plan import group_count
from rtl.npu.vector_running import take_layout
from rtl.parameters import NpuParameters
from rtl.synthesis.toggles import LANES, lane_words
from simulators.program import REQUANTIZE

#: Spread of the sums, and the shift that brings three of these spreads to the whole range of an int8.
SPREAD, SHIFT = 1 << 14, 40
#: Cycles before those that count: reset, and the pipeline's filling.
LEAD = 16


def lane_stimulus(p: NpuParameters, steps: int, seed: int, *, idle: bool = False) -> dict[str, np.ndarray]:
    """Return inputs of 64 lanes, words (cycles, bits) by port: requantize in every cycle, or nothing at all."""
    rng = np.random.default_rng(seed)
    cycles = LEAD + steps
    signature = lane_signature(p)
    inputs = {
        name: np.zeros((cycles, np.sum(_width(member.shape))), np.uint64)
        for name, member in signature.members.items()
        if name != "element"
    }
    inputs["rst"] = np.zeros((cycles, 1), np.uint64)
    inputs["rst"][:2] = ~np.uint64(0)
    if idle:
        return inputs
    low, high = (-(1 << (p.activation.bits - 1)), (1 << (p.activation.bits - 1)) - 1)
    bounds = _constant(bounds_layout(p), {"zero_point": 3, "low": low, "high": high})
    take = {"valid": 1, "first": 1, "function": REQUANTIZE, "plain": 0, "zero_point": 0}
    constants = {
        "select": _constant(select_layout(p), {"from_accumulator": 1, "group": 0, "own_entry": 1}),
        "take": _constant(take_layout(p), take), "sum_valid": 1, "sum_first": 1, "bounds": bounds,
        "pool_bounds": bounds, "function": REQUANTIZE,
    }  # fmt: skip
    for name, value in constants.items():
        bits = [(value >> i) & 1 for i in range(inputs[name].shape[1])]
        inputs[name][:] = np.where(np.array(bits) == 1, ~np.uint64(0), np.uint64(0))
    sums = np.rint(rng.standard_normal((cycles, LANES)) * SPREAD).astype(np.int64).astype(np.uint64)
    words = [lane_words(sums & np.uint64((1 << p.accumulator.bits) - 1), p.accumulator.bits)] * group_count(p)
    inputs["sums"][:] = np.concatenate(words, axis=1)
    entry = {
        0: rng.integers(-SPREAD, SPREAD, LANES), 1: rng.integers(1 << 30, (1 << 31) - 1, LANES),
        2: np.full(LANES, SHIFT, np.int64),
    }  # fmt: skip
    for word, values in entry.items():
        held = lane_words(np.broadcast_to(values, (cycles, LANES)).astype(np.int64).astype(np.uint64), 32)
        inputs["own_entry"][:, 32 * word : 32 * (word + 1)] = held
    return inputs


def _width(shape: object) -> int:
    from amaranth.hdl import Shape

    return Shape.cast(shape).width


def _constant(layout: data.Layout, values: dict[str, int]) -> int:
    """Return a constant of a layout as an unsigned number."""
    bits = layout.const(values).as_bits()
    return int(bits)
