"""Traffic that puts a controller to work: streams, random rows, repeated addresses, bursts of writes."""

from dataclasses import replace

import numpy as np

from simulators.dram.constraints import Window
from simulators.dram.formulas import parameter
from simulators.dram.mapping import FIELDS
from simulators.dram.standards import STANDARDS
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


def random_standard(rng):
    """Return a standard that nobody makes: sizes, clocks, windows and buses drawn around one that ships."""
    base = list(STANDARDS.values())[rng.integers(len(STANDARDS))]
    sizes = {name: int(2 ** rng.integers(0, most)) for name, most in (("ranks", 3), ("bankgroups", 3), ("banks", 4))}
    organization = base.organization._replace(rows=int(2 ** rng.integers(8, 17)), **sizes)
    clocks = {n: c if rng.random() < 0.5 else max(1, int(c * rng.uniform(0.3, 2.5))) for n, c in base.timing.items()}
    least = (clocks["tRFC"] + clocks["tRAS"] + clocks["tRP"] + 300) * organization.ranks
    clocks["tREFI"] = max(clocks["tREFI"] // int(rng.integers(1, 12)), least)
    windows = base.windows
    if rng.random() < 0.3:
        clocks["tXAW"] = int(rng.integers(50, 600))
        windows = (*windows, Window(int(rng.integers(2, 40)), parameter("tXAW")))
    two_buses = bool(rng.random() < 0.5)
    return replace(
        base, organization=organization, timing=clocks, windows=windows, row_and_column_bus=two_buses, channels=1
    )


def random_mapping(rng):
    """Return the six fields of an address in any order."""
    return "".join(rng.permutation(list(FIELDS)))
