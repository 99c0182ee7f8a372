"""Banks of the DRAM kernel: which command a bank's queue can issue and when, and what a command does to the timing."""

from __future__ import annotations

from simulators.dram.constraints import ACT, BANK, GROUP, PRE, RANK, RD, RDA, REF, WHOLE_RANK
from simulators.dram.state import A_COLUMN, A_KIND, A_ROW, NEVER, K, N
from simulators.kernels import inlined_kernel, kernel

_BANKS, _GROUPS, _OF_GROUP, _RANKS, _WINDOWS = K["banks"], K["groups"], K["banks_of_group"], K["ranks"], K["windows"]
_HIT_LIMIT, _READ, _WRITE = K["hit_limit"], K["read_kind"], K["write_kind"]
_ACTIVE = N["active_rank_clocks"]
NOTHING = -1


@inlined_kernel
def is_column(command):
    """Return whether a command moves data."""
    return RD <= command <= RDA + 1


@inlined_kernel
def ready_at(d, ch, bank, command):
    """Return the first clock in which a bank may take a command, windows of activates apart."""
    return max(d.bank_at[ch, bank, command], d.group_at[ch, bank // d.k[_OF_GROUP], command])


@inlined_kernel
def activate_at(d, ch, bank):
    """Return the first clock in which a bank may take an ACT."""
    at, rank = ready_at(d, ch, bank, ACT), bank // d.k[_BANKS]
    length, last = d.acts.shape[2], d.acts_at[ch, rank]
    for w in range(d.k[_WINDOWS]):
        slot = last - d.windows[w, 0]
        at = max(at, d.acts[ch, rank, slot + length if slot < 0 else slot] + d.windows[w, 1])
    return at


@inlined_kernel
def _waits_for_read(queue, i):
    for j in range(i):
        if (
            (queue[j, A_KIND] == RD or queue[j, A_KIND] == RDA)
            and queue[j, A_ROW] == queue[i, A_ROW]
            and queue[j, A_COLUMN] == queue[i, A_COLUMN]
        ):
            return True
    return False


@inlined_kernel
def may_precharge(d, ch, bank):
    """Return whether a miss at the head of a queue may close the row: no hit waits, or enough were served."""
    if d.hits[ch, bank] >= d.k[_HIT_LIMIT]:
        return True
    for i in range(1, d.held[ch, bank]):  # noqa: SIM110
        if d.queues[ch, bank, i, A_ROW] == d.row[ch, bank]:
            return False
    return True


@kernel
def look(d, ch, bank, clock):
    """Find the first command of a queue that is ready.

    Returns 8 * entry + command, or -1. Sets the queue's wake to a clock before which nothing of it can be ready.
    """
    held = d.held[ch, bank]
    if held == 0:
        d.wake[ch, bank] = NEVER
        return NOTHING
    row = d.row[ch, bank]
    if row < 0:
        at = activate_at(d, ch, bank)
        d.wake[ch, bank] = at
        return ACT if at <= clock else NOTHING
    first, soonest, queue = 0, NEVER, d.queues[ch, bank]
    if queue[0, A_ROW] != row:
        if may_precharge(d, ch, bank):
            soonest = ready_at(d, ch, bank, PRE)
            if soonest <= clock:
                d.wake[ch, bank] = soonest
                return PRE
        first = 1
    read_at, write_at = ready_at(d, ch, bank, d.k[_READ]), ready_at(d, ch, bank, d.k[_WRITE])
    for i in range(first, held):
        if queue[i, A_ROW] == row:
            kind = queue[i, A_KIND]
            at = write_at
            if kind == d.k[_READ]:
                at = read_at
            elif _waits_for_read(queue, i):
                continue
            if at < soonest:
                soonest = at
                if at <= clock:
                    d.wake[ch, bank] = at
                    return 8 * i + kind
    d.wake[ch, bank] = soonest
    return NOTHING


@inlined_kernel
def _push_group(d, ch, group, after, at):
    if at > d.group_at[ch, group, after]:
        d.group_at[ch, group, after] = at


@kernel
def take(d, ch, rank, bank, command, clock, row):
    """Let a command change the state and the timing of its bank (of its whole rank: REF, whose `bank` is not read)."""
    groups = d.k[_GROUPS]
    mine = rank * groups if command == REF else bank // d.k[_OF_GROUP]
    for i in range(d.rule_at[command], d.rule_at[command + 1]):
        scope, after, at = d.rules[i, 0], d.rules[i, 1], clock + d.rules[i, 2]
        if scope == BANK:
            d.bank_at[ch, bank, after] = max(d.bank_at[ch, bank, after], at)
        elif scope == GROUP:
            _push_group(d, ch, mine, after, at)
        elif scope in (RANK, WHOLE_RANK):
            for group in range(rank * groups, rank * groups + groups):
                if group != mine or scope == WHOLE_RANK:
                    _push_group(d, ch, group, after, at)
        else:
            for group in range(d.k[_RANKS] * groups):
                if group // groups != rank:
                    _push_group(d, ch, group, after, at)
    if command == ACT:
        last = d.acts_at[ch, rank]
        d.acts[ch, rank, last] = clock
        d.acts_at[ch, rank] = last + 1 if last + 1 < d.acts.shape[2] else 0
        d.row[ch, bank] = row
        if d.open_banks[ch, rank] == 0:
            d.open_since[ch, rank] = clock
        d.open_banks[ch, rank] += 1
    elif command != REF:
        d.hits[ch, bank] += 1
        if command != RD and command != RD + 1:
            close_bank(d, ch, rank, bank, clock)


@inlined_kernel
def close_bank(d, ch, rank, bank, clock):
    """Close a bank, and count the clocks in which its rank had an open one."""
    d.row[ch, bank], d.hits[ch, bank] = -1, 0
    d.open_banks[ch, rank] -= 1
    if d.open_banks[ch, rank] == 0:
        d.counts[ch, _ACTIVE] += clock - d.open_since[ch, rank]
