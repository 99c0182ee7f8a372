"""The figure of `codesign reproduce neupims`: NeuPIMs over the other systems, beside the published means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codesign.neupims_reproduce import PUBLISHED
from codesign.report.figures import STYLES, _axes

if TYPE_CHECKING:
    from codesign.neupims_reproduce import Reproduction


def speedups(found: Reproduction) -> Any:
    """Draw the gain over each system by batch and lengths; a line marks what was published for it."""
    figure, axes = _axes("NeuPIMs over GPU, NPU, and NPU with a blocked PIM: geometric means over the models")
    series = list(dict.fromkeys((point.lengths, point.batch) for point in found.points))
    width = 0.8 / len(series)
    for i, (lengths, batch) in enumerate(series):
        colour, hatch, _ = STYLES[i % len(STYLES)]
        gains = [
            found.gain(system, keep=lambda point, at=(lengths, batch): (point.lengths, point.batch) == at)  # type: ignore[misc]
            for system in PUBLISHED
        ]
        places = [place - 0.4 + (i + 0.5) * width for place in range(len(gains))]
        axes.bar(places, gains, width, color=colour, hatch=hatch, edgecolor="#1b1b1b", linewidth=0.5,
                 label=f"{lengths}, batch {batch}")  # fmt: skip
    for place, published in enumerate(PUBLISHED.values()):
        axes.plot([place - 0.45, place + 0.45], [published] * 2, color="#8c2f39", linewidth=2,
                  label="published mean" if place == 0 else None)  # fmt: skip
    axes.axhline(1, color="#5b5b5b", linewidth=0.8)
    axes.set_xticks(range(len(PUBLISHED)), [f"over {name}" for name in PUBLISHED])
    axes.set_ylabel("throughput, times", fontsize=9)
    axes.legend(fontsize=7, frameon=False, ncols=3)
    return figure
