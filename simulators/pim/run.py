"""Runs of attention on a PIM device: K.q on every channel, the softmax's barrier, then S.V."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulators.pim.attention import FIRST_ROW, AttentionShape, Counts, k_tiles, program_of, v_tiles
from simulators.pim.commands import COMMANDS, COMP, G_ACT, GWRITE, PIM_PRE, READRES
from simulators.pim.device import C, PimDevice, compile_device, worst_clocks
from simulators.pim.kernel import FULL, NEVER, SCALARS, TRACE, S, advance
from workloads.errors import CodesignError

_ROOM = 4096
Tables = tuple[np.ndarray, np.ndarray, np.ndarray]
NO_PROGRAM = np.zeros((0, 4), np.int64)


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

    def __init__(self, device: PimDevice, trace: bool = False, tables: Tables | None = None) -> None:
        self.device = device
        self._tables = tables or compile_device(device)
        self._s = np.zeros(len(SCALARS), np.int64)
        interval = self._tables[0][C["refresh_clocks"]]
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
        interval = int(self._tables[0][C["refresh_clocks"]])
        readres = int(program[:, 3].max())
        longest = worst_clocks(self.device, int(program[:, 2].max()), readres)
        if interval and longest >= interval:
            raise CodesignError(
                f"device {self.device.name}: a tile of up to {longest} clocks, a refresh included, does not fit in the "
                f"{interval} clocks between refreshes"
            )

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
        Places of its requests in the batch, in order.
    counts : dict of str to int
        Commands by name, until refreshes closed every row.
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
    softmax_done, clocks : int
        Clocks from the begin to the last softmax, and to the last sum of S.V.
    """

    channels: list[ChannelResult]
    softmax_done: int
    clocks: int


def in_order(ready: Sequence[int], operations: Sequence[int]) -> int:
    """Return when the vector unit has taken the last operation: in the order of requests, one a clock.

    Parameters
    ----------
    ready : sequence of int
        Clock in which a request's results are there.
    operations : sequence of int
        Vector operations of each request.
    """
    now = 0
    for at, count in zip(ready, operations, strict=True):
        now = max(now, at) + count
    return now


def run_attention(
    device: PimDevice,
    shape: AttentionShape,
    lengths: Sequence[int],
    channel_of: Sequence[int],
    start: int = 0,
) -> AttentionResult:
    """Run one layer's attention of one decoded token for a batch.

    S.V begins when every softmax is done. The vector unit takes a softmax for each head, and a sum for each head and
    32 columns of a request whose tokens fill more than one page (NeuPIMs simulator; results are read CL + BURST
    clocks after the last DOT).

    Parameters
    ----------
    lengths, channel_of : sequences of int
        Tokens of each request's context; the channel that holds it (`placement.place`).
    start : int
        Clock in which it begins; refreshes are counted from 0.

    Raises
    ------
    CodesignError
        For no request, a length below 1, a channel that the device has not, or rows beyond a bank's.
    """
    tables = compile_device(device)
    channels = [PimChannel(device, tables=tables) for _ in range(device.channels)]
    results = [ChannelResult(mine) for mine in _requests_of(device, lengths, channel_of)]
    read_clocks = device.standard.timing["CL"] + device.standard.timing["BURST"]
    k_done, v_done, first_row = [0] * len(lengths), [0] * len(lengths), [FIRST_ROW] * len(channels)
    for c, (channel, result) in enumerate(zip(channels, results, strict=True)):
        channel.idle_until(start)
        for i in result.requests:
            program = program_of(device, k_tiles(device, shape, lengths[i]), first_row[c])
            result.k_clocks += channel.run(program)
            k_done[i], first_row[c] = channel.clock + read_clocks, int(program[-1, 1]) + 1
    softmax_done = in_order(k_done, [shape.local_heads] * len(lengths))
    for c, (channel, result) in enumerate(zip(channels, results, strict=True)):
        channel.idle_until(softmax_done)
        for i in result.requests:
            program = program_of(device, v_tiles(device, shape, lengths[i]), first_row[c])
            result.v_clocks += channel.run(program)
            v_done[i], first_row[c] = channel.clock + read_clocks, int(program[-1, 1]) + 1
        channel.idle_until(channel.clock + 2 * device.standard.timing["tREFI"] if device.refresh else 0)
        result.counts = channel.counts()
    columns = -(-shape.head_size // device.banks)
    sums = [shape.local_heads * columns if length > device.page_operands else 0 for length in lengths]
    return AttentionResult(results, softmax_done - start, in_order(v_done, sums) - start)


def _requests_of(device: PimDevice, lengths: Sequence[int], channel_of: Sequence[int]) -> list[list[int]]:
    if not len(lengths) or len(lengths) != len(channel_of):
        raise CodesignError(f"attention: {len(lengths)} requests, {len(channel_of)} channels of them")
    mine: list[list[int]] = [[] for _ in range(device.channels)]
    for i, number in enumerate(channel_of):
        if not 0 <= number < device.channels:
            raise CodesignError(f"attention: channel {number} is not within 0 and {device.channels - 1}")
        mine[number].append(i)
    return mine


def counts_in_run(result: ChannelResult) -> Counts:
    """Return the commands that a channel issued as `attention.counts_of` foretells them (tiles are not commands)."""
    n = result.counts
    names = (GWRITE, G_ACT, PIM_PRE, COMP, READRES)
    return Counts(0, 0, *(n[COMMANDS[command]] for command in names))
