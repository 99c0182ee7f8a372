"""A trace on an NPU: each layer mapped, lowered and run in one of three fidelities; equal layers once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from simulators.activity import INDEX, no_memory_counts
from simulators.machine import Machine
from simulators.npu.counts import count_program, new_counts
from simulators.npu.cycle import Outcome, run_cycle
from simulators.npu.equal_layers import layer_key
from simulators.npu.fast import CYCLES, estimate
from simulators.npu.mapper import OBJECTIVES, choose
from simulators.npu.multicore_layers import BEST, CoreLayers, CoresRun, check_cores
from simulators.npu.plan import BIASES, LOADS, ORDERS, Tiling
from simulators.npu.planner import CLAMPS, Compiled, Plan, compile_for, emit_program, plan_layer
from simulators.npu.row_stationary_layers import RowStationaryLayers
from simulators.program import FUNCTIONS, as_table
from workloads.errors import CodesignError, did_you_mean, unknown_name
from workloads.trace import Layer, Trace

FIDELITIES = ("cycle", "exact", "fast")
Progress = Callable[[int, int, str], None]


@dataclass
class LayerRun:
    """What one layer did.

    Attributes
    ----------
    where : str
        `array`, `vector`, `dma` (a copy), `view` (nothing to do) or `host`.
    cycles : int
        All repeats of the layer.
    counts : numpy.ndarray
        int64, one for each of `simulators.activity.COUNTERS`, all repeats.
    mapping : dict or None
        The tiling, as a mapping file holds it.
    memory : numpy.ndarray
        int64, one for each of `simulators.activity.MEMORY_COUNTERS`, all repeats.
    slowest : numpy.ndarray or None
        Several cores: the counts of the slowest one, all repeats, with the bytes of all cores.
    parts : tuple of Plan
        Several cores: the plan of each that has a part of the layer.
    """

    layer: Layer
    where: str
    cycles: int
    counts: np.ndarray
    mapping: dict[str, Any] | None = None
    note: str = ""
    memory: np.ndarray = field(default_factory=no_memory_counts)
    slowest: np.ndarray | None = None
    parts: tuple[Plan, ...] = ()


@dataclass
class Simulation:
    """All layers of a trace on a machine; `outputs` holds tensors by name in `exact` (stored integers)."""

    machine: Machine
    trace: Trace
    fidelity: str
    layers: list[LayerRun] = field(default_factory=list)
    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    partition: str = BEST

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after the other."""
        return sum(run.cycles for run in self.layers)

    @property
    def mapping(self) -> dict[str, dict[str, Any]]:
        """The tiling of each layer by name, as a mapping file holds it."""
        return {run.layer.name: run.mapping for run in self.layers if run.mapping is not None}


def runs_on(machine: Machine, layer: Layer) -> str:
    """Return where a layer runs: an engine's name, or `host` when the machine has no unit for it."""
    if layer.engine == "view":
        return "view"
    functions = machine.vector.functions if machine.vector else {}
    passes = [name for name in layer.fused if name not in CLAMPS]
    resident = machine.memory.model == "resident"
    if layer.engine == "matrix" and machine.array.dataflow == "rs" and not set(passes) - set(functions):
        return "array"
    if layer.engine == "matrix":
        return "host" if not resident and (machine.vector is None or set(passes) - set(functions)) else "array"
    if resident:
        return "host"
    if layer.engine == "move":
        return "dma"
    known = layer.function in functions and layer.function in FUNCTIONS and not set(passes) - set(functions)
    return "vector" if known else "host"


def _check_supported(machine: Machine, trace: Trace) -> None:
    missing: dict[str, int] = {}
    for layer in trace.layers:
        if runs_on(machine, layer) == "host":
            missing[layer.operator] = missing.get(layer.operator, 0) + layer.macs
    if missing:
        total = max(1, trace.macs)
        named = ", ".join(f"{kind} ({100 * macs / total:.3g} % of the MACs)" for kind, macs in missing.items())
        raise CodesignError(f"{machine.name} has no unit for {named}; --allow-host puts these operators on the host")


def _check_exact(machine: Machine) -> None:
    array = machine.array
    if array.dataflow == "rs" or array.style == "dot_product":
        what = "dataflow rs has no values" if array.dataflow == "rs" else "style dot_product has no registers"
        raise CodesignError(f"{machine.name}: {what}; use fidelity cycle or fast")


