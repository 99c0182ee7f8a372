"""Masks of a run of lanes or bytes, each one shift of a constant: one step of a simulator, a decoder in gates."""

from __future__ import annotations

from amaranth.hdl import Const, Mux, Value


def first_lanes(lanes: int, count: Value) -> Value:
    """Return a mask of the first `count` of `lanes` lanes; `count` is at most `lanes`."""
    return _ones(lanes, lanes) >> (lanes - count)[: lanes.bit_length()]


def byte_mask(count: int, first: Value, last: Value) -> Value:
    """Return a mask of the bytes from `first` to `last`, both included, of `count`, a power of two.

    Both numbers have exactly the bits that number the bytes.
    """
    up_to_last, before_first = _ones(count, count) >> ~last, _ones(count - 1, count) >> ~first
    return up_to_last & ~before_first


def one_hot(bits: int, steps: Value) -> Value:
    """Return bit `steps` - 1 alone of `bits` bits, none for 0 or for what lies beyond them."""
    width = bits.bit_length()
    decoded = Const(1) << steps[:width]
    return Mux(steps[width:].any(), 0, decoded[1 : bits + 1])


def _ones(ones: int, bits: int) -> Const:
    return Const((1 << ones) - 1, bits)
