"""The throughputs of NeuPIMs (ASPLOS 2024) again: GPU, NPU, NPU with PIM, and each mechanism taken away in turn."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from codesign.report.units import si
from workloads.errors import CodesignError, unknown_name

if TYPE_CHECKING:
    from simulators.pim.system.layer import NpuPim

#: Models, and devices that share each (its table of models).
MODELS = {"gpt3-7b": 4, "gpt3-13b": 4, "gpt3-30b": 4, "gpt3-175b": 8}
BATCHES = (64, 128, 256, 512)
DATASETS = ("sharegpt", "alpaca")
#: Throughput of NeuPIMs over each, from its abstract.
PUBLISHED = {"gpu": 3.0, "npu": 2.4, "npu+pim": 1.6}
SYSTEMS = {
    "gpu": "A100 40 GB at its roofline: 312 TFLOP/s, 1,555 GB/s, fused vector functions",
    "npu": "the NPU alone: attention on its arrays, keys and values read from DRAM",
    "npu+pim": "one row buffer, a command slot for each COMP, channels in turn, no sub-batches",
    "neupims": "two row buffers, composite commands, longest request first, sub-batches where they are faster",
    "no dual row buffer": "neupims with one row buffer",
    "no composite commands": "neupims with a command slot for each COMP and READRES",
    "no interleaving": "neupims without sub-batches",
    "no balancing": "neupims, channels in turn",
}
SEED = 1
MOST_BATCH = 4096


class Point(NamedTuple):
    """Throughput and energy (of the layers' DRAM and multiply-adds; none of the GPU) of a system at a point."""

    model: str
    lengths: str
    batch: int
    system: str
    tokens_per_s: float
    interleaved: bool
    energy_per_token_j: float | None = None


@dataclass(frozen=True)
class Reproduction:
    """All points."""

    points: tuple[Point, ...]

    def gain(self, over: str, of: str = "neupims", keep: Callable[[Point], bool] = lambda _: True) -> float:
        """Return the geometric mean of one system's throughput over another's, of the points that are kept."""
        at = {point[:4]: point.tokens_per_s for point in self.points if keep(point)}
        ratios = [at[(*key[:3], of)] / value for key, value in at.items() if key[3] == over]
        return math.exp(sum(map(math.log, ratios)) / len(ratios))

    def energy_ratio(self, over: str, of: str = "neupims") -> float:
        """Return the geometric mean of one system's energy of a token over another's."""
        at = {point[:4]: point.energy_per_token_j for point in self.points if point.energy_per_token_j}
        ratios = [value / at[(*key[:3], of)] for key, value in at.items() if key[3] == over]
        return math.exp(sum(map(math.log, ratios)) / len(ratios))

    def to_csv(self) -> str:
        """Return a line a point."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Point._fields)
        writer.writerows(self.points)
        return text.getvalue()


def reproduce(
    models: Iterable[str] = MODELS, batches: Iterable[int] = BATCHES, datasets: Iterable[str] = DATASETS,
    progress: Callable[[int, int, str], None] | None = None,
) -> Reproduction:  # fmt: skip
    """Run every system at every point; the longest channel's attention stands for all, four channels for streams."""
    wanted = [(model, name, batch) for model in models for name in datasets for batch in batches]
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
    whole = system_of(machine, DECODERS[model], sampled=2, longest_only=True)

    def without(*overrides: str, **device: Any) -> NpuPim:
        changed = override_machine(machine, overrides)
        return replace(whole, machine=changed, device=replace(whole.device, **device), _kept={})

    naive = without("pim.interleave=off", "pim.placement=round_robin")
    return {
        "npu": whole,
        "neupims": whole,
        "npu+pim": replace(naive, device=device_named("newton")),
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

    block = systems["neupims"].block
    lengths = draw(name, batch, block.decoder.positions, SEED)
    gpu = batch / (block.decoder.layers * layer_seconds(A100_40GB, block, lengths))
    points = [Point(model, name, batch, "gpu", gpu, False)]
    for system, built in systems.items():
        run = decode(built, lengths, on_pim=system != "npu")
        told = energy_per_token(built, run, on_pim=system != "npu")["energy_per_token_pj"]
        joules = told["total"] * 1e-12 if told else None
        points.append(Point(model, name, batch, system, run.tokens_per_second, run.layer.interleaved, joules))
    return points


def table(found: Reproduction) -> str:
    """Return the comparison, by batch and altogether, and what each mechanism brings."""
    batches = sorted({point.batch for point in found.points})
    lines = ["NeuPIMs over", f"{'':24}{'published':>10}{'ours':>8}" + "".join(f"{f'b{b}':>8}" for b in batches)]
    for system, published in PUBLISHED.items():
        lines.append(f"{system:24}{published:>9.1f}x{_gains(found, system, batches)}")
    lines += ["", "and over itself without one mechanism"]
    lines += [f"{name:24}{'':>10}{_gains(found, name, batches)}" for name in SYSTEMS if name.startswith("no ")]
    lines += ["", "energy of a token over that of neupims (DRAM and multiply-adds of the layers)"]
    lines += [f"{name:24}{'':>10}{found.energy_ratio(name):>7.2f}x" for name in ("npu", "npu+pim")]
    lines += ["", "tokens/s of neupims (i: sub-batches in turns)"]
    for model, lengths in dict.fromkeys((point.model, point.lengths) for point in found.points):
        cells = [
            f"{si(point.tokens_per_s)}{' i' if point.interleaved else ''}"
            for point in found.points
            if (point.model, point.lengths, point.system) == (model, lengths, "neupims")
        ]
        lines.append(f"{model + ', ' + lengths:24}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join([*lines, "", *notes(found)]) + "\n"


def _gains(found: Reproduction, system: str, batches: Sequence[int]) -> str:
    by_batch = (found.gain(system, keep=lambda point, b=b: point.batch == b) for b in batches)  # type: ignore[misc]
    return f"{found.gain(system):>7.2f}x" + "".join(f"{gain:>7.2f}x" for gain in by_batch)


def notes(found: Reproduction) -> list[str]:
    """Return what the comparison rests on, and what it does not explain."""
    from codesign.costs.pim import bank_mac_of
    from codesign.report.units import area
    from simulators.pim.devices import NEUPIMS
    from simulators.pim.system.lengths import LENGTHS

    unit, units = bank_mac_of(NEUPIMS), NEUPIMS.banks * NEUPIMS.channels
    needed = found.gain("gpu") / PUBLISHED["gpu"]
    return [
        *(f"{name}: {text}" for name, text in SYSTEMS.items()),
        *(f"{name}: log-normal, mean {one.mean:g}, deviation {one.deviation:.1f} tokens ({one.source})"
          for name, one in LENGTHS.items()),
        f"The GPU is a roofline, no measurement: the published 3x is that of a GPU at {100 * needed:.0f} % of it. Its "
        "memory is 1.5 times as fast as the NPU's.",
        f"Area: {units:,} bank MACs of {area(unit.area_um2)}, {area(units * unit.area_um2)} a device ({unit.source}); "
        "a memory's process has larger gates. That of the second row buffers has no source here.",
        "Not explained: which batches, lengths and steps the published means were taken over; its all-reduce is free, "
        "ours goes over a link; the model's head is in ours. 175B, and with long requests 30B from batch 256 and 13B "
        "at 512, do not fit a device's memory as they are shared: all systems alike would need a pipeline of devices.",
    ]  # fmt: skip
