"""Transaction queues of the DRAM kernel: acceptance, merging, forwarding, write drain, completion.

`m` is the memory (`state.py`), `c` the base of a channel in it. A filter counts the addresses that wait, by a hash, so
that most requests need no search for an equal one.
"""

from __future__ import annotations

from simulators.dram.state import (
    ACCEPT,
    ADDRESS,
    DONE,
    ENTRY,
    FILTER,
    ID,
    LAST_NODE,
    LATENCIES,
    NEXT,
    NODE,
    ROW,
    TAG,
    H,
    N,
    S,
    U,
)  # fmt: skip
from simulators.kernels import inlined_kernel, kernel

_READ_DEPTH, _WRITE_DEPTH, _DEPTH, _ABOVE, _DELAY = (
    H["read_depth"], H["write_depth"], H["queue_depth"], H["drain_above"], H["read_delay"],
)  # fmt: skip
_READ, _WRITE, _BANKS, _OF_GROUP, _SHIFT, _BANKS_LOG2 = (
    H["read_kind"], H["write_kind"], H["banks"], H["banks_of_group"], H["shift"], H["banks_log2"],
)  # fmt: skip
_CH, _RA, _BG, _BA, _RO, _CO = H["ch_at"], H["ra_at"], H["bg_at"], H["ba_at"], H["ro_at"], H["co_at"]
_CHM, _RAM, _BGM, _BAM, _ROM, _COM = (
    H["ch_mask"], H["ra_mask"], H["bg_mask"], H["ba_mask"], H["ro_mask"], H["co_mask"],
)  # fmt: skip
_WAKES, _HELD, _QUEUES, _FILTER, _READ_AT, _WRITE_AT, _MATCHES, _ROWS = (
    H["wake"], H["held"], H["queues"], H["filter"], H["read_order"], H["write_order"], H["matches"], H["row"],
)  # fmt: skip
_READS, _WRITES, _QUEUED, _DRAINING, _MOVED, _WAKE, _OPEN, _BLOCKED, _FROZEN = (
    S["read_count"], S["write_count"], S["queued"], S["draining"], S["moved"], S["wake_at"], S["open_reads"],
    S["blocked"], S["frozen"],
)  # fmt: skip
_NODES, _FREE, _DONE, _DONE_AT, _RECORD, _LAST, _HISTOGRAM, _CHANNEL0, _SIZE = (
    H["nodes"], H["free"], H["done"], H["done_at"], H["record"], H["last_done"], H["histogram"], H["channel0"],
    H["channel_size"],
)  # fmt: skip
_N_READS, _N_WRITES, _MERGED_READS, _FORWARDED, _MERGED_WRITES, _LATENCY, _MAX = (
    N["reads"], N["writes"], N["merged_reads"], N["forwarded_reads"], N["merged_writes"], N["read_latency"],
    N["max_read_latency"],
)  # fmt: skip


@inlined_kernel
def channel_of(m, address):
    """Return the channel that an address maps to."""
    return ((address >> m[_SHIFT]) >> m[_CH]) & m[_CHM]


@inlined_kernel
def _filter_at(m, address, write):
    """Return which counter of the filter an address has; four counters share a word."""
    at = address >> m[_SHIFT]
    return ((at ^ (at >> 9) ^ (at >> 18) ^ (address << 3)) & (FILTER - 1)) + (FILTER if write else 0)


@inlined_kernel
def leave_filter(m, c, address, write):
    """Forget a waiting address."""
    at = _filter_at(m, address, write)
    m[c + m[_FILTER] + (at >> 2)] -= 1 << ((at & 3) << 4)


@inlined_kernel
def _completed(m, c, identity, accept, complete, read):
    if complete > m[_LAST]:
        m[_LAST] = complete
    if read:
        latency = complete - accept
        m[c + _LATENCY] += latency
        m[c + _MAX] = max(m[c + _MAX], latency)
        m[m[_HISTOGRAM] + min(latency, LATENCIES - 1)] += 1
    if m[_RECORD]:
        line = m[_DONE_AT] + m[_DONE] * len(DONE)
        m[line], m[line + 1], m[line + 2] = identity, accept, complete
        m[line + 3] = (c - m[_CHANNEL0]) // m[_SIZE]
        m[_DONE] += 1


