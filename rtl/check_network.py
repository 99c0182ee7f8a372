"""A whole integer network on the RTL: each layer's bits against the integer reference, cycles against the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rtl.bench import run
from rtl.design import Design
from rtl.equality import differences
from simulators.machine import Machine
from simulators.npu.cycle import Run, run_cycle
from simulators.npu.exact import ExactRun, Memories
from simulators.npu.exact_layers import ExactLayers
from simulators.npu.planner import Compiled, Plan, compile_for, plan_layer
from simulators.npu.simulate import choose_mapping, runs_on, tiling_from
from simulators.npu.values import on_host
from workloads.errors import CodesignError
from workloads.integer.layers import run_trace_layer
from workloads.trace import Layer, Trace

Progress = Callable[[int, int, str], None]


@dataclass
class LayerCheck:
    """One layer over all inputs: cycles of a pass, values compared, what differed first; the host's has no cycles."""

    name: str
    operator: str
    cycles: int
    values: int = 0
    faults: list[str] = field(default_factory=list)
    on_host: bool = False

    @property
    def verdict(self) -> str:
        """`equal`, `differs`, or that the layer was not run on the RTL."""
        return "on the host, not in RTL" if self.on_host else "differs" if self.faults else "equal"


@dataclass
class NetworkCheck:
    """All layers, and the network's outputs for each input (stored integers)."""

    layers: dict[str, LayerCheck]
    outputs: list[np.ndarray] = field(default_factory=list)
    cycles: int = 0

    @property
    def faults(self) -> list[str]:
        """What differed, a line each."""
        return [f"{layer.name}: {line}" for layer in self.layers.values() for line in layer.faults]


class RtlLayers(ExactLayers):
    """Layers whose programs run on the RTL; each run is compared with `cycle`."""

    def __init__(self, compiled: Compiled, trace: Trace, inputs: Mapping[str, np.ndarray], bench: _Bench) -> None:
        super().__init__(compiled, trace, dict(inputs))
        self.bench = bench

    def execute(self, program: np.ndarray, memories: Memories) -> ExactRun:
        """Run a program on the RTL; faults of its times and counters go to the bench."""
        return self.bench.execute(program, memories)


class _Bench:
    """One design and back end; remembers what the simulator says of each program."""

    def __init__(self, machine: Machine, backend: str) -> None:
        self.machine, self.backend, self.design = machine, backend, Design.of(machine)
        self.golden: dict[bytes, Run] = {}
        self.faults: list[str] = []
        self.cycles = 0

    def execute(self, program: np.ndarray, memories: Memories) -> Any:
        key = program.tobytes()
        if key not in self.golden:
            self.golden[key] = run_cycle(self.machine, program)
        ours = run(self.backend, self.design, self.machine, program, memories.dram, None)
        self.faults = differences(program, ours, self.golden[key], memories.dram, memories.dram)
        self.cycles += ours.cycles
        return ours


def _planned(compiled: Compiled, trace: Trace) -> dict[str, Plan]:
    """Return the plan of each layer, as the mapper chooses it."""
    tilings, plans = choose_mapping(trace, compiled.machine), {}
    for layer in trace.layers:
        if layer.name in tilings:
            plan = plan_layer(compiled, layer, tiling_from(layer.name, tilings[layer.name], layer))
            if isinstance(plan, str):
                raise CodesignError(f"layer '{layer.name}': {plan}")
            plans[layer.name] = plan
    return plans


def check_network(
    machine: Machine,
    trace: Trace,
    inputs: list[dict[str, np.ndarray]],
    backend: str = "verilator",
    progress: Progress | None = None,
) -> NetworkCheck:
    """Run a trace on the RTL for each of some inputs.

    Parameters
    ----------
    inputs : list of dict
        Stored integers by the name of the trace's input, one entry an inference.

    Returns
    -------
    NetworkCheck
        Every layer's output is compared with `run_trace_layer` (numpy alone), its times and counters with `cycle`.
    """
    compiled, bench = compile_for(machine), _Bench(machine, backend)
    plans = _planned(compiled, trace)
    check = NetworkCheck({})
    for done, given in enumerate(inputs):
        if progress:
            progress(done, len(inputs), f"input {done}")
        layers = RtlLayers(compiled, trace, given, bench)
        for layer in trace.layers:
            _check_layer(layer, layers, plans, check)
        check.outputs.append(layers.tensors[trace.layers[-1].outputs[0]])
    check.cycles = bench.cycles
    return check


def _check_layer(layer: Layer, layers: RtlLayers, plans: dict[str, Plan], check: NetworkCheck) -> None:
    if runs_on(layers.compiled.machine, layer) in ("view", "host"):
        layers.aside(layer)
        return
    if on_host(layer, layers.trace.arrays):
        check.layers.setdefault(layer.name, LayerCheck(layer.name, layer.operator, 0, on_host=True))
        layers.compute(layer)
        return
    operands = layers.operands(layer)
    cycles = layers.run(plans[layer.name]).cycles
    entry = check.layers.setdefault(layer.name, LayerCheck(layer.name, layer.operator, cycles))
    entry.faults += layers.bench.faults
    expected = layers.shaped(layer, run_trace_layer(layer, layers.trace.arrays, operands, layers.trace.rounding))
    got = layers.tensors[layer.outputs[0]]
    entry.values += expected.size
    wrong = np.flatnonzero(got.reshape(-1) != expected.reshape(-1))
    if len(wrong):
        at = int(wrong[0])
        entry.faults.append(
            f"output {at}: {got.reshape(-1)[at]} in RTL, {expected.reshape(-1)[at]} in the reference "
            f"({len(wrong)} of {expected.size} differ)"
        )
