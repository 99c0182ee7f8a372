"""The memory port, its arbitration and stalls, and the simple memory behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulators.machine import Machine


@dataclass
class Request:
    """A transfer between DRAM and an engine.

    Attributes
    ----------
    address, length : int
        Bytes of DRAM moved.
    beats : int
        Bus-wide lines touched.
    write : bool
    data : bytearray
        Bytes to write, or bytes read once complete.
    complete : bool
        Whether the completion is registered.
    """

    address: int
    length: int
    beats: int
    write: bool = False
    data: bytearray = field(default_factory=bytearray)
    complete: bool = False


def ceil_div(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


class SimpleMemory:
    """Latency and bandwidth, in its own clock; completions may leave order."""

    def __init__(self, machine: Machine) -> None:
        self.memory, self.dma = machine.memory, machine.dma
        self.ratio = machine.memory_clock_ratio
        self.busy = 0

    def completion(self, request: Request, t: int) -> int:
        """Return the machine cycle in which a request accepted in `t` is seen to be complete."""
        num, den = self.ratio.numerator, self.ratio.denominator
        arrival = ceil_div(t * num, den)
        size = request.beats * self.dma.bus_bytes
        self.busy = max(arrival, self.busy) + ceil_div(size, self.memory.bytes_per_cycle)
        mixed = (request.address // self.dma.burst_bytes) * 2654435761 % (1 << 32) >> 16
        spread = mixed % (self.memory.latency_spread_cycles + 1)
        done = self.busy + self.memory.latency_cycles + spread
        return max(t + 1, ceil_div(done * den, num))


class Port:
    """One request and one response a cycle.

    Parameters
    ----------
    stalls : numpy.ndarray or None
        Bits of shape (cycles, 2): request port, response port.
    """

    def __init__(self, machine: Machine, dram: bytearray, stalls: np.ndarray | None) -> None:
        self.memory, self.dram = SimpleMemory(machine), dram
        self.depth = machine.memory.queue_depth
        self.stalls = np.zeros((0, 2), bool) if stalls is None else np.asarray(stalls, bool)
        self.held: list[tuple[int, int, Request]] = []  # completion, order of acceptance, request
        self.accepted = 0
        self.last_was_load = False
        self._popped: Request | None = None

    def tick(self, t: int, load: Request | None, store: Request | None) -> Request | None:
        """Pop at most one completion, accept at most one offer; return the request accepted."""
        room = len(self.held) < self.depth
        ready = [entry for entry in self.held if entry[0] <= t]
        popped = min(ready, key=lambda entry: entry[:2]) if ready and not self._stalled(t, 1) else None
        chosen = load if load is not None and (store is None or not self.last_was_load) else store
        if chosen is None or not room or self._stalled(t, 0):
            chosen = None
        else:
            self.last_was_load = not chosen.write
            self.held.append((self.memory.completion(chosen, t), self.accepted, chosen))
            self.accepted += 1
        if popped is not None:
            self.held.remove(popped)
            self._popped = popped[2]
        return chosen

    def commit(self) -> None:
        """End the cycle: the response popped marks its entry."""
        request, self._popped = self._popped, None
        if request is None:
            return
        first, last = request.address, request.address + request.length
        if request.write:
            self.dram[first:last] = request.data
        else:
            request.data = self.dram[first:last]
        request.complete = True

    def _stalled(self, t: int, port: int) -> bool:
        return t < len(self.stalls) and bool(self.stalls[t, port])
