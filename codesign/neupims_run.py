"""A language model on a machine whose memory computes: what `codesign run` does there, told as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from codesign.report.lines import counted, folded
from codesign.report.units import energy, percent, si
from workloads.errors import CodesignError, did_you_mean

if TYPE_CHECKING:
    from simulators.machine import Machine
    from simulators.pim.system.layer import NpuPim
    from simulators.pim.system.model import ModelRun
    from workloads.zoo.transformer import Decoder

_PARTS = ("npu_cycles", "pim_cycles")
DEFAULT_PHASE = "prefill"


class PimOptions(NamedTuple):
    """Options of the command line that only a machine with PIM takes; None and empty keep the machine's own."""

    requests: str = ""
    dual_row_buffer: bool | None = None
    interleave: bool | None = None
    placement: str = ""

    def overrides(self) -> list[str]:
        """Return what they override in the machine."""
        found = []
        if self.dual_row_buffer is not None:
            found.append(f"pim.dual_row_buffer={str(self.dual_row_buffer).lower()}")
        if self.interleave is not None:
            found.append(f"pim.interleave={'on' if self.interleave else 'off'}")
        return [*found, f"pim.placement={self.placement}"] if self.placement else found


def described_with(machine: Machine, options: PimOptions) -> Machine:
    """Return a machine with the options for PIM.

    Raises
    ------
    CodesignError
        When some are given and its memory does not compute.
    """
    from simulators.machine_files import override_machine

    if machine.pim is not None:
        return override_machine(machine, options.overrides()) if options.overrides() else machine
    given = [f"--{name.replace('_', '-')}" for name, value in options._asdict().items() if value not in (None, "")]
    if given:
        raise CodesignError(f"{', '.join(given)}: the memory of {machine.name} does not compute; use --machine neupims")
    return machine


def refuse_options(name: str, **given: bool) -> None:
    """Raise CodesignError for options that a machine with PIM does not take.

    Parameters
    ----------
    name : str
        Of the machine.
    given : bool
        Whether the option of that name was given.
    """
    refused = [f"--{option.replace('_', '-')}" for option, is_given in given.items() if is_given]
    if refused:
        raise CodesignError(f"{', '.join(refused)}: not for {name}, whose memory computes: leave it out")


#: Beginnings of the fields of a machine that language models on PIM make nothing of.
UNUSED = (
    "array.style", "array.fold_overlap", "array.os_drain", "array.convolution", "array.pe.latency_cycles",
    "array.row_stationary", "scratchpad.", "weight_buffer.", "parameter_buffer.", "accumulator.banks",
    "accumulator.double_buffered", "accumulator.latency_cycles", "technology.sram", "vector.requantize", "dma.",
    "queues.", "memory.",
)  # fmt: skip


def refuse_overrides(name: str, overrides: Sequence[str]) -> None:
    """Raise CodesignError for an override that would change nothing on a machine with PIM."""
    for text in overrides:
        if text.startswith(UNUSED):
            raise CodesignError(f"--set {text}: without effect on {name}, whose memory computes: leave it out")


def read_decoder(network: str) -> Decoder:
    """Return the language model of a name or a Hugging Face ``config.json``.

    Raises
    ------
    CodesignError
        For anything else, naming the models.
    """
    from workloads.zoo.language_models import DECODERS
    from workloads.zoo.transformer import Decoder

    if network in DECODERS:
        return DECODERS[network]
    if network.endswith(".json"):
        from workloads.importers.huggingface import model_from_config
        from workloads.importers.huggingface_fields import read_config

        model = model_from_config(read_config(network), network)
        if isinstance(model, Decoder):
            return model
    raise CodesignError(
        f"{network[:200]}: only decoders run on memory that computes: {', '.join(DECODERS)}, or the config.json of one"
        f"{did_you_mean(network, DECODERS)}"
    )


