"""Runs of attention on a PIM device: K.q on every channel, the softmax's barrier, then S.V."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simulators.pim.attention import (
    FIRST_ROW,
    AttentionShape,
    Counts,
    alike,
    check_rows,
    request_program,
)
from simulators.pim.channel import NO_PROGRAM, PimChannel, TrafficChannel
from simulators.pim.commands import COMMANDS, COMP, G_ACT, GWRITE, PIM_PRE, READRES
from simulators.pim.device import PimDevice
from simulators.pim.traffic import Traffic, requests_of
from workloads.errors import CodesignError

__all__ = [
    "NO_PROGRAM", "AttentionResult", "ChannelResult", "PimChannel", "Traffic", "TrafficChannel", "counts_in_run",
    "in_order", "run_attention", "run_beside",
]  # fmt: skip


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
    traffic_clocks : int
        Clocks from the begin to the last data of the NPU's reads and writes; 0 without any.
    """

    requests: list[int]
    counts: dict[str, int] = field(default_factory=dict)
    k_clocks: int = 0
    v_clocks: int = 0
    traffic_clocks: int = 0

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
    traffic: Traffic | None = None,
) -> AttentionResult:
    """Run one layer's attention of one decoded token for a batch, with the NPU's reads and writes beside it.

    S.V begins when every softmax is done. The vector unit takes a softmax for each head, and a sum for each head and
    32 columns of a request whose tokens fill more than one page (NeuPIMs simulator; results are read CL + BURST
    clocks after the last DOT). Channels that are asked for the same run once.

    Parameters
    ----------
    lengths, channel_of : sequences of int
        Tokens of each request's context; the channel that holds it (`placement.place`).
    start : int
        Clock in which it begins; refreshes are counted from 0.
    traffic : Traffic
        What every channel moves for the NPU meanwhile; its start counts from `start`.

    Raises
    ------
    CodesignError
        For no request, a length below 1, a channel that the device has not, or rows beyond a bank's.
    """
    mine = requests_of_channels(device, lengths, channel_of)
    kinds: dict[tuple, list[int]] = {}
    for number, requests in enumerate(mine):
        kinds.setdefault(tuple(alike(device, lengths[i]) for i in requests), []).append(number)
    runs = [_Attention(device, shape, [lengths[i] for i in mine[same[0]]], start, traffic) for same in kinds.values()]
    channels: dict[int, _Attention] = {n: run for same, run in zip(kinds.values(), runs, strict=True) for n in same}
    for run in runs:
        run.multiply_keys()
    softmax_done = in_order(_by_request(channels, mine, "k_done"), [shape.local_heads] * len(lengths))
    for run in runs:
        run.multiply_values(softmax_done)
    columns = -(-shape.head_size // device.banks)
    sums = [shape.local_heads * columns if length > device.page_operands else 0 for length in lengths]
    done = in_order(_by_request(channels, mine, "v_done"), sums)
    results = [channels[n].result(requests) for n, requests in enumerate(mine)]
    return AttentionResult(results, softmax_done - start, done - start)


class _Attention:
    """A channel's part of an attention: its requests one after the other, all keys, then all values."""

    def __init__(
        self, device: PimDevice, shape: AttentionShape, lengths: list[int], start: int, traffic: Traffic | None
    ) -> None:
        self.device, self.shape, self.lengths, self.start = device, shape, lengths, start
        if traffic is None:
            self.channel = PimChannel(device)
        else:
            later = replace(traffic, start=traffic.start + start)
            self.channel = TrafficChannel(device, requests_of(device, later))
        self.open_row, self.rows, self.k_clocks, self.v_clocks, self.traffic_clocks = 0, 0, 0, 0, 0
        self.k_done: list[int] = []
        self.v_done: list[int] = []
        self.counts: dict[str, int] = {}

    def multiply_keys(self) -> None:
        self.channel.idle_until(self.start)
        self.k_clocks = self._run(False, self.k_done)

    def multiply_values(self, softmax_done: int) -> None:
        self.channel.idle_until(softmax_done)
        self.v_clocks = self._run(True, self.v_done)
        if isinstance(self.channel, TrafficChannel):
            self.channel.drain()
            self.traffic_clocks = max(0, self.channel.last_data - self.start)
        if self.device.refresh:
            self.channel.idle_until(self.channel.clock + 2 * self.device.standard.timing["tREFI"])
        self.counts = self.channel.counts()

    def _run(self, values: bool, done: list[int]) -> int:
        t, clocks = self.device.standard.timing, 0
        for length in self.lengths:
            # What a tile takes depends on whether a row is its own, not on its number: programs begin at one row, or at
            # the next when that is the one left open, and are shared.
            first = FIRST_ROW + (self.open_row == FIRST_ROW)
            program = request_program(self.device, self.shape, length, values, first)
            clocks += self.channel.run(program)
            self.open_row = int(program[-1, 1])
            self.rows += self.open_row - first + 1
            check_rows(self.device, FIRST_ROW + self.rows)
            done.append(self.channel.clock + t["CL"] + t["BURST"])
        return clocks

    def result(self, requests: list[int]) -> ChannelResult:
        return ChannelResult(requests, dict(self.counts), self.k_clocks, self.v_clocks, self.traffic_clocks)


def _by_request(channels: Mapping[int, _Attention], mine: Sequence[Sequence[int]], what: str) -> list[int]:
    """Return a list that channels hold for their requests, in the order of the batch."""
    values = {i: value for n, requests in enumerate(mine) for i, value in zip(requests, getattr(channels[n], what))}  # noqa: B905
    return [values[i] for i in range(len(values))]


def run_beside(
    device: PimDevice, programs: Sequence[np.ndarray], traffic: Traffic, start: int = 0
) -> list[ChannelResult]:
    """Run a program of PIM commands on each channel beside the NPU's reads and writes; return what each took.

    Parameters
    ----------
    programs : sequence of int64 (commands, 4)
        One for each channel, columns `attention.PROGRAM` (`attention.program_of`, `channel.NO_PROGRAM`). Channels of
        equal programs run once.
    traffic : Traffic
        What every channel moves; its start counts from `start`.

    Returns
    -------
    list of ChannelResult
        `k_clocks` holds the clocks of the whole program, `v_clocks` is 0.
    """
    found: dict[bytes, ChannelResult] = {}
    requests = requests_of(device, replace(traffic, start=traffic.start + start))
    for program in programs:
        if program.tobytes() not in found:
            channel = TrafficChannel(device, requests)
            channel.idle_until(start)
            clocks = channel.run(program)
            channel.drain()
            last = max(0, channel.last_data - start)
            found[program.tobytes()] = ChannelResult([], channel.counts(), clocks, 0, last)
    return [replace(found[program.tobytes()]) for program in programs]


def requests_of_channels(device: PimDevice, lengths: Sequence[int], channel_of: Sequence[int]) -> list[list[int]]:
    """Return the lengths of the requests of each channel, in order; refuse lists that do not fit the device."""
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