def tiling_from(name: str, given: Mapping[str, Any], layer: Layer) -> Tiling:
    """Return a mapping file's entry as a tiling.

    Raises
    ------
    CodesignError
        Naming the layer, the field and what is allowed.
    """
    known = {f.name: f.default for f in fields(Tiling)}
    for key, value in given.items():
        if key not in known:
            raise CodesignError(
                f"mapping: {name}.{key} is not a field; use {', '.join(known)}{did_you_mean(key, known)}"
            )
        default = known[key]
        least = 0 if key == "store_c" else 1
        if isinstance(default, int) and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise CodesignError(f"mapping: {name}.{key}: {value!r} is not a whole number of at least {least}")
    tiling = Tiling(**given)
    if tiling.order not in ORDERS:
        raise unknown_name(f"mapping: {name}.order", "loop order", tiling.order, ORDERS)
    if tiling.where not in ("array", "vector"):
        raise unknown_name(f"mapping: {name}.where", "unit", tiling.where, ("array", "vector"))
    if tiling.loads not in LOADS:
        raise unknown_name(f"mapping: {name}.loads", "way to load", tiling.loads, LOADS)
    if tiling.bias not in BIASES:
        raise unknown_name(f"mapping: {name}.bias", "way to add biases", tiling.bias, BIASES)
    _check_extents(name, tiling, layer)
    return tiling


