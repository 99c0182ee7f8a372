"""The command kernel of a channel that computes while the NPU reads and writes it: PIM first, the others in its slack.

Requests enter a window in their order; one a clock moves to its bank's queue, the first whose queue has room; a clock
without a refresh or PIM command goes to the banks' queues, round robin, the first command ready. What PIM allows them
is in `reference_traffic.py`, the twin in plain Python.
"""

from __future__ import annotations

from simulators.kernels import kernel
from simulators.pim.commands import ACT, G_ACT, GWRITE, PIM_PRE, PRE, RD, WR
from simulators.pim.device import C
from simulators.pim.kernel import (
    DONE,
    FULL,
    NEVER,
    NOTHING,
    VECTOR_BANK,
    S,
    after_issue,
    head_step,
    issue,
    refresh_step,
)

REQUESTS = ("offered", "write", "bank", "row")
TRAFFIC_SCALARS = ("next", "in_window", "left", "last_bank", "last_data")
T = {name: i for i, name in enumerate(TRAFFIC_SCALARS)}
WINDOW, QUEUE = 32, 8  # DRAMsim3's and NeuPIMs's transaction queue, and commands queued for a bank
LEAST_SLACK = 10  # clocks before a refresh that PIM must leave for others (NeuPIMs simulator)
HITS_BEFORE_CLOSING = 4

_OFFERED, _WRITE, _BANK, _ROW = range(len(REQUESTS))
_NEXT, _IN_WINDOW, _LEFT, _LAST_BANK, _LAST_DATA = range(len(T))
_CLOCK, _HEAD, _DUE, _RANK, _WAITING, _SKIP, _ADMITTED, _GWRITE_END, _TRACED, _RECORD = range(10)
_SLACK, _RESERVED, _REST_AT, _FROM = S["slack"], S["reserved_row"], S["rest_at"], S["from_bank"]
_BANKS, _GROUPS, _OF_GROUP, _BUFFERS, _INTERVAL = (
    C["banks"], C["groups"], C["banks_of_group"], C["buffers"], C["refresh_clocks"],
)  # fmt: skip
_FAW, _TRP, _TRCDWR, _READ_CLOCKS, _WRITE_CLOCKS = (
    C["activate_clocks"], C["trp_clocks"], C["trcdwr_clocks"], C["read_clocks"], C["write_clocks"],
)  # fmt: skip


@kernel
def transfer(s, ts, requests, window, queue, queued):
    """Let requests that are offered into the window, and one of it into its bank's queue; return whether one moved."""
    while ts[_NEXT] < requests.shape[0] and ts[_IN_WINDOW] < WINDOW and requests[ts[_NEXT], _OFFERED] <= s[_CLOCK]:
        window[ts[_IN_WINDOW]] = ts[_NEXT]
        ts[_IN_WINDOW] += 1
        ts[_NEXT] += 1
    for i in range(ts[_IN_WINDOW]):
        bank = requests[window[i], _BANK]
        if queued[bank] < QUEUE:
            queue[bank, queued[bank]] = window[i]
            queued[bank] += 1
            ts[_IN_WINDOW] -= 1
            for j in range(i, ts[_IN_WINDOW]):
                window[j] = window[j + 1]
            return True
    return False


@kernel
def _may_close(requests, queue, queued, hits, bank, place, opened):
    """Return whether a bank's row may close for its request at `place`: the first, and no hit waits or enough went."""
    if place > 0:
        return False
    for i in range(queued[bank]):
        if requests[queue[bank, i], _ROW] == opened:
            return hits[bank] >= HITS_BEFORE_CLOSING
    return True


@kernel
def _slack_allows(cfg, s, pim, command):
    """Take what a PRE or ACT costs out of the slack of a PIM queue that waits; return whether there was enough."""
    if not pim or s[_SLACK] <= 0 or command not in (PRE, ACT):
        return True
    if s[_SLACK] <= cfg[_TRCDWR] + (cfg[_TRP] if command == PRE else 0):
        return False
    s[_SLACK] -= cfg[_TRP] if command == PRE else cfg[_TRCDWR]
    return True


@kernel
def _bank_step(cfg, s, rows, ready, requests, queue, queued, hits, bank, pim):
    """Return the first command that a bank's queue can issue, the request's place, and when another could."""
    soonest = NEVER
    for place in range(queued[bank]):
        row, opened = requests[queue[bank, place], _ROW], rows[0, bank]
        if pim and row == s[_RESERVED]:
            continue
        if opened == row:
            command = WR if requests[queue[bank, place], _WRITE] else RD
        elif cfg[_BUFFERS] == 2 and rows[1, bank] == row:
            command = PIM_PRE
        elif opened >= 0:
            command = PRE
        else:
            command = ACT
        if ready[command, bank] > s[_CLOCK]:
            soonest = min(soonest, ready[command, bank])
            continue
        if command == PRE and not _may_close(requests, queue, queued, hits, bank, place, opened):
            continue
        if _slack_allows(cfg, s, pim, command):
            return command, s[_CLOCK] * 0 + place, s[_CLOCK]
    return NOTHING, s[_CLOCK] * 0, soonest


