"""What the NPU moves through its DRAM in one go, run by the DRAM simulator: when each part of it has come.

A product's operands are interleaved over the channels by requests, so that every channel serves the same list; within
a part they reach each channel in an order of their own. A few channels are run, a part is there when the last of its
requests is. The controller is DRAMsim3's with deeper queues; reads pass writes as its rules have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.dram.run import run_dram
from simulators.dram.standard import Standard
from simulators.dram.state import Controller


class Part(NamedTuple):
    """Bytes that belong together, read or written."""

    bytes: int
    write: bool = False


@dataclass(frozen=True)
class Memory:
    """The channels that a stream is interleaved over.

    Attributes
    ----------
    standard : Standard
        Of a channel.
    channels : int
    bank_queue, requests_per_clock : int
        Requests queued for a bank; that reach a channel in a clock at most.
    sampled : int
        Channels that are run; the others are taken to be like them.
    """

    standard: Standard
    channels: int
    bank_queue: int = 128
    requests_per_clock: int = 2
    sampled: int = 4

    @property
    def bytes_per_clock(self) -> float:
        """Peak of all channels."""
        t, o = self.standard.timing, self.standard.organization
        return self.channels * o.request_bytes / max(t["BURST"], t["tCCD_S"])


class Streamed(NamedTuple):
    """Clock in which the last part is there, and each part, int64 (parts,)."""

    clocks: int
    arrived: np.ndarray


def stream(memory: Memory, parts: Sequence[Part]) -> Streamed:
    """Run parts in their order through the memory; addresses go on from part to part."""
    request = memory.standard.organization.request_bytes
    sizes = np.array([part.bytes for part in parts], np.int64)
    ends = np.maximum(-(-np.cumsum(sizes) // (request * memory.channels)), 1)
    begins = np.concatenate([[0], ends[:-1]])
    writes = np.repeat([part.write for part in parts], ends - begins)
    clocks, arrived = 0, np.zeros(len(parts), np.int64)
    for channel in range(min(memory.sampled, memory.channels)):
        order = _shuffled(begins, ends, channel)
        run = run_dram(
            memory.standard, (order * request, writes), channels=1, a_clock=memory.requests_per_clock, record=True,
            controller=Controller(queue_depth=memory.bank_queue),
        )  # fmt: skip
        done = np.zeros(len(order), np.int64)
        done[run.completions[:, 0]] = run.completions[:, 2]
        # A part smaller than a request of every channel lies in the request that the one before it began.
        last = np.array([done[min(b, e - 1) : e].max() for b, e in zip(begins, ends, strict=True)], np.int64)
        arrived, clocks = np.maximum(arrived, last), max(clocks, run.cycles)
    return Streamed(clocks, arrived)


def _shuffled(begins: np.ndarray, ends: np.ndarray, seed: int) -> np.ndarray:
    """Return the requests of a channel, those of each part in an order of the channel's own."""
    key = np.random.default_rng(seed).random(int(ends[-1]))
    part = np.repeat(np.arange(len(ends)), ends - begins)
    return np.lexsort((key, part)).astype(np.int64)
