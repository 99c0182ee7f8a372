"""Gemmini, 16x16 weight stationary: ResNet-50's share of peak, and how the area divides.

Cycles: ucb-bar/gemmini, pull request 69 (22 February 2021), which gives 153,709,356 of them and calls it 40 %. Areas:
Genc et al., "Gemmini: Enabling Systematic Deep-Learning Architecture Evaluation via Full-Stack Integration", DAC 2021.
The network runs as Gemmini's library called it then (`codesign.compat.gemmini`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from codesign.compat.gemmini import MECHANISMS, calls, host_cycles, is_host
from codesign.costs.area import area
from codesign.runner import prepare
from codesign.validate.comparison import Comparison
from codesign.validate.tables import read_table
from simulators.machine_files import load_machine
from workloads.trace import Trace

_CYCLES, _LATER = "ucb-bar/gemmini, pull request 69", "ucb-bar/gemmini, pull request 90"
_AREA = "Genc et al., DAC 2021"
_CHIP = "Gemmini 16x16 + Rocket (DAC21)"
NETWORK, MACHINE = "onnx:resnet50", "gemmini_16x16"
#: ResNet-50 at batch 4: 153.7 M cycles, 40 % of the 256 PEs' peak.
CYCLES_M, PEAK_PCT, BATCH = 153.709356, 40.0, 4
#: A month later, with the average on the accelerator (and whatever else had changed).
WITHOUT_HOST_PCT = 51.0
#: One memory for both operands there, which a tile divides as it likes: here each may have all of it.
SHARED = ("scratchpad.size_bytes=262144", "weight_buffer.size_bytes=262144")
#: Shares of the published area in percent: array, scratchpad, accumulator. The Rocket core's 16.6 % is no part of ours.
SHARES_PCT = {"array": 11.3, "scratchpad": 52.9, "accumulator": 14.2}
ROCKET_PCT = 16.6


def network() -> Trace:
    """Return ResNet-50 at batch 4."""
    return prepare(NETWORK, MACHINE, batch=BATCH).trace


def cycles(trace: Trace, overrides: tuple[str, ...] = (), mechanisms: tuple[str, ...] = MECHANISMS) -> tuple[int, int]:
    """Return the cycles of a network as the library ran it: the accelerator's, and the host's before or after.

    Parameters
    ----------
    overrides : tuple of str
        Fields of the machine, ``memory.latency_cycles=40`` each.
    mechanisms : tuple of str
        Of `codesign.compat.gemmini.MECHANISMS`.
    """
    from simulators.npu.simulate import simulate

    machine = load_machine(MACHINE, overrides)
    called = list(calls(trace, machine, mechanisms))
    mapping = {call.layer.name: call.tiling.as_dict() for call in called if call.tiling}
    shared = load_machine(MACHINE, [*overrides, *SHARED])
    lowered = replace(trace, layers=[call.layer for call in called])
    ours = simulate(lowered, shared, "cycle", mapping, allow_host=True).cycles
    host = sum(host_cycles(layer, machine) for layer in trace.layers if is_host(layer)) if "host" in mechanisms else 0
    return ours, host


def share(trace: Trace, taken: int) -> float:
    """Return the share of peak in percent at which a network takes so many cycles."""
    array = load_machine(MACHINE).array
    return 100 * trace.macs / (taken * array.rows * array.cols)


def comparisons() -> Iterator[Comparison]:
    """Yield the rows of Gemmini."""
    trace = network()
    accelerator, host = cycles(trace)
    taken, alone = accelerator + host, share(trace, accelerator)
    yield Comparison("gemmini.resnet50.peak", share(trace, taken), PEAK_PCT, "% of peak", 0.10, "relative", _CYCLES)
    yield Comparison("gemmini.resnet50.cycles", taken / 1e6, CYCLES_M, "M cycles", 0, "shown", _CYCLES)
    yield Comparison("gemmini.resnet50.peak_without_host", alone, WITHOUT_HOST_PCT, "% of peak", 0, "shown", _LATER)
    core = area(load_machine(MACHINE)).by_component
    ours = {
        "array": core["array"] + core["skew_registers"],
        "scratchpad": core["scratchpad"] + core["weight_buffer"],
        "accumulator": core["accumulator"],
    }
    whole = float(next(row for row in read_table("chip_ground_truth.csv") if row["chip"] == _CHIP)["area_mm2"]) * 1e6
    total = sum(core.values()) + whole * ROCKET_PCT / 100
    for name, published in SHARES_PCT.items():
        yield Comparison(f"gemmini.area.{name}", 100 * ours[name] / total, published, "% of area", 8, "points", _AREA)
