"""A DRAM behind the NPU's memory port: bursts become requests; the interface of `simulators.memory.simple`.

A burst that is accepted waits in its core's queue; its requests (one for each aligned piece of the DRAM's size) go to
the channels in order, the first that is refused holding up the rest of that core: load and store contend there and in
the banks. In a memory clock at most as many requests are taken as there are channels, one of each core in turn. A
burst completes with its last request; a write is acknowledged one clock after its channel has accepted it.
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

# The bursts of all cores: cores, length of a queue, bursts accepted so far; then the queues. A queue: a header, then
# for each burst: what it was given, requests still to send, still to complete, last clock, when it was accepted; then
# the slots of those that wait.
_CORES, _LENGTH, _TAKEN, _QUEUES = range(4)
_HELD, _WAITING, _HEAD, _DEPTH, _HEADER = range(5)
_IDENTITY, _ADDRESS, _TO_SEND, _OPEN, _COMPLETE, _WRITE, _ORDER, _BURST = range(8)
_NUM, _DEN, _OUTSTANDING, _BUS = C["ratio_num"], C["ratio_den"], C["outstanding"], C["bus_shift"]
_NOW, _DONE, _DONE_AT, _CHANNELS, _SHIFT, _DELAY = (
    H["now"], H["done"], H["done_at"], H["channels"], H["shift"], H["read_delay"],
)  # fmt: skip
_WAKE, _OPEN_READS = S["wake_at"], S["open_reads"]
FREE = -1


class DramPort(NamedTuple):
    """A core's side of a memory: the memory and the bursts of all cores, both int64 arrays that cores share.

    Attributes
    ----------
    memory : int64
        `simulators.dram.state.new_dram`.
    bursts : int64
        Every core's queue of bursts.
    queue : int
        Where this core's queue begins in `bursts`.
    first_byte : int
        Where this core's part of the memory begins.
    """

    memory: np.ndarray
    bursts: np.ndarray
    queue: int
    first_byte: int


def part_of_a_core(standard: Standard, channels: int, cores: int) -> int:
    """Return the bytes from one core's part of the memory to the next one's.

    A share of the capacity and a row of each channel more, so that cores that run alike do not meet in a bank.
    """
    o = standard.organization
    return (o.channel_bytes * channels >> (cores - 1).bit_length()) + channels * o.columns * o.bus_bits // 8


def new_ports(
    standard: Standard, channels: int, mapping: str, depth: int, burst_bytes: int, cores: int
) -> tuple[DramPort, ...]:
    """Return the ports of an idle DRAM; each core has a queue of `depth` bursts and its own part of the memory."""
    pieces = max(1, burst_bytes // standard.organization.request_bytes) + 1
    in_flight = max(64, cores * depth * pieces + channels)
    length = _HEADER + depth * _BURST + depth
    bursts = np.zeros(_QUEUES + cores * length, np.int64)
    bursts[_CORES], bursts[_LENGTH] = cores, length
    memory = new_dram(standard, channels, mapping, Controller(), in_flight, record=True)
    part_bytes = part_of_a_core(standard, channels, cores)
    ports = []
    for core in range(cores):
        at = _QUEUES + core * length
        bursts[at + _DEPTH] = depth
        bursts[at + _HEADER : at + _HEADER + depth * _BURST : _BURST] = FREE
        ports.append(DramPort(memory, bursts, at, core * part_bytes))
    return tuple(ports)


def new_port(standard: Standard, channels: int, mapping: str, depth: int, burst_bytes: int) -> DramPort:
    """Return the port of an idle DRAM that serves one core: up to `depth` bursts of at most `burst_bytes`."""
    return new_ports(standard, channels, mapping, depth, burst_bytes, 1)[0]


def port_has_room(port: DramPort) -> bool:
    """Return whether a core's queue would take a burst now."""
    return bool(port.bursts[port.queue + _HELD] < port.bursts[port.queue + _DEPTH])


@inlined_kernel
def queue_has_room(q, at):
    """Return whether the queue at a place would take a burst."""
    return q[at + _HELD] < q[at + _DEPTH]


@inlined_kernel
def taken(q):
    """Return how many bursts all cores have offered with success."""
    return q[_TAKEN]


@inlined_kernel
def _entry(at, slot):
    return at + _HEADER + slot * _BURST


@inlined_kernel
def _head_of(q, at):
    """Return the burst of a queue whose requests go next."""
    return _entry(at, q[_entry(at, q[at + _DEPTH]) + q[at + _HEAD]])


@inlined_kernel
def _head_channel(m, q, at):
    return base_of(m, channel_of(m, q[_head_of(q, at) + _ADDRESS]))


@inlined_kernel
def _head_has_room(m, q, at):
    return has_room(m, _head_channel(m, q, at), q[_head_of(q, at) + _WRITE] != 0)


@kernel
def _send_one(m, q, at, clock):
    """Offer the next request of a queue to its channel; return whether it was taken."""
    if q[at + _WAITING] == 0 or not _head_has_room(m, q, at):
        return False
    e = _head_of(q, at)
    accept(m, _head_channel(m, q, at), q[e + _ADDRESS], q[e + _WRITE] != 0, e, clock)
    q[e + _ADDRESS] = ((q[e + _ADDRESS] >> m[_SHIFT]) + 1) << m[_SHIFT]
    q[e + _TO_SEND] -= 1
    if q[e + _TO_SEND] == 0:
        q[at + _HEAD] = (q[at + _HEAD] + 1) % q[at + _DEPTH]
        q[at + _WAITING] -= 1
    return True


