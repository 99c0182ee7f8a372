"""The load and store engines: strided rows, cut into requests, in flight out of order, retired in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulators.npu.reference.command import Command
from simulators.npu.reference.core import Core
from simulators.npu.reference.memories import Memory, wrap
from simulators.npu.reference.port import Request, ceil_div
from simulators.npu.reference.queues import Queue
from simulators.program import FILL, MEMORIES

WRITE_COUNTERS = {
    MEMORIES[0]: "scratchpad_write_elements",
    MEMORIES[1]: "weight_write_elements",
    MEMORIES[3]: "parameter_write_elements",
}


@dataclass
class Row:
    """A contiguous row of elements on chip; bytes arrive in order and complete elements are written."""

    memory: Memory
    address: int
    elements: int
    received: bytearray = field(default_factory=bytearray)
    written: int = 0

    def receive(self, data: bytes) -> int:
        """Append bytes, write the elements that they complete, and return how many those are."""
        self.received += data
        bits, before = self.memory.bits, self.written
        while self.written < self.elements and (self.written + 1) * bits <= 8 * len(self.received):
            packed = int.from_bytes(self.received, "little") >> (self.written * bits)
            self.memory.write(self.address + self.written, packed)
            self.written += 1
        return self.written - before


@dataclass
class Entry:
    """What one place in flight holds: a request (None: a fill's row) and the row that it belongs to."""

    command: Command
    request: Request | None
    row: Row
    beats: int
    last: bool
    done: int = 0


def rows_of(command: Command, memory: Memory) -> Iterator[tuple[int, int]]:
    """Yield DRAM byte address and on-chip address of each row, plane by plane."""
    for p in range(command.count):
        for r in range(command.n1):
            yield (
                command.dram_address + p * command.d_s1 + r * command.d_s0,
                command.address + p * command.s2 + r * command.s1,
            )


def requests_of(address: int, length: int, burst: int, bus: int, write: bool) -> list[Request]:
    """Cut a row of bytes at multiples of the burst."""
    requests, first, stop = [], address, address + length
    while first < stop:
        last = min(stop, (first // burst + 1) * burst)
        beats = (last - 1) // bus - first // bus + 1
        requests.append(Request(first, last - first, beats, write))
        first = last
    return requests


def plan(core: Core, command: Command, write: bool) -> list[Entry]:
    """Return all entries of a load, fill or store in order."""
    memory, dma, entries = core.memories[command.memory], core.machine.dma, []
    length = ceil_div(command.n0 * memory.bits, 8)
    for dram_address, address in rows_of(command, memory):
        row = Row(memory, address, command.n0)
        if command.opcode == FILL:
            beats = ceil_div(command.n0 * memory.bits, 8 * dma.bus_bytes)
            entries.append(Entry(command, None, row, beats, False))
            continue
        for request in requests_of(dram_address, length, dma.burst_bytes, dma.bus_bytes, write):
            entries.append(Entry(command, request, row, request.beats, False))
    entries[-1].last = True
    return entries


class LoadEngine:
    """DRAM or a constant to the on-chip memories: issue, response, drain."""

    def __init__(self, core: Core, queue: Queue) -> None:
        self.core, self.queue = core, queue
        self.outstanding = core.machine.dma.outstanding
        self.bus = core.machine.dma.bus_bytes
        self.to_issue: list[Entry] = []
        self.entries: list[Entry] = []
        self._issued: Entry | None = None
        self._freed = False

    def offer(self, t: int) -> Request | None:
        """Start the head if nothing is current; return the request offered to the port."""
        head = self.queue.head
        if not self.to_issue and head is not None:
            if self.core.tokens.missing(head.waits):
                self.core.count("load_wait_token")
            else:
                self.queue.pop()
                self.core.begin(head, t)
                self.to_issue = plan(self.core, head, write=False)
        if not self.to_issue or len(self.entries) >= self.outstanding:
            return None
        if self.to_issue[0].request is None:
            self._issued = self.to_issue[0]
            return None
        return self.to_issue[0].request

    def tick(self, t: int, accepted: Request | None) -> None:
        """Take the port's answer and drain a beat of the oldest entry."""
        if accepted is not None and not accepted.write:
            self._issued = self.to_issue[0]
            self.core.count("load_requests")
            self.core.count("load_beats", accepted.beats)
            self.core.count("dram_read_bytes", accepted.beats * self.bus)
        if not self.entries:
            return
        oldest = self.entries[0]
        if oldest.request is not None and not oldest.request.complete:
            self.core.count("load_wait_memory")
            return
        written = oldest.row.receive(self._beat(oldest))
        self.core.count(WRITE_COUNTERS[oldest.row.memory.name], written)
        oldest.done += 1
        if oldest.done == oldest.beats:
            self._freed = True
            if oldest.last:
                self.core.finish(oldest.command, t)

    def commit(self) -> None:
        """End the cycle."""
        if self._freed:
            self.entries.pop(0)
        if self._issued is not None:
            self.entries.append(self.to_issue.pop(0))
        self._issued, self._freed = None, False

    def _beat(self, entry: Entry) -> bytes:
        """Return the bytes of the next beat: those of the request that lie in one line of the bus."""
        if entry.request is None:
            return self._constant(entry)
        address = entry.request.address
        line = address // self.bus + entry.done
        first = max(address, line * self.bus) - address
        return bytes(entry.request.data[first : (line + 1) * self.bus - address])

    def _constant(self, entry: Entry) -> bytes:
        """Return a beat of a fill's row: the value, packed, from the row's first bit."""
        bits = entry.row.memory.bits
        element = wrap(entry.command.value, bits, signed=False)
        packed = sum(element << (i * bits) for i in range(entry.row.elements))
        row = packed.to_bytes(entry.beats * self.bus, "little")
        return row[entry.done * self.bus : (entry.done + 1) * self.bus]


class StoreEngine:
    """The scratchpad to DRAM: gather, offer, retire."""

    def __init__(self, core: Core, queue: Queue) -> None:
        self.core, self.queue = core, queue
        self.dma, self.latency = core.machine.dma, core.machine.scratchpad.latency_cycles
        self.to_gather: list[Entry] = []  # requests of the current command, the gathered one included
        self.remaining: int | None = None  # cycles of the request in the gather buffer
        self.offered: Entry | None = None
        self.entries: list[Entry] = []
        self._moved: Entry | None = None
        self._accepted = False
        self._retired = False

    def gather(self, t: int) -> None:
        """Start the head if nothing is current, and gather a beat of the next request."""
        head = self.queue.head
        if not self.to_gather and head is not None:
            if self.core.tokens.missing(head.waits):
                self.core.count("store_wait_token")
            else:
                self.queue.pop()
                self.core.begin(head, t)
                self.to_gather = plan(self.core, head, write=True)
                self.core.count("store_scratchpad_reads", head.n0 * head.n1 * head.count)
        if not self.to_gather:
            return
        if self.remaining is None:
            self.remaining = self.to_gather[0].beats + self.latency
            self._read(self.to_gather[0])
        self.remaining = max(self.remaining - 1, 0)
        if self.remaining == 0 and self.offered is None:
            self._moved = self.to_gather[0]

    def offer(self) -> Request | None:
        """Return the request that the offer register shows to the port."""
        if self.offered is None or len(self.entries) >= self.dma.outstanding:
            return None
        return self.offered.request

    def tick(self, t: int, accepted: Request | None) -> None:
        """Take the port's answer and retire the oldest write."""
        self._accepted = accepted is not None and accepted.write
        if self._accepted:
            self.core.count("store_requests")
            self.core.count("store_beats", accepted.beats)
            self.core.count("dram_write_bytes", accepted.beats * self.dma.bus_bytes)
        elif self.offered is not None:
            self.core.count("store_wait_memory")
        if self.entries and self.entries[0].request.complete:
            self._retired = True
            if self.entries[0].last:
                self.core.finish(self.entries[0].command, t)

    def commit(self) -> None:
        """End the cycle."""
        if self._retired:
            self.entries.pop(0)
        if self._accepted:
            self.entries.append(self.offered)
            self.offered = None
        if self._moved is not None:
            self.offered, self.remaining = self.to_gather.pop(0), None
        self._moved, self._accepted, self._retired = None, False, False

    def _read(self, entry: Entry) -> None:
        """Read the request's bytes; a row is packed once, when its first request is gathered."""
        row, memory, request = entry.row, entry.row.memory, entry.request
        if not row.received:
            packed = 0
            for i in range(row.elements):
                packed |= wrap(memory.read(row.address + i), memory.bits, signed=False) << (i * memory.bits)
            row.received = bytearray(packed.to_bytes(ceil_div(row.elements * memory.bits, 8), "little"))
        request.data = row.received[row.written : row.written + request.length]
        row.written += request.length
