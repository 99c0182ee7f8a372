"""The DRAM controller in plain Python, clock by clock: the rules as they are, and the twin that the kernel must equal.

A clock of a channel: (1) due refreshes join the refresh queue, a rank at a time; (2) one command issues: for the
refresh that waits longest if it can go on (its rank's queues stand still until REF), else the first ready command of
the bank queues, round robin from the queue served last; with two buses, a second one for the other bus; (3) one
transaction moves from the read queue or, while draining, the write buffer, to its bank's queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulators.dram.constraints import ACT, BANK, COMMANDS, GROUP, OTHER_RANKS, PRE, RANK, RD, RDA, REF, WR, WRA
from simulators.dram.mapping import positions, widths
from simulators.dram.standard import Standard
from simulators.dram.state import COUNTERS, Controller

Place = tuple[int, int, int]


@dataclass
class _Entry:
    address: int
    place: Place
    row: int
    column: int
    command: int


@dataclass
class _Bank:
    row: int = -1
    hits: int = 0
    queue: list[_Entry] = field(default_factory=list)


class ReferenceChannel:
    """One channel: its queues, banks, and the clock of every command issued."""

    def __init__(self, memory: ReferenceDram, number: int) -> None:
        self.memory, self.number = memory, number
        o = memory.standard.organization
        self.places = [(r, g, b) for r in range(o.ranks) for g in range(o.bankgroups) for b in range(o.banks)]
        self.banks = {place: _Bank() for place in self.places}
        self.ready: dict[tuple[Place, int], int] = {}
        self.activates: dict[int, list[int]] = {rank: [] for rank in range(o.ranks)}
        self.reads: list[_Entry] = []
        self.writes: list[_Entry] = []
        self.waiting_reads: dict[int, list[tuple[int, int]]] = {}
        self.waiting_writes: set[int] = set()
        self.served, self.draining, self.next_rank = 0, 0, 0
        self.refreshes: list[int] = []
        self.frozen = -1
        self.counts = dict.fromkeys(COUNTERS, 0)

    def has_room(self, write: bool) -> bool:
        """Return whether a request would be accepted now."""
        c = self.memory.controller
        return len(self.writes) < c.write_depth if write else len(self.reads) < c.read_depth

    def accept(self, address: int, write: bool, identity: int, clock: int) -> None:
        """Accept a request: merge it, answer it from a waiting write, or queue it."""
        n, m = self.counts, self.memory
        n["writes" if write else "reads"] += 1
        if address in self.waiting_writes:
            n["merged_writes" if write else "forwarded_reads"] += 1
            m.complete(self, identity, clock, clock + 1, not write)
            return
        if write:
            self.waiting_writes.add(address)
            self.writes.append(m.entry(address, True))
            m.complete(self, identity, clock, clock + 1, False)
            return
        if address in self.waiting_reads:
            n["merged_reads"] += 1
        else:
            self.reads.append(m.entry(address, False))
        self.waiting_reads.setdefault(address, []).append((identity, clock))

    def tick(self, clock: int) -> None:
        """Do what the controller does in a clock, after the requests of that clock were offered."""
        interval, m = self.memory.interval, self.memory
        if interval and clock and clock % interval == 0:
            self.refreshes.append(self.next_rank)
            self.next_rank = (self.next_rank + 1) % m.standard.organization.ranks
        issued = self._refresh(clock) if self.refreshes else -1
        if issued < 0:
            issued = self._pick(clock, -1)
        if issued >= 0 and m.standard.row_and_column_bus:
            self._pick(clock, issued)
        for rank in self.activates:
            self.counts["active_rank_clocks"] += any(self.banks[p].row >= 0 for p in self.places if p[0] == rank)
        self._move()

    def _at(self, place: Place, command: int) -> int:
        at = self.ready.get((place, command), 0)
        if command == ACT:
            for count, span in self.memory.windows:
                past = self.activates[place[0]]
                if len(past) >= count:
                    at = max(at, past[-count] + span)
        return at

    def _refresh(self, clock: int) -> int:
        rank = self.frozen = self.refreshes[0]
        places = [p for p in self.places if p[0] == rank]
        for place in places:
            if self.banks[place].row >= 0 and self._at(place, PRE) <= clock:
                self._issue(place, PRE, clock, -1, -1)
                return PRE
        if any(self.banks[p].row >= 0 or self._at(p, REF) > clock for p in places):
            return -1
        self._issue((rank, -1, -1), REF, clock, -1, -1)
        self.refreshes.pop(0)
        self.frozen = -1
        return REF

    def _first_ready(self, place: Place, clock: int) -> tuple[_Entry, int] | None:
        bank = self.banks[place]
        for i, entry in enumerate(bank.queue):
            command = ACT if bank.row < 0 else entry.command if entry.row == bank.row else PRE
            if self._at(place, command) > clock:
                continue
            if command == PRE:
                hit_waits = any(e.row == bank.row for e in bank.queue)
                if i > 0 or (hit_waits and bank.hits < self.memory.controller.hit_limit):
                    continue
            same = [e for e in bank.queue[:i] if (e.row, e.column) == (entry.row, entry.column)]
            if command in (WR, WRA) and any(e.command in (RD, RDA) for e in same):
                continue
            return entry, command
        return None

    def _pick(self, clock: int, unlike: int) -> int:
        count = len(self.places)
        for step in range(1, count + 1):
            index = (self.served + step) % count
            place = self.places[index]
            found = None if place[0] == self.frozen else self._first_ready(place, clock)
            if found is None:
                continue
            self.served = index
            entry, command = found
            self.counts["precharges_chosen"] += command == PRE
            if unlike >= 0 and _is_column(command) == _is_column(unlike):
                return -1
            if _is_column(command):
                self._transfer(place, entry, command, clock)
            self._issue(place, command, clock, entry.row, entry.column)
            return command
        return -1

    def _transfer(self, place: Place, entry: _Entry, command: int, clock: int) -> None:
        bank, read = self.banks[place], command in (RD, RDA)
        self.counts["read_hits" if read else "write_hits"] += bank.hits != 0
        bank.queue.remove(entry)
        if not read:
            self.waiting_writes.remove(entry.address)
            return
        for identity, accepted in self.waiting_reads.pop(entry.address):
            self.memory.complete(self, identity, accepted, clock + self.memory.read_delay, True)

    def _issue(self, place: Place, command: int, clock: int, row: int, column: int) -> None:
        self.counts[COMMANDS[command]] += 1
        self.memory.trace.append((clock, command, self.number, *place, row, column))
        for other in self.places:
            for after, delay in self.memory.delays.get((command, relation(place, other)), ()):
                self.ready[other, after] = max(self.ready.get((other, after), 0), clock + delay)
        if command == REF:
            return
        bank = self.banks[place]
        if command == ACT:
            bank.row = row
            self.activates[place[0]].append(clock)
        else:
            bank.hits += 1
        if command in (PRE, RDA, WRA):
            bank.row, bank.hits = -1, 0

    def _move(self) -> None:
        c, queued = self.memory.controller, sum(len(b.queue) for b in self.banks.values())
        writes = len(self.writes)
        if self.draining == 0 and (writes >= c.write_depth or (writes > c.drain_above and queued == 0)):
            self.draining = writes
        source = self.writes if self.draining else self.reads
        found = self._first_with_room(source)
        if found is None:
            return
        if self.draining and found.address in self.waiting_reads:
            self.draining = 0
            if queued > 0 or writes < min(c.drain_above + 1, c.write_depth):
                return
            # The drain would start again at once, for ever: the read that it waits for must move.
            source, found = self.reads, self._first_with_room(self.reads)
            if found is None:
                return
        elif self.draining:
            self.draining -= 1
        source.remove(found)
        self.banks[found.place].queue.append(found)

    def _first_with_room(self, source: list[_Entry]) -> _Entry | None:
        depth = self.memory.controller.queue_depth
        return next((e for e in source if len(self.banks[e.place].queue) < depth), None)


def _is_column(command: int) -> bool:
    return command in (RD, WR, RDA, WRA)


def relation(first: Place, second: Place) -> int:
    """Return the scope in which a command at `second` stands to one at `first` (group -1: the whole rank)."""
    if first[0] != second[0]:
        return OTHER_RANKS
    if first[1] != second[1]:
        return RANK
    return BANK if first[2] == second[2] else GROUP


class ReferenceDram:
    """A memory of reference channels.

    Attributes
    ----------
    completions : list of (id, accept, complete, channel)
        In order of issue.
    trace : list of tuples
        Commands, with the columns of `state.TRACE`.
    """

    def __init__(self, standard: Standard, channels: int, mapping: str, controller: Controller) -> None:
        self.standard, self.controller = standard, controller
        self.bits = widths(standard, channels)
        self.position = positions(mapping, self.bits)
        self.shift = standard.organization.request_bytes.bit_length() - 1
        t = standard.timing
        self.interval = t["tREFI"] // standard.organization.ranks if controller.refresh else 0
        self.read_delay = t["AL"] + t["CL"] + t["BURST"]
        self.windows = [(w.count, standard.clocks(w.span)) for w in standard.windows]
        self.delays: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for c in standard.constraints:
            for scope in (c.scope,) if c.scope <= OTHER_RANKS else (RANK,):
                self.delays.setdefault((c.before, scope), []).append((c.after, standard.clocks(c.delay)))
        self.trace: list[tuple[int, ...]] = []
        self.completions: list[tuple[int, int, int, int]] = []
        self.channels = [ReferenceChannel(self, i) for i in range(channels)]

    def field(self, address: int, name: str) -> int:
        """Return a field of an address."""
        return ((address >> self.shift) >> self.position[name]) & ((1 << self.bits[name]) - 1)

    def entry(self, address: int, write: bool) -> _Entry:
        """Return a request as a bank's queue holds it."""
        rank, group, bank, row, column = (self.field(address, name) for name in ("ra", "bg", "ba", "ro", "co"))
        closed = self.controller.row_policy == "closed"
        command = (WRA if closed else WR) if write else (RDA if closed else RD)
        return _Entry(address, (rank, group, bank), row, column, command)

    def complete(self, channel: ReferenceChannel, identity: int, accept: int, complete: int, read: bool) -> None:
        """Note that a request completes."""
        self.completions.append((identity, accept, complete, channel.number))
        if read:
            channel.counts["read_latency"] += complete - accept
            channel.counts["max_read_latency"] = max(channel.counts["max_read_latency"], complete - accept)


