"""Banks of the DRAM kernel: which command a bank's queue can issue and when, and what a command does to the timing.

`m` is the memory (`state.py`), `c` the base of a channel in it.
"""

from __future__ import annotations

from simulators.dram.constraints import ACT, PRE, RD, RDA, REF, WR
from simulators.dram.state import ENTRY, NEVER, NONE, RELATIONS, ROW, STEP, TAG, H, N, U
from simulators.kernels import inlined_kernel, kernel

_BANKS_LOG2, _GROUPS, _OF_GROUP_LOG2, _RANKS, _WINDOWS, _LONGEST = (
    H["banks_log2"], H["groups"], H["banks_of_group_log2"], H["ranks"], H["windows"], H["window_longest"],
)  # fmt: skip
_HIT_LIMIT, _READ, _WRITE, _DEPTH, _DELAYS, _REACH, _WINDOW = (
    H["hit_limit"], H["read_kind"], H["write_kind"], H["queue_depth"], H["delays"], H["reach"], H["window"],
)  # fmt: skip
_WAKE, _HELD, _ROW, _HITS, _BANK_AT, _GROUP_AT, _QUEUES = (
    H["wake"], H["held"], H["row"], H["hits"], H["bank_at"], H["group_at"], H["queues"],
)  # fmt: skip
_ACTS, _ACTS_AT, _OPEN, _SINCE, _MATCHES, _SPANS = (
    H["acts"], H["acts_at"], H["open_banks"], H["open_since"], H["matches"], H["spans"],
)  # fmt: skip
_ACTIVE = N["active_rank_clocks"]
NOTHING = -1
_RELATIONS = len(RELATIONS)


@inlined_kernel
def is_column(command):
    """Return whether a command moves data."""
    return RD <= command <= RDA + 1


@inlined_kernel
def ready_at(m, c, bank, command):
    """Return the first clock in which a bank may take a command."""
    group = bank >> m[_OF_GROUP_LOG2]
    return max(m[U(c + m[_BANK_AT] + bank * STEP + command)], m[U(c + m[_GROUP_AT] + group * STEP + command)])


@inlined_kernel
def _window_end(m, c, rank):
    """Return the first clock in which the windows of activates let a rank have another ACT."""
    at, length, last = NONE, m[_LONGEST], m[c + m[_ACTS_AT] + rank]
    acts = c + m[_ACTS] + rank * length
    for w in range(m[_WINDOWS]):
        slot = last - m[m[_WINDOW] + 2 * w]
        if slot < 0:
            slot += length
        at = max(at, m[acts + slot] + m[m[_WINDOW] + 2 * w + 1])
    return at


@inlined_kernel
def _waits_for_read(m, queue, entry):
    """Return whether a read of the same row and column stands before a write."""
    e = queue
    while e < entry:
        kind = m[e + TAG] & 7
        if (kind == RD or kind == RDA) and m[e + ROW] == m[entry + ROW] and m[e + TAG] >> 3 == m[entry + TAG] >> 3:  # noqa: SIM109
            return True
        e += ENTRY
    return False


@kernel
def look(m, c, bank, clock):
    """Find the first command of a queue that is ready.

    Returns 8 * entry + command, or -1. Sets the queue's wake to a clock before which nothing of it can be ready.
    """
    wake, held = c + m[_WAKE] + bank, m[c + m[_HELD] + bank]
    if held == 0:
        m[wake] = NEVER
        return NOTHING
    row = m[c + m[_ROW] + bank]
    if row < 0:
        at = ready_at(m, c, bank, ACT)
        m[wake] = at
        return ACT if at <= clock else NOTHING
    first, soonest, queue = 0, NEVER, c + m[_QUEUES] + bank * m[_DEPTH] * ENTRY
    if m[queue + ROW] != row:
        # A miss may close the row when no hit waits, or enough were served.
        first, matches = 1, m[c + m[_MATCHES] + bank]
        if matches == 0 or m[c + m[_HITS] + bank] >= m[_HIT_LIMIT]:
            soonest = ready_at(m, c, bank, PRE)
            if soonest <= clock or matches == 0:
                m[wake] = soonest
                return PRE if soonest <= clock else NOTHING
    read, write = m[_READ], m[_WRITE]
    read_at, write_at = ready_at(m, c, bank, read), ready_at(m, c, bank, write)
    for i in range(first, held):
        entry = queue + i * ENTRY
        if m[U(entry + ROW)] == row:
            kind = m[U(entry + TAG)] & 7
            at = read_at if kind == read else write_at
            if at < soonest and not (kind == write and _waits_for_read(m, queue, entry)):
                soonest = at
                if at <= clock:
                    m[wake] = at
                    return 8 * i + kind
    m[wake] = soonest
    return NOTHING


