"""What the command `pim` does: the attention of a batch on memory that computes, told as a table or as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.errors import CodesignError, quoted, unknown_name

if TYPE_CHECKING:
    from simulators.pim.device import PimDevice
    from simulators.pim.run import AttentionResult

LENGTH, CHANNEL = "seq_len", "ch_idx"
MOST = 1 << 30
DEFAULT_PLACEMENT = "longest_first"
# Fields of `simulators.pim.device.PimDevice` that a sweep varies.
CHANGEABLE: dict[str, type] = {
    "row_buffers": int, "operand_bytes": int, "lanes": int, "unit_banks": int, "unit_clock_ghz": float,
    "composite": bool, "dot_holds_row": bool, "refresh": bool, "vector_in_bank": bool, "activate": str,
    "precharge": str, "value_layout": str, "placement": str,
}  # fmt: skip
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def read_lengths(path: str, channels: int = 0, most_tokens: int = 0) -> tuple[list[int], list[int] | None]:
    """Return the tokens of each request and, where the file has the column, the channel of each.

    Parameters
    ----------
    channels, most_tokens : int
        Channels that there are; tokens that a request may have (0: any).

    Raises
    ------
    CodesignError
        With file and line, for a missing column, no requests, or what is no whole number within its limits.
    """
    limits = {LENGTH: (1, most_tokens or MOST), CHANNEL: (0, channels - 1 if channels else MOST)}
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file)
            header = [name.strip() for name in next(table, [])]
            rows = [(table.line_num, row) for row in table if any(text.strip() for text in row)]
    except OSError as error:
        raise CodesignError(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CodesignError(f"{path}: cannot be read as CSV ({error})") from None
    if LENGTH not in header:
        raise CodesignError(f"{path}: no column {LENGTH} (tokens of each request); it has {quoted(', '.join(header))}")
    if not rows:
        raise CodesignError(f"{path}: no requests below its header")
    columns = {name: header.index(name) for name in limits if name in header}
    values: dict[str, list[int]] = {name: [] for name in columns}
    for line, row in rows:
        for name, at in columns.items():
            text = row[at].strip() if at < len(row) else ""
            values[name].append(_whole(text, f"{path}, line {line}: {name}", *limits[name]))
    return values[LENGTH], values.get(CHANNEL)


def _whole(text: str, where: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and least <= int(text) <= most):
        raise CodesignError(f"{where} {quoted(text)} is not a whole number from {least} to {most:,}")
    return int(text)


def read_change(text: str) -> tuple[str, Any]:
    """Return an option of a device and its value.

    Raises
    ------
    CodesignError
        When it is not name=value, for an unknown option, or a value of another kind.
    """
    name, _, value = text.partition("=")
    if name not in CHANGEABLE:
        raise unknown_name("--set", "option of a PIM device", name, CHANGEABLE)
    kind = CHANGEABLE[name]
    try:
        return name, {"true": True, "false": False}[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError):
        raise CodesignError(f"--set {name}={value}: {quoted(value)} is not {_KINDS[kind]}") from None


def run_requests(
    requests: str,
    device: str,
    model: str,
    placement: str = "",
    dual_row_buffer: bool = True,
    channels: int = 0,
    changes: Sequence[str] = (),
    fast: bool = False,
) -> dict[str, Any]:
    """Run one layer's attention of one decoded token for the requests of a file; return the report as a dictionary.

    Parameters
    ----------
    placement : str
        `placement.PLACEMENTS`; empty takes the file's column ch_idx, or longest_first when it has none.
    dual_row_buffer : bool
        False takes the second row buffer away.
    channels : int
        The device's own when 0.
    changes : sequence of str
        Options of the device, each as name=value (`CHANGEABLE`).
    fast : bool
        By the closed form; commands are foretold, ACT and PRE of the vectors left out.

    Raises
    ------
    CodesignError
        For a bad file, an unknown device, model or placement, or a batch that does not fit.
    """
    from simulators.pim.attention import SHAPES
    from simulators.pim.closed_form import estimate_attention
    from simulators.pim.devices import device_named
    from simulators.pim.energy import foretold_counts, total_counts
    from simulators.pim.placement import place
    from simulators.pim.run import run_attention

    chosen = _changed(device_named(device, "--device"), dual_row_buffer, channels, changes)
    if model not in SHAPES:
        raise unknown_name("--model", "model", model, SHAPES)
    lengths, given = read_lengths(requests, chosen.channels)
    channel_of = given if given and not placement else place(placement or DEFAULT_PLACEMENT, lengths, chosen.channels)
    run = estimate_attention if fast else run_attention
    result = run(chosen, SHAPES[model], lengths, channel_of)
    counts = foretold_counts(chosen, SHAPES[model], lengths, result) if fast else total_counts(chosen, result)
    return {
        "device": chosen.name,
        "source": chosen.source,
        "model": model,
        "fidelity": "fast" if fast else "cycle",
        "tensor_parallel": SHAPES[model].tensor_parallel,
        "row_buffers": chosen.row_buffers,
        "channels": chosen.channels,
        "requests": len(lengths),
        "tokens": sum(lengths),
        **_measured(chosen, result, counts, len(lengths)),
    }


def _changed(device: PimDevice, dual_row_buffer: bool, channels: int, changes: Sequence[str]) -> PimDevice:
    rows = device.row_buffers if dual_row_buffer else 1
    device = replace(device, channels=channels or device.channels, row_buffers=rows)
    return replace(device, **dict(map(read_change, changes)))


def _measured(device: PimDevice, result: AttentionResult, counts: dict[str, int], requests: int) -> dict[str, Any]:
    from codesign.costs.pim import bank_mac_of
    from simulators.pim.energy import attention_energy

    busy, mac = [one.pim_clocks for one in result.channels], bank_mac_of(device)
    energy = attention_energy(device, result, mac.comp_pj, counts)
    return {
        "cycles": result.clocks,
        "softmax_done_cycles": result.softmax_done,
        "time_s": result.clocks * device.standard.clock_ns * 1e-9,
        "busy_cycles_mean": sum(busy) / len(busy),
        "busy_cycles_max": max(busy),
        "busy_cycles": busy,
        "commands": counts,
        "energy_pj": energy.parts_pj,
        "energy_total_pj": energy.total_pj,
        "energy_per_request_pj": energy.total_pj / requests,
        "energy_missing": list(energy.missing),
        "energy_source": f"{energy.source} ({mac.source})",
    }


def pim_report(requests: str, device: str, model: str, json_output: bool, **options: Any) -> str:
    """Run and return what the command prints.

    Raises
    ------
    CodesignError
        As `run_requests`.
    """
    from codesign.report.lines import counted, folded
    from codesign.report.units import si

    r = run_requests(requests, device, model, **options)
    if json_output:
        return json.dumps(r, indent=1) + "\n"
    total, parts = r["energy_total_pj"] * 1e-12, {n.replace("_", " "): pj for n, pj in r["energy_pj"].items()}
    lines = [
        f"{r['device']}, {counted(r['channels'], 'channel')}, {counted(r['row_buffers'], 'row buffer')} a bank"
        + ("; closed form" if r["fidelity"] == "fast" else ""),
        *folded("table of", r["source"]),
        "",
        *folded("requests", f"{r['requests']:,} of {r['tokens']:,} tokens; a layer of {r['model']} on one of "
                f"{r['tensor_parallel']} devices, one decoded token each"),
        f"cycles      {r['cycles']:,} ({si(r['time_s'], 's')}), softmax done at {r['softmax_done_cycles']:,}",
        f"channels    busy {r['busy_cycles_mean']:,.0f} cycles on average, {r['busy_cycles_max']:,} the longest",
        *folded("commands", ", ".join(f"{name} {count:,}" for name, count in r["commands"].items() if count)),
        f"energy      {si(total, 'J')}, {si(r['energy_per_request_pj'] * 1e-12, 'J')} a request and its token",
        *folded("", ", ".join(f"{name} {si(pj * 1e-12, 'J')}" for name, pj in parts.items() if pj)),
        *folded("", r["energy_source"]),
    ]  # fmt: skip
    if r["energy_missing"]:
        lines += folded("", f"not in it, no source: {', '.join(r['energy_missing'])}")
    return "\n".join(lines) + "\n"