def run_reference(
    standard: Standard,
    addresses: Sequence[int],
    writes: Sequence[bool],
    channels: int,
    mapping: str,
    controller: Controller,
    a_clock: int = 1,
) -> dict[str, Any]:
    """Run requests; return `cycles`, `counts`, `completions` (in order of completion) and `commands`."""
    m, head, clock = ReferenceDram(standard, channels, mapping, controller), 0, 0
    while True:
        for _ in range(a_clock):
            if head == len(addresses):
                break
            channel = m.channels[m.field(int(addresses[head]), "ch")]
            if not channel.has_room(bool(writes[head])):
                break
            channel.accept(int(addresses[head]), bool(writes[head]), head, clock)
            head += 1
        for channel in m.channels:
            channel.tick(clock)
        last = max((done[2] for done in m.completions), default=-1)
        if head == len(addresses) and clock >= last and not any(c.waiting_reads for c in m.channels):
            break
        clock += 1
    counts = {name: sum(c.counts[name] for c in m.channels) for name in COUNTERS}
    counts["max_read_latency"] = max(c.counts["max_read_latency"] for c in m.channels)
    done = sorted(m.completions, key=lambda d: (d[2], d[3]))
    return {"cycles": last + 1, "counts": counts, "completions": done, "commands": m.trace}
