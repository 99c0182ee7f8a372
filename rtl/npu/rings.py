"""Places taken in turn."""

from __future__ import annotations

from amaranth.hdl import Mux, Value


def following(slot: Value, slots: int) -> Value:
    """Return the next number of a ring of `slots`."""
    return Mux(slot == slots - 1, 0, slot + 1)
