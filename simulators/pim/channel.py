"""Channels of a device that computes, as the kernels keep them: alone, or with the reads and writes of the NPU."""

from __future__ import annotations

import functools

import numpy as np

from simulators.pim.commands import COMMANDS
from simulators.pim.device import C, DeviceTables, PimDevice, compile_device, fits_between_refreshes, worst_clocks
from simulators.pim.kernel import FULL, NEVER, SCALARS, TRACE, S, advance
from simulators.pim.memo import TileMemo, empty_memo
from simulators.pim.traffic import check_requests
from simulators.pim.traffic_kernel import QUEUE, TRAFFIC_SCALARS, WINDOW, T, advance_both
from workloads.errors import CodesignError

_ROOM = 4096
_LONG_AGO = -(1 << 40)
NO_PROGRAM = np.zeros((0, 4), np.int64)


@functools.lru_cache(maxsize=16)
def _compiled(device: PimDevice) -> tuple[DeviceTables, TileMemo]:
    """Return a device's tables and the tiles that its channels have seen."""
    return compile_device(device), empty_memo(device.banks)


def forget_tiles() -> None:
    """Forget all devices' tables and the tiles that their channels have seen: for measurements."""
    _compiled.cache_clear()


class PimChannel:
    """One channel of a device: its banks, and the commands that it has issued.

    Parameters
    ----------
    device : PimDevice
    trace : bool
        Keep every command.
    tables
        `compile_device(device)`, when it is at hand.
    """

    def __init__(self, device: PimDevice, trace: bool = False, tables: DeviceTables | None = None) -> None:
        self.device = device
        self._tables, self._memo = _compiled(device) if tables is None else (tables, empty_memo(device.banks))
        self._s = np.zeros(len(SCALARS), np.int64)
        interval = self._tables.cfg[C["refresh_clocks"]]
        self._s[S["due"]], self._s[S["record"]], self._s[S["reserved_row"]] = interval or NEVER, trace, -1
        self._rows = np.full((2, device.banks), -1, np.int64)
        self._ready = np.zeros((len(COMMANDS), device.banks), np.int64)
        self._counts = np.zeros(len(COMMANDS) + 1, np.int64)
        self._room = np.zeros((_ROOM if trace else 1, len(TRACE)), np.int64)
        self._kept: list[np.ndarray] = []

    @property
    def clock(self) -> int:
        """The next clock."""
        return int(self._s[S["clock"]])

    @property
    def commands(self) -> np.ndarray:
        """Every command issued, int64 (commands, 4): clock, command, first bank, row; empty unless traced."""
        return np.concatenate([np.zeros((0, len(TRACE)), np.int64), *self._kept])

    def run(self, program: np.ndarray) -> int:
        """Run a program; return the clocks from now to its last command: those in which its queue is not empty.

        Raises
        ------
        CodesignError
            When an operation would never fit between two refreshes.
        """
        if not len(program):
            return 0
        self._check(program)
        begin = self.clock
        self._s[S["head"]] = 0
        self._advance(program, NEVER)
        return self.clock - begin

    def _check(self, program: np.ndarray) -> None:
        interval = int(self._tables.cfg[C["refresh_clocks"]])
        comps, readres = program[:, 2:].max(axis=0).tolist()
        if not fits_between_refreshes(self.device, comps, readres):
            longest = worst_clocks(self.device, comps, readres)
            raise CodesignError(
                f"device {self.device.name}: a tile of up to {longest} clocks, a refresh included, does not fit in the "
                f"{interval} clocks between refreshes"
            )

    def idle_until(self, clock: int) -> None:
        """Let time pass without PIM: refreshes close what is open, requests go on."""
        if clock > self.clock:
            self._s[S["head"]] = 0
            self._advance(NO_PROGRAM, clock)

    def counts(self) -> dict[str, int]:
        """Return commands issued by name; COMP and READRES hold those of DOTs too."""
        by_name = dict(zip(COMMANDS, map(int, self._counts), strict=False))
        by_name["COMP"] += int(self._counts[-1])
        by_name["READRES"] += by_name["DOT"]
        return by_name

    def _advance(self, program: np.ndarray, until: int) -> None:
        status = FULL
        while status == FULL:
            status = self._step(program, until)
            if self._s[S["traced"]]:
                self._kept.append(self._room[: self._s[S["traced"]]].copy())
                self._s[S["traced"]] = 0

    def _step(self, program: np.ndarray, until: int) -> int:
        state = (self._s, self._rows, self._ready, self._counts, self._room)
        return advance(*self._tables, program, *state, until, *self._memo)


class TrafficChannel(PimChannel):
    """One channel that also serves requests of the NPU, in the clocks that PIM leaves.

    Parameters
    ----------
    requests : int64 (requests, 4)
        `traffic.requests_of`.

    Raises
    ------
    CodesignError
        For requests out of order, or to a bank or row that the device has not.
    """

    def __init__(
        self, device: PimDevice, requests: np.ndarray, trace: bool = False, tables: DeviceTables | None = None
    ) -> None:
        super().__init__(device, trace, tables)
        check_requests(device, requests)
        self._requests = np.ascontiguousarray(requests, np.int64)
        self._ts = np.zeros(len(TRAFFIC_SCALARS), np.int64)
        self._ts[T["left"]] = len(requests)
        self._window = np.zeros(WINDOW, np.int64)
        self._queue = np.zeros((device.banks, QUEUE), np.int64)
        self._queued, self._hits = np.zeros((2, device.banks), np.int64)
        self._acts = np.full((device.standard.organization.ranks, 4), _LONG_AGO, np.int64)

    @property
    def left(self) -> int:
        """Requests not served yet."""
        return int(self._ts[T["left"]])

    @property
    def last_data(self) -> int:
        """The clock behind the last data of a request served."""
        return int(self._ts[T["last_data"]])

    def drain(self) -> None:
        """Let time pass until every request is served."""
        self._s[S["head"]] = 0
        self._advance(NO_PROGRAM, NEVER)

    def _step(self, program: np.ndarray, until: int) -> int:
        state = (self._s, self._rows, self._ready, self._counts, self._room)
        traffic = (self._ts, self._window, self._queue, self._queued, self._hits, self._acts)
        return advance_both(*self._tables, program, *state, until, self._requests, *traffic)
