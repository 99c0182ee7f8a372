"""The throughputs of NeuPIMs (ASPLOS 2024) again: GPU, NPU, NPU with PIM, and each mechanism taken away in turn."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from workloads.errors import CodesignError, unknown_name

if TYPE_CHECKING:
    from simulators.pim.system.layer import NpuPim

#: Models, and devices that share each (its table of models).
MODELS = {"gpt3-7b": 4, "gpt3-13b": 4, "gpt3-30b": 4, "gpt3-175b": 8}
BATCHES = (64, 128, 256, 384, 512)
DATASETS = ("sharegpt", "alpaca")
#: Figures of neupims_asplos2024.csv: throughput of NeuPIMs over each.
GAINS = {"gpu": "gain_over_gpu", "npu": "gain_over_npu", "npu+pim": "gain_over_npu_pim"}
SYSTEMS = {
    "gpu": "A100 40 GB at its roofline: 312 TFLOP/s, 1,555 GB/s, fused vector functions",
    "npu": "the NPU alone: attention on its arrays, keys and values read from DRAM",
    "npu+pim": "one row buffer, a command slot for each COMP, channels in turn, no sub-batches",
    "two row buffers": "npu+pim with two row buffers and composite commands",
    "neupims": "two row buffers, composite commands, longest request first, sub-batches where they are faster",
    "no dual row buffer": "neupims with one row buffer",
    "no composite commands": "neupims with a command slot for each COMP and READRES",
    "no interleaving": "neupims without sub-batches",
    "no balancing": "neupims, channels in turn",
}
SEED = 1
SAMPLED = 2
MOST_BATCH = 4096


class Point(NamedTuple):
    """Throughput, utilization and energy (of the layers; none of the GPU) of a system at a point.

    Attributes
    ----------
    array_utilization, bus_utilization, pim_utilization
        As `simulators.pim.system.utilization`.
    fits : bool
        Weights and cache in the memory of the devices.
    energy_j : mapping of str to float
        Of a token: DRAM by part (`dram_...`), multiply-adds, total.
    """

    model: str
    lengths: str
    batch: int
    system: str
    tokens_per_s: float
    interleaved: bool
    array_utilization: float | None = None
    bus_utilization: float | None = None
    pim_utilization: float | None = None
    fits: bool | None = None
    energy_j: Mapping[str, float] = MappingProxyType({})

    @property
    def total_j(self) -> float:
        """Energy of a token."""
        return self.energy_j.get("total", 0.0)

    @property
    def dram_j(self) -> float:
        """Energy of a token in DRAM."""
        return sum(joules for part, joules in self.energy_j.items() if part.startswith("dram_"))


@dataclass(frozen=True)
class Reproduction:
    """All points."""

    points: tuple[Point, ...]

    def gain(self, over: str, of: str = "neupims", keep: Callable[[Point], bool] = lambda _: True) -> float:
        """Return the geometric mean of one system's throughput over another's, of the points that are kept."""
        at = {point[:4]: point.tokens_per_s for point in self.points if keep(point)}
        ratios = [at[(*key[:3], of)] / value for key, value in at.items() if key[3] == over]
        return math.exp(sum(map(math.log, ratios)) / len(ratios))

    def energy_ratio(self, over: str, of: str = "neupims", field: str = "total_j") -> float:
        """Return the geometric mean of one system's energy of a token over another's, of all or of `dram_j`."""
        at = {point[:4]: value for point in self.points if (value := getattr(point, field))}
        ratios = [value / at[(*key[:3], of)] for key, value in at.items() if key[3] == over]
        return math.exp(sum(map(math.log, ratios)) / len(ratios))

    def at(self, model: str, lengths: str, batch: int, system: str) -> Point | None:
        """Return a point, None when it was not run."""
        key = (model, lengths, batch, system)
        return next((point for point in self.points if point[:4] == key), None)

    def to_csv(self) -> str:
        """Return a line a point."""
        text = io.StringIO()
        parts = list(dict.fromkeys(part for point in self.points for part in point.energy_j))
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*Point._fields[:-1], *(f"energy_{part}_j" for part in parts)])
        writer.writerows([*point[:-1], *(point.energy_j.get(part, "") for part in parts)] for point in self.points)
        return text.getvalue()


def reproduce(
    models: Iterable[str] = MODELS, batches: Iterable[int] = BATCHES, datasets: Iterable[str] = DATASETS,
    progress: Callable[[int, int, str], None] | None = None,
) -> Reproduction:  # fmt: skip
    """Run every system at every point: attention of the longest channel, streams of `SAMPLED` channels."""
    wanted = list(dict.fromkeys(itertools.product(models, datasets, batches)))
    points, systems = [], {}
    for done, (model, name, batch) in enumerate(wanted):
        if progress:
            progress(done, len(wanted), f"{model}, {name}, batch {batch}")
        if model not in systems:
            systems[model] = _systems(model)
        points += _points(systems[model], model, name, batch)
    return Reproduction(tuple(points))


def check_choices(models: Sequence[str], batches: Sequence[int]) -> None:
    """Raise CodesignError for a model that is not in the comparison, or no batch."""
    for model in models:
        if model not in MODELS:
            raise unknown_name("--model", "model of the comparison", model, MODELS)
    for batch in batches:
        if not 1 <= batch <= MOST_BATCH:
            raise CodesignError(f"--batch {batch}: use 1 to {MOST_BATCH} requests")


def _systems(model: str) -> dict[str, NpuPim]:
    """Return a model on NeuPIMs and on what is left of it without each mechanism; the NPU's stages are shared."""
    from simulators.machine_files import load_machine, override_machine
    from simulators.pim.devices import device_named
    from simulators.pim.system.model import system_of
    from workloads.zoo.language_models import DECODERS

    machine = load_machine("neupims", [f"pim.tensor_parallel={MODELS[model]}"])
    whole = system_of(machine, DECODERS[model], sampled=SAMPLED, longest_only=True)

    def without(*overrides: str, **device: Any) -> NpuPim:
        changed = override_machine(machine, overrides)
        return replace(whole, machine=changed, device=replace(whole.device, **device))

    naive = without("pim.interleave=off", "pim.placement=round_robin")
    return {
        "npu": whole,
        "neupims": whole,
        "npu+pim": replace(naive, device=device_named("newton")),
        "two row buffers": naive,
        "no dual row buffer": without(row_buffers=1),
        "no composite commands": without(composite=False),
        "no interleaving": without("pim.interleave=off"),
        "no balancing": without("pim.placement=round_robin"),
    }


