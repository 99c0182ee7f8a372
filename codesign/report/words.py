"""A result in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from codesign.report.repeats import fold_layers
from codesign.report.units import digits, energy, percent, seconds, si

if TYPE_CHECKING:
    from codesign.report.whatif import WhatIf
    from codesign.result import Result

#: A change that gains less is called no gain.
_LEAST_GAIN = 1.02


def sentences(result: Result, changes: Sequence[WhatIf] = ()) -> list[str]:
    """Return what a person would say about a result: speed, what binds it, where the energy goes, what would help."""
    return [text for text in (_speed(result), _bound(result), _heavy(result), _energy(result), _help(changes)) if text]


def titled(label: str) -> str:
    """Return a network's label short enough for a title: a file's name without its folders, else as it is."""
    name, bracket, rest = label.partition(" (")
    path = PurePath(name)
    short = path.parent.name if path.name == "config.json" else path.name
    return (short or name) + bracket + rest


def _speed(result: Result) -> str:
    return (
        f"A pass of batch {result.batch} takes {seconds(result.latency_s)} ({result.cycles:,} cycles): "
        f"{si(result.throughput_per_s)} {result.counted} a second, "
        f"{digits(result.tops)} of {digits(result.peak_tops)} TOPS."
    )


def _bound(result: Result) -> str:
    spent = [(name, cycles / result.cycles) for name, cycles in result.bottlenecks.items() if cycles]
    if not spent:
        return ""
    first = f"It is {spent[0][0]}-bound for {percent(spent[0][1])} of the time"
    rest = ", ".join(f"{name} for {percent(share)}" for name, share in spent[1:3] if share >= 0.05)
    return f"{first}{f', bound by {rest}' if rest else ''}."


def _heavy(result: Result) -> str:
    spent = sorted(((row["cycles"] * count, name) for name, row, count in fold_layers(result.layers)), reverse=True)[:3]
    if len(result.layers) < 4 or not spent[0][0]:
        return ""
    named = ", ".join(f"{name} ({percent(cycles / result.cycles)})" for cycles, name in spent)
    return f"Most of it goes to {named}."


def _energy(result: Result) -> str:
    total = result.energy_pj["total"]
    if not total:
        return ""
    parts = sorted(((pj / total, name) for name, pj in result.energy_pj.items() if name != "total"), reverse=True)[:2]
    named = " and ".join(f"{percent(share)} in {_title(name)}" for share, name in parts)
    return f"It spends {energy(total)}, {named}."


def _title(component: str) -> str:
    return component.replace("_", " ").replace("dram", "DRAM")


def _help(changes: Sequence[WhatIf]) -> str:
    known = sorted((one for one in changes if not one.note), key=lambda one: -one.speedup)
    if not known:
        return ""
    told = [
        f"doubling the {one.what} gives {one.speedup:.2f}x" if one.speedup >= _LEAST_GAIN
        else f"doubling the {one.what} gives nothing ({one.speedup:.2f}x)" if one.speedup > 0.98
        else f"doubling the {one.what} slows it down ({one.speedup:.2f}x)"
        for one in known
    ]  # fmt: skip
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}."
