"""Reads and writes of the NPU on a channel that computes: streams of bytes as requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.pim.device import PimDevice
from simulators.pim.traffic_kernel import REQUESTS
from workloads.errors import CodesignError


@dataclass(frozen=True)
class Traffic:
    """Bytes that the NPU moves through one channel, in the order of their addresses: the reads, then the writes.

    Attributes
    ----------
    read_bytes, write_bytes : int
        Of one channel.
    bytes_per_clock : float
        At which they are offered; 0: as fast as the channel takes them.
    start : int
        Clock from which they are offered.
    """

    read_bytes: int
    write_bytes: int = 0
    bytes_per_clock: float = 0.0
    start: int = 0

    def __post_init__(self) -> None:
        for name in ("read_bytes", "write_bytes", "bytes_per_clock", "start"):
            if getattr(self, name) < 0:
                raise CodesignError(f"traffic: {name} {getattr(self, name)} is negative")


def requests_of(device: PimDevice, traffic: Traffic) -> np.ndarray:
    """Return a stream's requests, int64 (requests, 4) with columns REQUESTS.

    A row's columns, then the next bank, group, rank, row (mapping row | rank | group | bank | column). The rows are
    those of the upper half of the banks, again and again; the lower half is the PIM's.
    """
    o = device.standard.organization
    sizes = [-(-count // o.request_bytes) for count in (traffic.read_bytes, traffic.write_bytes)]
    place = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes])
    page = place // (o.columns * o.bus_bits // 8 // o.request_bytes)
    requests = np.empty((len(place), len(REQUESTS)), np.int64)
    begun = np.arange(len(place)) * (o.request_bytes / traffic.bytes_per_clock if traffic.bytes_per_clock else 0.0)
    requests[:, 0] = traffic.start + np.floor(begun)
    requests[:, 1] = np.arange(len(place)) >= sizes[0]
    requests[:, 2] = page % device.banks
    requests[:, 3] = o.rows // 2 + page // device.banks % (o.rows - o.rows // 2)
    return requests


def check_requests(device: PimDevice, requests: np.ndarray) -> None:
    """Raise CodesignError for requests out of order, or to a bank or row that the device has not."""
    rows = device.standard.organization.rows
    if requests.ndim != 2 or requests.shape[1] != len(REQUESTS):
        raise CodesignError(f"traffic: requests of shape {requests.shape}, not (requests, {len(REQUESTS)})")
    if not len(requests):
        return
    if (np.diff(requests[:, 0]) < 0).any():
        raise CodesignError("traffic: requests are not in the order of the clocks in which they are offered")
    for column, limit in ((2, device.banks), (3, rows)):
        if requests[:, column].min() < 0 or requests[:, column].max() >= limit:
            raise CodesignError(f"traffic: a request's {REQUESTS[column]} is not within 0 and {limit - 1}")
