"""One channel of the DRAM kernel: what its controller does in a clock, and the next clock in which it can do anything.

The rules are those of `reference.py`, which states them clock by clock; here a channel is only looked at when a
transaction can move, a command can be ready, or a refresh is due. `m` is the memory, `c` a channel's base in it.
"""

from __future__ import annotations

from simulators.dram.banks import NOTHING, is_column, look, ready_at, take
from simulators.dram.constraints import ACT, PRE, RD, RDA, REF
from simulators.dram.queues import complete_reads, leave_filter, move_transaction
from simulators.dram.state import ADDRESS, ENTRY, LAST_NODE, NEVER, REFRESH_RING, ROW, TAG, TRACE, H, N, S, U
from simulators.kernels import inlined_kernel, kernel

_BANKS, _RANKS, _OF_GROUP, _INTERVAL, _TWO_BUSES, _ALL_BANKS, _DEPTH, _BANKS_LOG2 = (
    H["banks"], H["ranks"], H["banks_of_group"], H["interval"], H["two_buses"], H["all_banks"], H["queue_depth"],
    H["banks_log2"],
)  # fmt: skip
_WAKES, _HELD, _ROWS, _HITS, _QUEUES, _RING, _MATCHES, _READ, _WRITE = (
    H["wake"], H["held"], H["row"], H["hits"], H["queues"], H["ring"], H["matches"], H["read_kind"], H["write_kind"],
)  # fmt: skip
_CHANNEL0, _SIZE, _TRACE, _TRACED, _TRACE_AT = (
    H["channel0"], H["channel_size"], H["trace"], H["traced"], H["trace_at"],
)  # fmt: skip
_WAKE, _SERVED, _QUEUED, _MOVED, _FROZEN, _BLOCKED = (
    S["wake_at"], S["served"], S["queued"], S["moved"], S["frozen"], S["blocked"],
)  # fmt: skip
_DUE, _NEXT_RANK, _HEAD, _WAITING = S["refresh_at"], S["refresh_rank"], S["refresh_head"], S["refresh_waiting"]
_READ_HITS, _WRITE_HITS, _CHOSEN, _COMMANDS = N["read_hits"], N["write_hits"], N["precharges_chosen"], N["ACT"]
_COLUMNS = len(TRACE)
ANY = -1


@inlined_kernel
def base_of(m, ch):
    """Return where a channel begins in the memory."""
    return m[_CHANNEL0] + ch * m[_SIZE]


@kernel
def _write_trace(m, c, rank, bank, command, clock, row, column):
    line = m[_TRACE_AT] + m[_TRACED] * _COLUMNS
    m[line], m[line + 1], m[line + 2], m[line + 3] = clock, command, (c - m[_CHANNEL0]) // m[_SIZE], rank
    m[line + 4] = (bank - rank * m[_BANKS]) // m[_OF_GROUP] if command != REF else -1
    m[line + 5] = bank % m[_OF_GROUP] if command != REF else -1
    m[line + 6], m[line + 7] = row, column
    m[_TRACED] += 1


@kernel
def _issue(m, c, bank, found, clock):
    """Issue what `look` found in a bank's queue."""
    command, rank = found & 7, bank >> m[_BANKS_LOG2]
    queue = c + m[_QUEUES] + bank * m[_DEPTH] * ENTRY
    entry = queue + (found >> 3) * ENTRY
    row = m[entry + ROW]
    if m[_TRACE]:
        _write_trace(m, c, rank, bank, command, clock, row, m[entry + TAG] >> 3)
    m[c + _COMMANDS + command] += 1
    if is_column(command):
        read = command in (RD, RDA)
        if m[c + m[_HITS] + bank] != 0:
            m[c + (_READ_HITS if read else _WRITE_HITS)] += 1
        if read:
            complete_reads(m, c, m[entry + LAST_NODE], clock)
        leave_filter(m, c, m[entry + ADDRESS], not read)
        held = m[c + m[_HELD] + bank] - 1
        for i in range(entry, queue + held * ENTRY):
            m[U(i)] = m[U(i + ENTRY)]
        m[c + m[_HELD] + bank] = held
        m[c + m[_MATCHES] + bank] -= 1
        m[c + _QUEUED] -= 1
        m[c + _MOVED], m[c + _BLOCKED] = 1, 0
    take(m, c, rank, bank, command, clock, row)
    _set_wake(m, c, bank, command, clock)


@inlined_kernel
def _set_wake(m, c, bank, command, clock):
    """Let a bank's queue sleep until it can be ready: after ACT only its first entry's row is open."""
    at = clock
    if m[c + m[_HELD] + bank] == 0:
        at = NEVER
    elif command == ACT:
        at = min(ready_at(m, c, bank, m[_READ]), ready_at(m, c, bank, m[_WRITE]))
    elif command == PRE:
        at = ready_at(m, c, bank, ACT)
    m[c + m[_WAKES] + bank] = at


