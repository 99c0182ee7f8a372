"""Load and store engines in plain Python, from docs/npu.md alone: no module of the RTL, no kernel of the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from simulators.program import FILL, PARAMETERS, SCRATCHPAD, WEIGHT_BUFFER

Command = dict[str, int]
WRITES = {SCRATCHPAD: "scratchpad", WEIGHT_BUFFER: "weight", PARAMETERS: "parameter"}


class Dma(NamedTuple):
    """What the twins know of a machine."""

    bus: int
    burst: int
    outstanding: int
    bits: dict[int, int]
    latency: int


class Request(NamedTuple):
    """Part of a row: `offset` and `size` in bytes, `start` the row's DRAM byte, `to` its on-chip address."""

    command: Command
    offset: int
    size: int
    beats: int
    start: int
    to: int
    last: bool

    @property
    def address(self) -> int:
        """First DRAM byte."""
        return self.start + self.offset


def requests(dma: Dma, command: Command) -> Iterator[Request]:
    """Yield the requests of a command: rows cut at multiples of `burst`; a fill's rows are whole."""
    size = -(-command["n0"] * dma.bits[command["memory"]] // 8)
    rows = [(plane, row) for plane in range(command["count"]) for row in range(command["n1"])]
    for plane, row in rows:
        start = command["dram_address"] + plane * command["d_s1"] + row * command["d_s0"]
        to = command["address"] + plane * command["s2"] + row * command["s1"]
        offset = 0
        while offset < size:
            address = start + offset
            part = min(size - offset, dma.burst - address % dma.burst)
            beats = (address + part - 1) // dma.bus - address // dma.bus + 1
            if command["opcode"] == FILL:
                start, part, beats = 0, size, -(-size // dma.bus)
            last = (plane, row) == rows[-1] and offset + part == size
            yield Request(command, offset, part, beats, start, to, last)
            offset += part


def completed(dma: Dma, request: Request, beat: int) -> range:
    """Return the elements of the row whose last byte lies in a beat of the request."""
    bits, line = dma.bits[request.command["memory"]], request.address // dma.bus + beat
    low = max(line * dma.bus, request.address) - request.start
    high = min((line + 1) * dma.bus, request.address + request.size) - request.start
    return range(min(low * 8 // bits, request.command["n0"]), min(high * 8 // bits, request.command["n0"]))


@dataclass
class Entry:
    """A request that was accepted."""

    request: Request
    complete: bool = False
    drained: int = 0


@dataclass
class LoadTwin:
    """`step` takes the inputs of a cycle and returns its outputs."""

    dma: Dma
    dram: bytes
    current: Iterator[Request] | None = None
    coming: Request | None = None
    entries: list[Entry] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    next_slot: int = 0

    def step(self, head: Command | None, tokens: bool, ready: bool, response: int | None) -> dict:
        """Advance a cycle."""
        out: dict = {"start": False, "request": None, "writes": {}, "end": None, "counts": {}}
        counts, room, begun = out["counts"], len(self.entries) < self.dma.outstanding, list(self.entries)
        slots = list(self.slots)
        if self.coming is None and head is not None:
            out["start"] = tokens
            counts["load_wait_token"] = int(not tokens)
            if tokens:
                self.current = requests(self.dma, head)
                self.coming = next(self.current)
        if begun:
            counts["load_wait_memory"] = int(not begun[0].complete)
            if begun[0].complete:
                self._drain(out)
        if self.coming and room:
            fill = self.coming.command["opcode"] == FILL
            if not fill:
                out["request"] = (self.next_slot, self.coming.address, self.coming.beats)
            if fill or ready:
                self._enter(counts, fill)
        if response is not None:
            begun[slots.index(response)].complete = True
        return out

    def _enter(self, counts: dict, fill: bool) -> None:
        if not fill:
            counts["load_requests"], counts["load_beats"] = 1, self.coming.beats
            counts["dram_read_bytes"] = self.coming.beats * self.dma.bus
        self.entries.append(Entry(self.coming, complete=fill))
        self.slots.append(self.next_slot)
        self.next_slot = (self.next_slot + 1) % self.dma.outstanding
        self.coming = None if self.coming.last else next(self.current)

    def _drain(self, out: dict) -> None:
        entry = self.entries[0]
        request = entry.request
        name = WRITES[request.command["memory"]]
        elements = completed(self.dma, request, entry.drained)
        out["writes"] = {(name, request.to + e): self._element(request, e) for e in elements}
        out["counts"][f"{name}_write_elements"] = len(elements)
        entry.drained += 1
        if entry.drained == request.beats:
            self.entries.pop(0)
            self.slots.pop(0)
            out["end"] = request.command["gives"] if request.last else None

    def _element(self, request: Request, index: int) -> int:
        bits = self.dma.bits[request.command["memory"]]
        if request.command["opcode"] == FILL:
            return request.command["value"] % (1 << bits)
        row = int.from_bytes(self.dram[request.start : request.start + -(-request.command["n0"] * bits // 8)], "little")
        return row >> (index * bits) & ((1 << bits) - 1)


@dataclass
class StoreTwin:
    """`step` takes the inputs of a cycle and returns its outputs; `scratchpad` holds unsigned elements."""

    dma: Dma
    scratchpad: list[int]
    current: Iterator[Request] | None = None
    coming: Request | None = None
    gathering: int = 0  # cycles of the coming request so far
    offer: Request | None = None
    writes: list[Entry] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    next_slot: int = 0

    def step(self, head: Command | None, tokens: bool, ready: bool, response: int | None) -> dict:
        """Advance a cycle."""
        out: dict = {"start": False, "request": None, "end": None, "counts": {}}
        counts, room, offered = out["counts"], len(self.writes) < self.dma.outstanding, self.offer
        begun, slots = list(self.writes), list(self.slots)
        if begun and begun[0].complete:
            request = self.writes.pop(0).request
            self.slots.pop(0)
            out["end"] = request.command["gives"] if request.last else None
        if self.coming is None and head is not None:
            out["start"] = tokens
            counts["store_wait_token"] = int(not tokens)
            if tokens:
                self.current = requests(self.dma, head)
                self.coming = next(self.current)
        counts["store_wait_memory"] = int(offered is not None)
        if offered and room:
            slot = self.dma.outstanding + self.next_slot
            out["request"] = (slot, offered.address, offered.beats, self._bytes(offered))
            if ready:
                self._accept(counts, offered)
        if self.coming:
            self._gather(counts, offered is None)
        if response is not None:
            begun[slots.index(response)].complete = True
        return out

    def _accept(self, counts: dict, offered: Request) -> None:
        counts["store_wait_memory"] = 0
        counts["store_requests"], counts["store_beats"] = 1, offered.beats
        counts["dram_write_bytes"] = offered.beats * self.dma.bus
        self.writes.append(Entry(offered))
        self.slots.append(self.next_slot)
        self.next_slot = (self.next_slot + 1) % self.dma.outstanding
        self.offer = None

    def _gather(self, counts: dict, free: bool) -> None:
        if self.gathering < self.coming.beats:
            counts["store_scratchpad_reads"] = len(completed(self.dma, self.coming, self.gathering))
        self.gathering += 1
        if self.gathering >= self.coming.beats + self.dma.latency and free:
            self.offer, self.gathering = self.coming, 0
            self.coming = None if self.coming.last else next(self.current)

    def _bytes(self, request: Request) -> bytes:
        """Return the request's bytes."""
        bits, count = self.dma.bits[SCRATCHPAD], request.command["n0"]
        row = sum(self.scratchpad[request.to + e] << (e * bits) for e in range(count))
        return row.to_bytes(-(-count * bits // 8), "little")[request.offset : request.offset + request.size]
