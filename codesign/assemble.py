"""From the counters of a simulation to a result: rates, energy, area, and what binds each layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from codesign.bottleneck import busy_cycles, cycle_classes, find_bottleneck, stall_cycles
from codesign.costs.actions import COMPONENTS as ENERGY_COMPONENTS
from codesign.costs.actions import ActionCost, action_costs, layer_costs
from codesign.costs.area import AreaReport, area_of_cores
from codesign.costs.dram import dram_note, has_command_costs
from codesign.costs.energy import EnergyReport, energy
from codesign.costs.figures import STATUSES
from codesign.costs.sources import cost_table
from codesign.layers import ACTIVITY, Layers, shape_text
from codesign.report.units import percent
from codesign.result import Result
from simulators.activity import as_dict, memory_as_dict
from simulators.machine import Machine
from workloads.activity import Activity, activity_text
from workloads.trace import Trace


def assemble(simulation: Any, label: str, weights: str, notes: list[str]) -> Result:
    """Return the result of a simulation; its provenance is the caller's to add."""
    machine, trace, cycles = simulation.machine, simulation.trace, int(simulation.cycles)
    by_command = any(run.memory.any() for run in simulation.layers) and has_command_costs(machine)
    costs, covered, sources = machine_costs(machine, by_command)
    reports = [_energy_of(run, machine, costs) for run in simulation.layers]
    runs = zip(simulation.layers, reports, strict=True)
    rows = [_row(run, machine, trace.shapes, simulation.fidelity, report) for run, report in runs]
    counts = as_dict(np.sum([run.counts for run in simulation.layers], axis=0))
    spent = {name: sum(report.by_component[name] for report in reports) for name in ENERGY_COMPONENTS}
    total_pj = sum(spent.values())
    pes = machine.cores * machine.array.rows * machine.array.cols
    latency_s = cycles / machine.clock_hz
    macs = sum(row["macs"] for row in rows if row["where"] != "host")
    operations_per_s = _ratio(2 * macs, latency_s)
    return Result(
        network=label,
        machine=machine.name,
        fidelity=simulation.fidelity,
        weights=weights,
        activity=activity_text(_activities(trace), trace.activity_inputs),
        batch=trace.batch,
        cycles=cycles,
        latency_s=latency_s,
        throughput_per_s=_ratio(trace.batch, latency_s),
        macs=macs,
        utilization=_ratio(macs, cycles * pes),
        tops=operations_per_s / 1e12,
        peak_tops=2 * pes * machine.clock_hz / 1e12,
        tops_per_w=_ratio(2 * macs, total_pj),
        power_w=_ratio(total_pj * 1e-12, latency_s),
        dram_bytes=counts["dram_read_bytes"] + counts["dram_write_bytes"],
        energy_pj={**spent, "total": total_pj},
        area_um2={**covered.by_component, "total": covered.total_um2},
        energy_pj_by_status=_by_status(
            (row["status"], row["energy_pj"]) for report in reports for row in report.rows()
        ),
        area_um2_by_status=_by_status((item.figure.status, item.figure.value) for item in covered.items),
        bottlenecks=_bottlenecks(rows),
        notes=notes + _host_note(rows, macs) + dram_note(machine, by_command),
        sources=[dict(row) for row in sources],
        layers=Layers(rows),
        provenance={},
        mapping=simulation.mapping,
        outputs=simulation.outputs,
        simulation=simulation,
    )


def machine_costs(
    machine: Machine, by_command: bool = False
) -> tuple[list[ActionCost], AreaReport, list[dict[str, Any]]]:
    """Return a machine's costs per action, its area and the table of their sources; made once for equal machines."""
    key = machine.model_dump_json(), by_command
    if key not in _MADE:
        if len(_MADE) >= _MOST_MADE:
            _MADE.clear()
        _MADE[key] = action_costs(machine, by_command), area_of_cores(machine), cost_table(machine, by_command)
    return _MADE[key]


_MADE: dict[tuple[str, bool], tuple[list[ActionCost], AreaReport, list[dict[str, Any]]]] = {}
_MOST_MADE = 256


def _energy_of(run: Any, machine: Machine, costs: list[ActionCost]) -> EnergyReport:
    """Return the energy of a layer, by its own activity where it multiplies matrices."""
    activity = run.layer.activity if run.layer.engine == "matrix" else None
    return energy(machine, _counters(run), layer_costs(machine, costs, activity))


def _counters(run: Any) -> dict[str, int]:
    """Return a layer's counters, those of a cycle-level DRAM behind the machine's own."""
    return as_dict(run.counts) | (memory_as_dict(run.memory) if run.memory.any() else {})


def _row(
    run: Any, machine: Machine, shapes: dict[str, tuple[int, ...]], fidelity: str, spent: EnergyReport
) -> dict[str, Any]:
    layer, cycles, counts = run.layer, int(run.cycles), _counters(run)
    binding = counts
    if run.slowest is not None:  # the engines of the slowest core, behind them the memory of all
        binding = as_dict(run.slowest) | {name: counts[name] for name in ("dram_read_bytes", "dram_write_bytes")}
    bound = find_bottleneck(machine, run.where, cycles, binding, fidelity)
    stalls = stall_cycles(run.where, cycles, binding)
    shape = shapes.get(layer.outputs[0], ()) if layer.outputs else ()
    return {
        "name": layer.name,
        "operator": layer.operator,
        "where": run.where,
        "shape": shape_text(layer.engine, layer.window, shape),
        "repeat": layer.repeat,
        "macs": layer.macs,
        "weight_density": layer.weight_density,
        "cycles": cycles,
        "compute_cycles": cycles - stalls,
        "stall_cycles": stalls,
        "busy": _ratio(busy_cycles(run.where, binding), cycles),
        "utilization": _ratio(layer.macs, cycles * machine.cores * machine.array.rows * machine.array.cols),
        "dram_read_bytes": counts["dram_read_bytes"],
        "dram_write_bytes": counts["dram_write_bytes"],
        "dram_bytes": counts["dram_read_bytes"] + counts["dram_write_bytes"],
        "energy_pj": spent.total_pj,
        "bottleneck": bound.text,
        "bound_by": bound.resource,
        "bound_share": bound.share,
        "note": run.note,
        "cycle_classes": cycle_classes(run.where, cycles, binding),
        "energy_by_component_pj": spent.by_component,
        "counters": counts,
        "activity": asdict(layer.activity) if layer.engine == "matrix" else dict.fromkeys(ACTIVITY),
    }


def _activities(trace: Trace) -> list[Activity]:
    return [layer.activity for layer in trace.layers if layer.engine == "matrix"]


def _by_status(figures: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums = dict.fromkeys(STATUSES, 0.0)
    for status, value in figures:
        sums[status] += value
    return sums


def _bottlenecks(rows: list[dict[str, Any]]) -> dict[str, int]:
    cycles: dict[str, int] = {}
    for row in rows:
        if row["cycles"]:
            cycles[row["bound_by"]] = cycles.get(row["bound_by"], 0) + row["cycles"]
    return dict(sorted(cycles.items(), key=lambda item: (-item[1], item[0])))


def _host_note(rows: list[dict[str, Any]], macs: int) -> list[str]:
    host = [row for row in rows if row["where"] == "host"]
    if not host:
        return []
    left = sum(row["macs"] for row in host)
    kinds = sorted({row["operator"] for row in host})
    share = percent(_ratio(left, left + macs))
    return [f"on the host, not counted: {len(host)} layers ({', '.join(kinds)}), {share} of the MACs"]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