@inlined_kernel
def complete_reads(m, c, last, clock):
    """Complete a read that issues now and all that wait for the same data, in order of acceptance (a ring)."""
    nodes = m[_NODES]
    node = m[nodes + last * NODE + NEXT]
    while True:
        at = nodes + node * NODE
        _completed(m, c, m[at + ID], m[at + ACCEPT], clock + m[_DELAY], True)
        m[c + _OPEN] -= 1
        following = m[at + NEXT]
        m[at + NEXT] = m[_FREE]
        m[_FREE] = node
        if node == last:
            return
        node = following


@inlined_kernel
def _in_queue(m, c, bank, address, kind):
    """Return the entry of a bank's queue with an address and a command, -1 for none."""
    entry = c + m[_QUEUES] + bank * m[_DEPTH] * ENTRY
    for _ in range(m[c + m[_HELD] + bank]):
        if m[U(entry + ADDRESS)] == address and m[U(entry + TAG)] & 7 == kind:
            return entry
        entry += ENTRY
    return -1


@inlined_kernel
def _in_order(m, order, depth, held, address):
    """Return the slot of a transaction queue with an address, -1 for none."""
    for i in range(held):
        slot = order + 2 * depth + m[U(order + i)] * ENTRY
        if m[U(slot + ADDRESS)] == address:
            return slot
    return -1


@kernel
def _waiting(m, c, bank, address, write):
    """Return where a request for an address waits to be issued, -1 when none does."""
    if write:
        found = _in_order(m, c + m[_WRITE_AT], m[_WRITE_DEPTH], m[c + _WRITES], address)
    else:
        found = _in_order(m, c + m[_READ_AT], m[_READ_DEPTH], m[c + _READS], address)
    return found if found >= 0 else _in_queue(m, c, bank, address, m[_WRITE] if write else m[_READ])


@inlined_kernel
def _find(m, c, bank, address, write):
    at = _filter_at(m, address, write)
    if (m[c + m[_FILTER] + (at >> 2)] >> ((at & 3) << 4)) & 0xFFFF == 0:
        return -1
    return _waiting(m, c, bank, address, write)


@inlined_kernel
def _bank_of(m, at):
    bank = ((at >> m[_RA]) & m[_RAM]) * m[_BANKS] + ((at >> m[_BG]) & m[_BGM]) * m[_OF_GROUP]
    return bank + ((at >> m[_BA]) & m[_BAM])


@inlined_kernel
def _enter(m, c, order, depth, held, address, bank, kind, node):
    at, slot = address >> m[_SHIFT], order + 2 * depth + m[order + held] * ENTRY
    m[order + depth + held] = bank
    m[slot + ADDRESS], m[slot + LAST_NODE] = address, node
    m[slot + ROW] = (at >> m[_RO]) & m[_ROM]
    m[slot + TAG] = ((at >> m[_CO]) & m[_COM]) << 3 | kind
    counter = _filter_at(m, address, kind == m[_WRITE])
    m[c + m[_FILTER] + (counter >> 2)] += 1 << ((counter & 3) << 4)
    m[c + _MOVED] = 1


@inlined_kernel
def has_room(m, c, write):
    """Return whether a channel would accept a request now (and a read in flight has a node)."""
    if write:
        return m[c + _WRITES] < m[_WRITE_DEPTH]
    return m[c + _READS] < m[_READ_DEPTH] and m[_FREE] >= 0


