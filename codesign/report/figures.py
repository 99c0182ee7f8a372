"""Figures of a result, made to be read without colour: lightness, hatches and markers tell things apart.

Each function returns a matplotlib Figure (`pip install "codesign[plot]"`), drawn without a display.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codesign.report.repeats import fold_layers
from codesign.report.table import shortened
from codesign.report.units import digits, energy, percent, si
from codesign.report.words import titled
from workloads.errors import CodesignError

if TYPE_CHECKING:
    from codesign.report.replay import Replay
    from codesign.result import Result

WIDTH_IN, HEIGHT_IN = 9.0, 4.2
_INK = "#1b1b1b"
_TRACKS = ("load", "array", "vector", "store")
#: Moments that a timeline tells apart.
BINS = 900
#: Characters of a layer's name below a figure.
_LABEL = 22
#: (colour, hatch, marker) in an order whose lightness differs from step to step.
STYLES = (
    ("#0b3c5d", "", "o"), ("#e8a33d", "//", "s"), ("#7a9e7e", "..", "^"), ("#b5c7d3", "", "D"),
    ("#8c2f39", "xx", "v"), ("#f2e3bc", "", "P"), ("#5b5b5b", "\\\\", "X"), ("#c9ada7", "++", "*"),
)  # fmt: skip
#: Classes of cycles drawn together, from what works to what waits.
CLASSES = {
    "streaming": ("array_busy", "vector_busy", "transfer"),
    "fill, drain": ("array_drain", "wait_array"),
    "waits for loads": ("wait_load", "wait_token"),
    "waits for the vector unit": ("wait_vector",),
    "waits for stores": ("wait_store",),
    "waits for commands": ("wait_queue",),
    "last results": ("tail",),
}


@cache
def _picture() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CodesignError('figures: matplotlib is not installed; pip install "codesign[plot]"') from error

    class Picture(Figure):
        """A figure that a notebook shows by itself; matplotlib's own are shown once pyplot is imported."""

        def _repr_png_(self) -> bytes:
            image = io.BytesIO()
            self.savefig(image, format="png", dpi=110)
            return image.getvalue()

    return Picture


