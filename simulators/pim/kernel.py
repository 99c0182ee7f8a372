"""The command kernel of a channel that computes: a command a clock, jumping to when anything can happen.

`rows` holds the open row of each buffer and bank (-1 closed; the last buffer is the one that computes), `ready` the
first clock in which a bank may take each command, `s` the scalars. The twin in plain Python is `reference.py`.
"""

from __future__ import annotations

from simulators.kernels import kernel
from simulators.pim.commands import ACT, DOT, G_ACT, GWRITE, HEADER, PIM_PRE, PRE, REF
from simulators.pim.device import C
from simulators.pim.memo import begin, find, finish, repeat, tile_end

SCALARS = (
    "clock", "head", "due", "refresh_rank", "waiting", "skip", "admitted", "gwrite_end", "traced", "record", "fits_at",
    "from_bank", "slack", "reserved_row", "rest_at", "tried", "entry", "begun", "tile_end", "margin",
)  # fmt: skip
S = {name: i for i, name in enumerate(SCALARS)}
TRACE = ("clock", "command", "bank", "row")
NEVER = 1 << 62
NOTHING = -1
DONE, FULL = range(2)
VECTOR_BANK = 0  # the bank that GWRITE reads

_CLOCK, _HEAD, _DUE, _RANK, _WAITING, _SKIP, _ADMITTED, _GWRITE_END, _TRACED, _RECORD, _FITS_AT, _FROM = range(12)
_SLACK, _RESERVED, _REST_AT, _TRIED, _ENTRY, _BEGUN, _TILE_END, _MARGIN = range(12, len(S))
_RANKS, _GROUPS, _OF_GROUP, _BANKS, _BUFFERS, _INTERVAL = (
    C["ranks"], C["groups"], C["banks_of_group"], C["banks"], C["buffers"], C["refresh_clocks"],
)  # fmt: skip
_FAW, _PRE_ESTIMATE, _OPEN_ESTIMATE, _GWRITE_CLOCKS, _STEP, _FILL, _READRES_CLOCKS, _TRCD = (
    C["activate_clocks"], C["precharge_estimate"], C["open_estimate"], C["gwrite_clocks"], C["step_clocks"],
    C["fill_steps"], C["readres_clocks"], C["trcd_clocks"],
)  # fmt: skip
_SPANS, _VECTOR_IN_BANK, _GROUPS_OF_ACTIVATE, _BANKS_OF_PRECHARGE, _CLOSE_ESTIMATE = (
    C["span_ACT"], C["vector_in_bank"], C["groups_of_activate"], C["banks_of_precharge"], C["close_estimate"],
)  # fmt: skip


@kernel
def span_of(cfg, command, bank):
    """Return the first bank that takes a command, and the one behind the last."""
    span, of_group = cfg[_SPANS + command], cfg[_OF_GROUP]
    if span == 1:
        return bank // of_group * of_group, bank // of_group * of_group + of_group
    if span == 2:
        of_rank = cfg[_GROUPS] * of_group
        return bank // of_rank * of_rank, bank // of_rank * of_rank + of_rank
    if span == 3:
        return bank * 0, cfg[_BANKS]
    return bank, bank + 1


@kernel
def ready_at(cfg, ready, command, bank):
    """Return the first clock in which every bank of a command's span may take it."""
    begin, end = span_of(cfg, command, bank)
    at = ready[command, begin]
    for b in range(begin + 1, end):
        at = max(at, ready[command, b])
    return at


@kernel
def _delay(ready, after, until, begin, end):
    for b in range(begin, end):
        ready[after, b] = max(ready[after, b], until)


@kernel
def _set_rows(cfg, rows, command, begin, end, row):
    compute = cfg[_BUFFERS] - 1
    if command in (ACT, PRE):
        rows[0, begin] = row if command == ACT else -1
    elif command == G_ACT:
        for b in range(begin, end):
            rows[compute, b] = row
    elif command == PIM_PRE:
        for b in range(begin, end):
            rows[compute, b] = -1


