"""The figure of `codesign reproduce neupims`: NeuPIMs over the other systems, beside the published means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codesign.neupims_reproduce import GAINS, published
from codesign.report.figures import _axes

if TYPE_CHECKING:
    from codesign.neupims_reproduce import Reproduction

#: A hue and a hatch for each data set, from the light of a small batch to the dark of a large one.
_HUES = (("#cfe0ec", "#0b3c5d", ""), ("#f8e3bd", "#b8680a", "//"))
_INK, _PUBLISHED = "#1b1b1b", "#a0182a"


def speedups(found: Reproduction) -> Any:
    """Draw the gain over each system by batch and lengths; a line marks what was published for it."""
    figure, axes = _axes("NeuPIMs over GPU, NPU, and NPU with a blocked PIM: geometric means over the models")
    lengths = list(dict.fromkeys(point.lengths for point in found.points))
    batches = sorted({point.batch for point in found.points})
    series = [(name, batch) for name in lengths for batch in batches]
    width = 0.8 / len(series)
    for i, (name, batch) in enumerate(series):
        light, dark, hatch = _HUES[lengths.index(name) % len(_HUES)]
        share = batches.index(batch) / max(1, len(batches) - 1)
        gains = [
            found.gain(system, keep=lambda point, at=(name, batch): (point.lengths, point.batch) == at)  # type: ignore[misc]
            for system in GAINS
        ]
        places = [place - 0.4 + (i + 0.5) * width for place in range(len(gains))]
        axes.bar(places, gains, width, color=_between(light, dark, share), hatch=hatch, edgecolor=_INK, linewidth=0.5,
                 label=f"{name}, batch {batch}")  # fmt: skip
    for place, figure_name in enumerate(GAINS.values()):
        axes.plot([place - 0.42, place + 0.42], [published()[figure_name]] * 2, color=_PUBLISHED, linewidth=2,
                  linestyle="--", label="published mean" if place == 0 else None)  # fmt: skip
    axes.axhline(1, color="#5b5b5b", linewidth=0.8, zorder=0)
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.set_xticks(range(len(GAINS)), [f"over {name}" for name in GAINS])
    axes.set_ylabel("throughput, times", fontsize=9)
    axes.legend(fontsize=7, frameon=False, ncols=3, loc="upper right")
    return figure


def _between(light: str, dark: str, share: float) -> str:
    """Return the colour that lies at a share of the way from one to another."""
    ends = zip(*([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (light, dark)), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in ends)
