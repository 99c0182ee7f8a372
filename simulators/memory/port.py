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
    return dram.offer_burst(
        state.memory, state.bursts, state.queue, state.first_byte, config, cycle, identity, address, size_bytes
    )


def has_room(state, config):
    """Return whether an offer would be accepted."""
    if isinstance(state, np.ndarray):
        return simple.has_room(state, config)
    return dram.port_has_room(state)


def next_event(state, config):
    """Return the cycle before which nothing completes that has not been popped, `NEVER` when nothing is held."""
    if isinstance(state, np.ndarray):
        return simple.next_event(state, config)
    return dram.next_completion(state.memory, state.bursts, state.queue, config)


def pop(state, config, cycle):
    """Remove a completion that is due; return its id, -1 when none is."""
    if isinstance(state, np.ndarray):
        return simple.pop(state, config, cycle)
    return dram.pop_burst(state.memory, state.bursts, state.queue, config, cycle)


def turn_to(state, busy):
    """Let a core's side of a memory that cores share know until when it serves others; return the offers so far."""
    if isinstance(state, np.ndarray):
        simple.keep_busy_until(state, busy)
        return 0
    return dram.taken(state.bursts)


def busy_until(state):
    """Return until when the memory serves what it has accepted, where its sides do not share that themselves."""
    return simple.busy_until(state) if isinstance(state, np.ndarray) else 0


@overload(offer, jit_options=_OPTIONS)
def _offer(state, config, cycle, identity, address, size_bytes):
    if _is_dram(state):
        return lambda state, config, cycle, identity, address, size_bytes: dram.offer_burst(
            state.memory, state.bursts, state.queue, state.first_byte, config, cycle, identity, address, size_bytes
        )
    return lambda state, config, cycle, identity, address, size_bytes: simple.offer(
        state, config, cycle, identity, address, size_bytes
    )


@overload(has_room, jit_options=_OPTIONS)
def _has_room(state, config):
    if _is_dram(state):
        return lambda state, config: dram.queue_has_room(state.bursts, state.queue)
    return lambda state, config: simple.has_room(state, config)


@overload(next_event, jit_options=_OPTIONS)
def _next_event(state, config):
    if _is_dram(state):
        return lambda state, config: dram.next_completion(state.memory, state.bursts, state.queue, config)
    return lambda state, config: simple.next_event(state, config)


@overload(pop, jit_options=_OPTIONS)
def _pop(state, config, cycle):
    if _is_dram(state):
        return lambda state, config, cycle: dram.pop_burst(state.memory, state.bursts, state.queue, config, cycle)
    return lambda state, config, cycle: simple.pop(state, config, cycle)


@overload(turn_to, jit_options=_OPTIONS)
def _turn_to(state, busy):
    if _is_dram(state):
        return lambda state, busy: dram.taken(state.bursts)

    def told(state, busy):
        simple.keep_busy_until(state, busy)
        return np.int64(0)

    return told


@overload(busy_until, jit_options=_OPTIONS)
def _busy_until(state):
    if _is_dram(state):
        return lambda state: np.int64(0)
    return lambda state: simple.busy_until(state)