@kernel
def _send(m, q, clock):
    """Offer requests of waiting bursts, a core's in order, cores in turn from another one each clock."""
    cores, core, refused = q[_CORES], clock % q[_CORES], 0
    room = m[_CHANNELS]
    while room > 0 and refused < cores:
        if _send_one(m, q, _QUEUES + core * q[_LENGTH], clock):
            room -= 1
            refused = 0
        else:
            refused += 1
        core = core + 1 if core + 1 < cores else 0


@kernel
def _collect(m, q):
    """Book the requests that have a clock of completion."""
    for i in range(m[_DONE]):
        line = m[_DONE_AT] + i * len(DONE)
        e = m[line]
        q[e + _OPEN] -= 1
        q[e + _COMPLETE] = max(q[e + _COMPLETE], m[line + 2])
    m[_DONE] = 0


@kernel
def _any_head_has_room(m, q):
    for core in range(q[_CORES]):
        at = _QUEUES + core * q[_LENGTH]
        if q[at + _WAITING] > 0 and _head_has_room(m, q, at):
            return True
    return False


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
        if _any_head_has_room(m, q):
            soonest = now + 1
        m[_NOW] = min(clock, max(soonest, now + 1))


@kernel
def offer_burst(m, q, at, first_byte, config, cycle, identity, address, size_bytes):
    """Offer a burst of the core whose queue is at a place, in a machine cycle; return whether it was accepted."""
    if not queue_has_room(q, at):
        return False
    advance(m, q, to_memory(cycle, config[_NUM], config[_DEN]))
    slot = 0
    while q[_entry(at, slot)] != FREE:
        slot += 1
    e = _entry(at, slot)
    address = first_byte + ((address >> config[_BUS]) << config[_BUS])  # whole beats
    pieces = ((address + size_bytes - 1) >> m[_SHIFT]) - (address >> m[_SHIFT]) + 1
    # Whole requests: two bursts that share one read or write it once when both are under way.
    q[e + _IDENTITY], q[e + _ADDRESS], q[e + _COMPLETE] = identity, (address >> m[_SHIFT]) << m[_SHIFT], 0
    q[e + _TO_SEND], q[e + _OPEN] = pieces, pieces
    q[e + _WRITE] = 1 if identity >= config[_OUTSTANDING] else 0
    q[_entry(at, q[at + _DEPTH]) + (q[at + _HEAD] + q[at + _WAITING]) % q[at + _DEPTH]] = slot
    q[e + _ORDER] = q[_TAKEN]
    q[_TAKEN] += 1
    q[at + _HELD] += 1
    q[at + _WAITING] += 1
    return True


@inlined_kernel
def _before(q, e, other):
    """Return whether a burst completes before another: of those of one clock the first accepted."""
    if q[e + _COMPLETE] != q[other + _COMPLETE]:
        return q[e + _COMPLETE] < q[other + _COMPLETE]
    return q[e + _ORDER] < q[other + _ORDER]


@kernel
def _first_complete(q, at):
    """Return the burst of a queue that completes first of those whose completion is known, -1 for none."""
    best = -1
    for slot in range(q[at + _DEPTH]):
        e = _entry(at, slot)
        if q[e] != FREE and q[e + _OPEN] == 0 and (best < 0 or _before(q, e, best)):
            best = e
    return best


@kernel
def next_completion(m, q, at, config):
    """Return a machine cycle before which nothing of a queue can be popped that is not known yet, `NEVER` for none.

    It holds as long as no core offers a burst.
    """
    if q[at + _HELD] == 0:
        return NEVER
    soonest, best = NEVER, _first_complete(q, at)
    if best >= 0:
        soonest = q[best + _COMPLETE]
    for ch in range(m[_CHANNELS]):
        c = base_of(m, ch)
        if m[c + _OPEN_READS] > 0:
            soonest = min(soonest, max(m[_NOW], m[c + _WAKE]) + m[_DELAY])
    for core in range(q[_CORES]):  # a request that a channel takes may let others of the channel go
        other = _QUEUES + core * q[_LENGTH]
        if q[other + _WAITING] > 0:
            sent = m[_NOW]
            if not _head_has_room(m, q, other):
                sent = max(sent, m[_head_channel(m, q, other) + _WAKE]) + 1
            soonest = min(soonest, sent + 1)
    return to_machine(soonest, config[_NUM], config[_DEN])


@kernel
def pop_burst(m, q, at, config, cycle):
    """Remove the burst of a queue that completed first, if any has by a machine cycle; return its id or -1."""
    if q[at + _HELD] == 0:
        return -1
    advance(m, q, to_memory(cycle, config[_NUM], config[_DEN]))
    best = _first_complete(q, at)
    if best < 0 or to_machine(q[best + _COMPLETE], config[_NUM], config[_DEN]) > cycle:
        return -1
    identity = q[best]
    q[best] = FREE
    q[at + _HELD] -= 1
    return identity