@kernel
def accept(m, c, address, write, identity, clock):
    """Accept a request for which there is room: merge it, answer it from a waiting write, or queue it."""
    bank = _bank_of(m, address >> m[_SHIFT])
    m[c + _WAKE] = clock
    waits = _find(m, c, bank, address, True) >= 0
    if write:
        m[c + _N_WRITES] += 1
        if waits:
            m[c + _MERGED_WRITES] += 1
        else:
            _enter(m, c, c + m[_WRITE_AT], m[_WRITE_DEPTH], m[c + _WRITES], address, bank, m[_WRITE], -1)
            m[c + _WRITES] += 1
        _completed(m, c, identity, clock, clock + 1, False)
        return
    m[c + _N_READS] += 1
    if waits:
        m[c + _FORWARDED] += 1
        _completed(m, c, identity, clock, clock + 1, True)
        return
    node = m[_FREE]
    at = m[_NODES] + node * NODE
    m[_FREE] = m[at + NEXT]
    m[at + ID], m[at + ACCEPT], m[at + NEXT] = identity, clock, node
    m[c + _OPEN] += 1
    same = _find(m, c, bank, address, False)
    if same >= 0:
        m[c + _MERGED_READS] += 1
        last = m[_NODES] + m[same + LAST_NODE] * NODE
        m[at + NEXT] = m[last + NEXT]
        m[last + NEXT] = node
        m[same + LAST_NODE] = node
        return
    _enter(m, c, c + m[_READ_AT], m[_READ_DEPTH], m[c + _READS], address, bank, m[_READ], node)
    m[c + _READS] += 1


@inlined_kernel
def _first_with_room(m, c, banks, first, held):
    at, depth = c + m[_HELD], m[_DEPTH]
    for i in range(first, held):
        if m[U(at + m[U(banks + i)])] < depth:
            return i
    return -1


@inlined_kernel
def _move(m, c, order, depth, held, i, clock):
    """Move the entry at place `i` of a transaction queue to the end of its bank's queue."""
    freed, bank = m[order + i], m[order + depth + i]
    slot = order + 2 * depth + freed * ENTRY
    entry = c + m[_QUEUES] + (bank * m[_DEPTH] + m[c + m[_HELD] + bank]) * ENTRY
    for field in range(ENTRY):
        m[U(entry + field)] = m[U(slot + field)]
    for j in range(order + i, order + held - 1):
        m[U(j)] = m[U(j + 1)]
    for j in range(order + depth + i, order + depth + held - 1):
        m[U(j)] = m[U(j + 1)]
    m[order + held - 1] = freed
    m[c + m[_HELD] + bank] += 1
    m[c + m[_MATCHES] + bank] += m[slot + ROW] == m[c + m[_ROWS] + bank]
    m[c + _QUEUED] += 1
    if bank >> m[_BANKS_LOG2] != m[c + _FROZEN]:
        m[c + m[_WAKES] + bank] = min(m[c + m[_WAKES] + bank], clock)


@kernel
def move_transaction(m, c, clock):
    """Move one transaction to its bank's queue; return whether the next clock should look again."""
    writes = m[c + _WRITES]
    if m[c + _DRAINING] == 0 and (writes >= m[_WRITE_DEPTH] or (writes > m[_ABOVE] and m[c + _QUEUED] == 0)):
        m[c + _DRAINING] = writes
    if m[c + _DRAINING] > 0:
        order, depth = c + m[_WRITE_AT], m[_WRITE_DEPTH]
        i = _first_with_room(m, c, order + depth, 0, writes)
        if i < 0:
            return False
        address, bank = m[order + 2 * depth + m[order + i] * ENTRY + ADDRESS], m[order + depth + i]
        if _find(m, c, bank, address, False) < 0:
            m[c + _DRAINING] -= 1
            _move(m, c, order, depth, writes, i, clock)
            m[c + _WRITES] -= 1
            return True
        m[c + _DRAINING] = 0
        # With empty bank queues and a drain that would start again at once, only a read can end the wait.
        if m[c + _QUEUED] > 0 or writes < min(m[_ABOVE] + 1, m[_WRITE_DEPTH]):
            return True
    order, depth, reads = c + m[_READ_AT], m[_READ_DEPTH], m[c + _READS]
    i = _first_with_room(m, c, order + depth, m[c + _BLOCKED], reads)
    if i < 0:
        m[c + _BLOCKED] = reads
        return False
    m[c + _BLOCKED] = i
    _move(m, c, order, depth, reads, i, clock)
    m[c + _READS] -= 1
    return True
