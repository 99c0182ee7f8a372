"""What the command `memory` does: a trace of requests through a cycle-level DRAM, told as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from codesign.report.lines import counted, folded
from codesign.report.units import energy, si

if TYPE_CHECKING:
    import numpy as np

    from simulators.dram.run import DramRun
    from simulators.dram.standard import Standard

PERCENTILES = (50, 90, 99)
WIDTH = 40


def find_standard(name: str, ranks: int) -> Standard:
    """Return a standard by name, or from a DRAMsim3 configuration file (.ini), with `ranks` when not 0."""
    from pathlib import Path

    from simulators.dram.ini_files import read_ini
    from simulators.dram.standards import standard_named

    standard = read_ini(Path(name)) if name.endswith(".ini") else standard_named(name, "--standard")
    return standard.with_ranks(ranks) if ranks else standard


def run_trace(
    trace: str,
    standard: str,
    channels: int = 0,
    mapping: str = "",
    ranks: int = 0,
    row_policy: str = "",
    requests_per_clock: int = 1,
    commands: str = "",
) -> dict[str, Any]:
    """Run a trace file and return the report as a dictionary, keys with their units.

    Parameters
    ----------
    channels, ranks, mapping, row_policy
        The standard's own when 0 or empty; its row policy is open, or what the .ini file says.
    commands : str
        Write every command to this CSV file.

    Raises
    ------
    CodesignError
        For a bad trace (file and line), an unknown standard, mapping or row policy.
    """
    from dataclasses import replace
    from pathlib import Path

    from simulators.dram.ini_files import read_controller
    from simulators.dram.run import run_dram
    from simulators.dram.state import Controller
    from simulators.dram.trace_files import read_requests

    chosen = find_standard(standard, ranks)
    beyond = _Beyond(chosen, channels or chosen.channels)
    controller = read_controller(Path(standard)) if standard.endswith(".ini") else Controller()
    controller = replace(controller, row_policy=row_policy or controller.row_policy)
    with _commands_to(commands) as keep:
        run = run_dram(
            chosen, beyond.counting(read_requests(trace)), channels or None, mapping or None, controller,
            requests_per_clock, trace=keep,
        )  # fmt: skip
    return _report(run, beyond.count, controller.row_policy, requests_per_clock)


class _Beyond:
    """Counts requests beyond the capacity: their addresses wrap."""

    def __init__(self, standard: Standard, channels: int) -> None:
        self.size_bytes, self.count = standard.organization.channel_bytes * channels, 0

    def counting(self, chunks: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for addresses, writes in chunks:
            self.count += int((addresses >= self.size_bytes).sum())
            yield addresses, writes


@contextmanager
def _commands_to(path: str) -> Iterator[Any]:
    """Give what writes commands to a CSV file as they come, False where none is asked for."""
    if not path:
        yield False
        return
    from codesign.files import written_atomically
    from simulators.dram.constraints import COMMANDS
    from simulators.dram.state import TRACE

    with written_atomically(path) as file:
        file.write(f"{','.join(TRACE)}\n")
        yield lambda rows: file.writelines(
            f"{c[0]},{COMMANDS[c[1]]},{','.join(map(str, c[2:]))}\n" for c in rows.tolist()
        )


def _percentile(run: DramRun, share: int) -> int:
    total, at = int(run.histogram.sum()), 0
    for latency, count in enumerate(run.histogram.tolist()):
        at += count
        if at * 100 >= share * total:
            return latency
    return 0


def _histogram(run: DramRun) -> list[dict[str, int]]:
    """Return reads by latency in bins whose widths double from 16 clocks on."""
    bins, low, width = [], 0, 16
    most = run.counts["max_read_latency"]
    while low <= most and low < len(run.histogram):
        last = low + width > most or low + width >= len(run.histogram)
        reads = int(run.histogram[low:].sum() if last else run.histogram[low : low + width].sum())
        bins.append({"from_cycles": low, "to_cycles": most if last else low + width - 1, "reads": reads})
        if last:
            break
        low, width = low + width, width if low == 0 else 2 * width
    return bins


def _report(run: DramRun, beyond: int, row_policy: str, requests_per_clock: int) -> dict[str, Any]:
    from simulators.dram.energy import energy_of

    n, standard = run.counts, run.standard
    size_bytes, seconds = standard.organization.request_bytes, run.cycles * standard.clock_ns * 1e-9
    columns = n["RD"] + n["RDA"] + n["WR"] + n["WRA"]
    spent = energy_of(run, standard.io_pj_per_bit)
    return {
        "standard": standard.name,
        "source": standard.source,
        "channels": run.channels,
        "ranks": standard.organization.ranks,
        "mapping": run.mapping,
        "row_policy": row_policy,
        "request_bytes": size_bytes,
        "requests": n["reads"] + n["writes"],
        "reads": n["reads"],
        "writes": n["writes"],
        "requests_beyond_capacity": beyond,
        "requests_per_clock": requests_per_clock,
        "offered_bytes_per_s": requests_per_clock * size_bytes / (standard.clock_ns * 1e-9),
        "peak_bytes_per_s": run.channels * standard.peak_bytes_per_s,
        "cycles": run.cycles,
        "time_s": seconds,
        "bandwidth_bytes_per_s": columns * size_bytes / seconds if seconds else 0.0,
        "read_latency_mean_cycles": n["read_latency"] / n["reads"] if n["reads"] else 0.0,
        "read_latency_max_cycles": n["max_read_latency"],
        **{f"read_latency_p{p}_cycles": _percentile(run, p) for p in PERCENTILES},
        "read_latency_histogram": _histogram(run) if n["reads"] else [],
        "row_hits": n["read_hits"] + n["write_hits"],
        "row_hit_share": (n["read_hits"] + n["write_hits"]) / columns if columns else 0.0,
        "merged_reads": n["merged_reads"],
        "merged_writes": n["merged_writes"],
        "forwarded_reads": n["forwarded_reads"],
        "writes_still_queued": n["writes"] - n["merged_writes"] - n["WR"] - n["WRA"],
        "commands": run.commands_by_name,
        "energy_pj": None if spent is None else spent.total_pj,
        "energy_parts_pj": None if spent is None else spent.parts_pj,
        "io_pj_per_bit": standard.io_pj_per_bit,
    }


def as_json(report: dict[str, Any]) -> str:
    """Return the report as JSON."""
    return json.dumps(report, indent=1) + "\n"


def as_text(report: dict[str, Any]) -> str:
    """Return the report as a table for people."""
    r = report
    issued = ", ".join(f"{name} {count:,}" for name, count in r["commands"].items() if count)
    lines = [
        f"{r['standard']}, {counted(r['channels'], 'channel')} of {counted(r['ranks'], 'rank')}, {r['mapping']}, "
        f"{r['row_policy']} rows",
        f"table of {r['source']}",
        "",
        f"requests    {r['requests']:,}: {counted(r['reads'], 'read')}, {counted(r['writes'], 'write')} of "
        f"{r['request_bytes']} bytes",
        f"offered     up to {r['requests_per_clock']} a clock, {si(r['offered_bytes_per_s'], 'B/s')}; the bus has "
        f"{si(r['peak_bytes_per_s'], 'B/s')}",
        f"cycles      {r['cycles']:,} ({si(r['time_s'], 's')}, {si(r['bandwidth_bytes_per_s'], 'B/s')})",
        f"row hits    {r['row_hits']:,} ({100 * r['row_hit_share']:.1f} % of column commands)",
        f"commands    {issued or 'none'}",
    ]
    for key, what in (
        ("merged_reads", "merged with one under way"),
        ("forwarded_reads", "answered from a waiting write"),
        ("merged_writes", "merged with one that waits"),
        ("writes_still_queued", "acknowledged but not yet in the banks"),
        ("requests_beyond_capacity", "beyond the capacity, where addresses wrap"),
    ):
        thing = next(name for name in ("read", "write", "request") if name in key)
        if r[key]:
            lines.append(f"            {counted(r[key], thing)} {what}")
    lines += [*_latency_lines(r), *_energy_lines(r)]
    return "\n".join(lines) + "\n"


def _latency_lines(r: dict[str, Any]) -> list[str]:
    if not r["reads"]:
        return []
    marks = ", ".join(f"{p} % {r[f'read_latency_p{p}_cycles']:,}" for p in PERCENTILES)
    lines = [
        f"latency     mean {r['read_latency_mean_cycles']:,.1f} cycles, {marks}, max {r['read_latency_max_cycles']:,}"
    ]
    most = max(b["reads"] for b in r["read_latency_histogram"])
    for b in r["read_latency_histogram"]:
        bar = "#" * round(WIDTH * b["reads"] / most)
        lines.append(f"  {b['from_cycles']:>6,} to {b['to_cycles']:>6,} {b['reads']:>12,} {bar}".rstrip())
    return lines


def _energy_lines(r: dict[str, Any]) -> list[str]:
    if r["energy_pj"] is None:
        return [f"energy: not available, no IDD is published for {r['standard']}"]
    parts = [f"{name.replace('_', ' ')} {energy(pj)}" for name, pj in r["energy_parts_pj"].items() if pj]
    io = f"I/O at {r['io_pj_per_bit']:.2f} pJ/bit" if r["io_pj_per_bit"] else "without I/O drivers"
    return [f"energy      {energy(r['energy_pj'])}, {io}", *folded("", ", ".join(parts))]


def memory_report(trace: str, standard: str, json_output: bool, **options: Any) -> str:
    """Run a trace and return what the command prints.

    Raises
    ------
    CodesignError
        As `run_trace`.
    """
    report = run_trace(trace, standard, **options)
    return as_json(report) if json_output else as_text(report)


# Energy per bit of a run on a DRAM: the row of the cost table for each family.
TECHNOLOGY_OF = {
    "ddr4": "DDR4", "lpddr4": "LPDDR4", "lpddr5": "LPDDR5", "gddr6": "GDDR6", "hbm2": "HBM2_jouppi",
    "hbm3": "HBM3_hwcomponents",
}  # fmt: skip


def memory_overrides(name: str) -> list[str]:
    """Return the overrides of a machine that put a DRAM standard behind its DMA; none for an empty name.

    Raises
    ------
    CodesignError
        For an unknown standard, naming all and the nearest.
    """
    if not name:
        return []
    from simulators.dram.standards import standard_named

    standard = standard_named(name, "--memory").name
    technology = TECHNOLOGY_OF[standard.split("-")[0]]
    return ["memory.model=dram", f"memory.standard={standard}", f"memory.technology={technology}"]


def core_overrides(cores: int | None) -> list[str]:
    """Return the overrides of a machine that give it so many cores; none when the machine's own are kept."""
    return [] if cores is None else [f"cores={cores}"]
