"""Gemmini, 16x16 weight stationary: ResNet-50's share of peak, and how the area divides.

Genc et al., "Gemmini: Enabling Systematic Deep-Learning Architecture Evaluation via Full-Stack Integration", DAC 2021.
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.costs.area import area
from codesign.runner import run
from codesign.validate.comparison import Comparison
from codesign.validate.tables import read_table
from simulators.machine_files import load_machine

_SOURCE = "Genc et al., DAC 2021"
_CHIP = "Gemmini 16x16 + Rocket (DAC21)"
#: ResNet-50 at batch 4: 153.7 M cycles, 40 % of the 256 PEs' peak.
CYCLES_M, PEAK_PCT, BATCH = 153.7, 40.0, 4
#: Shares of the published area in percent: array, scratchpad, accumulator. The Rocket core's 16.6 % is no part of ours.
SHARES_PCT = {"array": 11.3, "scratchpad": 52.9, "accumulator": 14.2}
ROCKET_PCT = 16.6


def comparisons() -> Iterator[Comparison]:
    """Yield the rows of Gemmini."""
    result = run("onnx:resnet50", "gemmini_16x16", batch=BATCH, fidelity="fast", allow_host=True)
    share = 100 * result.utilization
    yield Comparison("gemmini.resnet50.peak", share, PEAK_PCT, "% of peak", 0.10, "relative", _SOURCE)
    yield Comparison("gemmini.resnet50.cycles", result.cycles / 1e6, CYCLES_M, "M cycles", 0, "shown", _SOURCE)
    core = area(load_machine("gemmini_16x16")).by_component
    ours = {
        "array": core["array"] + core["skew_registers"],
        "scratchpad": core["scratchpad"] + core["weight_buffer"],
        "accumulator": core["accumulator"],
    }
    whole = float(next(row for row in read_table("chip_ground_truth.csv") if row["chip"] == _CHIP)["area_mm2"]) * 1e6
    total = sum(core.values()) + whole * ROCKET_PCT / 100
    for name, published in SHARES_PCT.items():
        yield Comparison(f"gemmini.area.{name}", 100 * ours[name] / total, published, "% of area", 8, "points", _SOURCE)