@dataclass(frozen=True)
class LanguageResult:
    """What a language model's pass takes on the devices that share it.

    Attributes
    ----------
    report : dict
        Stable keys with their units; `stages` holds a dictionary for each stage of a layer.
    """

    report: dict[str, Any]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.report, indent=1) + "\n"

    def to_csv(self) -> str:
        """Return a line a stage of a layer, then the line ``total``."""
        text, columns = io.StringIO(), ["name", "cycles", "npu_cycles", "pim_cycles", "bound_by"]
        writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(self.report["stages"])
        writer.writerow({"name": "total", "cycles": self.report["cycles"]})
        return text.getvalue()

    def rendered(self, output: str) -> str:
        """Return the report as ``table``, ``json`` or ``csv``."""
        return {"table": self.__str__, "json": self.to_json, "csv": self.to_csv}[output]()

    def __str__(self) -> str:
        r = self.report
        lines = [
            f"{r['network']}, {r['phase']} of {counted(r['requests'], 'request')} on {r['machine']}; PIM device "
            f"{r['device']}: {counted(r['channels'], 'channel')}, {counted(r['row_buffers'], 'row buffer')} a bank"
            + ("; closed form" if r["fidelity"] == "fast" else ""), "",
        ]  # fmt: skip
        lines += [f"{'a layer':44}{'cycles':>12}{'NPU':>12}{'PIM':>12}  what binds it"]
        for stage in r["stages"]:
            parts = "".join(f"{stage[part]:>12,}" if stage[part] else f"{'-':>12}" for part in _PARTS)
            lines.append(f"{stage['name']:44}{stage['cycles']:>12,}{parts}  {stage['bound_by']}")
        spent = ", ".join(f"{name} {percent(share)}" for name, share in r["bottlenecks"].items())
        lines += [
            "",
            f"cycles      {r['cycles']:,} ({si(r['latency_s'], 's')}): {r['layers']} layers of {r['layer_cycles']:,}, "
            f"head {r['head_cycles']:,}",
            f"throughput  {si(r['tokens_per_s'])} tokens/s on {counted(r['tensor_parallel'], 'device')}",
            f"bound by    {spent}",
            f"in use      multipliers of the arrays {percent(r['array_utilization'])}, bus of the DRAM "
            f"{percent(r['bus_utilization'])}, units in its banks {percent(r['pim_utilization'])}",
            f"schedule    {r['schedule']}",
            f"memory      {si(r['needed_bytes'], 'B')} of weights and cache on a device of "
            f"{si(r['device_bytes'], 'B')}",
            f"traffic     the NPU of a device reads {si(r['layer_read_bytes'], 'B')} and writes "
            f"{si(r['layer_write_bytes'], 'B')} in a layer",
        ]  # fmt: skip
        lines += self._energy_lines()
        lines += [line for note in r["notes"] for line in folded("note", note)]
        return "\n".join(lines) + "\n"

    def _energy_lines(self) -> list[str]:
        parts = self.report["energy_per_token_pj"]
        if not parts:
            return folded("energy", self.report["energy_source"])
        total = parts["total"]
        shares = [(pj / total, name.replace("_", " ")) for name, pj in parts.items() if name != "total" and pj]
        told = ", ".join(f"{name} {percent(share)}" for share, name in sorted(shares, reverse=True))
        told = f"{energy(total)} a token in the layers of all devices: {told}"
        without = f"not in it: {', '.join(self.report['energy_missing'])}; {self.report['energy_source']}"
        return [*folded("energy", told), *folded("", without)]


def run_language_model(
    network: str, machine: Machine, batch: int = 1, phase: str = "", context: int | None = None, requests: str = "",
    fast: bool = False, keep_channels: bool = True,
) -> LanguageResult:  # fmt: skip
    """Run a language model on a machine whose memory computes.

    Parameters
    ----------
    network : str
        A decoder's name or a Hugging Face ``config.json``.
    machine : Machine
        With a section `pim`.
    batch, context : int
        Requests, each of `context` tokens (512 when absent, or as many as the model has positions).
    phase : str
        ``decode`` or ``prefill`` (the default).
    requests : str
        A CSV with a column seq_len, and ch_idx where the channels are given, in place of batch and context.
    fast : bool
        Attention by the closed form, one batch after the other, streams of one channel.
    keep_channels : bool
        False: place the requests anew, whatever channels the CSV gives.

    Raises
    ------
    CodesignError
        With what does not fit: model, machine, batch, lengths or channels.
    """
    from codesign.pim_commands import read_lengths
    from simulators.pim.system.model import decode, prefill, system_of
    from workloads.phase import Phase

    model = read_decoder(network)
    if requests and (batch != 1 or context is not None):
        raise CodesignError("--requests: gives batch and lengths itself; leave --batch and --context out")
    system = system_of(machine, model, fast=fast)
    if requests:
        lengths, channel_of = read_lengths(requests, system.device.channels, model.positions)
        channel_of = channel_of if keep_channels else None
    else:
        one = Phase(phase or DEFAULT_PHASE, context)
        lengths, channel_of = [one.context_of(model.name, model.positions)] * batch, None
    phase = Phase(phase or DEFAULT_PHASE).name
    run = decode(system, lengths, channel_of) if phase == "decode" else prefill(system, lengths)
    return LanguageResult(_report(model.name, phase, lengths, system, run))


