"""Traces and reference runs of DRAMsim3 (stock configurations), from the shared data."""

import csv

import numpy as np

from simulators.dram.standards import DDR4_3200, HBM2_2000
from tests.shared_data import shared_path

STANDARD = {"DDR4_8Gb_x8_3200": DDR4_3200, "HBM2_8Gb_x128": HBM2_2000}


def rows(name):
    """Return the rows of a CSV file of the oracle's folder."""
    with open(shared_path(f"dram/{name}.csv"), encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trace(name):
    """Return addresses and write flags of a trace."""
    lines = rows(f"dram_trace_{name}")
    return np.array([int(r["addr_hex"], 16) for r in lines]), np.array([r["op"] == "W" for r in lines])


def fnv(latencies):
    """Return the hash of latencies that the reference holds."""
    h = 1469598103934665603
    for latency in latencies:
        h = ((h ^ int(latency)) * 1099511628211) % 2**64
    return f"{h:016x}"
