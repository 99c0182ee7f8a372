"""The lines under the table: what the network costs as a whole, and how far to trust the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from codesign.report.units import area, digits, energy, percent, seconds, si

if TYPE_CHECKING:
    from codesign.result import Result


#: Columns before the text of a line.
INDENT = 16


def summary_lines(result: Result) -> list[str]:
    """Return the summary of a result, a text a line."""
    how = f"batch {result.batch}, fidelity {result.fidelity}, weights: {result.weights}"
    lines = ["", f"{result.network} on {result.machine}: {how}"]
    lines += _pairs(
        ("latency", seconds(result.latency_s)),
        ("cycles", f"{result.cycles:,}"),
        (f"{result.counted}/s", si(result.throughput_per_s)),
        ("TOPS", f"{digits(result.tops)} of {digits(result.peak_tops)}"),
        ("utilization", percent(result.utilization)),
        ("TOPS/W", digits(result.tops_per_w)),
        ("power", si(result.power_w, "W")),
        ("DRAM", si(result.dram_bytes, "B")),
    )
    lines.append(_parts("energy", {name: pj for name, pj in result.energy_pj.items() if name != "total"}, energy))
    lines.append(_parts("area", {name: um2 for name, um2 in result.area_um2.items() if name != "total"}, area))
    spent = [f"{name} {percent(cycles / result.cycles)}" for name, cycles in result.bottlenecks.items() if cycles]
    if spent:
        lines.append(_line("bound by", f"{', '.join(spent)} (share of all cycles, by layer)"))
    if result.activity:
        lines.append(_line("activity", result.activity))
    lines += _trust(result)
    lines += [_line("note", note) for note in result.notes]
    return lines


def _pairs(*pairs: tuple[str, str]) -> list[str]:
    """Two figures a line."""
    left, right = pairs[::2], pairs[1::2]
    return [f"  {a:13s} {b:22s}{c:13s} {d}" for (a, b), (c, d) in zip(left, right, strict=True)]


def _parts(title: str, parts: dict[str, float], text: Callable[[float], str]) -> str:
    total = sum(parts.values())
    shown = sorted(((value, name) for name, value in parts.items() if value), key=lambda part: (-part[0], part[1]))
    listed = ", ".join(f"{name} {percent(value / total)}" for value, name in shown)
    return _line(title, text(total) + (f" ({listed})" if listed else ""))


def _trust(result: Result) -> list[str]:
    """Return how firm the cost figures are, by their share of energy and area, and the sources behind them."""
    shares = []
    for title, by_status in (("energy", result.energy_pj_by_status), ("area", result.area_um2_by_status)):
        total = sum(by_status.values())
        parts = [f"{percent(value / total)} {status}" for status, value in by_status.items() if value]
        if parts:
            shares.append(f"{title} {', '.join(parts)}")
    sources = list(dict.fromkeys(source for row in result.sources for source in row["source"].split("; ")))
    return [_line("cost figures", "; ".join(shares)), _line("sources", "; ".join(sources))] if shares else []


def _line(title: str, text: str) -> str:
    return f"  {title:13s} {text}"
