"""One channel of the DRAM kernel: what its controller does in a clock, and the next clock in which it can do anything.

The rules are those of `reference.py`, which states them clock by clock; here a channel is only looked at when a
transaction can move, a command can be ready, or a refresh is due.
"""

from __future__ import annotations

from simulators.dram.banks import NOTHING, is_column, look, ready_at, take
from simulators.dram.constraints import PRE, RD, RDA, REF
from simulators.dram.queues import complete_reads, move_transaction, remove
from simulators.dram.state import A_COLUMN, A_NODE, A_ROW, NEVER, REFRESH_RING, G, K, N, S
from simulators.kernels import inlined_kernel, kernel

_BANKS, _RANKS, _OF_GROUP, _INTERVAL, _TWO_BUSES = (
    K["banks"], K["ranks"], K["banks_of_group"], K["interval"], K["two_buses"],
)  # fmt: skip
_WAKE, _SERVED, _QUEUED, _MOVED, _FROZEN = S["wake"], S["served"], S["queued"], S["moved"], S["frozen"]
_DUE, _NEXT_RANK, _HEAD, _WAITING = S["refresh_at"], S["refresh_rank"], S["refresh_head"], S["refresh_waiting"]
_READ_HITS, _WRITE_HITS, _CHOSEN = N["read_hits"], N["write_hits"], N["precharges_chosen"]
_TRACE, _TRACED = G["trace"], G["traced"]
ANY = -1


@inlined_kernel
def _write_trace(d, ch, rank, bank, command, clock, row, column):
    if d.g[_TRACE]:
        line, group = d.trace[d.g[_TRACED]], d.k[_OF_GROUP]
        line[0], line[1], line[2], line[3] = clock, command, ch, rank
        line[4] = (bank - rank * d.k[_BANKS]) // group if command != REF else -1
        line[5] = bank % group if command != REF else -1
        line[6], line[7] = row, column
        d.g[_TRACED] += 1


@kernel
def _issue(d, ch, bank, found, clock):
    """Issue what `look` found in a bank's queue."""
    command, entry, rank = found % 8, found // 8, bank // d.k[_BANKS]
    queue = d.queues[ch, bank]
    row = queue[entry, A_ROW]
    _write_trace(d, ch, rank, bank, command, clock, row, queue[entry, A_COLUMN])
    d.counts[ch, command] += 1
    if is_column(command):
        read = command in (RD, RDA)
        if d.hits[ch, bank] != 0:
            d.counts[ch, _READ_HITS if read else _WRITE_HITS] += 1
        if read:
            complete_reads(d, ch, queue[entry, A_NODE], clock)
        take(d, ch, rank, bank, command, clock, row)
        remove(queue, entry, d.held[ch, bank])
        d.held[ch, bank] -= 1
        d.s[ch, _QUEUED] -= 1
        d.s[ch, _MOVED] = 1
    else:
        take(d, ch, rank, bank, command, clock, row)
    d.wake[ch, bank] = clock


@inlined_kernel
def _pick(d, ch, clock, unlike):
    """Issue the first ready command, round robin over the queues; with `unlike` a command, only of the other bus.

    Returns the command, -1 for none.
    """
    s, banks = d.s[ch], d.row.shape[1]
    bank = s[_SERVED]
    frozen = s[_FROZEN]
    for _ in range(banks):
        bank = bank + 1 if bank + 1 < banks else 0
        if d.wake[ch, bank] > clock or (frozen >= 0 and bank // d.k[_BANKS] == frozen):
            continue
        found = look(d, ch, bank, clock)
        if found == NOTHING:
            continue
        s[_SERVED] = bank
        command = found % 8
        if command == PRE:
            d.counts[ch, _CHOSEN] += 1
        if unlike != ANY and is_column(command) == is_column(unlike):
            return NOTHING
        _issue(d, ch, bank, found, clock)
        return command
    return NOTHING


@inlined_kernel
def _refresh(d, ch, clock):
    """Go on with the refresh that waits longest: close the rank's banks, then REF. Returns the command or -1."""
    s, banks, of_group = d.s[ch], d.k[_BANKS], d.k[_OF_GROUP]
    rank = d.ring[ch, s[_HEAD]]
    s[_FROZEN] = rank
    closed, ready = True, True
    for bank in range(rank * banks, rank * banks + banks):
        if d.row[ch, bank] < 0:
            if ready_at(d, ch, bank, REF) > clock:
                ready = False
            continue
        closed = False
        if ready_at(d, ch, bank, PRE) <= clock:
            _write_trace(d, ch, rank, bank, PRE, clock, -1, -1)
            d.counts[ch, PRE] += 1
            take(d, ch, rank, bank, PRE, clock, -1)
            d.wake[ch, bank] = clock
            return PRE
    if not (closed and ready):
        return NOTHING
    _write_trace(d, ch, rank, rank * banks + of_group, REF, clock, -1, -1)
    d.counts[ch, REF] += 1
    take(d, ch, rank, 0, REF, clock, -1)
    s[_HEAD] = (s[_HEAD] + 1) % REFRESH_RING
    s[_WAITING] -= 1
    s[_FROZEN] = -1
    return REF


@inlined_kernel
def _next_refresh_step(d, ch, clock):
    """Return the next clock in which the waiting refresh can issue something."""
    rank, banks = d.ring[ch, d.s[ch, _HEAD]], d.k[_BANKS]
    soonest, all_ready = NEVER, clock + 1
    for bank in range(rank * banks, rank * banks + banks):
        if d.row[ch, bank] >= 0:
            soonest = min(soonest, ready_at(d, ch, bank, PRE))
        else:
            all_ready = max(all_ready, ready_at(d, ch, bank, REF))
    return max(clock + 1, soonest if soonest < NEVER else all_ready)


@inlined_kernel
def _next_wake(d, ch, clock):
    s = d.s[ch]
    if s[_MOVED]:
        return clock + 1
    at, frozen = s[_DUE], s[_FROZEN]
    if s[_WAITING] > 0:
        at = min(at, _next_refresh_step(d, ch, clock))
        frozen = d.ring[ch, s[_HEAD]]
    for bank in range(d.row.shape[1]):
        if d.wake[ch, bank] < at and not (frozen >= 0 and bank // d.k[_BANKS] == frozen):
            if d.wake[ch, bank] <= clock and look(d, ch, bank, clock) != NOTHING:
                return clock + 1
            at = min(at, d.wake[ch, bank])
    return at


@kernel
def tick(d, ch, clock):
    """Do what a channel does in a clock, after the requests of that clock were offered."""
    s = d.s[ch]
    if clock == s[_DUE]:
        d.ring[ch, (s[_HEAD] + s[_WAITING]) % REFRESH_RING] = s[_NEXT_RANK]
        s[_WAITING] += 1
        s[_NEXT_RANK] = (s[_NEXT_RANK] + 1) % d.k[_RANKS]
        s[_DUE] += d.k[_INTERVAL]
    issued = NOTHING
    if s[_WAITING] > 0:
        issued = _refresh(d, ch, clock)
    if issued == NOTHING:
        issued = _pick(d, ch, clock, ANY)
    if issued != NOTHING and d.k[_TWO_BUSES]:
        _pick(d, ch, clock, issued)
    if s[_MOVED]:
        s[_MOVED] = move_transaction(d, ch, clock)
    s[_WAKE] = _next_wake(d, ch, clock)