@inlined_kernel
def _delay(m, place, rule, clock):
    """Let no command in a place go before its delay from `clock` is over; a rule is a command and a relation."""
    rules, span = m[_DELAYS] + rule * STEP, m[_SPANS] + 2 * rule
    for i in range(m[U(span)], m[U(span + 1)]):
        m[U(place + i)] = max(m[U(place + i)], clock + m[U(rules + i)])


@inlined_kernel
def take(m, c, rank, bank, command, clock, row):
    """Let a command change the state and the timing of its bank (of its whole rank: REF, given its first bank)."""
    rule, groups, group_at = command * _RELATIONS, m[_GROUPS], c + m[_GROUP_AT]
    reach, mine = m[m[_REACH] + command], bank >> m[_OF_GROUP_LOG2]
    if command != REF:
        _delay(m, c + m[_BANK_AT] + bank * STEP, rule, clock)
    if reach & 1:
        for group in range(rank * groups, rank * groups + groups):
            _delay(m, group_at + group * STEP, rule + (1 if group == mine else 2), clock)
    if reach & 2:
        for group in range(m[_RANKS] * groups):
            if not rank * groups <= group < rank * groups + groups:
                _delay(m, group_at + group * STEP, rule + 3, clock)
    if command == ACT:
        _open(m, c, rank, bank, clock, row)
    elif command != REF:
        m[c + m[_HITS] + bank] += 1
        if command != RD and command != WR:
            _close(m, c, rank, bank, clock)


@inlined_kernel
def _open(m, c, rank, bank, clock, row):
    last, length = m[c + m[_ACTS_AT] + rank], m[_LONGEST]
    m[c + m[_ACTS] + rank * length + last] = clock
    m[c + m[_ACTS_AT] + rank] = last + 1 if last + 1 < length else 0
    m[c + m[_ROW] + bank] = row
    if m[c + m[_OPEN] + rank] == 0:
        m[c + m[_SINCE] + rank] = clock
    m[c + m[_OPEN] + rank] += 1
    _count_matches(m, c, bank, row)
    _hold_activates(m, c, rank, _window_end(m, c, rank))


@inlined_kernel
def _count_matches(m, c, bank, row):
    entry, matches = c + m[_QUEUES] + bank * m[_DEPTH] * ENTRY + ROW, 0
    for _ in range(m[c + m[_HELD] + bank]):
        matches += m[U(entry)] == row
        entry += ENTRY
    m[c + m[_MATCHES] + bank] = matches


@inlined_kernel
def _hold_activates(m, c, rank, clock):
    """Let a rank have no ACT before a clock, and its closed banks sleep until they may have one."""
    groups, log2 = m[_GROUPS], m[_OF_GROUP_LOG2]
    for group in range(rank * groups, rank * groups + groups):
        at = c + m[_GROUP_AT] + group * STEP + ACT
        held = max(m[U(at)], clock)
        m[U(at)] = held
        rows, wakes = c + m[_ROW], c + m[_WAKE]
        for bank in range(group << log2, (group + 1) << log2):
            if m[U(rows + bank)] < 0:
                m[U(wakes + bank)] = max(m[U(wakes + bank)], held)


@inlined_kernel
def _close(m, c, rank, bank, clock):
    m[c + m[_ROW] + bank] = -1
    m[c + m[_HITS] + bank] = 0
    m[c + m[_MATCHES] + bank] = 0
    m[c + m[_OPEN] + rank] -= 1
    if m[c + m[_OPEN] + rank] == 0:
        m[c + _ACTIVE] += clock - m[c + m[_SINCE] + rank]
