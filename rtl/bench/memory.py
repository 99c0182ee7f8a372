"""The simulator's memory at the port of the RTL: the same state, the same functions, nothing rewritten.

`pointers` gives them to C++, which sees a memory as one array (`flat`). `Timing` gives them to Python benches,
`PortMemory` adds the bytes.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any, NamedTuple

import numpy as np
from numba import carray, cfunc, types

from simulators.dram import port as dram
from simulators.kernels import kernel
from simulators.memory import port, simple
from simulators.npu.config import NAMES

NEVER = int(simple.NEVER)
_CONFIG = len(NAMES)
_I, _P = types.int64, types.CPointer(types.int64)


def flat(memory: Any) -> np.ndarray:
    """Return a memory as the one int64 array that C++ holds: a cycle-level DRAM's arrays behind their lengths."""
    if isinstance(memory, np.ndarray):
        return memory
    return np.concatenate(([len(memory.memory), memory.queue], memory.memory, memory.bursts)).astype(np.int64)


def unflat(state: np.ndarray, model: str) -> Any:
    """Return the memory whose `flat` array a run has changed."""
    if model != "dram":
        return state
    end = 2 + int(state[0])
    return dram.DramPort(state[2:end], state[end:], int(state[1]), 0)


@functools.cache
def pointers(model: str) -> dict[str, ctypes.c_void_p]:
    """Return the addresses of `offer`, `has_room` and `pop` for C: (state, config, length of state, ...).

    `model` is that of the machine's memory, ``simple`` or ``dram``.
    """
    functions = _dram_functions() if model == "dram" else _simple_functions()
    return {name: ctypes.c_void_p(function.address) for name, function in functions.items()}


def _dram_functions() -> dict[str, Any]:
    @cfunc(types.boolean(_P, _P, _I, _I, _I, _I, _I), cache=True)
    def offer(state, config, length, cycle, identity, address, size):
        m, end = carray(state, length), 2 + state[0]
        return dram.offer_burst(m[2:end], m[end:], state[1], 0, carray(config, _CONFIG), cycle, identity, address, size)

    @cfunc(types.boolean(_P, _P, _I), cache=True)
    def has_room(state, config, length):
        return dram.queue_has_room(carray(state, length)[2 + state[0] :], state[1])

    @cfunc(_I(_P, _P, _I, _I), cache=True)
    def pop(state, config, length, cycle):
        m, end = carray(state, length), 2 + state[0]
        return dram.pop_burst(m[2:end], m[end:], state[1], carray(config, _CONFIG), cycle)

    return {"offer": offer, "has_room": has_room, "pop": pop}


def _simple_functions() -> dict[str, Any]:

    @cfunc(types.boolean(_P, _P, _I, _I, _I, _I, _I), cache=True)
    def offer(state, config, length, cycle, identity, address, size):
        return simple.offer(carray(state, length), carray(config, _CONFIG), cycle, identity, address, size)

    @cfunc(types.boolean(_P, _P, _I), cache=True)
    def has_room(state, config, length):
        return simple.has_room(carray(state, length), carray(config, _CONFIG))

    @cfunc(_I(_P, _P, _I, _I), cache=True)
    def pop(state, config, length, cycle):
        return simple.pop(carray(state, length), carray(config, _CONFIG), cycle)

    return {"offer": offer, "has_room": has_room, "pop": pop}


@kernel
def _answer(state, config, stalls, cycle, last, due):
    """Pop every response of the cycles from `cycle` to `last`, writing to `due[id]` in which; return the first."""
    first = simple.NEVER
    while True:
        event = simple.next_event(state, config)
        cycle = max(cycle, event)
        while cycle < stalls.shape[0] and stalls[cycle, 1] != 0:
            cycle += 1
        if cycle > last or event == simple.NEVER:
            return first
        due[simple.pop(state, config, cycle)] = cycle
        first = min(first, cycle)
        cycle += 1