@inlined_kernel
def _pick(m, c, clock, unlike):
    """Issue the first ready command, round robin over the queues; with `unlike` a command, only of the other bus.

    Returns the command, -1 for none.
    """
    wakes, banks, bank = c + m[_WAKES], m[_ALL_BANKS], m[c + _SERVED]
    for _ in range(banks):
        bank = bank + 1 if bank + 1 < banks else 0
        if m[U(wakes + bank)] > clock:
            continue
        found = look(m, c, bank, clock)
        if found == NOTHING:
            continue
        m[c + _SERVED] = bank
        command = found & 7
        if command == PRE:
            m[c + _CHOSEN] += 1
        if unlike != ANY and is_column(command) == is_column(unlike):
            return NOTHING
        _issue(m, c, bank, found, clock)
        return command
    return NOTHING


@inlined_kernel
def _wake_rank(m, c, rank, clock):
    first = c + m[_WAKES] + rank * m[_BANKS]
    for wake in range(first, first + m[_BANKS]):
        m[wake] = clock


@kernel
def _refresh(m, c, clock):
    """Go on with the refresh that waits longest: close the rank's banks, then REF. Returns the command or -1."""
    rank, banks = m[c + m[_RING] + m[c + _HEAD]], m[_BANKS]
    if m[c + _FROZEN] < 0:
        m[c + _FROZEN] = rank
        _wake_rank(m, c, rank, NEVER)
    closed, ready = True, True
    for bank in range(rank * banks, rank * banks + banks):
        if m[c + m[_ROWS] + bank] < 0:
            if ready_at(m, c, bank, REF) > clock:
                ready = False
            continue
        closed = False
        if ready_at(m, c, bank, PRE) <= clock:
            if m[_TRACE]:
                _write_trace(m, c, rank, bank, PRE, clock, -1, -1)
            m[c + _COMMANDS + PRE] += 1
            take(m, c, rank, bank, PRE, clock, -1)
            return PRE
    if not (closed and ready):
        return NOTHING
    if m[_TRACE]:
        _write_trace(m, c, rank, rank * banks, REF, clock, -1, -1)
    m[c + _COMMANDS + REF] += 1
    take(m, c, rank, rank * banks, REF, clock, -1)
    m[c + _HEAD] = (m[c + _HEAD] + 1) % REFRESH_RING
    m[c + _WAITING] -= 1
    m[c + _FROZEN] = -1
    _wake_rank(m, c, rank, clock)
    return REF


@kernel
def _next_refresh_step(m, c, clock):
    """Return the next clock in which the waiting refresh can issue something."""
    rank, banks = m[c + m[_RING] + m[c + _HEAD]], m[_BANKS]
    soonest, all_ready = NEVER, clock + 1
    for bank in range(rank * banks, rank * banks + banks):
        if m[c + m[_ROWS] + bank] >= 0:
            soonest = min(soonest, ready_at(m, c, bank, PRE))
        else:
            all_ready = max(all_ready, ready_at(m, c, bank, REF))
    return max(clock + 1, soonest if soonest < NEVER else all_ready)


@inlined_kernel
def _soonest_wake(m, c):
    wakes, soonest = c + m[_WAKES], NEVER
    for bank in range(m[_ALL_BANKS]):
        soonest = min(soonest, m[U(wakes + bank)])
    return soonest


@inlined_kernel
def _next_wake(m, c, clock):
    if m[c + _MOVED]:
        return clock + 1
    at = m[c + _DUE]
    if m[c + _WAITING] > 0:
        at = min(at, _next_refresh_step(m, c, clock))
    soonest = _soonest_wake(m, c)
    if soonest <= clock:
        wakes = c + m[_WAKES]
        for bank in range(m[_ALL_BANKS]):
            if m[U(wakes + bank)] <= clock and look(m, c, bank, clock) != NOTHING:
                return clock + 1
        soonest = _soonest_wake(m, c)
    return min(at, soonest)


@kernel
def tick(m, c, clock):
    """Do what a channel does in a clock, after the requests of that clock were offered."""
    if clock == m[c + _DUE]:
        m[c + m[_RING] + (m[c + _HEAD] + m[c + _WAITING]) % REFRESH_RING] = m[c + _NEXT_RANK]
        m[c + _WAITING] += 1
        m[c + _NEXT_RANK] = (m[c + _NEXT_RANK] + 1) % m[_RANKS]
        m[c + _DUE] += m[_INTERVAL]
    issued = NOTHING
    if m[c + _WAITING] > 0:
        issued = _refresh(m, c, clock)
    if issued == NOTHING:
        issued = _pick(m, c, clock, ANY)
    if issued != NOTHING and m[_TWO_BUSES]:
        _pick(m, c, clock, issued)
    if m[c + _MOVED]:
        m[c + _MOVED] = move_transaction(m, c, clock)
    m[c + _WAKE] = _next_wake(m, c, clock)
