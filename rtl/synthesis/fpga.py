"""The same components on FPGAs: look-up tables, flip-flops, multipliers and block RAMs, by yosys.

Each component is mapped apart, as for cells. A memory becomes block RAM with the macro's ports and timing
(`rtl.synthesis.block_ram`): its content is held as many times as its ports need, which is the price of ports that never
wait. `single_port_rams` says what the content alone takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rtl.build_cache import built, key_of
from rtl.design import Design
from rtl.npu.memories import MACRO
from rtl.synthesis.block_ram import BANK, BANK_MODULE, RAM_MODULE, MemoryShape, block_ram_verilog
from rtl.synthesis.components import Component, components_of
from rtl.synthesis.hierarchy import part_of, split_modules
from rtl.synthesis.place_route import check_router, clock_mhz
from rtl.synthesis.side_by_side import Progress, side_by_side
from rtl.synthesis.yosys import find_yosys, run_yosys
from workloads.errors import unknown_name

_STATISTICS = "statistics.json"


@dataclass(frozen=True)
class Target:
    """An FPGA family.

    Attributes
    ----------
    name : str
    script : str
        The yosys pass that maps to it.
    luts : dict
        Look-up tables taken by a cell, by the start of its type; distributed RAM and carry chains among them.
    flip_flops, multipliers : tuple of str
        Starts of types.
    block_rams : dict
        Block RAMs of the larger size taken by a cell, by the start of its type.
    block_ram : str
        What that is.
    """

    name: str
    script: str
    luts: dict[str, float]
    flip_flops: tuple[str, ...]
    multipliers: tuple[str, ...]
    block_rams: dict[str, float]
    block_ram: str


#: Cells of the families: Xilinx UG953 and UG473, Lattice FPGA-TN-02204 and FPGA-TN-02205, iCE40 FPGA-TN-02013.
TARGETS = {
    "xc7": Target(
        "Xilinx 7 series", "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
        {"LUT": 1, "INV": 1, "SRL": 1, "RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4},
        ("FD",), ("DSP48E1",), {"RAMB36E1": 1, "RAMB18E1": 0.5}, "RAMB36E1 (36 kbit)",
    ),
    "ecp5": Target(
        "Lattice ECP5", "synth_ecp5", {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4}, ("TRELLIS_FF",),
        ("MULT18X18D",), {"DP16KD": 1}, "DP16KD (18 kbit)",
    ),
    "ice40": Target(
        "Lattice iCE40 UltraPlus", "synth_ice40 -dsp -device u", {"SB_LUT4": 1}, ("SB_DFF",), ("SB_MAC16",),
        {"SB_RAM40_4K": 1}, "SB_RAM40_4K (4 kbit)",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Resources:
    """What one instance takes of an FPGA; block RAMs in the larger size."""

    luts: float
    flip_flops: int
    multipliers: int
    block_rams: float


@dataclass(frozen=True)
class FpgaFigures:
    """A design on an FPGA.

    Attributes
    ----------
    components : list of (Component, Resources)
        Of one instance each.
    memories : list of (str, int, MemoryShape, Resources)
        Name, how many alike, what it is, resources of one.
    single_port_rams : float
        Block RAMs that would hold the memories' content once.
    total : Resources
        Of all instances and memories.
    target : Target
    tool : str
    """

    components: list[tuple[Component, Resources]]
    memories: list[tuple[str, int, MemoryShape, Resources]]
    single_port_rams: float
    total: Resources
    target: Target
    tool: str


def map_to_fpga(design: Design, target: str, progress: Progress | None = None) -> FpgaFigures:
    """Map every component of a design, and its memories, to an FPGA.

    Parameters
    ----------
    design : Design
    target : str
        One of `TARGETS`.
    progress : callable, optional
        As of `side_by_side`.

    Raises
    ------
    CodesignError
        For an unknown target, a missing yosys, a design that it refuses.
    """
    if target not in TARGETS:
        raise unknown_name("--target", "target", target, TARGETS)
    family, (_, tool) = TARGETS[target], find_yosys()
    kinds: dict[MemoryShape, list[str]] = {}
    for name, memory in design.memories.items():
        kinds.setdefault(MemoryShape(memory.depth, memory.width, memory.reads, memory.writes), []).append(name)
    parts = _parts(design)
    jobs: dict[str, Callable[[], Resources]] = {
        component.name: partial(_part_resources, family, text, component.module) for component, text in parts
    }
    jobs |= {names[0]: partial(memory_resources, family, shape) for shape, names in kinds.items()}
    alone = {names[0]: MemoryShape(shape.depth, shape.width, (1,), (1,)) for shape, names in kinds.items()}
    jobs |= {f"{name} once": partial(_bank_resources, family, shape) for name, shape in alone.items()}
    taken = side_by_side(jobs, progress)
    found = [(component, taken[component.name]) for component, _ in parts]
    kept, once = [], 0.0
    for shape, names in kinds.items():
        name = names[0].rsplit("_", 1)[0] if len(names) > 1 else names[0]
        kept.append((name, len(names), shape, taken[names[0]]))
        once += len(names) * taken[f"{names[0]} once"].block_rams
    everything = [(component.count, one) for component, one in found]
    return FpgaFigures(found, kept, once, _sum(everything + [(n, one) for _, n, _, one in kept]), family, tool)


def _parts(design: Design) -> list[tuple[Component, str]]:
    """Return the components with the Verilog of each, the others in it as black boxes."""
    components, modules = components_of(design), split_modules(design.verilog)
    boxes = {component.module for component in components} | {MACRO}
    return [(component, part_of(modules, component.module, boxes)) for component in components]


def _part_resources(family: Target, verilog: str, module: str) -> Resources:
    return resources_of(family, cells_of(verilog, module, family))


def memory_resources(family: Target, shape: MemoryShape) -> Resources:
    """Return what a memory with the macro's ports takes: its banks, one mapped for all, and what connects them."""
    box = f"(* blackbox *) {BANK.replace(' reg ', ' ', 1).partition(');')[0]});\nendmodule\n"
    around = cells_of(block_ram_verilog(shape) + box, RAM_MODULE, family)
    banks = around.pop(BANK_MODULE, 0) or sum(around.pop(kind) for kind in list(around) if BANK_MODULE in kind)
    assert banks == shape.copies << shape.bank_bits
    return _sum([(1, resources_of(family, around)), (banks, _bank_resources(family, shape))])


