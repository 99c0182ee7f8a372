"""Transaction queues of the DRAM kernel: acceptance, merging, forwarding, write drain, completion."""

from __future__ import annotations

from simulators.dram.state import (
    A_ADDRESS,
    A_BANK,
    A_COLUMN,
    A_KIND,
    A_NODE,
    A_ROW,
    ACCEPT,
    ENTRY,
    ID,
    NEXT,
    G,
    K,
    N,
    S,
)  # fmt: skip
from simulators.kernels import inlined_kernel, kernel

_READ_DEPTH, _WRITE_DEPTH, _DEPTH, _ABOVE, _DELAY = (
    K["read_depth"], K["write_depth"], K["queue_depth"], K["drain_above"], K["read_delay"],
)  # fmt: skip
_READ, _WRITE, _BANKS, _OF_GROUP, _SHIFT = (
    K["read_kind"], K["write_kind"], K["banks"], K["banks_of_group"], K["shift"],
)  # fmt: skip
_CH, _RA, _BG, _BA, _RO, _CO = K["ch_at"], K["ra_at"], K["bg_at"], K["ba_at"], K["ro_at"], K["co_at"]
_CHM, _RAM, _BGM, _BAM, _ROM, _COM = (
    K["ch_mask"], K["ra_mask"], K["bg_mask"], K["ba_mask"], K["ro_mask"], K["co_mask"],
)  # fmt: skip
_READS, _WRITES, _QUEUED, _DRAINING, _MOVED, _WAKE, _OPEN = (
    S["reads"], S["writes"], S["queued"], S["draining"], S["moved"], S["wake"], S["open_reads"],
)  # fmt: skip
_FREE, _DONE, _RECORD, _LAST = G["free"], G["done"], G["record"], G["last_done"]
_N_READS, _N_WRITES, _MERGED_READS, _FORWARDED, _MERGED_WRITES, _LATENCY, _MAX = (
    N["reads"], N["writes"], N["merged_reads"], N["forwarded_reads"], N["merged_writes"], N["read_latency"],
    N["max_read_latency"],
)  # fmt: skip


@inlined_kernel
def channel_of(d, address):
    """Return the channel that an address maps to."""
    return ((address >> d.k[_SHIFT]) >> d.k[_CH]) & d.k[_CHM]


@inlined_kernel
def remove(entries, at, held):
    """Take one of `held` entries out of a queue; those behind it move up."""
    for i in range(at, held - 1):
        for field in range(ENTRY):
            entries[i, field] = entries[i + 1, field]


@inlined_kernel
def _completed(d, ch, identity, accept, complete, read):
    if complete > d.g[_LAST]:
        d.g[_LAST] = complete
    if read:
        latency = complete - accept
        d.counts[ch, _LATENCY] += latency
        d.counts[ch, _MAX] = max(d.counts[ch, _MAX], latency)
        d.histogram[min(latency, d.histogram.shape[0] - 1)] += 1
    if d.g[_RECORD]:
        line = d.done[d.g[_DONE]]
        line[0], line[1], line[2], line[3] = identity, accept, complete, ch
        d.g[_DONE] += 1


@kernel
def complete_reads(d, ch, last, clock):
    """Complete a read that issues now and all that wait for the same data, in order of acceptance (a ring)."""
    node = d.nodes[last, NEXT]
    while True:
        _completed(d, ch, d.nodes[node, ID], d.nodes[node, ACCEPT], clock + d.k[_DELAY], True)
        d.s[ch, _OPEN] -= 1
        following = d.nodes[node, NEXT]
        d.nodes[node, NEXT] = d.g[_FREE]
        d.g[_FREE] = node
        if node == last:
            return
        node = following


@inlined_kernel
def _merge(d, ch, entry, node):
    d.counts[ch, _MERGED_READS] += 1
    last = entry[A_NODE]
    d.nodes[node, NEXT] = d.nodes[last, NEXT]
    d.nodes[last, NEXT] = node
    entry[A_NODE] = node


@inlined_kernel
def _find(entries, held, address, kind):
    for i in range(held):
        if entries[i, A_ADDRESS] == address and entries[i, A_KIND] == kind:
            return i
    return -1


@inlined_kernel
def _bank_of(d, at):
    k = d.k
    bank = ((at >> k[_RA]) & k[_RAM]) * k[_BANKS] + ((at >> k[_BG]) & k[_BGM]) * k[_OF_GROUP]
    return bank + ((at >> k[_BA]) & k[_BAM])


