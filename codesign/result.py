"""What a run gives: figures with stable keys, layer by layer, and where every number comes from."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codesign.layers import ACTIVITY, COLUMNS, DETAILS, Layers

if TYPE_CHECKING:
    from codesign.plot import Plot


@dataclass(repr=False)
class Result:
    """Throughput, energy and area of one network on one machine.

    All but `provenance`, `simulation` and `outputs` is byte-equal from run to run.

    Attributes
    ----------
    network, machine : str
        Where the network came from; the machine's name.
    fidelity, weights : str
        How it was simulated; how real the weights are (``real``, ``random (seed 1)``, ``shapes only``).
    activity : str
        How the toggle rates of weights and activations are known, in one phrase.
    batch : int
        Inferences in one pass.
    cycles : int
        Of one pass of the batch.
    latency_s, throughput_per_s : float
        Of one pass; inferences per second.
    macs : int
        Multiply-accumulates of the matrix layers that ran on the machine.
    utilization : float
        MACs over cycles times PEs.
    tops, peak_tops, tops_per_w, power_w : float
        Two operations a MAC.
    dram_bytes : int
        Read and written.
    energy_pj, area_um2 : dict
        By component, ``total`` last.
    energy_pj_by_status, area_um2_by_status : dict
        The same totals by how firm the cost figures are (`codesign.costs.figures.STATUSES`).
    bottlenecks : dict
        Cycles by what binds the layers that spend them, largest first.
    layers : Layers
        A row a layer; its keys are `codesign.layers.COLUMNS` and `codesign.layers.DETAILS`.
    notes : list of str
        What was done to the network or left out, a line each.
    sources : list of dict
        Every cost figure used, with its source and status.
    mapping : dict
        The mapping of every layer, as `codesign map` writes it.
    outputs : dict
        `exact`: the network's tensors by name, integers in N, C, H, W; otherwise empty.
    provenance : dict
        Version, hashes of the inputs, seed, wall time.
    counted : str
        What `throughput_per_s` counts: ``inferences``, in decode ``tokens``.
    """

    network: str
    machine: str
    fidelity: str
    weights: str
    activity: str
    batch: int
    cycles: int
    latency_s: float
    throughput_per_s: float
    macs: int
    utilization: float
    tops: float
    peak_tops: float
    tops_per_w: float
    power_w: float
    dram_bytes: int
    energy_pj: dict[str, float]
    area_um2: dict[str, float]
    energy_pj_by_status: dict[str, float]
    area_um2_by_status: dict[str, float]
    bottlenecks: dict[str, int]
    notes: list[str]
    sources: list[dict[str, Any]]
    layers: Layers
    provenance: dict[str, Any]
    mapping: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    simulation: Any = None
    counted: str = "inferences"

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, texts and numbers; ``provenance`` is the last key."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _SUMMARY}
        plain["layers"] = [dict(row) for row in self.layers]
        plain["provenance"] = dict(self.provenance)
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as JSON, equal from run to run up to ``provenance``."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return a line a layer, then the line ``total`` with the figures of the whole network."""
        totals = {name: getattr(self, name) for name in _NUMBERS}
        components = [f"energy_pj.{name}" for name in self.energy_pj]
        areas = [f"area_um2.{name}" for name in self.area_um2]
        extra = [name for name in totals if name not in COLUMNS]
        table = io.StringIO()
        rates = [f"activity.{name}" for name in ACTIVITY]
        writer = csv.DictWriter(table, [*COLUMNS, *rates, *components, *extra, *areas], lineterminator="\n")
        writer.writeheader()
        for row in self.layers:
            energies = {f"energy_pj.{name}": pj for name, pj in row["energy_by_component_pj"].items()}
            energies |= {f"activity.{name}": rate for name, rate in row["activity"].items()}
            writer.writerow({**{name: row[name] for name in COLUMNS}, **energies, "energy_pj.total": row["energy_pj"]})
        sums = {name: sum(row[name] for row in self.layers) for name in _SUMS}
        last = {"name": "total", "where": self.machine, **sums, **totals, "energy_pj": self.energy_pj["total"]}
        last |= {f"energy_pj.{name}": pj for name, pj in self.energy_pj.items()}
        last |= {f"area_um2.{name}": um2 for name, um2 in self.area_um2.items()}
        writer.writerow(last)
        return table.getvalue()

    def write_report(self, folder: str | Path) -> None:
        """Write the report into a folder: a page, its figures, the data, a timeline (`codesign.report.folder`).

        Raises
        ------
        CodesignError
            When the folder may not be written, or a package for figures is missing.
        """
        from codesign.report.folder import write_report

        write_report(self, folder)

    @property
    def plot(self) -> Plot:
        """Figures: ``r.plot.roofline()``, ``layers``, ``energy``, ``area``, ``timeline``."""
        from codesign.plot import Plot

        return Plot(self)

    def __repr__(self) -> str:
        from codesign.report.units import energy, seconds

        figures = f"{self.cycles:,} cycles, {seconds(self.latency_s)}, {energy(self.energy_pj['total'])}"
        return f"<Result: {self.network} on {self.machine}, {figures}, {len(self.layers)} layers>"

    def __str__(self) -> str:
        from codesign.report.table import render

        return render(self)

    def _repr_html_(self) -> str:
        from codesign.report.html import summary

        return summary(self)


_SUMMARY = (
    "network", "machine", "fidelity", "weights", "activity", "batch", "cycles", "latency_s", "throughput_per_s", "macs",
    "utilization", "tops", "peak_tops", "tops_per_w", "power_w", "dram_bytes", "energy_pj", "area_um2",
    "energy_pj_by_status", "area_um2_by_status", "bottlenecks", "notes", "sources",
)  # fmt: skip
_NUMBERS = (
    "macs", "cycles", "utilization", "dram_bytes", "batch", "latency_s", "throughput_per_s", "tops", "peak_tops",
    "tops_per_w", "power_w",
)  # fmt: skip
_SUMS = ("compute_cycles", "stall_cycles", "dram_read_bytes", "dram_write_bytes")
#: The keys of ``to_dict`` and of one of its layers.
KEYS = (*_SUMMARY, "layers", "provenance")
LAYER_KEYS = (*COLUMNS, *DETAILS)
