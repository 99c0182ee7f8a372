"""Traffic that puts a controller to work: streams, random rows, repeated addresses, bursts of writes."""

import numpy as np

from simulators.dram.state import Controller


def traffic(seed, requests, request_bytes, span=1 << 14):
    """Return addresses and write flags: a mixture whose shares the seed draws."""
    rng = np.random.default_rng(seed)
    stream, few, write = rng.random(3)
    addresses = rng.integers(0, span, requests)
    in_stream = rng.random(requests) < stream
    addresses[in_stream] = np.arange(in_stream.sum())
    repeated = rng.random(requests) < few / 3
    addresses[repeated] = rng.integers(0, 8, repeated.sum())
    writes = rng.random(requests) < write
    if seed % 3 == 0:  # phases of writes only
        writes |= (np.arange(requests) // 50) % 2 == 1
    return addresses * request_bytes + rng.integers(0, 2, requests) * (seed % 2), writes


def controller(seed):
    """Return a controller of small queues, or the usual one for every fourth seed."""
    rng = np.random.default_rng(seed + 1000)
    row_policy = ("open", "closed")[seed % 2]
    if seed % 4 == 0:
        return Controller(row_policy=row_policy)
    reads, writes, depth = (int(x) for x in rng.integers(1, 12, 3))
    return Controller(reads, writes, depth, int(rng.integers(0, 9)), int(rng.integers(0, 6)), row_policy, seed % 5 > 0)
