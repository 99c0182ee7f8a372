"""The table of `codesign reproduce neupims`: ours beside what was published, and what the comparison rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codesign.neupims_reproduce import GAINS, SYSTEMS, published
from codesign.report.lines import folded
from codesign.report.units import area, percent, si

if TYPE_CHECKING:
    from codesign.neupims_reproduce import Reproduction

LABEL = 26
#: Where the publication's utilizations were taken.
POINT = ("gpt3-30b", "sharegpt", 256)
_SHOWN = {"npu": "npu", "npu+pim": "npu_pim", "neupims": "neupims"}
_USES = {
    "multipliers (published)": "array_utilization", "bus": "bus_utilization",
    "units in the banks": "pim_utilization",
}  # fmt: skip
#: Where the gain of its row buffers was taken: model and lengths, all batches.
ABLATION = ("gpt3-7b", "sharegpt")


def table(found: Reproduction) -> str:
    """Return the comparison, by batch and altogether, what each mechanism brings, energy, utilization, notes."""
    batches = sorted({point.batch for point in found.points})
    columns = "".join(f"{f'b{batch}':>8}" for batch in batches)
    lines = [f"{'neupims over':{LABEL}}{'published':>10}{'ours':>8}{columns}  geometric means"]
    lines += [_gains(found, over, "neupims", batches, published()[figure]) for over, figure in GAINS.items()]
    lines += ["", "and over itself without one mechanism"]
    lines += [_gains(found, name, "neupims", batches) for name in SYSTEMS if name.startswith("no ")]
    lines += ["", "npu+pim over npu, and what two row buffers bring it"]
    lines += [
        _gains(found, "npu", "npu+pim", batches, published()["npu_pim_over_npu"]),
        _gains(found, "npu+pim", "two row buffers", batches),
        *_ablation(found),
        "",
        *_energies(found),
        *_at_a_point(found),
        "",
        "tokens/s of neupims (i: sub-batches in turns; !: more than the memory of its devices holds)",
    ]  # fmt: skip
    for model, lengths in dict.fromkeys((point.model, point.lengths) for point in found.points):
        points = [p for batch in batches if (p := found.at(model, lengths, batch, "neupims"))]
        cells = [si(p.tokens_per_s) + " i" * p.interleaved + " !" * (p.fits is False) for p in points]
        lines.append(f"{model + ', ' + lengths:{LABEL}}" + "".join(f"{cell:>12}" for cell in cells))
    told = [*(f"{name}: {text}" for name, text in SYSTEMS.items()), "", *notes(found)]
    return "\n".join([*lines, "", *(line for text in told for line in _note(text))]) + "\n"


def _note(text: str) -> list[str]:
    label, colon, rest = text.partition(": ")
    return folded(label, rest, LABEL) if colon else [text]


def _gains(found: Reproduction, over: str, of: str, batches: Sequence[int], theirs: float = 0) -> str:
    name = f"{of} / {over}" if of != "neupims" else over
    by_batch = (found.gain(over, of, lambda point, b=batch: point.batch == b) for batch in batches)  # type: ignore[misc]
    told = f"{theirs:>9.1f}x" if theirs else f"{'':>10}"
    return f"{name:{LABEL}}{told}{found.gain(over, of):>7.2f}x" + "".join(f"{gain:>7.2f}x" for gain in by_batch)


def _ablation(found: Reproduction) -> list[str]:
    kept = [point for point in found.points if point[:2] == ABLATION]
    if not kept:
        return []
    ours = found.gain("npu+pim", "two row buffers", lambda point: point[:2] == ABLATION)
    return [f"{'  ' + ', '.join(ABLATION):{LABEL}}{published()['gain_of_dual_row_buffers']:>9.1f}x{ours:>7.2f}x"]


def _energies(found: Reproduction) -> list[str]:
    lines = [f"{'energy of a token over':{LABEL}}{'published':>10}{'ours':>8}{'DRAM':>8}  in the layers"]
    for name in ("npu", "npu+pim"):
        theirs = f"{published()['memory_energy_of_npu']:>9.2f}x" if name == "npu" else f"{'':>10}"
        dram = found.energy_ratio(name, field="dram_j")
        lines.append(f"{name:{LABEL}}{theirs}{found.energy_ratio(name):>7.2f}x{dram:>7.2f}x")
    return lines


def _at_a_point(found: Reproduction) -> list[str]:
    """Return what the systems use at the publication's point, or else at the last one, and where energy goes there."""
    model, lengths, batch = POINT if found.at(*POINT, "neupims") else found.points[-1][:3]
    points = {name: point for name in _SHOWN if (point := found.at(model, lengths, batch, name))}
    lines = ["", f"{f'{model}, {lengths}, b{batch}':{LABEL}}" + "".join(f"{name:>18}" for name in points)]
    for label, what in _USES.items():
        theirs = [published().get(f"{what}_{figure}") if (model, lengths, batch) == POINT else None
                  for figure in _SHOWN.values()]  # fmt: skip
        cells = [_beside(getattr(point, what), told) for point, told in zip(points.values(), theirs, strict=True)]
        lines.append(f"{label:{LABEL}}" + "".join(f"{cell:>18}" for cell in cells))
    parts = [part for part in points["neupims"].energy_j if any(point.energy_j[part] for point in points.values())]
    for part in parts:
        joules = (point.energy_j[part] for point in points.values())
        label = "energy of a token" if part == "total" else f"  {part.replace('_', ' ')}"
        lines.append(f"{label:{LABEL}}" + "".join(f"{si(value, 'J') if value else '-':>18}" for value in joules))
    return lines


def _beside(ours: float | None, theirs: float | None) -> str:
    return percent(ours or 0.0) + ("" if theirs is None else f" ({percent(theirs)})")


def notes(found: Reproduction) -> list[str]:
    """Return what the comparison rests on, and what it does not explain; each begins with a word and a colon."""
    from codesign.costs.pim import bank_mac_of
    from simulators.pim.devices import NEUPIMS
    from simulators.pim.system.gpu import A100_40GB
    from simulators.pim.system.lengths import LENGTHS

    unit, units = bank_mac_of(NEUPIMS), NEUPIMS.banks * NEUPIMS.channels
    bytes_per_s = NEUPIMS.channels * NEUPIMS.standard.peak_bytes_per_s
    needed = found.gain("gpu") / published()["gain_over_gpu"]
    return [
        *(f"{name}: log-normal, mean {one.mean:g}, deviation {one.deviation:g} tokens; {one.source}"
          for name, one in LENGTHS.items()),
        f"GPU: a roofline, no measurement; the published {published()['gain_over_gpu']:g}x is that of a GPU at "
        f"{100 * needed:.0f} % of it. Its memory is {A100_40GB.bytes_per_second / bytes_per_s:.1f} times as "
        "fast as the NPU's",
        f"area: {units:,} bank MACs of {area(unit.area_um2)}, {area(units * unit.area_um2)} a device ({unit.source}); "
        "a memory's process has larger gates. The second row buffers: published as "
        f"{100 * published()['second_row_buffer_area']:g} % of the memory (CACTI 7.0, 22 nm)",
        "not explained: the gain of its row buffers alone; here, without sub-batches, the NPU has nothing to do while "
        "PIM works. The use of its arrays; as multiply-adds over their peak, with the weights of both sub-batches at "
        f"{si(bytes_per_s, 'B/s')}, it could not pass a half. Its GPU, a measured A100 running PyTorch. Here "
        "all-reduces go over a link and the head is in; the publication's configurations of 30B and 175B are pipelines "
        "of 2 and 4 groups of devices, here one group, for all systems alike",
    ]  # fmt: skip
