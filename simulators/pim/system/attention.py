"""A layer's attention on the PIM device: where the requests lie, sub-batches, and how it runs beside the NPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simulators.pim.attention import counts_of
from simulators.pim.closed_form import estimate_attention
from simulators.pim.device import PimDevice
from simulators.pim.placement import place
from simulators.pim.run import NO_PROGRAM, Traffic, run_attention, run_beside
from simulators.pim.system.block import Block
from simulators.pim.system.npu import Stage
from workloads.errors import CodesignError


@dataclass(frozen=True)
class Requests:
    """Contexts of a batch, in tokens, and the channel that holds each."""

    lengths: tuple[int, ...]
    channel_of: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.lengths)


class Attended(NamedTuple):
    """Memory clocks of an attention, of its longest channel, and what the NPU beside it lost to it."""

    clocks: int
    busy_clocks: int
    npu_lost_clocks: int = 0


def load_of(device: PimDevice, block: Block, length: int) -> int:
    """Return a request's expected work in half tiles: a tile counts two, a GWRITE one (100 of 225 clocks)."""
    counts = counts_of(device, block.shape, length)
    return 2 * (counts.k_tiles + counts.v_tiles) + counts.gwrites


def placed(
    device: PimDevice, block: Block, lengths: Sequence[int], placement: str, channel_of: Sequence[int] | None = None
) -> Requests:
    """Return requests with their channels: those given, or by the placement.

    Raises
    ------
    CodesignError
        For no request, or a channel that the device has not.
    """
    if not lengths:
        raise CodesignError("requests: none are given")
    if channel_of is None:
        loads = {length: load_of(device, block, length) for length in set(lengths)}
        channel_of = place(placement, [loads[length] for length in lengths], device.channels)
    if max(channel_of) >= device.channels:
        raise CodesignError(f"requests: channel {max(channel_of)} is more than the last, {device.channels - 1}")
    return Requests(tuple(lengths), tuple(channel_of))


def halves(requests: Requests) -> tuple[Requests, Requests]:
    """Return two sub-batches: the requests of each channel in turns, the odd ones where there are fewer so far."""
    taken: tuple[list[int], list[int]] = ([], [])
    by_channel: dict[int, list[int]] = {}
    for i, channel in enumerate(requests.channel_of):
        by_channel.setdefault(channel, []).append(i)
    for mine in by_channel.values():
        first = int(len(taken[0]) > len(taken[1]))
        for turn, i in enumerate(sorted(mine, key=lambda i: -requests.lengths[i])):
            taken[(first + turn) % 2].append(i)
    one, two = (
        Requests(tuple(requests.lengths[i] for i in part), tuple(requests.channel_of[i] for i in part))
        for part in map(sorted, taken)
    )
    return one, two


def longest_channel(device: PimDevice, block: Block, requests: Requests) -> Requests:
    """Return the requests of the channel with the most work, as those of a device of one channel."""
    loads: dict[int, int] = {}
    for length, channel in zip(requests.lengths, requests.channel_of, strict=True):
        loads[channel] = loads.get(channel, 0) + load_of(device, block, length)
    most = max(loads, key=lambda channel: loads[channel])
    mine = tuple(n for n, channel in zip(requests.lengths, requests.channel_of, strict=True) if channel == most)
    return Requests(mine, (0,) * len(mine))


def attend(
    device: PimDevice, block: Block, requests: Requests, beside: Stage | None = None, memory_ratio: float = 1.0,
    longest_only: bool = False, start: int = 0, fast: bool = False,
) -> Attended:  # fmt: skip
    """Run one layer's attention of one decoded token of each request.

    Query heads that share a key-value head pass over its tiles one after the other.

    Parameters
    ----------
    beside : Stage
        What the NPU does meanwhile. Its reads and writes are offered at its mean rate; with one row buffer, as early
        as they are taken: PIM holds such a memory for longer than the NPU's buffers last, and nothing is caught up.
    memory_ratio : float
        Memory clocks per machine cycle.
    longest_only : bool
        Run the channel with the most work alone; the others end before it.
    start : int
        Memory clock in which it begins; refreshes are counted from 0.
    fast : bool
        By the closed form, which knows no reads and writes beside it.
    """
    channels = device.channels
    if longest_only:
        requests, device = longest_channel(device, block, requests), replace(device, channels=1)
    groups = block.decoder.groups
    lengths = [length for length in requests.lengths for _ in range(groups)]
    channel_of = [channel for channel in requests.channel_of for _ in range(groups)]
    if fast:
        ran = estimate_attention(device, block.shape, lengths, channel_of, start)
        return Attended(ran.clocks, max(one.pim_clocks for one in ran.channels))
    rate = memory_ratio if device.row_buffers > 1 else 0.0
    traffic = None if beside is None else _traffic(beside, channels, rate)
    ran = run_attention(device, block.shape, lengths, channel_of, start, traffic)
    busy, lost = max(one.pim_clocks for one in ran.channels), 0
    if traffic is not None:
        alone = run_beside(device, [NO_PROGRAM], traffic, start)[0].traffic_clocks
        lost = max(0, max(one.traffic_clocks for one in ran.channels) - alone)
    return Attended(ran.clocks, busy, lost)


def _traffic(stage: Stage, channels: int, memory_ratio: float) -> Traffic:
    read, written = -(-stage.read_bytes // channels), -(-stage.write_bytes // channels)
    return Traffic(read, written, (read + written) / max(1.0, stage.cycles * memory_ratio) if memory_ratio else 0.0)