def _axes(title: str, height: float = HEIGHT_IN) -> tuple[Any, Any]:
    figure = _picture()(figsize=(WIDTH_IN, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def roofline(result: Result) -> Any:
    """Draw operations a second over operations a DRAM byte: a marker a layer, its area the layer's time.

    The roofs are the array's peak and the memory's bandwidth times the intensity. A layer of repeats counts them all.
    """
    machine = result.simulation.machine if result.simulation else None
    figure, axes = _axes(f"Roofline: {titled(result.network)} on {result.machine}")
    rows = [row for row in result.layers if row["macs"] and row["cycles"] and row["dram_bytes"]]
    if not rows or machine is None:
        axes.text(0.5, 0.5, "no layer multiplies matrices out of DRAM", ha="center", transform=axes.transAxes)
        return figure
    clock, total = machine.clock_hz, max(result.cycles, 1)
    bandwidth = machine.memory.bytes_per_cycle * (machine.memory.clock_hz or clock)
    peak = result.peak_tops * 1e12
    points = [(2 * row["macs"] / row["dram_bytes"], 2 * row["macs"] * clock / row["cycles"], row) for row in rows]
    low = min(min(x for x, _, _ in points), peak / bandwidth) / 3
    high = max(max(x for x, _, _ in points), peak / bandwidth) * 3
    ridge = peak / bandwidth
    axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color=_INK, linewidth=1.4, zorder=1)
    axes.annotate(f"{digits(peak / 1e12)} TOPS", (high, peak), ha="right", va="bottom", fontsize=8)
    axes.annotate(f"{si(bandwidth, 'B/s')}", (low * 1.15, low * 1.15 * bandwidth), ha="left", va="top", fontsize=8)
    for i, bound in enumerate(dict.fromkeys(row["bound_by"] for row in rows)):
        colour, _, marker = STYLES[i % len(STYLES)]
        mine = [point for point in points if point[2]["bound_by"] == bound]
        sizes = [12 + 900 * point[2]["cycles"] / total for point in mine]
        axes.scatter(
            [x for x, _, _ in mine], [y for _, y, _ in mine], s=sizes, c=colour, marker=marker, alpha=0.8,
            edgecolors=_INK, linewidths=0.5, label=f"{bound} ({len(mine)})", zorder=2,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="operations per DRAM byte", ylabel="operations per second")
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    legend = axes.legend(title="bound by (layers)", fontsize=8, title_fontsize=8, frameon=False, loc="lower right")
    for handle in legend.legend_handles:
        handle.set_sizes([30])
    return figure


def parts(values: dict[str, float], title: str, text: Callable[[float], str]) -> Any:
    """Draw components as bars, greatest first, each with its figure and share; zeros are left out."""
    shown = sorted(((v, k) for k, v in values.items() if v and k != "total"), key=lambda part: (part[0], part[1]))
    figure, axes = _axes(f"{title}: {text(sum(v for v, _ in shown))}", height=0.9 + 0.28 * max(len(shown), 2))
    total = sum(value for value, _ in shown) or 1.0
    axes.barh([name.replace("_", " ") for _, name in shown], [v / total for v, _ in shown], color=STYLES[0][0])
    for i, (value, _) in enumerate(shown):
        axes.annotate(
            f"{text(value)} ({percent(value / total)})", (value / total, i), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(0, 1.25 * max((v for v, _ in shown), default=1.0) / total)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return figure


def energy_figure(result: Result) -> Any:
    """Draw energy by component."""
    return parts(result.energy_pj, "Energy of a pass", energy)


def area_figure(result: Result) -> Any:
    """Draw area by component."""
    from codesign.report.units import area

    return parts(result.area_um2, "Area", area)


def layers(result: Result) -> Any:
    """Draw each layer's cycles, working and waiting apart; of equal blocks one is drawn and says how many they are."""
    folded = [one for one in fold_layers(result.layers) if one[1]["cycles"]]
    rows = [row for _, row, _ in folded]
    figure, axes = _axes(f"Cycles by layer: {result.cycles:,} in all{_one_of(folded)}")
    base = [0.0] * len(rows)
    places = range(len(rows))
    for (label, names), (colour, hatch, _) in zip(CLASSES.items(), STYLES, strict=False):
        heights = [sum(row["cycle_classes"].get(name, 0) for name in names) for row in rows]
        if any(heights):
            edge = {"edgecolor": _INK, "linewidth": 0.3} if len(rows) <= 60 else {}
            axes.bar(places, heights, bottom=base, width=0.9, color=colour, hatch=hatch, label=label, **edge)
            base = [below + height for below, height in zip(base, heights, strict=True)]
    step = max(1, len(rows) // 30)
    shown = [shortened(name, _LABEL) for name, _, _ in folded[::step]]
    axes.set_xticks(list(places)[::step], shown, rotation=60, ha="right", fontsize=7)
    axes.set_xlim(-0.7, len(rows) - 0.3)
    axes.yaxis.set_major_formatter(lambda value, _: si(value).replace(" ", "\N{NO-BREAK SPACE}"))
    axes.set_ylabel("cycles", fontsize=9)
    axes.legend(fontsize=8, frameon=False, ncols=2)
    return figure


def _one_of(folded: list[tuple[str, Any, int]]) -> str:
    most = max((count for _, _, count in folded), default=1)
    return f"; of equal blocks (up to {most}) one is shown" if most > 1 else ""


def occupancy_figure(result: Result, filled: dict[str, dict[str, float]]) -> Any:
    """Draw how full each memory gets, a column a layer; `filled` holds shares by layer and memory."""
    folded = [one for one in fold_layers(result.layers) if any(filled.get(one[1]["name"], {}).values())]
    names = [row["name"] for _, row, _ in folded]
    figure, axes = _axes(f"Buffers: share of the capacity that a layer fills{_one_of(folded)}", height=2.6)
    if not names:
        return figure
    memories = list(filled[names[0]])
    image = axes.imshow(
        [[filled[name][memory] for name in names] for memory in memories],
        aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest",
    )  # fmt: skip
    axes.set_yticks(range(len(memories)), [memory.replace("_", " ") for memory in memories])
    step = max(1, len(names) // 30)
    shown = [shortened(name, _LABEL) for name, _, _ in folded[::step]]
    axes.set_xticks(range(0, len(names), step), shown, rotation=60, ha="right", fontsize=7)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, format=lambda value, _: f"{100 * value:.0f} %")
    bar.ax.tick_params(labelsize=7)
    return figure


def timeline(result: Result, replays: Iterable[Replay] | None = None) -> Any:
    """Draw when each engine has a command at work: of each of `BINS` moments the share, every pass of a layer."""
    from codesign.report.replay import replay

    several = result.simulation is not None and result.simulation.machine.cores > 1
    which = "Engines over time, of each layer's slowest core" if several else "Engines over time"
    figure, axes = _axes(f"{which}: share of each moment with a command at work, memory waits included", height=2.8)
    edges = np.linspace(0, max(result.cycles, 1), BINS + 1)
    busy = _busy(edges, replays or replay(result)) / np.diff(edges)
    for engine, share in enumerate(busy):
        level = engine + 0.4
        axes.fill_between(
            edges, level, level - 0.8 * np.append(share, share[-1]), step="post", color=STYLES[engine][0], linewidth=0
        )
        axes.axhline(level, color=_INK, linewidth=0.4)
    axes.set_yticks(range(len(_TRACKS)), _TRACKS)
    axes.set_ylim(len(_TRACKS) - 0.5, -0.5)
    axes.set_xlim(0, edges[-1])
    axes.xaxis.set_major_formatter(lambda value, _: si(value))
    axes.set_xlabel("cycle", fontsize=9)
    return figure


def _busy(edges: np.ndarray, replays: Iterable[Replay]) -> np.ndarray:
    """Return the cycles between neighbouring `edges` in which each engine has a command at work: (engines, bins)."""
    from simulators.program import QUEUE_OF_OPCODE

    engine_of, busy = np.array(QUEUE_OF_OPCODE), np.zeros((len(_TRACKS), len(edges) - 1))
    known: dict[int, list[np.ndarray]] = {}  # equal layers share their program
    for one in replays:
        if not len(one.program) or not one.cycles:
            continue
        if id(one.program) not in known:
            queues = engine_of[one.program["opcode"]]
            known[id(one.program)] = [
                _apart(one.start[queues == engine] - 1, one.end[queues == engine]) for engine in range(len(_TRACKS))
            ]
        passed = np.clip(edges - one.first_cycle, 0, one.cycles * one.layer.repeat)
        passes, within = np.divmod(passed, one.cycles)
        for engine, spans in enumerate(known[id(one.program)]):
            until = passes * _spent(spans, np.array([one.cycles]))[0] + _spent(spans, within)
            busy[engine] += np.diff(until)
    return busy


def _apart(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return spans joined where they overlap: (spans, 2), in order."""
    order = np.argsort(first, kind="stable")
    first, reach = first[order], np.maximum.accumulate(last[order]) if len(last) else last
    opens = np.append(True, first[1:] > reach[:-1])[: len(first)]
    closes = np.append(opens[1:], True)[: len(first)]
    return np.stack([first[opens], reach[closes]], axis=1)


def _spent(spans: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how much of `spans` lies before each time."""
    begun = np.searchsorted(spans[:, 0], times, side="right")
    whole = np.append(0, np.cumsum(spans[:, 1] - spans[:, 0]))[begun]
    running = np.where(begun > 0, np.append(spans[:, 1], 0)[begun - 1] - times, 0)
    return whole - np.maximum(running, 0)
