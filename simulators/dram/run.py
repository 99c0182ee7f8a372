"""Runs of requests through the DRAM kernel: offered in order, at most so many a clock, head of line blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from simulators.dram.channel import base_of, tick
from simulators.dram.constraints import COMMANDS
from simulators.dram.queues import accept, channel_of, has_room
from simulators.dram.standard import Standard
from simulators.dram.state import (
    COUNTERS,
    DONE,
    LATENCIES,
    NEVER,
    TRACE,
    Controller,
    H,
    S,
    channel_counts,
    grown,
    new_dram,
)
from simulators.kernels import kernel
from workloads.errors import CodesignError

_NOW, _OFFERED, _ID, _LAST, _FREE, _DONE, _TRACED, _RECORD, _TRACE, _CHANNELS, _NODES, _DONE_ROOM, _TRACE_ROOM = (
    H["now"], H["offered"], H["next_id"], H["last_done"], H["free"], H["done"], H["traced"], H["record"], H["trace"],
    H["channels"], H["node_count"], H["done_room"], H["trace_room"],
)  # fmt: skip
_WAKE, _OPEN = S["wake_at"], S["open_reads"]
MORE, FULL, GROW, ENDED = range(4)
MOST_A_CLOCK = 4096


@kernel
def _no_open_reads(m):
    for ch in range(m[_CHANNELS]):  # noqa: SIM110
        if m[base_of(m, ch) + _OPEN] > 0:
            return False
    return True


@kernel
def _records_full(m, a_clock):
    if m[_TRACE] and m[_TRACED] + 2 * m[_CHANNELS] > m[_TRACE_ROOM]:
        return True
    return m[_RECORD] != 0 and m[_DONE] + m[_NODES] + a_clock > m[_DONE_ROOM]


@kernel
def run_requests(m, addresses, writes, a_clock, last):
    """Offer requests and run; continue where the last call stopped.

    Returns MORE when all are accepted and more may come, FULL when completions or commands must be taken out, GROW
    when reads in flight need more nodes, ENDED (with `last`) when every read and write is answered.
    """
    at, n, channels = 0, addresses.shape[0], m[_CHANNELS]
    while True:
        clock = m[_NOW]
        if _records_full(m, a_clock):
            return FULL
        while at < n and m[_OFFERED] < a_clock:
            c = base_of(m, channel_of(m, addresses[at]))
            if not has_room(m, c, writes[at]):
                if m[_FREE] < 0:
                    return GROW
                break
            accept(m, c, addresses[at], writes[at], m[_ID], clock)
            m[_ID] += 1
            m[_OFFERED] += 1
            at += 1
        if at == n and not last and m[_OFFERED] < a_clock:
            return MORE
        soonest = NEVER
        for ch in range(channels):
            c = base_of(m, ch)
            if m[c + _WAKE] <= clock:
                tick(m, c, clock)
            soonest = min(soonest, m[c + _WAKE])
        if at == n:
            if not last:
                soonest = clock + 1
            elif soonest > m[_LAST] and _no_open_reads(m):
                return ENDED
        elif has_room(m, base_of(m, channel_of(m, addresses[at])), writes[at]):
            soonest = clock + 1
        m[_NOW], m[_OFFERED] = soonest, 0


@dataclass
class DramRun:
    """What a run did.

    Attributes
    ----------
    standard, channels, mapping
        As run.
    cycles : int
        Clocks from the first offer to the last answer; writes are answered one clock after acceptance.
    counts : dict of str to int
        `state.COUNTERS`, all channels together.
    histogram : numpy.ndarray
        Reads by latency in clocks, the last entry holding all longer ones.
    completions : numpy.ndarray
        int64 (requests, 4): id, accept, complete, channel, in order of completion; empty unless recorded.
    commands : numpy.ndarray
        int64 (commands, 8) with columns `state.TRACE`, in order of issue; empty unless traced.
    """

    standard: Standard
    channels: int
    mapping: str
    cycles: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    completions: np.ndarray = field(default_factory=lambda: np.zeros((0, len(DONE)), np.int64))
    commands: np.ndarray = field(default_factory=lambda: np.zeros((0, len(TRACE)), np.int64))

    @property
    def commands_by_name(self) -> dict[str, int]:
        """Commands issued, by name."""
        return {name: self.counts[name] for name in COMMANDS}


Chunk = tuple[np.ndarray, np.ndarray]


def run_dram(
    standard: Standard,
    requests: Chunk | Iterable[Chunk],
    channels: int | None = None,
    mapping: str | None = None,
    controller: Controller | None = None,
    a_clock: int = 1,
    record: bool = False,
    trace: bool | Callable[[np.ndarray], None] = False,
) -> DramRun:
    """Run requests through a DRAM.

    Parameters
    ----------
    requests : (addresses, is_write), or an iterable of such chunks
        Byte addresses (int64, at least 0) and flags, in order; chunks keep memory flat for long traces.
    channels, mapping
        The standard's own when absent.
    a_clock : int
        Most requests offered in a clock.
    record : bool
        Keep every completion.
    trace : bool or callable
        Keep every command; or give them away, some at a time, as `DramRun.commands` would hold them.

    Raises
    ------
    CodesignError
        For channels that are no power of two, a bad mapping, or a negative address.
    """
    channels, mapping = channels or standard.channels, mapping or standard.mapping
    if not 1 <= a_clock <= MOST_A_CLOCK:
        raise CodesignError(f"requests a clock: {a_clock} is not within 1 and {MOST_A_CLOCK}")
    m = new_dram(standard, channels, mapping, controller or Controller(), record=record, trace=bool(trace))
    result, kept = DramRun(standard, channels, mapping), _Kept(trace if callable(trace) else None)
    chunks = iter([requests]) if isinstance(requests, tuple) else iter(requests)
    for addresses, writes, last in _with_last(chunks):
        begin, status = int(m[_ID]), FULL
        while status in (FULL, GROW):
            done = int(m[_ID]) - begin
            status = run_requests(m, addresses[done:], writes[done:], a_clock, last)
            kept.take(m)
            if status == GROW:
                m = grown(m)
    return _finish(m, result, kept)


def _with_last(chunks: Iterator[Chunk]) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    held: Chunk | None = None
    for addresses, writes in chunks:
        if len(addresses) and int(np.min(addresses)) < 0:
            raise CodesignError(f"requests: address {int(np.min(addresses))} is negative")
        if held is not None:
            yield *held, False
        held = np.ascontiguousarray(addresses, np.int64), np.ascontiguousarray(writes, np.bool_)
    yield *(held or (np.zeros(0, np.int64), np.zeros(0, np.bool_))), True


class _Kept:
    def __init__(self, commands_to: Callable[[np.ndarray], None] | None) -> None:
        self.done: list[np.ndarray] = []
        self.trace: list[np.ndarray] = []
        self.commands_to = commands_to or self.trace.append

    def take(self, m: np.ndarray) -> None:
        for keep, length, place, columns in (
            (self.done.append, _DONE, H["done_at"], len(DONE)),
            (self.commands_to, _TRACED, H["trace_at"], len(TRACE)),
        ):
            if m[length]:
                keep(m[m[place] : m[place] + m[length] * columns].reshape(-1, columns).copy())
                m[length] = 0


def _finish(m: np.ndarray, result: DramRun, kept: _Kept) -> DramRun:
    result.cycles = int(m[_LAST]) + 1
    totals = dict.fromkeys(COUNTERS, 0)
    for ch in range(result.channels):
        for name, count in channel_counts(m, ch, result.cycles).items():
            totals[name] = max(totals[name], count) if name.startswith("max") else totals[name] + count
    result.counts = totals
    result.histogram = m[m[H["histogram"]] : m[H["histogram"]] + LATENCIES].copy()
    if kept.done:
        done = np.concatenate(kept.done)
        result.completions = done[np.lexsort((np.arange(len(done)), done[:, 3], done[:, 2]))]
    if kept.trace:
        result.commands = np.concatenate(kept.trace)
    return result
