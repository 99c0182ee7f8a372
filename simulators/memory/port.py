"""The memory behind the port, whichever it is: the type of its state decides, when a kernel is compiled.

An int64 array is the simple memory, a `DramPort` the cycle-level DRAM; neither pays for the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from simulators.dram import port as dram
from simulators.memory import simple

_OPTIONS = {"error_model": "numpy", "forceinline": True, "_nrt": False}
NEVER = simple.NEVER


def _is_dram(kind: Any) -> bool:
    return not isinstance(kind, types.Array)


def offer(state, config, cycle, identity, address, size_bytes):
    """Offer a request in `cycle`; return whether it was accepted."""
    if isinstance(state, np.ndarray):
        return simple.offer(state, config, cycle, identity, address, size_bytes)
    return dram.offer_burst(state.memory, state.bursts, config, cycle, identity, address, size_bytes)


def has_room(state, config):
    """Return whether an offer would be accepted."""
    if isinstance(state, np.ndarray):
        return simple.has_room(state, config)
    return state.bursts[0] < state.bursts[3]


def next_event(state, config):
    """Return the cycle before which nothing completes that has not been popped, `NEVER` when nothing is held."""
    if isinstance(state, np.ndarray):
        return simple.next_event(state, config)
    return dram.next_completion(state.memory, state.bursts, config)


def pop(state, config, cycle):
    """Remove a completion that is due; return its id, -1 when none is."""
    if isinstance(state, np.ndarray):
        return simple.pop(state, config, cycle)
    return dram.pop_burst(state.memory, state.bursts, config, cycle)


@overload(offer, jit_options=_OPTIONS)
def _offer(state, config, cycle, identity, address, size_bytes):
    if _is_dram(state):
        return lambda state, config, cycle, identity, address, size_bytes: dram.offer_burst(
            state.memory, state.bursts, config, cycle, identity, address, size_bytes
        )
    return lambda state, config, cycle, identity, address, size_bytes: simple.offer(
        state, config, cycle, identity, address, size_bytes
    )


@overload(has_room, jit_options=_OPTIONS)
def _has_room(state, config):
    if _is_dram(state):
        return lambda state, config: state.bursts[0] < state.bursts[3]
    return lambda state, config: simple.has_room(state, config)


@overload(next_event, jit_options=_OPTIONS)
def _next_event(state, config):
    if _is_dram(state):
        return lambda state, config: dram.next_completion(state.memory, state.bursts, config)
    return lambda state, config: simple.next_event(state, config)


@overload(pop, jit_options=_OPTIONS)
def _pop(state, config, cycle):
    if _is_dram(state):
        return lambda state, config, cycle: dram.pop_burst(state.memory, state.bursts, config, cycle)
    return lambda state, config, cycle: simple.pop(state, config, cycle)
