"""What `synth --target` does: a machine's RTL on an FPGA, its look-up tables, flip-flops, multipliers, block RAM."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from codesign.runner import read_machine

Progress = Callable[[int, int, str], None]
_TITLES = ("component", "count", "LUT", "FF", "DSP", "BRAM", "MHz")


def fpga_report(
    machine: str, target: str, overrides: list[str], *, routed: bool = False, as_json: bool = False,
    progress: Progress | None = None,
) -> str:  # fmt: skip
    """Map a machine's RTL to an FPGA family; return the report.

    Parameters
    ----------
    machine : str
        Preset or file.
    target : str
        `rtl.synthesis.fpga.TARGETS`.
    overrides : list of str
    routed : bool
        Place and route every component by nextpnr, for its clock.
    as_json : bool
    progress : callable, optional

    Raises
    ------
    CodesignError
        For an unknown target, a machine without RTL, a missing yosys or (with `routed`) nextpnr.
    """
    from rtl.design import Design
    from rtl.synthesis.fpga import clocks_mhz, map_to_fpga
    from rtl.synthesis.place_route import DEVICES, MOST_S, check_router, find_nextpnr

    described = read_machine(machine, overrides)
    if routed:
        check_router(target)
    design = Design.of(described)
    clocks = clocks_mhz(design, target, progress) if routed else {}
    figures = map_to_fpga(design, target, progress)
    report: dict[str, Any] = {
        "machine": described.name, "target": target, "family": figures.target.name, "tool": figures.tool,
        "script": figures.target.script, "block_ram": figures.target.block_ram,
        "components": [
            {"name": c.name, "count": c.count, **asdict(taken), "clock_mhz": clocks.get(c.name)}
            for c, taken in figures.components
        ],
        "memories": [
            {"name": name, "count": count, **asdict(shape), "copies": shape.copies, **asdict(taken)}
            for name, count, shape, taken in figures.memories
        ],
        "single_port_rams": figures.single_port_rams,
        "whole": asdict(figures.total) | {"clock_mhz": min((c for c in clocks.values() if c), default=None)},
        "router": find_nextpnr(target)[1] if routed else "",
        "router_device": " ".join(DEVICES[target]) if routed else "",
        "router_limit_s": MOST_S,
        "router_package": f"yowasp-nextpnr-{target}" if target in DEVICES else "",
    }  # fmt: skip
    return json.dumps(report, indent=1) + "\n" if as_json else _table(report)


def _table(report: dict[str, Any]) -> str:
    rows: list[tuple[str, ...]] = [_TITLES]
    for c in report["components"]:
        rows.append((c["name"], f"{c['count']:,}", *_taken(c), _mhz(c["clock_mhz"])))
    for memory in report["memories"]:
        rows.append((memory["name"], f"{memory['count']:,}", *_taken(memory), ""))
    rows.append(("whole", "", *_taken(report["whole"]), _mhz(report["whole"]["clock_mhz"])))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_TITLES))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join([*lines, "", *_notes(report)]) + "\n"


def _notes(report: dict[str, Any]) -> list[str]:
    if report["router"]:
        clock = f"{report['router']} {report['router_device']}: each component alone between registers; the whole's is"
        clock += " the least of them, paths through several not among them"
        without = ", ".join(c["name"] for c in report["components"] if c["clock_mhz"] is None)
        if without:
            clock += f"\n           none: {without}: not routed in {report['router_limit_s']} s, or too large"
    elif report["router_package"]:
        clock = 'not asked for: --fmax places and routes (pip install "codesign[fpga]")'
    else:
        clock = "no place and route for this family here; ecp5 and ice40 have one"
    return [
        f"  target   {report['family']}; {report['tool']}: {report['script']}",
        "  counts   of one instance; the whole's of all instances; BRAM in " + report["block_ram"],
        "  BRAM     memories with all of their ports, none of which ever waits, their content held several times:",
        f"           {_copies(report)}; once, with one port to read and one to",
        f"           write, it would take {_number(report['single_port_rams'])}",
        f"  clock    {clock}",
    ]


def _copies(report: dict[str, Any]) -> str:
    return ", ".join(f"{memory['name']} {memory['copies']}" for memory in report["memories"])


def _taken(taken: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_number(taken[key]) for key in _COUNTS)


def _number(value: float) -> str:
    return f"{value:,g}" if value % 1 else f"{int(value):,}"


_COUNTS = ("luts", "flip_flops", "multipliers", "block_rams")


def _mhz(clock: float | None) -> str:
    return f"{clock:.0f}" if clock else "-"
