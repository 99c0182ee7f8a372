"""The lines under the table: what the network costs as a whole, and how far to trust the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codesign.report.units import area, digits, energy, percent, seconds, si

if TYPE_CHECKING:
    from codesign.result import Result


def summary_lines(result: Result) -> list[str]:
    """Return the summary of a result, a text a line."""
    head = f"{result.network} on {result.machine}: batch {result.batch}, fidelity {result.fidelity}, weights: {result.weights}"
    lines = ["", head]
    lines += _pairs(
        ("latency", seconds(result.latency_s)),
        ("cycles", f"{result.cycles:,}"),
        ("inferences/s", si(result.throughput_per_s)),
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
        lines.append(f"  {'bound by':13s} {', '.join(spent)} (share of all cycles, by layer)")
    lines += _trust(result)
    lines += [f"  {'note':13s} {note}" for note in result.notes]
    return lines


def _pairs(*pairs: tuple[str, str]) -> list[str]:
    """Two figures a line."""
    left, right = pairs[::2], pairs[1::2]
    return [f"  {a:13s} {b:22s}{c:13s} {d}" for (a, b), (c, d) in zip(left, right, strict=True)]


def _parts(title: str, parts: dict[str, float], text: object) -> str:
    total = sum(parts.values())
    shown = sorted(((value, name) for name, value in parts.items() if value), key=lambda part: (-part[0], part[1]))
    listed = ", ".join(f"{name} {percent(value / total)}" for value, name in shown)
    return f"  {title:13s} {text(total)}" + (f" ({listed})" if listed else "")  # type: ignore[operator]


def _trust(result: Result) -> list[str]:
    """Return the status of the cost figures: how many of each, and the sources behind them."""
    by_status: dict[str, list[str]] = {}
    for row in result.sources:
        names = by_status.setdefault(row["status"], [])
        if row["component"] not in names:
            names.append(row["component"])
    listed = "; ".join(f"{status}: {', '.join(names)}" for status, names in by_status.items())
    return [f"  {'cost figures':13s} {listed} (sources: --format json)"] if listed else []