def _report(name: str, phase: str, lengths: Sequence[int], system: NpuPim, run: ModelRun) -> dict[str, Any]:
    from simulators.pim.system.utilization import utilization

    layer, pim = run.layer, system.npu.pim
    spent: dict[str, int] = {}
    for stage in layer.stages:
        spent[stage.bound_by] = spent.get(stage.bound_by, 0) + stage.cycles
    return {
        "network": name,
        "machine": system.machine.name,
        "device": system.device.name,
        "channels": system.device.channels,
        "row_buffers": system.device.row_buffers,
        "phase": phase,
        "fidelity": "fast" if system.fast else "cycle",
        "requests": len(lengths),
        "context_tokens": sum(lengths),
        "tensor_parallel": pim.tensor_parallel,
        "schedule": _schedule(system, run, phase),
        "interleaved": layer.interleaved,
        "cycles": run.cycles,
        "latency_s": run.seconds,
        "tokens_per_s": run.tokens_per_second,
        "layers": run.layers,
        "layer_cycles": layer.cycles,
        "head_cycles": run.head.cycles,
        "stages": [
            {**stage._asdict(), "rows": [row._asdict() for row in stage.rows]} for stage in layer.stages
        ],
        "bottlenecks": {name: spent[name] / layer.cycles for name in sorted(spent, key=lambda n: -spent[n])},
        "layer_read_bytes": layer.read_bytes,
        "layer_write_bytes": layer.write_bytes,
        "layer_macs": layer.macs,
        **utilization(system, layer, run.requests, phase == "decode")._asdict(),
        "needed_bytes": run.needed_bytes,
        "device_bytes": run.device_bytes,
        **energy_per_token(system, run, phase == "decode"),
        "notes": _notes(run, system),
    }  # fmt: skip


def energy_per_token(system: NpuPim, run: ModelRun, on_pim: bool) -> dict[str, Any]:
    """Return the energy of a token in all layers of all devices, DRAM by part and the arrays' multiply-adds."""
    from codesign.costs.actions import action_costs
    from codesign.costs.pim import bank_mac_of
    from simulators.pim.system.energy import layer_energy

    unit = bank_mac_of(system.device)
    try:
        found = layer_energy(system, run.layer, run.requests, on_pim, unit.comp_pj)
    except CodesignError as error:
        return {"energy_per_token_pj": {}, "energy_source": str(error)}
    (mac,) = [cost for cost in action_costs(system.machine) if cost.counter == "macs"]
    each = run.layers * system.npu.pim.tensor_parallel / run.tokens
    parts = {f"dram_{name}": pj * each for name, pj in found.parts_pj.items()}
    parts["array_macs"] = run.layer.macs * mac.pj * each
    parts["total"] = sum(parts.values())
    missing = ["buffers, vector units and link of the NPU", *found.missing]
    return {
        "energy_per_token_pj": parts,
        "energy_missing": missing,
        "energy_source": f"{found.source} ({unit.source}); array: {mac.pj:.3g} pJ a multiply-add, {mac.status}",
    }


def _schedule(system: NpuPim, run: ModelRun, phase: str) -> str:
    if phase == "prefill":
        return "prompts on the arrays, PIM idle"
    if run.layer.interleaved:
        return "two sub-batches in turns, one on the NPU while the other attends; weights streamed twice"
    if system.fast and system.npu.pim.interleave == "auto":
        return "one batch, its stages one after the other (sub-batches in turns take --fidelity cycle)"
    told = {"off": "as asked", "auto": "two sub-batches in turns would not be faster", "on": "one request only"}
    return f"one batch, its stages one after the other ({told[system.npu.pim.interleave]})"


def _notes(run: ModelRun, system: NpuPim) -> list[str]:
    notes = []
    if run.needed_bytes > run.device_bytes:
        parts = -(-run.needed_bytes // run.device_bytes)
        notes.append(
            f"weights and cache do not fit: {parts} groups of devices in a pipeline hold the layers; the throughput is "
            f"that of one batch in flight, {parts} batches give {parts} times as much"
        )
    if system.block.decoder.groups > 1:
        notes.append(f"{system.block.decoder.groups} query heads share each key: PIM passes over its tiles for each")
    notes.append("token embedding and sampling are left out; the head is in the cycles, not in the energy")
    return notes