def _points(systems: dict[str, NpuPim], model: str, name: str, batch: int) -> list[Point]:
    from codesign.neupims_run import energy_per_token
    from simulators.pim.system.gpu import A100_40GB, layer_seconds
    from simulators.pim.system.lengths import draw
    from simulators.pim.system.model import decode
    from simulators.pim.system.utilization import utilization

    block = systems["neupims"].block
    lengths = draw(name, batch, block.decoder.positions, SEED)
    gpu = batch / (block.decoder.layers * layer_seconds(A100_40GB, block, lengths))
    points = [Point(model, name, batch, "gpu", gpu, False)]
    for system, built in systems.items():
        on_pim = system != "npu"
        run = decode(built, lengths, on_pim=on_pim)
        spent = energy_per_token(built, run, on_pim)["energy_per_token_pj"]
        joules = {part: pj * 1e-12 for part, pj in spent.items()}
        used = utilization(built, run.layer, run.requests, on_pim)
        rate, turns, fits = run.tokens_per_second, run.layer.interleaved, run.needed_bytes <= run.device_bytes
        points.append(Point(model, name, batch, system, rate, turns, *used, fits, joules))
    return points


@cache
def published() -> dict[str, float]:
    """Return the figures of the publication that are compared with."""
    from codesign.validate.tables import read_table

    return {row["figure"]: float(row["value"]) for row in read_table("neupims_asplos2024.csv")}