@kernel
def issue(cfg, rules, first, waits, s, rows, ready, counts, trace, command, bank, row, comps):
    """Let a command change the state and the timing of the channel."""
    clock = s[_CLOCK]
    begin, end = span_of(cfg, command, bank)
    of_group, of_rank = cfg[_OF_GROUP], cfg[_OF_GROUP] * cfg[_GROUPS]
    _set_rows(cfg, rows, command, begin, end, row)
    group, rank = begin // of_group * of_group, begin // of_rank * of_rank
    for r in range(first[command], first[command + 1]):
        scope, after, until = rules[r, 0], rules[r, 1], clock + rules[r, 2]
        if scope == 0:
            _delay(ready, after, until, begin, end)
        elif scope == 1:
            _delay(ready, after, until, group, begin)
            _delay(ready, after, until, end, group + of_group)
        elif scope == 2:
            _delay(ready, after, until, rank, group)
            _delay(ready, after, until, max(end, group + of_group), rank + of_rank)
        else:
            _delay(ready, after, until, begin * 0, rank)
            _delay(ready, after, until, max(end, rank + of_rank), cfg[_BANKS])
    if command == DOT:
        until = clock + cfg[_STEP] * (max(comps, cfg[_FILL]) + 1)
        for after in range(waits.shape[0]):
            if waits[after]:
                _delay(ready, after, until, begin, end)
    counts[command] += 1
    if s[_RECORD]:
        at = s[_TRACED]
        trace[at, 0], trace[at, 1], trace[at, 2], trace[at, 3] = clock, command, begin, row
        s[_TRACED] += 1


