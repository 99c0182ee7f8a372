"""The latency and bandwidth memory behind the port's interface: offer, next_event, pop.

A memory is a state array and four functions over it; the cycle-level DRAM will offer the same four. Requests may be
refused (a full queue) and may finish out of order (`latency_spread_cycles`). Semantics: docs/npu.md, "Memory port".
"""

from __future__ import annotations

import numpy as np

from simulators.kernels import inlined_kernel
from simulators.memory.clocks import to_machine, to_memory
from simulators.npu.config import C

# State: a header, then one (completion cycle, id) pair for each request held, in order of acceptance.
_HELD, _BUSY, _HEADER = 0, 1, 2
NEVER = np.int64(1) << 62
_NUM, _DEN, _RATE, _LATENCY = C["ratio_num"], C["ratio_den"], C["bytes_per_cycle"], C["memory_latency"]
_SPREAD, _DEPTH, _BURST = C["memory_spread"], C["memory_depth"], C["burst_bytes"]


def new_memory(config: np.ndarray) -> np.ndarray:
    """Return the state of an empty memory, int64."""
    return np.zeros(_HEADER + 2 * int(config[_DEPTH]), np.int64)


@inlined_kernel
def offer(state, config, cycle, identity, address, size_bytes):
    """Offer a request in `cycle`; return whether it was accepted."""
    held = state[_HELD]
    if held >= config[_DEPTH]:
        return False
    arrival = to_memory(cycle, config[_NUM], config[_DEN])
    begin = max(arrival, state[_BUSY])
    busy = begin + (size_bytes + config[_RATE] - 1) // config[_RATE]
    state[_BUSY] = busy
    spread = np.int64(0)
    if config[_SPREAD] > 0:
        spread = ((((address // config[_BURST]) * 2654435761) & 0xFFFFFFFF) >> 16) % (config[_SPREAD] + 1)
    done = to_machine(busy + config[_LATENCY] + spread, config[_NUM], config[_DEN])
    state[_HEADER + 2 * held] = max(cycle + 1, done)
    state[_HEADER + 2 * held + 1] = identity
    state[_HELD] = held + 1
    return True


@inlined_kernel
def busy_until(state):
    """Return the memory clock in which the slot of the last request ends."""
    return state[_BUSY]


@inlined_kernel
def keep_busy_until(state, clock):
    """Make slots begin at `clock` or later: another queue of the same memory has been served until then."""
    state[_BUSY] = clock


@inlined_kernel
def has_room(state, config):
    """Return whether an offer would be accepted."""
    return state[_HELD] < config[_DEPTH]


@inlined_kernel
def next_event(state, config):
    """Return the cycle of the earliest completion not popped yet, `NEVER` when nothing is held."""
    if state[_HELD] == 0:
        return NEVER
    if config[_SPREAD] == 0:
        return state[_HEADER]
    earliest = NEVER
    for i in range(state[_HELD]):
        earliest = min(earliest, state[_HEADER + 2 * i])
    return earliest


@inlined_kernel
def pop(state, config, cycle):
    """Remove the earliest completion (then the earliest accepted) that is due; return its id, -1 when none is."""
    held = state[_HELD]
    best, earliest = -1, cycle + 1
    last = 1 if config[_SPREAD] == 0 and held > 0 else held
    for i in range(last):
        if state[_HEADER + 2 * i] < earliest:
            best, earliest = i, state[_HEADER + 2 * i]
    if best < 0:
        return -1
    identity = state[_HEADER + 2 * best + 1]
    for i in range(_HEADER + 2 * best, _HEADER + 2 * (held - 1)):
        state[i] = state[i + 2]
    state[_HELD] = held - 1
    return identity