@kernel
def _traffic_step(cfg, s, ts, rows, ready, requests, queue, queued, hits, pim, vector_held):
    """Return the first ready command of the banks' queues, its bank, the request's place, and when another could."""
    soonest, of_rank = NEVER, cfg[_GROUPS] * cfg[_OF_GROUP]
    for i in range(1, cfg[_BANKS] + 1):
        bank = (ts[_LAST_BANK] + i) % cfg[_BANKS]
        if queued[bank] == 0 or (s[_WAITING] > 0 and bank // of_rank == s[_RANK]):
            continue
        if vector_held and bank == VECTOR_BANK:
            continue
        command, place, at = _bank_step(cfg, s, rows, ready, requests, queue, queued, hits, bank, pim)
        if command != NOTHING:
            ts[_LAST_BANK] = bank
            return command, bank, place, at
        soonest = min(soonest, at)
    return NOTHING, s[_CLOCK] * 0, s[_CLOCK] * 0, soonest


@kernel
def _activated(cfg, s, ready, acts, hits, bank):
    """Keep the last four ACTs of a rank: a fifth, or a G_ACT, waits tFAW from the first of them."""
    of_rank = cfg[_GROUPS] * cfg[_OF_GROUP]
    rank = bank // of_rank
    hits[bank] = 0
    for i in range(acts.shape[1] - 1):
        acts[rank, i] = acts[rank, i + 1]
    acts[rank, acts.shape[1] - 1] = s[_CLOCK]
    for b in range(rank * of_rank, (rank + 1) * of_rank):
        ready[ACT, b] = max(ready[ACT, b], acts[rank, 0] + cfg[_FAW])
        ready[G_ACT, b] = max(ready[G_ACT, b], acts[rank, 0] + cfg[_FAW])


@kernel
def _served(cfg, s, ts, queue, queued, hits, command, bank, place):
    """Take a request out of its bank's queue."""
    hits[bank] += 1
    queued[bank] -= 1
    for i in range(place, queued[bank]):
        queue[bank, i] = queue[bank, i + 1]
    ts[_LEFT] -= 1
    ts[_LAST_DATA] = s[_CLOCK] + (cfg[_READ_CLOCKS] if command == RD else cfg[_WRITE_CLOCKS])


@kernel
def _first_step(cfg, s, program, rows, ready):
    """Return what refresh or PIM issues in this clock, its bank, row and COMPs, and when it could."""
    head, nothing = s[_HEAD], s[_CLOCK] * 0 - 1
    if s[_WAITING] > 0:
        command, bank, at = refresh_step(cfg, s, rows, ready)
        return command, bank, nothing, nothing, at
    if head < program.shape[0] and not s[_SKIP]:
        row, comps = program[head, 1], program[head, 2]
        command, bank, at = head_step(cfg, s, rows, ready, program[head, 0], row, comps, program[head, 3])
        return command, bank, row, comps, at
    return NOTHING, nothing, nothing, nothing, NEVER


@kernel
def _traffic_may(cfg, s, pim):
    """Return whether reads and writes may use a clock that refresh and PIM leave."""
    if not pim or s[_SKIP]:
        return True
    if cfg[_BUFFERS] == 1:
        return False
    return s[_WAITING] > 0 or s[_SLACK] >= LEAST_SLACK


@kernel
def advance_both(
    cfg, rules, first, waits, program, s, rows, ready, counts, trace, until,
    requests, ts, window, queue, queued, hits, acts,
):  # fmt: skip
    """Run a program beside requests until its last command has issued; without one, to a clock or the last request.

    Parameters
    ----------
    requests : int64 (requests, 4)
        Columns REQUESTS, by the clock in which they are offered.
    ts, window, queue, queued, hits, acts : int64
        TRAFFIC_SCALARS; (WINDOW,) and (banks, QUEUE) requests; (banks,) queued; (banks,) served since ACT; (ranks, 4)
        clocks of the last ACTs.
    others
        As `kernel.advance`.
    """
    n = program.shape[0]
    while s[_CLOCK] < until and (n > 0 or ts[_LEFT] > 0 or until < NEVER):
        clock, head = s[_CLOCK], s[_HEAD]
        if n > 0 and head == n:
            return DONE
        if s[_RECORD] and s[_TRACED] == trace.shape[0]:
            return FULL
        if clock == s[_DUE]:
            s[_WAITING] += 1
            s[_DUE] += cfg[_INTERVAL]
        pim, place = head < n, clock * 0 - 1
        s[_REST_AT] = NEVER
        command, bank, row, comps, at = _first_step(cfg, s, program, rows, ready)
        soonest = min(min(s[_DUE], at), s[_REST_AT])
        if command == NOTHING and _traffic_may(cfg, s, pim):
            held = pim and program[head, 0] == GWRITE and s[_ADMITTED] > 0
            if clock < s[_GWRITE_END]:
                held, soonest = True, min(soonest, s[_GWRITE_END])
            command, bank, place, at = _traffic_step(cfg, s, ts, rows, ready, requests, queue, queued, hits, pim, held)
            soonest = min(soonest, at)
            row = requests[queue[bank, place], _ROW] if command != NOTHING else row
        if command != NOTHING:
            row = NOTHING if command in (PRE, PIM_PRE) else row
            issue(cfg, rules, first, waits, s, rows, ready, counts, trace, command, bank, row, comps)
            if place < 0:
                after_issue(cfg, s, counts, program, command, comps)
            if place >= 0 or command in (PRE, PIM_PRE):
                s[_FROM] = 0
            if command == ACT:
                _activated(cfg, s, ready, acts, hits, bank)
            elif command in (RD, WR):
                _served(cfg, s, ts, queue, queued, hits, command, bank, place)
        moved = transfer(s, ts, requests, window, queue, queued)
        if command == NOTHING and not moved:
            if ts[_NEXT] < requests.shape[0] and ts[_IN_WINDOW] < WINDOW:
                soonest = min(soonest, requests[ts[_NEXT], _OFFERED])
            s[_CLOCK] = min(until, max(clock + 1, soonest))
        else:
            s[_CLOCK] = clock + 1
    return DONE