@kernel
def estimate(cfg, rows, command, row, comps, readres):
    """Return how long the controller thinks that a GWRITE, or a HEADER's tile, takes: it must end before a refresh."""
    if command == GWRITE:
        opened = rows[0, VECTOR_BANK] if cfg[_VECTOR_IN_BANK] else row
        clocks = cfg[_GWRITE_CLOCKS]
        if opened != row:
            clocks += cfg[_OPEN_ESTIMATE]
        if opened != row and opened >= 0:
            clocks += cfg[_PRE_ESTIMATE]
        return clocks
    activates, precharges, of_group, compute = cfg[0] * 0, cfg[0] * 0, cfg[_OF_GROUP], cfg[_BUFFERS] - 1
    for group in range(cfg[_RANKS] * cfg[_GROUPS]):
        proper, other = cfg[0] * 0, cfg[0] * 0
        for b in range(group * of_group, group * of_group + of_group):
            proper += rows[compute, b] == row
            other += rows[compute, b] >= 0 and rows[compute, b] != row
        if proper < of_group:
            activates += 1
            precharges += other
    clocks = (cfg[_CLOSE_ESTIMATE] if precharges > 0 else 0) + cfg[_TRCD]
    precharges = -(-precharges // cfg[_BANKS_OF_PRECHARGE])
    activates = -(-activates // cfg[_GROUPS_OF_ACTIVATE])
    clocks += precharges * cfg[_PRE_ESTIMATE] + cfg[_FAW] * max(0, activates // cfg[_RANKS] - 1)
    return clocks + cfg[_STEP] * max(comps, cfg[_FILL]) + cfg[_READRES_CLOCKS] * (readres - 1)


@kernel
def refresh_step(cfg, s, rows, ready):
    """Return the first command that the waiting refresh can issue, its bank, and when another could."""
    clock, soonest, all_closed, compute = s[_CLOCK], NEVER, True, cfg[_BUFFERS] - 1
    first = s[_RANK] * cfg[_GROUPS] * cfg[_OF_GROUP]
    for b in range(first, first + cfg[_GROUPS] * cfg[_OF_GROUP]):
        if rows[0, b] >= 0 or rows[compute, b] >= 0:
            all_closed = False
            one_by_one = cfg[_BUFFERS] == 2 or cfg[_BANKS_OF_PRECHARGE] == 1
            command = PRE if rows[0, b] >= 0 and one_by_one else PIM_PRE
            at = ready_at(cfg, ready, command, b)
            if at <= clock:
                return command, b, clock
            soonest = min(soonest, at)
    if all_closed:
        at = ready_at(cfg, ready, REF, first)
        return (REF if at <= clock else NOTHING), first, at
    return NOTHING, first, soonest


@kernel
def _gwrite_step(cfg, s, rows, ready, row):
    bank, command = s[_CLOCK] * 0, GWRITE
    if cfg[_VECTOR_IN_BANK] == 0:
        pass
    elif cfg[_BUFFERS] == 2 and rows[1, VECTOR_BANK] == row:
        command = PIM_PRE
    elif rows[0, VECTOR_BANK] != row:
        command = ACT if rows[0, VECTOR_BANK] < 0 else PRE
    at = ready[command, bank]
    return (command if at <= s[_CLOCK] else NOTHING), bank, at


@kernel
def _to_open(cfg, rows, compute, bank, row):
    """Return what opens a row in a bank and all that G_ACT takes with it, G_ACT or what closes another, and where."""
    begin, end = span_of(cfg, G_ACT, bank)
    for b in range(begin, end):
        if rows[compute, b] >= 0:
            return PIM_PRE, b
        if compute and rows[0, b] == row:
            return PRE, b
    return G_ACT, bank


@kernel
def _tile_step(cfg, s, rows, ready, command, row):
    """Return what a HEADER or an all-bank command needs first: closed rows, G_ACTs (not a HEADER), or itself."""
    clock, soonest, compute = s[_CLOCK], NEVER, cfg[_BUFFERS] - 1
    complete = True
    for b in range(s[_FROM], cfg[_BANKS]):
        needed, place = NOTHING, b
        opened = rows[compute, b]
        if opened >= 0:
            if opened != row:
                needed = PIM_PRE
        elif compute and rows[0, b] == row:
            needed = PRE
        elif command != HEADER:
            needed, place = _to_open(cfg, rows, compute, b, row)
        if needed != NOTHING:
            at = ready_at(cfg, ready, needed, place)
            if at <= clock:
                return needed, place, at
            complete = False
            soonest = min(soonest, at)
        elif complete:
            s[_FROM] = b + 1  # what this head needs of the banks before is done
    if complete:
        at = ready_at(cfg, ready, command, clock * 0)
        return (command if at <= clock else NOTHING), clock * 0, at
    return NOTHING, clock * 0, soonest


@kernel
def head_step(cfg, s, rows, ready, command, row, comps, readres):
    """Return the next command for the head of the PIM queue, its bank, and when another could go.

    Leaves in `s` the slack before the refresh (slack) and the clock in which the queue rests for it (rest_at).
    """
    clock = s[_CLOCK]
    s[_REST_AT] = NEVER
    if clock < s[_GWRITE_END]:
        return NOTHING, clock * 0, s[_GWRITE_END]
    if (command == HEADER and s[_FITS_AT] != clock) or (command == GWRITE and not s[_ADMITTED]):
        clocks = estimate(cfg, rows, command, row, comps, readres)
        s[_SLACK] = max(0, s[_DUE] - 1 - clock - clocks)
        if s[_SLACK] == 0:
            s[_SKIP] = 1
            return NOTHING, clock * 0, s[_DUE]
        s[_ADMITTED] = 1
        if command == HEADER:
            s[_REST_AT] = s[_DUE] - 1 - clocks
            s[_RESERVED] = row
    if command == GWRITE:
        return _gwrite_step(cfg, s, rows, ready, row)
    return _tile_step(cfg, s, rows, ready, command, row)


@kernel
def after_issue(cfg, s, counts, program, command, comps):
    """Let the queue and the refreshes go on after a command of theirs; `s.clock` is still its clock."""
    clock, head, n = s[_CLOCK], s[_HEAD], program.shape[0]
    if command == REF:
        s[_WAITING] -= 1
        s[_SKIP], s[_FROM], s[_SLACK] = 0, 0, 0
        s[_RESERVED] = NOTHING
        s[_RANK] = (s[_RANK] + 1) % cfg[_RANKS]
    elif s[_WAITING] > 0:
        s[_FROM] = 0
    elif head < n and command == program[head, 0]:
        if command == GWRITE:
            s[_GWRITE_END] = clock + cfg[_GWRITE_CLOCKS]
        if command == DOT:
            counts[counts.shape[0] - 1] += comps
        same_row = command > PIM_PRE and head + 1 < n and program[head + 1, 1] == program[head, 1]
        if not (same_row and PIM_PRE < program[head + 1, 0] < REF):
            s[_FROM] = 0
        s[_ADMITTED] = 0
        s[_HEAD] += 1


@kernel
def _repeat_tile(program, s, rows, ready, counts, states, left, tiles, outcomes):
    """Repeat the tile at the head when it is known, else let the memo watch it; return whether it was repeated."""
    head, clock = s[_HEAD], s[_CLOCK]
    s[_TRIED], end = head, tile_end(program, head)
    if end == head:
        return False
    entry, known = find(program, head, end, ready, rows, clock, states, tiles, outcomes)
    if known:
        clocks = repeat(ready, rows, clock, program[head, 1], s[_DUE], counts, entry, left, outcomes)
        if clocks > 0:
            s[_CLOCK], s[_HEAD] = clock + clocks, end
        return clocks > 0
    begin(program, head, end, ready, rows, clock, counts, entry, states, tiles, outcomes)
    s[_ENTRY], s[_BEGUN], s[_TILE_END], s[_MARGIN] = entry, clock, end, 0
    return False


@kernel
def advance(cfg, rules, first, waits, program, s, rows, ready, counts, trace, until, states, left, tiles, outcomes):
    """Run a program from its head until its last command has issued, or to a clock (an empty program: only to it).

    Parameters
    ----------
    cfg, rules, first, waits
        `device.DeviceTables`.
    program : int64 (commands, 4)
        Columns `attention.PROGRAM`.
    s, rows, ready, counts : int64
        SCALARS; (buffers, banks); (commands, banks); commands issued, COMPs of DOTs at the end.
    trace : int64 (room, 4)
        Columns TRACE, when s.record; returns FULL when no room is left.
    until : int
    states, left, tiles, outcomes
        `memo.TileMemo`; not used when s.record.
    """
    n = program.shape[0]
    s[_ENTRY], s[_TRIED] = NOTHING, NOTHING
    while s[_CLOCK] < until:
        head, clock = s[_HEAD], s[_CLOCK]
        if s[_ENTRY] >= 0 and head == s[_TILE_END]:
            clocks, row = clock - s[_BEGUN], program[head - 1, 1]
            finish(ready, rows, clock, row, clocks, s[_MARGIN], counts, s[_ENTRY], left, outcomes)
            s[_ENTRY] = NOTHING
        if n > 0 and head == n:
            return DONE
        if s[_RECORD] and s[_TRACED] == trace.shape[0]:
            return FULL
        if clock == s[_DUE]:
            s[_WAITING] += 1
            s[_DUE] += cfg[_INTERVAL]
        if s[_WAITING] > 0 or s[_SKIP]:
            s[_ENTRY] = NOTHING
        elif head < n and s[_TRIED] != head and program[head, 0] == HEADER and until == NEVER and not s[_RECORD]:
            may = clock >= s[_GWRITE_END] and clock != s[_FITS_AT]
            if may and _repeat_tile(program, s, rows, ready, counts, states, left, tiles, outcomes):
                continue
        soonest, command, bank, row, comps = s[_DUE], NOTHING, clock * 0, clock * 0 - 1, clock * 0
        if s[_WAITING] > 0:
            command, bank, at = refresh_step(cfg, s, rows, ready)
            soonest = min(soonest, at)
        elif head < n and not s[_SKIP]:
            row, comps = program[head, 1], program[head, 2]
            command, bank, at = head_step(cfg, s, rows, ready, program[head, 0], row, comps, program[head, 3])
            soonest = min(soonest, at)
            if s[_REST_AT] < NEVER:
                s[_MARGIN] = max(s[_MARGIN], clock - s[_BEGUN] + s[_DUE] - 1 - s[_REST_AT])
        if command == NOTHING:
            s[_CLOCK] = min(until, max(clock + 1, soonest))
            continue
        if command in (PRE, PIM_PRE):
            row = NOTHING
        issue(cfg, rules, first, waits, s, rows, ready, counts, trace, command, bank, row, comps)
        after_issue(cfg, s, counts, program, command, comps)
        if command in (PRE, PIM_PRE):
            s[_FROM] = min(s[_FROM], span_of(cfg, command, bank)[0])
        if command == PIM_PRE and cfg[_PRE_ESTIMATE] > 0:
            s[_FITS_AT] = clock + 1  # the estimate falls by at least the clock that went by
        s[_CLOCK] = clock + 1
    return DONE