@inlined_kernel
def _enter(d, entry, address, bank, kind, node):
    at = address >> d.k[_SHIFT]
    entry[A_ADDRESS], entry[A_BANK], entry[A_KIND], entry[A_NODE] = address, bank, kind, node
    entry[A_ROW] = (at >> d.k[_RO]) & d.k[_ROM]
    entry[A_COLUMN] = (at >> d.k[_CO]) & d.k[_COM]


@inlined_kernel
def has_room(d, ch, write):
    """Return whether a channel would accept a request now (and a read in flight has a node)."""
    if write:
        return d.s[ch, _WRITES] < d.k[_WRITE_DEPTH]
    return d.s[ch, _READS] < d.k[_READ_DEPTH] and d.g[_FREE] >= 0


@kernel
def accept(d, ch, address, write, identity, clock):
    """Accept a request for which there is room: merge it, answer it from a waiting write, or queue it."""
    s = d.s[ch]
    bank = _bank_of(d, address >> d.k[_SHIFT])
    queue, held = d.queues[ch, bank], d.held[ch, bank]
    s[_WAKE] = clock
    waiting = s[_WRITES] > 0 and _find(d.writes[ch], s[_WRITES], address, d.k[_WRITE]) >= 0
    waiting = waiting or _find(queue, held, address, d.k[_WRITE]) >= 0
    if write:
        d.counts[ch, _N_WRITES] += 1
        if waiting:
            d.counts[ch, _MERGED_WRITES] += 1
        else:
            _enter(d, d.writes[ch, s[_WRITES]], address, bank, d.k[_WRITE], -1)
            s[_WRITES] += 1
            s[_MOVED] = 1
        _completed(d, ch, identity, clock, clock + 1, False)
        return
    d.counts[ch, _N_READS] += 1
    if waiting:
        d.counts[ch, _FORWARDED] += 1
        _completed(d, ch, identity, clock, clock + 1, True)
        return
    node = d.g[_FREE]
    d.g[_FREE] = d.nodes[node, NEXT]
    d.nodes[node, ID], d.nodes[node, ACCEPT], d.nodes[node, NEXT] = identity, clock, node
    s[_OPEN] += 1
    same = _find(d.reads[ch], s[_READS], address, d.k[_READ])
    if same >= 0:
        _merge(d, ch, d.reads[ch, same], node)
        return
    same = _find(queue, held, address, d.k[_READ])
    if same >= 0:
        _merge(d, ch, queue[same], node)
        return
    _enter(d, d.reads[ch, s[_READS]], address, bank, d.k[_READ], node)
    s[_READS] += 1
    s[_MOVED] = 1


@inlined_kernel
def _first_with_room(d, ch, entries, held):
    for i in range(held):
        if d.held[ch, entries[i, A_BANK]] < d.k[_DEPTH]:
            return i
    return -1


@inlined_kernel
def _move(d, ch, entries, held, i, clock):
    bank = entries[i, A_BANK]
    slot = d.queues[ch, bank, d.held[ch, bank]]
    for field in range(ENTRY):
        slot[field] = entries[i, field]
    remove(entries, i, held)
    d.held[ch, bank] += 1
    d.s[ch, _QUEUED] += 1
    d.wake[ch, bank] = min(d.wake[ch, bank], clock)


@kernel
def move_transaction(d, ch, clock):
    """Move one transaction to its bank's queue; return whether the next clock should look again."""
    s = d.s[ch]
    if s[_DRAINING] == 0 and (s[_WRITES] >= d.k[_WRITE_DEPTH] or (s[_WRITES] > d.k[_ABOVE] and s[_QUEUED] == 0)):
        s[_DRAINING] = s[_WRITES]
    if s[_DRAINING] > 0:
        i = _first_with_room(d, ch, d.writes[ch], s[_WRITES])
        if i < 0:
            return False
        address, bank = d.writes[ch, i, A_ADDRESS], d.writes[ch, i, A_BANK]
        if (
            _find(d.reads[ch], s[_READS], address, d.k[_READ]) < 0
            and _find(d.queues[ch, bank], d.held[ch, bank], address, d.k[_READ]) < 0
        ):
            s[_DRAINING] -= 1
            _move(d, ch, d.writes[ch], s[_WRITES], i, clock)
            s[_WRITES] -= 1
            return True
        s[_DRAINING] = 0
        # With empty bank queues and a drain that would start again at once, only a read can end the wait.
        if s[_QUEUED] > 0 or s[_WRITES] <= d.k[_ABOVE]:
            return True
    i = _first_with_room(d, ch, d.reads[ch], s[_READS])
    if i < 0:
        return False
    _move(d, ch, d.reads[ch], s[_READS], i, clock)
    s[_READS] -= 1
    return True
