"""A DRAM behind the NPU's memory port: bursts become requests; the interface of `simulators.memory.simple`.

A burst that is accepted waits in a queue; its requests (one for each aligned piece of the DRAM's size) go to the
channels in order, at most one a memory clock and channel, the first that is refused holding up the rest: load and
store contend there and in the banks. A burst completes with its last request; a write is acknowledged one clock after
its channel has accepted it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.dram.channel import base_of, tick
from simulators.dram.queues import accept, channel_of, has_room
from simulators.dram.standard import Standard
from simulators.dram.state import DONE, NEVER, Controller, H, S, new_dram
from simulators.kernels import inlined_kernel, kernel
from simulators.memory.clocks import to_machine, to_memory
from simulators.npu.config import C

# The queue: a header, then for each burst: what it was given, requests still to send, still to complete, last clock.
_HELD, _WAITING, _HEAD, _DEPTH, _HEADER = range(5)
_IDENTITY, _ADDRESS, _TO_SEND, _OPEN, _COMPLETE, _WRITE, _ORDER, _BURST = range(8)
_NUM, _DEN, _OUTSTANDING = C["ratio_num"], C["ratio_den"], C["outstanding"]
_NOW, _DONE, _DONE_AT, _CHANNELS, _SHIFT, _DELAY = (
    H["now"], H["done"], H["done_at"], H["channels"], H["shift"], H["read_delay"],
)  # fmt: skip
_WAKE, _OPEN_READS = S["wake_at"], S["open_reads"]
FREE = -1


class DramPort(NamedTuple):
    """A memory and the bursts that it holds, both int64 arrays."""

    memory: np.ndarray
    bursts: np.ndarray


def new_port(standard: Standard, channels: int, mapping: str, depth: int, burst_bytes: int) -> DramPort:
    """Return an idle DRAM that holds up to `depth` bursts of at most `burst_bytes`."""
    pieces = max(1, burst_bytes // standard.organization.request_bytes) + 1
    in_flight = max(64, depth * pieces + channels)
    bursts = np.zeros(_HEADER + depth * _BURST + depth, np.int64)
    bursts[_DEPTH] = depth
    bursts[_HEADER : _HEADER + depth * _BURST : _BURST] = FREE
    return DramPort(new_dram(standard, channels, mapping, Controller(), in_flight, record=True), bursts)


@inlined_kernel
def _entry(slot):
    return _HEADER + slot * _BURST


@kernel
def _send(m, q, clock):
    """Offer the requests of waiting bursts to their channels, in order, until one is refused."""
    for _ in range(m[_CHANNELS]):
        if q[_WAITING] == 0:
            return
        ring = _entry(q[_DEPTH])
        e = _entry(q[ring + q[_HEAD]])
        c = base_of(m, channel_of(m, q[e + _ADDRESS]))
        if not has_room(m, c, q[e + _WRITE] != 0):
            return
        accept(m, c, q[e + _ADDRESS], q[e + _WRITE] != 0, (e - _HEADER) // _BURST, clock)
        q[e + _ADDRESS] = ((q[e + _ADDRESS] >> m[_SHIFT]) + 1) << m[_SHIFT]
        q[e + _TO_SEND] -= 1
        if q[e + _TO_SEND] == 0:
            q[_HEAD] = (q[_HEAD] + 1) % q[_DEPTH]
            q[_WAITING] -= 1


@kernel
def _collect(m, q):
    """Book the requests that have a clock of completion."""
    for i in range(m[_DONE]):
        line = m[_DONE_AT] + i * len(DONE)
        e = _entry(m[line])
        q[e + _OPEN] -= 1
        q[e + _COMPLETE] = max(q[e + _COMPLETE], m[line + 2])
    m[_DONE] = 0


@kernel
def advance(m, q, clock):
    """Run the memory up to a clock, that one left out: requests may still join it."""
    while m[_NOW] < clock:
        now = m[_NOW]
        _send(m, q, now)
        soonest = NEVER
        for ch in range(m[_CHANNELS]):
            c = base_of(m, ch)
            if m[c + _WAKE] <= now:
                tick(m, c, now)
            soonest = min(soonest, m[c + _WAKE])
        _collect(m, q)
        if q[_WAITING] > 0 and _head_has_room(m, q):
            soonest = now + 1
        m[_NOW] = min(clock, max(soonest, now + 1))


@inlined_kernel
def _head_has_room(m, q):
    e = _entry(q[_entry(q[_DEPTH]) + q[_HEAD]])
    return has_room(m, base_of(m, channel_of(m, q[e + _ADDRESS])), q[e + _WRITE] != 0)


@kernel
def offer_burst(m, q, config, cycle, identity, address, size_bytes):
    """Offer a burst in a machine cycle; return whether it was accepted."""
    if q[_HELD] >= q[_DEPTH]:
        return False
    advance(m, q, to_memory(cycle, config[_NUM], config[_DEN]))
    slot = 0
    while q[_entry(slot)] != FREE:
        slot += 1
    e = _entry(slot)
    pieces = ((address + size_bytes - 1) >> m[_SHIFT]) - (address >> m[_SHIFT]) + 1
    # Whole requests: two bursts that share one read or write it once when both are under way.
    q[e + _IDENTITY], q[e + _ADDRESS], q[e + _COMPLETE] = identity, (address >> m[_SHIFT]) << m[_SHIFT], 0
    q[e + _TO_SEND], q[e + _OPEN] = pieces, pieces
    q[e + _WRITE] = 1 if identity >= config[_OUTSTANDING] else 0
    q[_entry(q[_DEPTH]) + (q[_HEAD] + q[_WAITING]) % q[_DEPTH]] = slot
    q[_HELD] += 1
    q[_WAITING] += 1
    return True


@kernel
def _first_complete(q):
    """Return the burst that completes first of those whose completion is known, -1 for none."""
    best = -1
    for slot in range(q[_DEPTH]):
        e = _entry(slot)
        if q[e] != FREE and q[e + _OPEN] == 0 and (best < 0 or q[e + _COMPLETE] < q[best + _COMPLETE]):
            best = e
    return best


@kernel
def next_completion(m, q, config):
    """Return a machine cycle before which nothing can be popped that is not known yet, `NEVER` for an empty memory."""
    if q[_HELD] == 0:
        return NEVER
    soonest, best = NEVER, _first_complete(q)
    if best >= 0:
        soonest = q[best + _COMPLETE]
    for ch in range(m[_CHANNELS]):
        c = base_of(m, ch)
        if m[c + _OPEN_READS] > 0:
            soonest = min(soonest, max(m[_NOW], m[c + _WAKE]) + m[_DELAY])
    if q[_WAITING] > 0:
        at = m[_NOW]
        if not _head_has_room(m, q):
            at = (
                max(at, m[base_of(m, channel_of(m, q[_entry(q[_entry(q[_DEPTH]) + q[_HEAD]]) + _ADDRESS])) + _WAKE]) + 1
            )
        soonest = min(soonest, at + 1)
    return to_machine(soonest, config[_NUM], config[_DEN])


@kernel
def pop_burst(m, q, config, cycle):
    """Remove the burst that completed first, if any has by a machine cycle; return its id or -1."""
    if q[_HELD] == 0:
        return -1
    advance(m, q, to_memory(cycle, config[_NUM], config[_DEN]))
    best = _first_complete(q)
    if best < 0 or to_machine(q[best + _COMPLETE], config[_NUM], config[_DEN]) > cycle:
        return -1
    identity = q[best]
    q[best] = FREE
    q[_HELD] -= 1
    return identity
