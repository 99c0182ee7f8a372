"""The components of a machine's RTL, synthesized apart; their sum is the logic of the whole.

Every module belongs to exactly one component. Nothing is optimised across borders, which is what the comparison with
the flattened whole measures, but for one thing: a queue does not store the fields of a command that its engine never
reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rtl.design import TOP, Design
from rtl.npu.array import PE_MODULE
from rtl.npu.memories import MACRO
from rtl.npu.vector_lane import LANE_MODULE
from rtl.synthesis.assembly import assemble
from rtl.synthesis.hierarchy import part_of, split_modules, without_outputs
from rtl.synthesis.liberty import Library
from rtl.synthesis.netlist import Netlist
from rtl.synthesis.timing import static_timing
from rtl.synthesis.yosys import Recipe, Synthesis, synthesize

#: Component: the module that holds it (without Amaranth's number), and what it is. Inner ones come before outer ones.
_ROOTS = {
    "pe": (PE_MODULE, "one PE with its registers"),
    "array_edges": ("npu.execute.array", "skew registers, serializers, control bits that travel with operands"),
    "accumulate": ("npu.execute.columns", "adders on the way to the accumulator memory"),
    "execute_control": ("npu.execute", "tiles, addresses of vectors and steps, when a matmul may start"),
    "vector_lane": (LANE_MODULE, "one lane: multiplier, sum, rounding"),
    "vector_control": ("npu.vector", "loops, addresses, operands in flight"),
    "load": ("npu.load", "requests, entries in flight, beats into memories"),
    "store": ("npu.store", "gathering, requests, responses"),
    "queues": ("npu.sequencer", "sequencer and command queues"),
    "tokens": ("npu.tokens", "token counters"),
    "memory_port": ("npu.port", "arbiter of load and store"),
    "counters": ("npu.performance", "performance counters"),
    "wait_classes": ("npu.waits", "why the array waits"),
    "memory_addresses": (TOP, "addresses of lanes at the memories; connections"),
}


@dataclass(frozen=True)
class Component:
    """A part of the design.

    Attributes
    ----------
    name, description : str
    module : str
        Its module in the Verilog.
    count : int
        Instances in the whole.
    """

    name: str
    description: str
    module: str
    count: int


@dataclass(frozen=True)
class ComponentFigures:
    """Synthesis of one instance of a component.

    Attributes
    ----------
    component : Component
    cells, flip_flops : int
    area_um2, leakage_nw, period_ps : float
        Cell area; leakage; least clock period with registers at all borders.
    """

    component: Component
    cells: int
    flip_flops: int
    area_um2: float
    leakage_nw: float
    period_ps: float


@dataclass(frozen=True)
class DesignFigures:
    """Synthesis of a design by component.

    Attributes
    ----------
    components : tuple of ComponentFigures
    area_um2, flip_flops
        Sums over all instances.
    period_ps : float
        Least clock period of the whole: its longest path through any number of components, memories as registers.
    path_end : str
        Where that path ends.
    recipe, tool, library : str
        Flags, synthesizer with its version, library.
    """

    components: tuple[ComponentFigures, ...]
    area_um2: float
    flip_flops: int
    period_ps: float
    path_end: str
    recipe: str
    tool: str
    library: str


@dataclass(frozen=True)
class FlatFigures:
    """Synthesis of the flattened whole."""

    cells: int
    flip_flops: int
    area_um2: float
    period_ps: float


def components_of(design: Design) -> list[Component]:
    """Return the components of a design, the array's first."""
    p = design.parameters
    counts = {"pe": p.rows * p.cols, "vector_lane": p.lanes}
    modules = split_modules(design.verilog)
    found = []
    for name, (root, description) in _ROOTS.items():
        pattern = re.compile(re.escape(root) + r"(\$\d+)?")
        module = next(module for module in modules if pattern.fullmatch(module))
        found.append(Component(name, description, module, counts.get(name, 1)))
    return found


def synthesize_components(
    design: Design, library: Library, recipe: Recipe | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> DesignFigures:  # fmt: skip
    """Synthesize every component of a design and time the whole.

    Parameters
    ----------
    design : Design
    library : Library
    recipe : Recipe, optional
    progress : callable, optional
        Called with (done, all, name).

    Raises
    ------
    CodesignError
        When there is no yosys, or it refuses the design.
    """
    components = components_of(design)
    modules = split_modules(design.verilog)
    boxes = {component.module for component in components} | {MACRO}
    parts: dict[str, Synthesis] = {}
    # The queues come last: of the fields that all commands share, each holds those that its engine turned out to read.
    for done, component in enumerate(sorted(components, key=lambda one: one.name == "queues")):
        if progress:
            progress(done, len(components) + 1, component.name)
        root = component.module
        text = part_of(modules, root, boxes)
        if component.name == "queues":
            text = without_outputs(text, root, _unread(assemble(parts, TOP, library), root))
        parts[root] = synthesize(text, root, library, recipe)
    figures = [_figures(one, assemble({one.module: parts[one.module]}, one.module, library), library)
               for one in components]  # fmt: skip
    if progress:
        progress(len(components), len(components) + 1, "timing of the whole")
    timing = static_timing(assemble(parts, TOP, library), library)
    synthesis = parts[TOP]
    return DesignFigures(
        tuple(figures),
        sum(f.area_um2 * f.component.count for f in figures),
        sum(f.flip_flops * f.component.count for f in figures),
        timing.period_ps, timing.end, synthesis.recipe.flags, synthesis.tool, library.name,
    )  # fmt: skip


def synthesize_flat(design: Design, library: Library, recipe: Recipe | None = None) -> FlatFigures:
    """Synthesize the flattened whole, memories left out (minutes for an array of 8x8)."""
    modules = split_modules(design.verilog)
    synthesis = synthesize(part_of(modules, TOP, {MACRO}), TOP, library, recipe)
    netlist = assemble({TOP: synthesis}, TOP, library)
    period = static_timing(netlist, library).period_ps
    return FlatFigures(len(netlist.instances), len(netlist.flip_flops), netlist.area_um2, period)


def _unread(netlist: Netlist, box: str) -> dict[str, list[int]]:
    """Return the output bits of a box, by port, that reach no gate, register, memory or output."""
    read = {net for instance in netlist.instances for net in instance.nets.values()}
    read |= {net for nets in netlist.outputs.values() for net in nets}
    start = f"{box.rsplit('.', 1)[-1]}."
    ports = {name.removeprefix(start): nets for name, nets in netlist.inputs.items() if name.startswith(start)}
    return {name: [i for i, net in enumerate(nets) if net not in read] for name, nets in ports.items()}


def _figures(component: Component, netlist: Netlist, library: Library) -> ComponentFigures:
    period = static_timing(netlist, library).period_ps
    return ComponentFigures(
        component, len(netlist.instances), len(netlist.flip_flops), netlist.area_um2, netlist.leakage_nw, period
    )
