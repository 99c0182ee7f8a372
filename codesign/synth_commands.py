"""What the command `synth` does: area and delay of a machine's RTL by component, from a user's Liberty library."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codesign.report.units import percent
from codesign.runner import read_machine
from workloads.errors import CodesignError

if TYPE_CHECKING:
    from rtl.synthesis.components import DesignFigures, FlatFigures
    from rtl.synthesis.cost_rows import CostRow
    from rtl.synthesis.liberty import Library
    from rtl.synthesis.yosys import Recipe
    from simulators.machine import Machine

Progress = Callable[[int, int, str], None]


def synthesize_machine(
    machine: str, libraries: list[str], overrides: list[str], *, flat: bool = False, as_json: bool = False,
    mapper: str = "area", out: str = "", node_nm: int | None = None, progress: Progress | None = None,
) -> str:  # fmt: skip
    """Synthesize a machine's RTL; return the report.

    Parameters
    ----------
    machine : str
        Preset or file.
    libraries : list of str
        Liberty files, or folders of them, that make one library.
    overrides : list of str
        ``field=value`` of the machine.
    flat : bool
        Also the flattened whole, to compare.
    as_json : bool
    mapper : str
        `rtl.synthesis.yosys.MAPPERS`.
    out : str
        A cost table (CSV) to write, for ``technology.arithmetic``; energies are measured for it.
    node_nm : int, optional
        The library's node, where its name does not tell it.
    progress : callable, optional

    Raises
    ------
    CodesignError
        For a library that cannot be read, a machine without RTL, a missing yosys.
    """
    from rtl.design import Design
    from rtl.synthesis.components import synthesize_components, synthesize_flat
    from rtl.synthesis.cost_rows import write_rows
    from rtl.synthesis.liberty import load_library
    from rtl.synthesis.liberty_files import liberty_files
    from rtl.synthesis.yosys import Recipe

    described = read_machine(machine, overrides)
    library = load_library(liberty_files(libraries))
    if out:
        from rtl.synthesis.gate_level import node_of

        node_nm = node_of(library, node_nm)
    design, recipe = Design.of(described), Recipe(mapper=mapper)
    with ThreadPoolExecutor(1) as pool:  # most of both is Yosys, each its own process
        flattened = pool.submit(synthesize_flat, design, library, recipe) if flat else None
        figures = synthesize_components(design, library, recipe, progress)
        whole = flattened.result() if flattened else None
    report = _report(described, library, figures, whole)
    if out:
        rows = cost_rows(described, library, figures, recipe, node_nm)
        write_rows(rows, out)
        report["energy"] = _energies(rows)
        report["cost_table"] = {"path": out, "node_nm": rows[0].node_nm}
    return json.dumps(report, indent=1) + "\n" if as_json else _table(report)


def check_options(
    *, target: str, fmax: bool, library: list[str], flat: bool, mapper: str, out: str, node_nm: int | None
) -> None:  # fmt: skip
    """Refuse options that would have no effect, and a cost table that could not be written, before the work."""
    if fmax and not target:
        raise CodesignError("--fmax: place and route is for an FPGA; give --target ecp5 or ice40")
    for_cells = {
        "--library": bool(library), "--flat": flat, "--mapper": mapper != "area", "--out": bool(out),
        "--node-nm": node_nm is not None,
    }  # fmt: skip
    if target and any(for_cells.values()):
        given = next(option for option, is_given in for_cells.items() if is_given)
        raise CodesignError(f"{given}: for a Liberty library; it has no effect on --target {target}")
    if node_nm is not None and not out:
        raise CodesignError("--node-nm: the node is for the cost table; give --out costs.csv")
    if out and not out.endswith(".csv"):
        raise CodesignError(f"--out {out}: a cost table is a .csv file")
    if out and not Path(out).parent.is_dir():
        raise CodesignError(f"--out {out}: its folder does not exist")


def _report(machine: Machine, library: Library, figures: DesignFigures, flat: FlatFigures | None) -> dict[str, Any]:
    components = [
        {
            "name": f.component.name, "variant": f.component.variant, "description": f.component.description,
            "count": f.component.count,
            "cells": f.cells, "flip_flops": f.flip_flops, "area_um2": f.area_um2, "period_ps": f.period_ps,
            "leakage_nw": f.leakage_nw, "share": f.area_um2 * f.component.count / figures.area_um2,
        }
        for f in figures.components
    ]  # fmt: skip
    return {
        "machine": machine.name,
        "library": {
            "name": library.name, "supply_v": library.supply_v, "temperature_c": library.temperature_c,
            "corner": library.corner,
        },
        "tool": figures.tool,
        "recipe": figures.recipe,
        "components": components,
        "whole": {
            "area_um2": figures.area_um2, "flip_flops": figures.flip_flops, "period_ps": figures.period_ps,
            "path_end": figures.path_end, "path_ps": figures.path_ps, "clock_asked_hz": machine.clock_hz,
        },
        "flat": None if flat is None else asdict(flat) | {"components_over_flat": figures.area_um2 / flat.area_um2},
        "modelled": {"node_nm": machine.technology.node_nm, "sram": _memories(machine)},
    }  # fmt: skip


def cost_rows(
    machine: Machine, library: Library, figures: DesignFigures, recipe: Recipe, node_nm: int | None
) -> list[CostRow]:  # fmt: skip
    """Return the cost table of a machine: PE, register bit, adder and lane with their energy, the other components."""
    from codesign.costs.blocks import block_size
    from rtl.synthesis.cost_rows import CostRow
    from rtl.synthesis.tables import table_rows

    rows = list(table_rows(machine, library, node_nm=node_nm, recipe=recipe))
    library_name, node, supply = rows[0].library, rows[0].node_nm, rows[0].supply_v
    bit_fj = next(row.clock_fj for row in rows if row.kind == "register")
    blocks = [
        CostRow(
            "block", f.component.name, f.area_um2, f.flip_flops, f.period_ps, f.leakage_nw, f.flip_flops * bit_fj,
            library=library_name, node_nm=node, supply_v=supply, recipe=figures.recipe, tool=figures.tool,
            size=block_size(f.component.name, machine),
        )
        for f in figures.components
        if f.component.name not in ("pe", "vector_lane")
    ]  # fmt: skip
    return [*rows, *blocks]


def _energies(rows: list[CostRow]) -> list[dict[str, Any]]:
    """Return what the rows with an energy of their own take in a cycle of uniform bits, fJ by group."""
    from rtl.synthesis.cost_rows import GROUPS, OperandStatistics

    uniform = OperandStatistics(0.5, 0.5)
    return [
        {
            "component": row.name or (row.accumulator if row.kind == "adder" else row.activation), "kind": row.kind,
            "fj": {group: row.energy_fj(group, uniform) for group in GROUPS}, "fit_error_mean": row.fit_error_mean,
        }
        for row in rows
        if row.kind != "block"
    ]  # fmt: skip


def _memories(machine: Machine) -> list[dict[str, Any]]:
    """The memories' area from the SRAM table, at the machine's node."""
    from codesign.costs.area import area

    return [
        {
            "name": item.component, "part": item.part, "area_um2": item.figure.value, "status": item.figure.status,
            "size_bytes": getattr(machine, item.component).size_bytes,
        }
        for item in area(machine).items
        if item.part.endswith("SRAM")
    ]  # fmt: skip


_TITLES = ("component", "count", "cells", "flip-flops", "um2 each", "um2", "share", "delay ns", "MHz")


def _table(report: dict[str, Any]) -> str:
    """The report as text: components with figures of one instance, then the whole, then what all of it means."""
    rows = [_TITLES]
    for c in report["components"]:
        name = f"  {c['variant']}" if c["variant"] else c["name"]
        rows.append((
            name, f"{c['count']:,}", f"{c['cells']:,}", f"{c['flip_flops']:,}", _area(c["area_um2"]),
            _area(c["area_um2"] * c["count"]), percent(c["share"]), *_delay(c["period_ps"]),
        ))  # fmt: skip
    whole, flat = report["whole"], report["flat"]
    cells = sum(c["cells"] * c["count"] for c in report["components"])
    figures = (f"{cells:,}", f"{whole['flip_flops']:,}", "", _area(whole["area_um2"]), "")
    rows.append(("whole", "", *figures, *_delay(whole["period_ps"])))
    if flat:
        figures = (f"{flat['cells']:,}", f"{flat['flip_flops']:,}", "", _area(flat["area_um2"]), "")
        rows.append(("flattened", "", *figures, *_delay(flat["period_ps"])))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_TITLES))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join([*lines, "", *_notes(report)]) + "\n"


def _notes(report: dict[str, Any]) -> list[str]:
    library, sram = report["library"], report["modelled"]["sram"]
    first, *others = library["name"].split("+")
    name = f"{first} and {len(others)} more files" if others else first
    memories = ", ".join(f"{memory['name']} {_area(memory['area_um2'])}" for memory in sram)
    notes = [
        f"  synthesized  all above: cell area, without placement; {report['tool']}: {report['recipe']}",
        f"  library      {name} ({library['supply_v']:g} V, {library['temperature_c']:g} C)",
        "  delay        longest path between registers, from the library's tables; no wires, clock skew or margin; the",
        f"               whole's passes through several components and ends at {report['whole']['path_end']}; a memory",
        "               counts as a register (its access time is not in it)",
        f"  modelled     SRAM at {report['modelled']['node_nm']} nm from the CACTI 7 table, um2: {memories}",
        "  neither      wires, clock tree, DRAM and its PHY, pads",
    ]
    for row in report.get("energy", ()):
        parts = ", ".join(f"{group} {fj:.3g}" for group, fj in row["fj"].items() if fj)
        name = f"{row['kind']} {row['component']}".strip()
        notes.append(f"  energy       {name}: {sum(row['fj'].values()):.4g} fJ a cycle of uniform bits ({parts})")
    if "cost_table" in report:
        notes += _table_notes(report["cost_table"], report["modelled"]["node_nm"])
    notes.insert(0, _clock(report))
    if report["flat"]:
        ratio = report["flat"]["components_over_flat"]
        notes.insert(0, f"  components   sum to {ratio:.3f} of the flattened whole's area")
    return notes


def _table_notes(table: dict[str, Any], machine_nm: int) -> list[str]:
    """How the cost table is used, and what becomes of it at another node than its library's."""
    path, own_nm = table["path"], table["node_nm"]
    notes = [f"  cost table   {path}; use it with --set technology.arithmetic={path}"]
    if own_nm != machine_nm:
        notes += [
            f"               its figures are of {own_nm} nm: carried to the machine's {machine_nm} nm (`scaled`),",
            f"               or with --set technology.node_nm={own_nm} as they are",
        ]
    return notes


def _clock(report: dict[str, Any]) -> str:
    """What the machine asks for and what its longest path allows, the components that most of that path is in."""
    whole = report["whole"]
    asked, closes = whole["clock_asked_hz"] / 1e6, 1e6 / whole["period_ps"]
    spent = sorted(whole["path_ps"].items(), key=lambda item: -item[1])
    where = ", ".join(f"{name} {ps / 1000:.2f} ns" for name, ps in spent[:2])
    verb = "closes" if asked <= closes else "is all that closes"
    return f"  clock        {asked:,.0f} MHz asked, {closes:,.0f} MHz {verb} on {_first_name(report)}: {where}"


def _first_name(report: dict[str, Any]) -> str:
    return str(report["library"]["name"]).split("+")[0].split("_AO_")[0]


def _area(um2: float) -> str:
    return f"{um2:,.1f}" if um2 < 1000 else f"{um2:,.0f}"


def _delay(period_ps: float) -> tuple[str, str]:
    return (f"{period_ps / 1000:.2f}", f"{1e6 / period_ps:,.0f}") if period_ps else ("-", "-")
