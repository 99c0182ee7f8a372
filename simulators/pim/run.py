"""Runs of attention on a PIM device: K.q on every channel, the softmax's barrier, then S.V."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulators.pim.attention import AttentionShape, Counts, k_tiles, program_of, v_tiles
from simulators.pim.commands import COMMANDS, COMP, G_ACT, GWRITE, PIM_PRE, READRES
from simulators.pim.device import PimDevice, compile_device
from simulators.pim.kernel import FULL, NEVER, SCALARS, TRACE, S, advance
from workloads.errors import CodesignError

_ROOM = 4096
NO_PROGRAM = np.zeros((0, 4), np.int64)


class PimChannel:
    """One channel of a device: its banks, and the commands that it has issued.

    Parameters
    ----------
    device : PimDevice
    trace : bool
        Keep every command.
    """

    def __init__(self, device: PimDevice, trace: bool = False) -> None:
        self.device = device
        self._tables = compile_device(device)
        self._s = np.zeros(len(SCALARS), np.int64)
        interval = self._tables[0][5]
        self._s[S["due"]], self._s[S["record"]] = interval or NEVER, trace
        self._rows = np.full((2, device.banks), -1, np.int64)
        self._ready = np.zeros((device.banks, len(COMMANDS)), np.int64)
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
        """Run a program; return the clocks from now to its last command: those in which its queue is not empty."""
        if not len(program):
            return 0
        begin = self.clock
        self._s[S["head"]] = 0
        self._advance(program, NEVER)
        return self.clock - begin

    def idle_until(self, clock: int) -> None:
        """Let time pass: refreshes close what is open."""
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
            status = advance(*self._tables, program, self._s, self._rows, self._ready, self._counts, self._room, until)
            if self._s[S["traced"]]:
                self._kept.append(self._room[: self._s[S["traced"]]].copy())
                self._s[S["traced"]] = 0


@dataclass
class ChannelResult:
    """What a channel did for its requests.

    Attributes
    ----------
    requests : list of int
        Token counts, in order.
    counts : dict of str to int
        Commands by name.
    k_clocks, v_clocks : int
        Clocks in which its PIM queue was not empty, in K.q and in S.V.
    """

    requests: list[int]
    counts: dict[str, int] = field(default_factory=dict)
    k_clocks: int = 0
    v_clocks: int = 0

    @property
    def pim_clocks(self) -> int:
        """Clocks in which its PIM queue was not empty."""
        return self.k_clocks + self.v_clocks


@dataclass
class AttentionResult:
    """What all channels did.

    Attributes
    ----------
    channels : list of ChannelResult
    k_clocks, softmax_clocks, v_clocks : int
        The longest K.q; the barrier between; the longest S.V.
    """

    channels: list[ChannelResult]
    k_clocks: int
    softmax_clocks: int
    v_clocks: int

    @property
    def clocks(self) -> int:
        """Clocks of the stage."""
        return self.k_clocks + self.softmax_clocks + self.v_clocks


def run_attention(
    device: PimDevice,
    shape: AttentionShape,
    lengths: Sequence[int],
    channel_of: Sequence[int],
    softmax_clocks: int = 0,
    start: int = 0,
) -> AttentionResult:
    """Run one layer's attention of one decoded token for a batch.

    Parameters
    ----------
    lengths, channel_of : sequences of int
        Tokens of each request's context; the channel that holds it (`placement.place`).
    softmax_clocks : int
        From the last channel's K.q to the first S.V.
    start : int
        Clock in which it begins; refreshes are counted from 0.

    Raises
    ------
    CodesignError
        For a length below 1, a channel that the device has not, or rows beyond a bank's.
    """
    if len(lengths) != len(channel_of):
        raise CodesignError(f"attention: {len(lengths)} lengths but {len(channel_of)} channels of them")
    mine: list[list[int]] = [[] for _ in range(device.channels)]
    for length, number in zip(lengths, channel_of, strict=True):
        if not 0 <= number < device.channels:
            raise CodesignError(f"attention: channel {number} is not within 0 and {device.channels - 1}")
        mine[number].append(int(length))
    channels, results = [PimChannel(device) for _ in mine], [ChannelResult(requests) for requests in mine]
    for channel, result in zip(channels, results, strict=True):
        channel.idle_until(start)
        tiles = (tile for length in result.requests for tile in k_tiles(device, shape, length))
        result.k_clocks = channel.run(program_of(device, tiles))
    k_clocks = max(r.k_clocks for r in results)
    barrier = start + k_clocks + softmax_clocks
    for channel, result in zip(channels, results, strict=True):
        channel.idle_until(barrier)
        tiles = (tile for length in result.requests for tile in v_tiles(device, shape, length))
        keys = sum(1 for length in result.requests for _ in k_tiles(device, shape, length))
        result.v_clocks = channel.run(program_of(device, tiles, 1 + keys))
        channel.idle_until(channel.clock + 2 * device.standard.timing["tREFI"] if device.refresh else 0)
        result.counts = channel.counts()
    return AttentionResult(results, k_clocks, softmax_clocks, max(r.v_clocks for r in results))


def counts_in_run(result: ChannelResult) -> Counts:
    """Return the commands that a channel issued as `attention.counts_of` foretells them (tiles are not commands)."""
    n = result.counts
    names = (GWRITE, G_ACT, PIM_PRE, COMP, READRES)
    return Counts(0, 0, *(n[COMMANDS[command]] for command in names))