def _check_extents(name: str, t: Tiling, layer: Layer) -> None:
    w = layer.window
    if w.groups % t.packed_groups:
        raise CodesignError(
            f"mapping: {name}.packed_groups: {t.packed_groups} does not divide the layer's {w.groups} groups"
        )
    groups = w.groups // t.packed_groups if layer.engine == "matrix" and t.where == "array" else 1
    most = {"images": w.batch, "out_h": w.out_h, "out_w": w.out_w, "out_c": w.out_c // groups, "in_c": w.in_c // groups}
    for key, limit in most.items():
        if getattr(t, key) > limit:
            raise CodesignError(f"mapping: {name}.{key}: {getattr(t, key)} is more than the layer's {limit}")


def _pinned(compiled: Compiled, layer: Layer, given: Mapping[str, Any]) -> Plan:
    plan = plan_layer(compiled, layer, tiling_from(layer.name, given, layer))
    if isinstance(plan, str):
        raise CodesignError(f"mapping: {layer.name}: {plan}")
    return plan


class _Runner:
    """Plans and runs layers, remembering what equal ones did."""

    def __init__(
        self, compiled: Compiled, trace: Trace, objective: str, action_pj: dict[str, float] | None, fidelity: str,
        how: str = BEST,
    ) -> None:  # fmt: skip
        self.compiled, self.objective, self.action_pj, self.fidelity = compiled, objective, action_pj, fidelity
        self.plans: dict[tuple, Plan] = {}
        self.done: dict[tuple, Outcome] = {}
        several = compiled.machine.cores > 1
        self.cores = CoreLayers(compiled, fidelity, how, objective, action_pj) if several else None
        self.rows = RowStationaryLayers(compiled.machine, trace) if compiled.machine.array.dataflow == "rs" else None

    def plan(self, layer: Layer, pinned: Mapping[str, Any] | None) -> Plan:
        if pinned is not None:
            return _pinned(self.compiled, layer, pinned)
        key = layer_key(layer)
        if key not in self.plans:
            self.plans[key] = choose(self.compiled, layer, self.objective, self.action_pj)
        return replace(self.plans[key], layer=layer)

    def run(self, plan: Plan) -> Outcome:
        """Return cycles and counts of one pass of a plan in `cycle` or `fast`."""
        key = (layer_key(plan.layer), plan.tiling)
        if key not in self.done:
            program = emit_program(self.compiled, plan)
            if self.fidelity == "cycle":
                run = run_cycle(self.compiled.machine, program)
                self.done[key] = Outcome(run.cycles, run.counts, run.memory)
            else:
                self.done[key] = self._fast(plan, program)
        return self.done[key]

    def _fast(self, plan: Plan, program: np.ndarray) -> Outcome:
        c, counts = self.compiled, new_counts()
        count_program(c.config, c.functions, as_table(program), counts)
        cycles = int(estimate(c.config, c.functions, plan.g, plan.codes)[CYCLES])
        counts[INDEX["cycles"]] = cycles
        return Outcome(cycles, counts, no_memory_counts())


def simulate(
    trace: Trace,
    machine: Machine,
    fidelity: str = "cycle",
    mapping: Mapping[str, Mapping[str, Any]] | None = None,
    objective: str = "cycles",
    action_pj: dict[str, float] | None = None,
    allow_host: bool = False,
    inputs: Mapping[str, np.ndarray] | None = None,
    progress: Progress | None = None,
    partition: str = BEST,
) -> Simulation:
    """Run a trace on a machine.

    Parameters
    ----------
    fidelity : str
        `cycle` (event by event), `exact` (register by register, with values) or `fast` (closed form).
    mapping : mapping, optional
        Tilings by layer name; layers that it does not name are mapped here.
    objective : str
        What the mapper minimises: `cycles`, or `energy` with `action_pj` (pJ by counter name).
    allow_host : bool
        Whether operators that the machine has no unit for may run on the host, uncounted.
    inputs : mapping, optional
        `exact`: stored integers of the network's inputs.
    progress : callable, optional
        Called with (layers done, layers in all, the next layer's name).
    partition : str
        Several cores: how each layer is divided, one of `simulators.npu.partition.PARTITIONS`, or ``best``.

    Raises
    ------
    CodesignError
        For an operator without a unit, a layer that does not fit, or a bad mapping.
    """
    if fidelity not in FIDELITIES:
        raise unknown_name("fidelity", "fidelity", fidelity, FIDELITIES)
    if objective not in OBJECTIVES:
        raise unknown_name("objective", "objective", objective, OBJECTIVES)
    if not allow_host:
        _check_supported(machine, trace)
    _check_mapping(trace, mapping)
    check_cores(machine, partition)
    if mapping or fidelity == "exact":
        _check_one_core(machine, "a mapping pins the tiles" if mapping else "fidelity exact has the registers")
    runner = _Runner(compile_for(machine), trace, objective, action_pj, fidelity, partition)
    result = Simulation(machine, trace, fidelity, partition=partition)
    exact = None
    if fidelity == "exact":
        _check_exact(machine)
        from simulators.npu.exact_layers import ExactLayers

        exact = ExactLayers(runner.compiled, trace, dict(inputs or {}))
        result.outputs, result.notes = exact.tensors, exact.notes
    for done, layer in enumerate(trace.layers):
        if progress:
            progress(done, len(trace.layers), layer.name)
        result.layers.append(_layer(runner, layer, (mapping or {}).get(layer.name), exact))
    if progress:
        progress(len(trace.layers), len(trace.layers), "")
    return result


def _layer(runner: _Runner, layer: Layer, pinned: Mapping[str, Any] | None, exact: Any) -> LayerRun:
    where = runs_on(runner.compiled.machine, layer)
    if where in ("view", "host"):
        if exact:
            exact.aside(layer)
        return LayerRun(layer, where, 0, new_counts())
    if runner.rows and where == "array":
        mapping, cycles, counts = runner.rows.run(layer, pinned)
        return LayerRun(layer, where, cycles * layer.repeat, counts * layer.repeat, mapping.as_dict())
    if runner.cores:
        return _on_cores(runner.cores.run(layer), layer, where)
    plan = runner.plan(layer, pinned)
    cycles, counts, memory = (exact.run(plan) if exact else runner.run(plan)).times(layer.repeat)
    place = "dma" if where == "dma" else plan.tiling.where
    return LayerRun(layer, place, cycles, counts, plan.tiling.as_dict(), memory=memory)


def _on_cores(run: CoresRun, layer: Layer, where: str) -> LayerRun:
    used = f"{len(run.plans)} core{'s' * (len(run.plans) > 1)}"
    place = "dma" if where == "dma" else run.plans[0].tiling.where
    return LayerRun(
        layer, place, run.cycles * layer.repeat, run.counts * layer.repeat, None,
        used if len(run.plans) == 1 else f"{used}, by {run.partition}",
        run.memory * layer.repeat, run.slowest * layer.repeat, run.plans,
    )  # fmt: skip


def _check_one_core(machine: Machine, what: str) -> None:
    if machine.cores > 1:
        raise CodesignError(f"{machine.name}: cores: {what} of one core, this machine has {machine.cores}")


def _check_mapping(trace: Trace, mapping: Mapping[str, Mapping[str, Any]] | None) -> None:
    names = {layer.name for layer in trace.layers}
    for name in mapping or {}:
        if name not in names:
            raise CodesignError(f"mapping: '{name}' is not a layer of {trace.name}{did_you_mean(name, names)}")


def choose_mapping(
    trace: Trace,
    machine: Machine,
    objective: str = "cycles",
    action_pj: dict[str, float] | None = None,
    allow_host: bool = False,
) -> dict[str, dict[str, Any]]:
    """Return the mapping that `simulate` would choose: a tiling by layer name."""
    if not allow_host:
        _check_supported(machine, trace)
    _check_one_core(machine, "a mapping pins the tiles")
    runner = _Runner(compile_for(machine), trace, objective, action_pj, "fast")
    layers = [layer for layer in trace.layers if runs_on(machine, layer) not in ("view", "host")]
    return {layer.name: _mapping(runner, layer) for layer in layers}


def _mapping(runner: _Runner, layer: Layer) -> dict[str, Any]:
    if runner.rows and layer.engine == "matrix":
        return runner.rows.run(layer, None)[0].as_dict()
    return runner.plan(layer, None).tiling.as_dict()
