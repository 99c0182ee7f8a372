"""Runs of requests through the DRAM kernel: offered in order, at most so many a clock, head of line blocking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from simulators.dram.channel import tick
from simulators.dram.constraints import COMMANDS
from simulators.dram.queues import accept, channel_of, has_room
from simulators.dram.standard import Standard
from simulators.dram.state import COUNTERS, DONE, NEVER, TRACE, Controller, Dram, G, N, S, grown, new_dram
from simulators.kernels import kernel
from workloads.errors import CodesignError

_NOW, _OFFERED, _ID, _LAST, _FREE, _DONE, _TRACED, _RECORD, _TRACE = (
    G["now"], G["offered"], G["next_id"], G["last_done"], G["free"], G["done"], G["traced"], G["record"], G["trace"],
)  # fmt: skip
_WAKE, _OPEN = S["wake"], S["open_reads"]
MORE, FULL, GROW, ENDED = range(4)


@kernel
def _no_open_reads(d):
    for ch in range(d.s.shape[0]):  # noqa: SIM110
        if d.s[ch, _OPEN] > 0:
            return False
    return True


@kernel
def run_requests(d, addresses, writes, a_clock, last):
    """Offer requests and run; continue where the last call stopped.

    Returns MORE when all are accepted and more may come, FULL when completions or commands must be taken out, GROW
    when reads in flight need more nodes, ENDED (with `last`) when every read and write is answered.
    """
    g, channels, at, n = d.g, d.s.shape[0], 0, addresses.shape[0]
    begin = g[_ID]
    while True:
        clock = g[_NOW]
        if g[_TRACE] and g[_TRACED] + 2 * channels > d.trace.shape[0]:
            return FULL
        if g[_RECORD] and g[_DONE] + d.nodes.shape[0] + a_clock > d.done.shape[0]:
            return FULL
        at = g[_ID] - begin
        while at < n and g[_OFFERED] < a_clock:
            ch = channel_of(d, addresses[at])
            if not has_room(d, ch, writes[at]):
                if g[_FREE] < 0:
                    return GROW
                break
            accept(d, ch, addresses[at], writes[at], g[_ID], clock)
            g[_ID] += 1
            g[_OFFERED] += 1
            at += 1
        if at == n and not last and g[_OFFERED] < a_clock:
            return MORE
        soonest = NEVER
        for ch in range(channels):
            if d.s[ch, _WAKE] <= clock:
                tick(d, ch, clock)
            soonest = min(soonest, d.s[ch, _WAKE])
        if at == n:
            if not last:
                soonest = clock + 1
            elif soonest > g[_LAST] and _no_open_reads(d):
                return ENDED
        elif has_room(d, channel_of(d, addresses[at]), writes[at]):
            soonest = clock + 1
        g[_NOW], g[_OFFERED] = soonest, 0


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
    trace: bool = False,
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
    record, trace : bool
        Keep every completion; every command.

    Raises
    ------
    CodesignError
        For channels that are no power of two, a bad mapping, or a negative address.
    """
    channels, mapping = channels or standard.channels, mapping or standard.mapping
    if a_clock < 1:
        raise CodesignError(f"requests a clock: {a_clock} is not at least 1")
    d = new_dram(standard, channels, mapping, controller or Controller(), record=record, trace=trace)
    result, kept = DramRun(standard, channels, mapping), _Kept()
    chunks = iter([requests]) if isinstance(requests, tuple) else iter(requests)
    for addresses, writes, last in _with_last(chunks):
        status, begin = MORE, int(d.g[_ID])
        while True:
            done = int(d.g[_ID]) - begin
            status = run_requests(d, addresses[done:], writes[done:], a_clock, last)
            kept.take(d)
            if status == GROW:
                d = grown(d)
            elif status != FULL:
                break
    return _finish(d, result, kept)


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
    def __init__(self) -> None:
        self.done: list[np.ndarray] = []
        self.trace: list[np.ndarray] = []

    def take(self, d: Dram) -> None:
        for rows, kept, length in ((d.done, self.done, _DONE), (d.trace, self.trace, _TRACED)):
            if d.g[length]:
                kept.append(rows[: d.g[length]].copy())
                d.g[length] = 0


def _finish(d: Dram, result: DramRun, kept: _Kept) -> DramRun:
    result.cycles = int(d.g[_LAST]) + 1
    still_open = np.maximum(0, result.cycles - d.open_since) * (d.open_banks > 0)
    totals = d.counts.sum(0)
    totals[N["active_rank_clocks"]] += still_open.sum()
    totals[N["max_read_latency"]] = d.counts[:, N["max_read_latency"]].max()
    result.counts = {name: int(total) for name, total in zip(COUNTERS, totals, strict=True)}
    result.histogram = d.histogram.copy()
    if kept.done:
        done = np.concatenate(kept.done)
        result.completions = done[np.lexsort((np.arange(len(done)), done[:, 3], done[:, 2]))]
    if kept.trace:
        result.commands = np.concatenate(kept.trace)
    return result