def _bank_resources(family: Target, shape: MemoryShape) -> Resources:
    numbers = {"WIDTH": shape.width, "ROWS": shape.rows, "BITS": shape.row_bits}
    text = BANK
    for name, value in numbers.items():
        text = re.sub(rf"parameter {name} = \d+", f"parameter {name} = {value}", text)
    return resources_of(family, cells_of(text, BANK_MODULE, family))


def clocks_mhz(design: Design, target: str, progress: Progress | None = None) -> dict[str, float | None]:
    """Return the clock of every component by name, placed and routed alone; None where `clock_mhz` has none.

    Raises
    ------
    CodesignError
        For a target that nextpnr does not know here, or when nextpnr is missing.
    """
    check_router(target)
    script = TARGETS[target].script
    jobs = {part.name: partial(clock_mhz, text, part.module, target, script) for part, text in _parts(design)}
    return side_by_side(jobs, progress)


def cells_of(verilog: str, top: str, target: Target) -> dict[str, int]:
    """Return the cells that a module becomes on a family, by type."""
    command, tool = find_yosys()
    script = f"""\
read_verilog -sv design.v
{target.script} -top {top}
tee -o {_STATISTICS} stat -json
"""

    def build(folder: Path) -> None:
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        (folder / "script.ys").write_text(script, encoding="utf-8")
        run_yosys(command, "script.ys", folder)
        (folder / "design.v").unlink()

    folder = built("fpga", key_of(verilog, script, tool), build)
    modules = json.loads((folder / _STATISTICS).read_text(encoding="utf-8"))["modules"]
    counts: dict[str, int] = modules[f"\\{top}"]["num_cells_by_type"]
    return counts


def resources_of(target: Target, cells: Mapping[str, int]) -> Resources:
    """Return what some cells take; types that are wiring alone (wide multiplexers, buffers, carry) take nothing."""
    luts = sum(number * _first(target.luts, kind) for kind, number in cells.items())
    flip_flops = sum(number for kind, number in cells.items() if kind.startswith(target.flip_flops))
    multipliers = sum(number for kind, number in cells.items() if kind.startswith(target.multipliers))
    block_rams = sum(number * _first(target.block_rams, kind) for kind, number in cells.items())
    return Resources(luts, flip_flops, multipliers, block_rams)


def _first(table: Mapping[str, float], kind: str) -> float:
    return next((value for start, value in table.items() if kind.startswith(start)), 0)


def _sum(taken: list[tuple[int, Resources]]) -> Resources:
    return Resources(
        sum(n * r.luts for n, r in taken), sum(n * r.flip_flops for n, r in taken),
        sum(n * r.multipliers for n, r in taken), sum(n * r.block_rams for n, r in taken),
    )  # fmt: skip
