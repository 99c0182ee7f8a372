"""Area and delay of PEs and vector lanes by pipeline depth, and the machine's components against its flattened whole.

    python -m benchmarks.synthesis pes --library DIR [--library DIR] --out benchmarks/synthesis_pes.csv
    python -m benchmarks.synthesis flat --library DIR --machine small_npu_8x8 --set array.rows=4 --set array.cols=4
    python -m benchmarks.synthesis table            # the tables of docs/validation.md, from the CSV

Every `--library` of `pes` is one library: a file, or a folder of all its files.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rtl.design import Design
from rtl.npu.vector_lane import LANE_MODULE
from rtl.pe.kinds import PE_KINDS
from rtl.synthesis.components import synthesize_components, synthesize_flat
from rtl.synthesis.components_rtl import component_verilog, pe_component
from rtl.synthesis.gate_level import node_of
from rtl.synthesis.hierarchy import part_of, split_modules
from rtl.synthesis.liberty import Library, load_library
from rtl.synthesis.liberty_files import liberty_files
from rtl.synthesis.netlist import netlist_of
from rtl.synthesis.pe_stimuli import PeShape
from rtl.synthesis.timing import static_timing
from rtl.synthesis.yosys import synthesize
from simulators.machine_files import load_machine
from simulators.program import VALUE_FUNCTIONS

COLUMNS = (
    "library", "node_nm", "component", "dataflow", "latency_cycles", "area_um2", "flip_flops", "period_ps",
    "area_over_int8", "recipe", "tool",
)  # fmt: skip
CSV_PATH = Path(__file__).parent / "synthesis_pes.csv"
LATENCIES = (1, 2, 3)
LANE_MACHINE = "small_npu_8x8"
LANE_LATENCIES = (1, 2, 3, 4, 6)
#: Area against the int8 PE at 45 nm and at 7 nm: unpipelined ws PEs of an earlier study (yosys `-booth`, ABC's
#: defaults), of which int4, int8 and int16 were also simulated as gates.
EARLIER = {
    "int4": (0.46, 0.50),
    "int8x4": (0.60, 0.69),
    "int8": (1.0, 1.0),
    "int16": (2.31, 2.64),
    "bf16": (2.26, 2.64),
}


def _figures(verilog: str, top: str, library: Library) -> dict[str, object]:
    mapped = synthesize(verilog, top, library)
    netlist = netlist_of(mapped, library)
    return {
        "library": library.name.split("+")[0], "node_nm": node_of(library), "area_um2": netlist.area_um2,
        "flip_flops": len(netlist.flip_flops), "period_ps": static_timing(netlist, library).period_ps,
        "recipe": mapped.recipe.flags, "tool": mapped.tool,
    }  # fmt: skip


def pe_rows(library: Library) -> Iterator[dict[str, object]]:
    """Yield a row for each PE of the family by dataflow and latency, then one for each vector lane by latency."""
    int8 = 0.0
    names = ["int8", *(name for name in PE_KINDS if name != "int8")]
    for dataflow in ("ws", "os"):
        for name in names:
            for latency in LATENCIES:
                shape = PeShape(*PE_KINDS[name], dataflow=dataflow, shadow=dataflow == "ws", latency_cycles=latency)
                found = _figures(component_verilog(pe_component(shape), "pe"), "pe", library)
                int8 = int8 if (name, latency) != ("int8", 1) else float(str(found["area_um2"]))
                key = {"component": name, "dataflow": dataflow, "latency_cycles": latency}
                yield found | key | {"area_over_int8": float(str(found["area_um2"])) / int8}
    for latency in LANE_LATENCIES:
        values = [f"vector.functions.{name}.latency_cycles={latency}" for name in VALUE_FUNCTIONS]
        design = Design.of(load_machine(LANE_MACHINE, values))
        text = part_of(split_modules(design.verilog), LANE_MODULE, ())
        yield _figures(text, LANE_MODULE, library) | {"component": "vector_lane", "latency_cycles": latency}


def write_pes(libraries: Iterable[str], out: Path) -> None:
    """Write the rows of all libraries as CSV, each as soon as it is known."""
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for path in libraries:
            for row in pe_rows(load_library(liberty_files([path]))):
                writer.writerow({key: f"{v:.5g}" if isinstance(v, float) else v for key, v in row.items()})
                stream.flush()
                print(row["component"], row.get("dataflow", ""), row["latency_cycles"], row["area_um2"])


def compare_flat(libraries: list[str], machine: str, overrides: list[str]) -> None:
    """Print the sum over components against the flattened whole, a row for docs/validation.md."""
    library = load_library(liberty_files(libraries))
    design = Design.of(load_machine(machine, overrides))
    parts, whole = synthesize_components(design, library), synthesize_flat(design, library)
    p = design.parameters
    print(
        f"| {library.name.split('+')[0]} | {p.rows}x{p.cols} | {parts.area_um2:,.0f} | {whole.area_um2:,.0f} "
        f"| {parts.area_um2 / whole.area_um2:.3f} | {parts.flip_flops:,} | {whole.flip_flops:,} "
        f"| {parts.period_ps / 1000:.2f} | {whole.period_ps / 1000:.2f} |"
    )


def print_tables() -> None:
    """Print the tables of docs/validation.md: PEs by latency, and ws PEs of one clock against the earlier study."""
    with CSV_PATH.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    by_key: dict[tuple[str, str], dict[tuple[str, str], dict[str, str]]] = {}
    for row in rows:
        cell = by_key.setdefault((row["component"], row["dataflow"]), {})
        cell[row["node_nm"], row["latency_cycles"]] = row
    nodes = sorted({row["node_nm"] for row in rows}, key=int)
    for (name, dataflow), cells in by_key.items():
        latencies = sorted({latency for _, latency in cells}, key=int)
        line = [f"{name} {dataflow}".strip()]
        for node in nodes:
            found = [cells[node, latency] for latency in latencies if (node, latency) in cells]
            line.append(" / ".join(f"{float(row['area_um2']):,.0f}" for row in found))
            line.append(" / ".join(f"{float(row['period_ps']) / 1000:.2f}" for row in found))
        print("| " + " | ".join(line) + " |")
    print()
    for name, earlier in EARLIER.items():
        cells = by_key[name, "ws"]
        ours = " | ".join(f"{float(cells[node, '1']['area_over_int8']):.2f}" for node in nodes if (node, "1") in cells)
        print(f"| {name} | {ours} | {earlier[1]:.2f} | {earlier[0]:.2f} |")


def main(arguments: list[str]) -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pes", "flat", "table"))
    parser.add_argument("--library", action="append", default=[])
    parser.add_argument("--machine", default="small_npu_8x8")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--out", type=Path, default=CSV_PATH)
    given = parser.parse_args(arguments)
    if given.what == "pes":
        write_pes(given.library, given.out)
    elif given.what == "flat":
        compare_flat(given.library, given.machine, given.set)
    else:
        print_tables()


if __name__ == "__main__":
    main(sys.argv[1:])
