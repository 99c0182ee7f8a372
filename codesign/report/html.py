"""The page of a report: Jinja2 with autoescape; the figures are our own SVG; no script, nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codesign.report.repeats import fold_layers
from codesign.report.units import area, digits, energy, percent, seconds, si
from codesign.report.words import sentences, titled
from workloads.errors import CodesignError

if TYPE_CHECKING:
    from codesign.report.whatif import WhatIf
    from codesign.result import Result


#: Layers that a notebook shows.
_LONGEST = 8


def page(result: Result, changes: Sequence[WhatIf], images: Sequence[tuple[str, str]]) -> str:
    """Return the page of a result.

    Parameters
    ----------
    changes : sequence of WhatIf
    images : sequence of (title, SVG)
        Text that is put into the page as it is: it must be our own.

    Raises
    ------
    CodesignError
        When Jinja2 is missing.
    """
    from codesign import __version__

    folded = fold_layers(result.layers)
    return _environment().get_template("report.html.j2").render(
        result=result, changes=changes, images=images, sentences=sentences(result, changes), cards=_cards(result),
        version=__version__, title=titled(result.network), layers=[(name, row) for name, row, _ in folded],
        blocks=max((count for _, _, count in folded), default=1),
    )  # fmt: skip


def summary(result: Result) -> str:
    """Return a result as a notebook shows it: sentences, figures of the whole, its longest layers.

    Raises
    ------
    CodesignError
        When Jinja2 is missing.
    """
    folded = sorted(fold_layers(result.layers), key=lambda one: -one[1]["cycles"] * one[2])
    longest = [(name, row, count) for name, row, count in folded if row["cycles"]][:_LONGEST]
    template = _environment().get_template("summary.html.j2")
    return template.render(
        result=result, title=titled(result.network), sentences=sentences(result), cards=_cards(result), longest=longest
    )


def _environment() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise CodesignError('report: Jinja2 is not installed; pip install "codesign[plot]"') from error
    environment = Environment(loader=PackageLoader("codesign.report"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {
        "seconds": seconds, "percent": percent, "energy": energy, "bytes": lambda value: si(value, "B"),
    }  # fmt: skip
    return environment


def _cards(result: Result) -> list[tuple[str, str]]:
    return [
        ("latency", seconds(result.latency_s)),
        (f"{result.counted}/s", si(result.throughput_per_s)),
        ("TOPS", f"{digits(result.tops)} of {digits(result.peak_tops)}"),
        ("utilization", percent(result.utilization)),
        ("energy", energy(result.energy_pj["total"])),
        ("power", si(result.power_w, "W")),
        ("area", area(result.area_um2["total"])),
        ("DRAM", si(result.dram_bytes, "B")),
    ]