class Timing:
    """When the port is ready and when each response comes.

    Parameters
    ----------
    config : numpy.ndarray
        `simulators.npu.config.compile_machine` of the machine.
    stalls : numpy.ndarray
        uint8 (cycles, 2): request port, response port; beyond its end nothing stalls.
    state : optional
        `simulators.npu.state.new_memory`; the simple memory when absent, which alone can `plan` and `advance`.
    """

    def __init__(self, config: np.ndarray, stalls: np.ndarray, state: Any = None):
        self.config, self.stalls = config, stalls
        self.state = simple.new_memory(config) if state is None else state

    def stalled(self, cycle: int, port: int) -> bool:
        """Return whether port 0 (request) or 1 (response) is stalled."""
        return cycle < len(self.stalls) and bool(self.stalls[cycle, port])

    def ready(self, cycle: int) -> bool:
        """Return whether a request would be accepted; ask before `pop` of the same cycle."""
        return not self.stalled(cycle, 0) and bool(port.has_room(self.state, self.config))

    def accept(self, cycle: int, identity: int, address: int, size_bytes: int) -> None:
        """Take a request in a cycle in which the port was ready."""
        accepted = port.offer(self.state, self.config, cycle, identity, address, size_bytes)
        assert accepted, "the port was ready"

    def pop(self, cycle: int) -> int:
        """Return the id of the response of this cycle, -1 for none."""
        return -1 if self.stalled(cycle, 1) else int(port.pop(self.state, self.config, cycle))

    def plan(self, cycle: int, due: np.ndarray) -> int:
        """Write to `due` (int64, by id) when each request held will be answered, from `cycle` on, if none follows.

        Returns
        -------
        int
            The first cycle at whose beginning there is room.
        """
        first = int(_answer(self.state.copy(), self.config, self.stalls, cycle, NEVER, due))
        return 0 if simple.has_room(self.state, self.config) else first + 1

    def advance(self, first: int, last: int, due: np.ndarray) -> None:
        """Pop the responses of the cycles from `first` to `last`."""
        _answer(self.state, self.config, self.stalls, first, last, due)


class Request(NamedTuple):
    """A burst at the port; `mask` and `data` are those of its aligned window, byte 0 in the low bits."""

    write: int
    id: int
    address: int
    beats: int
    mask: int
    data: int


class PortMemory(Timing):
    """DRAM with the simulator's timing: bytes are written at acceptance and read with the response.

    Parameters
    ----------
    dram : numpy.ndarray
        uint8, written in place.
    bus_bytes, burst_bytes : int
    """

    def __init__(
        self, config: np.ndarray, stalls: np.ndarray, dram: np.ndarray, bus_bytes: int, burst_bytes: int,
        state: Any = None,
    ):  # fmt: skip
        super().__init__(config, stalls, state)
        self.dram, self.bus_bytes, self.burst_bytes = dram, bus_bytes, burst_bytes
        self._windows: dict[int, int] = {}

    def take(self, cycle: int, request: Request) -> None:
        """Accept a request whole."""
        window = request.address & -self.burst_bytes
        self.accept(cycle, request.id, request.address, request.beats * self.bus_bytes)
        self._windows[request.id] = window
        if request.write:
            apply_write(self.dram, window, request.mask, request.data, self.burst_bytes)

    def respond(self, cycle: int) -> tuple[int, int] | None:
        """Return (id, window as an integer) of this cycle's response, None without one."""
        identity = self.pop(cycle)
        if identity < 0:
            return None
        window = self._windows[identity]
        return identity, int.from_bytes(self.dram[window : window + self.burst_bytes].tobytes(), "little")


def apply_write(dram: np.ndarray, window: int, mask: int, data: int, burst_bytes: int) -> None:
    """Write the masked bytes of an aligned window of DRAM."""
    chosen = [i for i in range(burst_bytes) if mask >> i & 1]
    if chosen and window + chosen[-1] >= len(dram):
        raise IndexError(f"byte {window + chosen[-1]} of a DRAM of {len(dram)} is written")
    dram[[window + i for i in chosen]] = [data >> 8 * i & 255 for i in chosen]
