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
    complete: int = 0


class ReferencePort:
    """A memory that holds up to `depth` bursts; `num` / `den` are memory clocks a machine cycle."""

    def __init__(self, standard: Standard, channels: int, mapping: str, depth: int, num: int = 1, den: int = 1) -> None:
        self.memory = ReferenceDram(standard, channels, mapping, Controller())
        self.request_bytes = standard.organization.request_bytes
        self.held: list[_Burst | None] = [None] * depth
        self.waiting: list[int] = []
        self.num, self.den, self.clock, self.seen = num, den, 0, 0

    def offer(self, cycle: int, identity: int, write: bool, address: int, size_bytes: int) -> bool:
        """Offer a burst in a machine cycle; return whether it was accepted."""
        if None not in self.held:
            return False
        self._advance(-((-cycle * self.num) // self.den))
        first, last = address // self.request_bytes, (address + size_bytes - 1) // self.request_bytes
        slot, pieces = self.held.index(None), last - first + 1
        self.held[slot] = _Burst(identity, first * self.request_bytes, pieces, pieces, write)
        self.waiting.append(slot)
        return True

    def pop(self, cycle: int) -> int:
        """Remove the burst that completed first, if any has by a machine cycle; return its id or -1."""
        self._advance(-((-cycle * self.num) // self.den))
        done = [(b.complete, slot) for slot, b in enumerate(self.held) if b and b.still_open == 0]
        if not done or -((-min(done)[0] * self.den) // self.num) > cycle:
            return -1
        burst = self.held[min(done)[1]]
        self.held[min(done)[1]] = None
        return burst.identity if burst else -1

    def _advance(self, until: int) -> None:
        while self.clock < until:
            for _ in self.memory.channels:
                if not self._send():
                    break
            for channel in self.memory.channels:
                channel.tick(self.clock)
            for slot, _, complete, _ in self.memory.completions[self.seen :]:
                burst = self.held[slot]
                if burst:
                    burst.still_open -= 1
                    burst.complete = max(burst.complete, complete)
            self.seen = len(self.memory.completions)
            self.clock += 1

    def _send(self) -> bool:
        burst = self.held[self.waiting[0]] if self.waiting else None
        if burst is None:
            return False
        channel = self.memory.channels[self.memory.field(burst.address, "ch")]
        if not channel.has_room(burst.write):
            return False
        channel.accept(burst.address, burst.write, self.waiting[0], self.clock)
        burst.address += self.request_bytes
        burst.to_send -= 1
        if burst.to_send == 0:
            self.waiting.pop(0)
        return True
