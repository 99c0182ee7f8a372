"""The components of a machine's RTL, synthesized apart; their sum is the logic of the whole.

Every module belongs to exactly one component. Nothing is optimised across borders, which is what the comparison with
the flattened whole measures, but for what surrounds a component: an input that is constant there (the sums that enter
the first row of PEs) and an output that nobody reads there (operands that leave the last column, fields of a command
that its engine does not have) are so in its synthesis. Instances in unlike places are variants of their component.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from rtl.design import TOP, Design
from rtl.npu.array import PE_MODULE
from rtl.npu.memories import MACRO
from rtl.npu.vector_lane import LANE_MODULE
from rtl.synthesis.assembly import Surroundings, assemble, surroundings
from rtl.synthesis.hierarchy import part_of, split_modules, surrounded
from rtl.synthesis.liberty import Library
from rtl.synthesis.netlist import Netlist
from rtl.synthesis.timing import Timing, static_timing
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
#: Synthesized first to last: a component after those that hold it, then what only others' outputs decide.
_ORDER = (
    "memory_addresses", "execute_control", "vector_control", "array_edges", "load", "store", "memory_port",
    "wait_classes", "accumulate", "pe", "vector_lane", "tokens", "counters", "queues",
)  # fmt: skip


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
    variant : str
        Where its surroundings differ from those of most instances: ports tied and unread; empty for the most.
    """

    name: str
    description: str
    module: str
    count: int
    variant: str = ""


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
    path_ps : dict
        What it takes of that period in each component that it passes through.
    recipe, tool, library : str
        Flags, synthesizer with its version, library.
    """

    components: tuple[ComponentFigures, ...]
    area_um2: float
    flip_flops: int
    period_ps: float
    path_end: str
    path_ps: dict[str, float]
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
    components = {component.name: component for component in components_of(design)}
    modules = split_modules(design.verilog)
    boxes = {component.module for component in components.values()} | {MACRO}
    parts: dict[str, Synthesis] = {}
    figures: dict[str, list[ComponentFigures]] = {}
    places: dict[str, list[str]] = {}
    for done, name in enumerate(_ORDER):
        if progress:
            progress(done, len(components) + 1, name)
        component = components[name]
        text = part_of(modules, component.module, boxes)
        figures[name], places[name] = [], []
        for variant, around, paths in _variants(component, parts, library):
            part = synthesize(_within(text, component.module, around), component.module, library, recipe)
            figures[name].append(_figures(variant, part, library))
            parts |= dict.fromkeys(paths or [TOP], part)
            places[name] += paths
    if progress:
        progress(len(components), len(components) + 1, "timing of the whole")
    timing = static_timing(assemble(parts, TOP, library), library)
    synthesis = parts[TOP]
    homes = {path: name for name, paths in places.items() for path in paths}
    found = tuple(one for name in components for one in figures[name])
    return DesignFigures(
        found,
        sum(f.area_um2 * f.component.count for f in found),
        sum(f.flip_flops * f.component.count for f in found),
        timing.period_ps, timing.end, _by_component(timing, homes),
        synthesis.recipe.flags, synthesis.tool, library.name,
    )  # fmt: skip


def synthesize_flat(design: Design, library: Library, recipe: Recipe | None = None) -> FlatFigures:
    """Synthesize the flattened whole, memories left out (minutes for an array of 8x8)."""
    modules = split_modules(design.verilog)
    synthesis = synthesize(part_of(modules, TOP, {MACRO}), TOP, library, recipe)
    netlist = assemble({TOP: synthesis}, TOP, library)
    period = static_timing(netlist, library).period_ps
    return FlatFigures(len(netlist.instances), len(netlist.flip_flops), netlist.area_um2, period)


def _variants(
    component: Component, parts: Mapping[str, Synthesis], library: Library
) -> list[tuple[Component, Surroundings, list[str]]]:
    """Return a component by surroundings, that of most instances first, with the paths of its instances."""
    if component.module == TOP:
        return [(component, Surroundings(), [])]
    by_path = surroundings(parts, TOP, library, component.module)
    found: list[tuple[Component, Surroundings, list[str]]] = []
    for around, count in Counter(by_path.values()).most_common():
        variant = _difference(around, found[0][1]) if found else ""
        paths = [path for path, own in by_path.items() if own == around]
        found.append((replace(component, count=count, variant=variant), around, paths))
    return found


def _difference(around: Surroundings, usual: Surroundings) -> str:
    """Return the ports of which more or less is constant or unread than usual, of several the first."""
    texts = []
    for word, own, other in (("constant", around.tied, usual.tied), ("unread", around.unread, usual.unread)):
        ports = {word: {bit[0] for bit in set(own) - set(other)}, f"not {word}": {b[0] for b in set(other) - set(own)}}
        for state, names in ports.items():
            first, *others = sorted(names) or [""]
            texts += [f"{first}{f' +{len(others)}' if others else ''} {state}"] if names else []
    return ", ".join(texts)


def _by_component(timing: Timing, homes: Mapping[str, str]) -> dict[str, float]:
    """Return the time that the longest path spends in each component, in its order."""
    spent: dict[str, float] = {}
    for gate, ps in timing.path:
        levels = gate.split(".")
        above = (".".join(levels[:i]) for i in range(len(levels), 0, -1))
        home = next((homes[path] for path in above if path in homes), "memory_addresses")
        spent[home] = spent.get(home, 0.0) + ps
    return spent


def _within(verilog: str, root: str, around: Surroundings) -> str:
    tied: dict[str, dict[int, int]] = {}
    for port, bit, value in around.tied:
        tied.setdefault(port, {})[bit] = value
    unread: dict[str, list[int]] = {}
    for port, bit in around.unread:
        unread.setdefault(port, []).append(bit)
    return surrounded(verilog, root, tied, unread) if tied or unread else verilog


def _figures(component: Component, part: Synthesis, library: Library) -> ComponentFigures:
    netlist: Netlist = assemble({component.module: part}, component.module, library)
    period = static_timing(netlist, library).period_ps
    return ComponentFigures(
        component, len(netlist.instances), len(netlist.flip_flops), netlist.area_um2, netlist.leakage_nw, period
    )
