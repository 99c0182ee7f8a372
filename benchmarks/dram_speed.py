"""Requests per CPU second of the cycle-level DRAM, memory use, and DRAMsim3's rates beside them.

python -m benchmarks.dram_speed                        # 10^6 requests a trace
python -m benchmarks.dram_speed --requests 10000000    # memory stays flat: requests stream in chunks
python -m benchmarks.dram_speed --dramsim3 build/dramsim3main --configs DRAMsim3/configs   # its rates, same run
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.timing import Count, Number, table
from simulators.dram.run import run_dram
from simulators.dram.standard import Standard
from simulators.dram.standards import DDR4_3200, HBM2_2000

RATES = Path(__file__).parent / "peers" / "dramsim3_rates.csv"
CONFIGS = {"ddr4-3200": "DDR4_8Gb_x8_3200.ini", "hbm2-2000": "HBM2_8Gb_x128.ini"}
CASES = ((DDR4_3200, 1), (HBM2_2000, 1), (HBM2_2000, 8))
TRACES = ("stream", "random", "mixed")
CHUNK = 1 << 18


def requests_of(trace: str, count: int, seed: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield chunks of a trace: lines in order, lines drawn from 64 MiB, or half of each with a third writes."""
    rng, line = np.random.default_rng(seed), 0
    for begin in range(0, count, CHUNK):
        n = min(CHUNK, count - begin)
        drawn = rng.integers(0, 1 << 20, n)
        if trace == "random":
            lines, writes = drawn, np.zeros(n, np.bool_)
        else:
            ordered = np.ones(n, np.bool_) if trace == "stream" else rng.random(n) < 0.5
            steps = np.cumsum(ordered)
            lines = np.where(ordered, line + steps - 1, drawn)
            line += int(steps[-1])
            writes = np.zeros(n, np.bool_) if trace == "stream" else rng.random(n) < 1 / 3
        yield lines * 64, writes


def rate_of(standard: Standard, trace: str, a_clock: int, count: int) -> tuple[float, int]:
    """Return requests per CPU second and cycles of a run, the making of the requests left out."""
    spent, making = 0.0, 0.0

    def timed() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal making
        chunks = requests_of(trace, count)
        while True:
            began = time.process_time()
            chunk = next(chunks, None)
            making += time.process_time() - began
            if chunk is None:
                return
            yield chunk

    began = time.process_time()
    run = run_dram(standard, timed(), a_clock=a_clock)
    spent = time.process_time() - began - making
    return count / spent, run.cycles


def dramsim3_rate(binary: str, config: str, trace: str, count: int, cycles: int) -> float:
    """Return DRAMsim3's requests per CPU second (user and system of the child) on the same requests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.txt"
        with open(path, "w", encoding="utf-8") as file:
            for addresses, writes in requests_of(trace, count):
                kinds = ("READ", "WRITE")
                file.writelines(f"{a:#x} {kinds[w]} 0\n" for a, w in zip(addresses.tolist(), writes, strict=True))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [binary, config, "-c", str(cycles), "-t", str(path), "-o", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return count / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def published_rates() -> dict[str, tuple[float, float]]:
    """Return DRAMsim3's least and most requests per CPU second by standard, not of the same run."""
    with open(RATES, encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {
            r["standard"]: (float(r["least_requests_per_cpu_s"]), float(r["most_requests_per_cpu_s"])) for r in rows
        }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--dramsim3", default="", help="path of dramsim3main, for the same run")
    parser.add_argument("--configs", default="", help="folder of its configurations")
    given = parser.parse_args()
    rates, rows = published_rates(), []
    for standard, a_clock in CASES:
        rate_of(standard, "mixed", a_clock, 2000)
        for trace in TRACES:
            rate, cycles = rate_of(standard, trace, a_clock, given.requests)
            if given.dramsim3:
                config = str(Path(given.configs) / CONFIGS[standard.name])
                theirs = dramsim3_rate(given.dramsim3, config, trace, given.requests, cycles)
                beside = f"{theirs / 1e3:,.0f} (same run)"
            else:
                low, theirs = rates[standard.name]
                beside = f"{low / 1e3:.0f} to {theirs / 1e3:.0f} (not same run)"
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append([standard.name, trace, Count(a_clock), Count(cycles), Number(rate / 1e3), beside,
                         Number(rate / theirs), Number(memory)])  # fmt: skip
    header = ["standard", "trace", "a clock", "cycles", "k requests/CPU-s", "DRAMsim3 k/CPU-s", "ratio", "peak MiB"]
    print(table(f"{given.requests:,} requests", header, rows))


if __name__ == "__main__":
    main()
