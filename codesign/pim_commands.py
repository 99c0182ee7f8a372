"""What the command `pim` does: the attention of a batch on memory that computes, told as a table or as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workloads.errors import CodesignError, unknown_name

LENGTH, CHANNEL = "seq_len", "ch_idx"
DEFAULT_PLACEMENT = "longest_first"
# Fields of `simulators.pim.device.PimDevice` that a sweep varies.
CHANGEABLE: dict[str, type] = {
    "row_buffers": int, "operand_bytes": int, "lanes": int, "unit_banks": int, "unit_clock_ghz": float,
    "composite": bool, "dot_holds_row": bool, "refresh": bool, "vector_in_bank": bool, "activate": str,
    "precharge": str, "value_layout": str, "placement": str,
}  # fmt: skip


def read_lengths(path: str) -> tuple[list[int], list[int] | None]:
    """Return the tokens of each request and, where the file has the column, the channel of each.

    Raises
    ------
    CodesignError
        With file and line, for a missing column or what is no whole number.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CodesignError(f"{path}: cannot be read as CSV ({error})") from None
    if not rows or LENGTH not in rows[0]:
        raise CodesignError(f"{path}: no requests, or no column {LENGTH} (tokens of each request)")
    columns = [name for name in (LENGTH, CHANNEL) if name in rows[0]]
    values: dict[str, list[int]] = {name: [] for name in columns}
    for line, row in enumerate(rows, 2):
        for name in columns:
            text = (row[name] or "").strip()
            if not (text.isascii() and text.isdigit()):
                raise CodesignError(f"{path}, line {line}: {name} {text!r} is not a whole number of at least 0")
            values[name].append(int(text))
    return values[LENGTH], values.get(CHANNEL)


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
        raise CodesignError(f"--set {name}: {value!r} is not a value of {kind.__name__}") from None


def run_requests(
    requests: str,
    device: str,
    model: str,
    placement: str = "",
    dual_row_buffer: bool = True,
    channels: int = 0,
    changes: Sequence[str] = (),
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

    Raises
    ------
    CodesignError
        For a bad file, an unknown device, model or placement, or a batch that does not fit.
    """
    from codesign.costs.pim import bank_mac_of
    from simulators.pim.attention import SHAPES
    from simulators.pim.devices import device_named
    from simulators.pim.energy import attention_energy
    from simulators.pim.placement import place
    from simulators.pim.run import run_attention

    chosen = device_named(device, "--device")
    chosen = replace(
        chosen, channels=channels or chosen.channels, row_buffers=chosen.row_buffers if dual_row_buffer else 1
    )
    chosen = replace(chosen, **dict(map(read_change, changes)))
    if model not in SHAPES:
        raise unknown_name("--model", "model", model, SHAPES)
    lengths, given = read_lengths(requests)
    channel_of = given if given and not placement else place(placement or DEFAULT_PLACEMENT, lengths, chosen.channels)
    result = run_attention(chosen, SHAPES[model], lengths, channel_of)
    busy = [one.pim_clocks for one in result.channels]
    mac = bank_mac_of(chosen)
    energy = attention_energy(chosen, result, mac.comp_pj)
    totals = {name: sum(one.counts[name] for one in result.channels) for name in result.channels[0].counts}
    return {
        "device": chosen.name,
        "source": chosen.source,
        "model": model,
        "tensor_parallel": SHAPES[model].tensor_parallel,
        "row_buffers": chosen.row_buffers,
        "channels": chosen.channels,
        "requests": len(lengths),
        "tokens": sum(lengths),
        "cycles": result.clocks,
        "softmax_done_cycles": result.softmax_done,
        "time_s": result.clocks * chosen.standard.clock_ns * 1e-9,
        "busy_cycles_mean": sum(busy) / len(busy),
        "busy_cycles_max": max(busy),
        "busy_cycles": busy,
        "commands": totals,
        "energy_pj": energy.parts_pj,
        "energy_total_pj": energy.total_pj,
        "energy_per_request_pj": energy.total_pj / len(lengths),
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
    from codesign.report.units import si

    r = run_requests(requests, device, model, **options)
    if json_output:
        return json.dumps(r, indent=1) + "\n"
    total, parts = r["energy_total_pj"] * 1e-12, {n.replace("_", " "): pj for n, pj in r["energy_pj"].items()}
    lines = [
        f"{r['device']}, {r['channels']} channels, row buffers of a bank: {r['row_buffers']}",
        f"table of {r['source']}",
        "",
        f"requests    {r['requests']:,} of {r['tokens']:,} tokens; a layer of {r['model']} on one of "
        f"{r['tensor_parallel']} devices, one decoded token each",
        f"cycles      {r['cycles']:,} ({si(r['time_s'], 's')}), softmax done at {r['softmax_done_cycles']:,}",
        f"channels    busy {r['busy_cycles_mean']:,.0f} cycles on average, {r['busy_cycles_max']:,} the longest",
        f"commands    {', '.join(f'{name} {count:,}' for name, count in r['commands'].items() if count)}",
        f"energy      {si(total, 'J')}, {si(r['energy_per_request_pj'] * 1e-12, 'J')} a request and its token",
        "            " + ", ".join(f"{name} {si(pj * 1e-12, 'J')}" for name, pj in parts.items() if pj),
        f"            {r['energy_source']}",
    ]
    if r["energy_missing"]:
        lines.append(f"            not in it, no source: {', '.join(r['energy_missing'])}")
    return "\n".join(lines) + "\n"
