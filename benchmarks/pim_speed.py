"""Cycles of 32 channels per CPU second of attention on PIM, and the NeuPIMs simulator's rate beside them.

python -m benchmarks.pim_speed              # random request lists, each run once; then one list again and again
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Count, Number, cpu_seconds, table
from simulators.pim.attention import SHAPES
from simulators.pim.channel import forget_tiles
from simulators.pim.closed_form import estimate_attention
from simulators.pim.device import PimDevice
from simulators.pim.devices import DEVICES, NEUPIMS
from simulators.pim.placement import place
from simulators.pim.run import AttentionResult, Traffic, run_attention

RATES = Path(__file__).parent / "peers" / "neupims_rates.csv"
SHAPE = SHAPES["gpt3-7b"]


def neupims_rate() -> float:
    """Return the NeuPIMs simulator's cycles of 32 channels per CPU second, not of the same run."""
    with RATES.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(line for line in file if not line.startswith("#"))
    return float(row["cycles_per_cpu_s"])


def request_lists(batch: int, lists: int, seed: int) -> list[list[int]]:
    """Return lists of lengths, log-uniform from 32 to 2,048 tokens."""
    r = np.random.default_rng(seed)
    return [np.exp(r.uniform(np.log(32), np.log(2048), batch)).astype(int).tolist() for _ in range(lists)]


def closed_form_error(device: PimDevice, lists: Sequence[Sequence[int]]) -> float:
    """Return the largest relative difference of the closed form's cycles from the kernel's over lists."""
    errors = []
    for lengths in lists:
        channel_of = place("longest_first", lengths, device.channels)
        exact = run_attention(device, SHAPE, lengths, channel_of).clocks
        errors.append(abs(estimate_attention(device, SHAPE, lengths, channel_of).clocks / exact - 1))
    return max(errors)


def rate_of(
    device: PimDevice, lists: Sequence[Sequence[int]], run: Callable[..., AttentionResult] = run_attention, **given: Any
) -> tuple[int, float]:  # fmt: skip
    """Return the cycles of all lists, each run once, and those per CPU second; nothing known of tiles at the begin."""
    forget_tiles()
    cycles, began = 0, time.process_time()
    for lengths in lists:
        channel_of = place("longest_first", lengths, device.channels)
        cycles += run(device, SHAPE, lengths, channel_of, **given).clocks
    return cycles, cycles / (time.process_time() - began)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lists", type=int, default=20, help="request lists of each batch")
    parser.add_argument("--all-devices", action="store_true")
    given = parser.parse_args()
    theirs, rows = neupims_rate(), []
    stream = Traffic(800_000)
    for traffic in (None, stream):  # compiled before anything is measured
        run_attention(NEUPIMS, SHAPE, [40], [0], traffic=traffic)

    def row(what: str, cycles: int, rate: float) -> None:
        rows.append([what, Count(cycles), Number(rate / 1e6), Number(theirs / 1e6), Number(rate / theirs)])

    for batch in (32, 256):
        row(f"batch {batch}, {given.lists} lists once", *rate_of(NEUPIMS, request_lists(batch, given.lists, batch)))
    (lengths,) = request_lists(32, 1, 1)
    channel_of = place("longest_first", lengths, NEUPIMS.channels)
    spent, result = cpu_seconds(lambda: run_attention(NEUPIMS, SHAPE, lengths, channel_of))
    row("batch 32, one list again", result.clocks, result.clocks / spent)
    row("batch 32, 0.8 MB a channel beside", *rate_of(NEUPIMS, request_lists(32, 2, 5), traffic=stream))
    lists = request_lists(32, given.lists, 32)
    worst, (cycles, rate) = closed_form_error(NEUPIMS, lists), rate_of(NEUPIMS, lists, run=estimate_attention)
    row(f"closed form, at most {worst:.2%} off, batch 32", cycles, rate)
    if given.all_devices:
        for device in DEVICES.values():
            row(f"batch 32 on {device.name}", *rate_of(device, request_lists(32, 3, 7)))
    header = ["attention, 7B on 4 devices", "cycles", "M cycles/CPU-s", "NeuPIMs M/CPU-s (not same run)", "ratio"]
    print(table("Cycles of 32 channels", header, rows))


if __name__ == "__main__":
    main()
