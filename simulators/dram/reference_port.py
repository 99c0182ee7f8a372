"""The DRAM behind the NPU's port in plain Python, clock by clock: the twin of `port.py`."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.dram.reference import ReferenceDram
from simulators.dram.standard import Standard
from simulators.dram.state import Controller


@dataclass
class _Burst:
    identity: int
    address: int
    to_send: int
    still_open: int
    write: bool
    order: int
    complete: int = 0


class ReferencePort:
    """A memory that holds up to `depth` bursts of each core; `num` / `den` are memory clocks a machine cycle."""

    def __init__(
        self,
        standard: Standard,
        channels: int,
        mapping: str,
        depth: int,
        num: int = 1,
        den: int = 1,
        cores: int = 1,
        bus_bytes: int = 1,
    ) -> None:
        self.memory = ReferenceDram(standard, channels, mapping, Controller())
        self.request_bytes = standard.organization.request_bytes
        self.held: list[list[_Burst | None]] = [[None] * depth for _ in range(cores)]
        self.waiting: list[list[int]] = [[] for _ in range(cores)]
        self.bus_bytes = bus_bytes
        o = standard.organization
        share_bytes, row_bytes = o.channel_bytes * channels >> (cores - 1).bit_length(), o.columns * o.bus_bits // 8
        self.part_bytes = share_bytes + channels * row_bytes
        self.num, self.den, self.clock, self.seen, self.accepted = num, den, 0, 0, 0

    def offer(self, cycle: int, identity: int, write: bool, address: int, size_bytes: int, core: int = 0) -> bool:
        """Offer a burst in a machine cycle; return whether it was accepted."""
        if None not in self.held[core]:
            return False
        self._advance(-((-cycle * self.num) // self.den))
        address = core * self.part_bytes + address // self.bus_bytes * self.bus_bytes
        first, last = address // self.request_bytes, (address + size_bytes - 1) // self.request_bytes
        slot, pieces = self.held[core].index(None), last - first + 1
        self.held[core][slot] = _Burst(identity, first * self.request_bytes, pieces, pieces, write, self.accepted)
        self.accepted += 1
        self.waiting[core].append(slot)
        return True

    def pop(self, cycle: int, core: int = 0) -> int:
        """Remove the burst that completed first, if any has by a machine cycle; return its id or -1."""
        self._advance(-((-cycle * self.num) // self.den))
        done = [(b.complete, b.order, slot) for slot, b in enumerate(self.held[core]) if b and b.still_open == 0]
        if not done or -((-min(done)[0] * self.den) // self.num) > cycle:
            return -1
        burst = self.held[core][min(done)[2]]
        self.held[core][min(done)[2]] = None
        return burst.identity if burst else -1

    def _advance(self, until: int) -> None:
        while self.clock < until:
            self._send_all()
            for channel in self.memory.channels:
                channel.tick(self.clock)
            for identity, _, complete, _ in self.memory.completions[self.seen :]:
                core, slot = divmod(identity, len(self.held[0]))
                burst = self.held[core][slot]
                if burst:
                    burst.still_open -= 1
                    burst.complete = max(burst.complete, complete)
            self.seen = len(self.memory.completions)
            self.clock += 1

    def _send_all(self) -> None:
        cores = len(self.held)
        core, room, refused = self.clock % cores, len(self.memory.channels), 0
        while room and refused < cores:
            sent = self._send(core)
            room, refused, core = room - sent, 0 if sent else refused + 1, (core + 1) % cores

    def _send(self, core: int) -> bool:
        burst = self.held[core][self.waiting[core][0]] if self.waiting[core] else None
        if burst is None:
            return False
        channel = self.memory.channels[self.memory.field(burst.address, "ch")]
        if not channel.has_room(burst.write):
            return False
        slot = self.waiting[core][0]
        channel.accept(burst.address, burst.write, core * len(self.held[0]) + slot, self.clock)
        burst.address += self.request_bytes
        burst.to_send -= 1
        if burst.to_send == 0:
            self.waiting[core].pop(0)
        return True
