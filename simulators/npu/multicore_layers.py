"""A trace on equal cores that share a memory: each layer divided, its parts run side by side, layer after layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulators.machine import Machine
from simulators.npu.counts import new_counts
from simulators.npu.fast import CYCLES, LOAD_BYTES, STORE_BYTES, estimate
from simulators.npu.mapper import choose
from simulators.npu.multicore import run_cores
from simulators.npu.partition import PARTITIONS, partition
from simulators.npu.planner import Compiled, Plan, compile_for, emit_program
from simulators.npu.simulate import layer_key, runs_on
from workloads.errors import CodesignError, unknown_name
from workloads.trace import Layer, Trace

MOST_CORES = 64


@dataclass
class MulticoreLayer:
    """What a layer did: how it was divided, the cycles of the slowest core, the counts of all cores together."""

    layer: Layer
    partition: str
    cores: int
    cycles: int
    counts: np.ndarray


@dataclass
class MulticoreSimulation:
    """All layers of a trace on some cores; layers that no unit runs are named in `host`."""

    machine: Machine
    cores: int
    layers: list[MulticoreLayer] = field(default_factory=list)
    host: list[str] = field(default_factory=list)

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after the other."""
        return sum(one.cycles for one in self.layers)

    @property
    def counts(self) -> np.ndarray:
        """Counts of all layers and cores, by `simulators.activity.COUNTERS`; ``cycles`` is summed over cores."""
        return sum((one.counts for one in self.layers), new_counts())


def simulate_cores(trace: Trace, machine: Machine, cores: int, how: str = "best") -> MulticoreSimulation:
    """Run a trace on `cores` equal cores, each a machine as described but for the memory, which they share.

    Parameters
    ----------
    machine : Machine
        A core; `memory` is the memory of all.
    how : str
        One of `simulators.npu.partition.PARTITIONS`, or ``best``: of those the one that `fast` says is the fastest,
        by its slowest core and by what all of them move.

    Raises
    ------
    CodesignError
        For an unknown partition, a number of cores out of range, a machine without DMA or of dataflow rs.
    """
    if how not in (*PARTITIONS, "best"):
        raise unknown_name("partition", "partition", how, (*PARTITIONS, "best"))
    if not 1 <= cores <= MOST_CORES:
        raise CodesignError(f"cores: {cores} is not a whole number from 1 to {MOST_CORES}")
    if machine.memory.model != "simple" or machine.array.dataflow == "rs":
        raise CodesignError(
            f"{machine.name}: cores share a memory behind DMA; use memory.model simple and ws, os or is"
        )
    compiled, done = compile_for(machine), {}
    result = MulticoreSimulation(machine, cores)
    for layer in trace.layers:
        where = runs_on(machine, layer)
        if where == "host":
            result.host.append(layer.name)
        if where in ("host", "view"):
            continue
        key = layer_key(layer)
        if key not in done:
            done[key] = _layer(compiled, layer, cores, how)
        name, used, cycles, counts = done[key]
        result.layers.append(MulticoreLayer(layer, name, used, cycles * layer.repeat, counts * layer.repeat))
    return result


def _layer(compiled: Compiled, layer: Layer, cores: int, how: str) -> tuple[str, int, int, np.ndarray]:
    """Return (partition, cores in use, cycles, counts) of one pass of a layer."""
    best: tuple[float, str, list[Plan]] | None = None
    mapped: dict[tuple, Plan] = {}
    for name in PARTITIONS if how == "best" else (how,):
        plans = []
        for part in partition(layer, name, cores, compiled.machine.array.cols):
            key = layer_key(part)
            if key not in mapped:
                mapped[key] = choose(compiled, part)
            plans.append(mapped[key])
        cost = _estimate(compiled, plans)
        if best is None or cost < best[0]:
            best = cost, name, plans
    assert best is not None
    _, name, plans = best
    run = run_cores(compiled.machine, [emit_program(compiled, plan) for plan in plans])
    return name, len(plans), run.cycles, sum((core.counts for core in run.cores), new_counts())


def _estimate(compiled: Compiled, plans: list[Plan]) -> float:
    """Return the cycles of the slowest core, or of the memory that moves for all."""
    totals = [estimate(compiled.config, compiled.functions, plan.g, plan.codes) for plan in plans]
    machine = compiled.machine
    per_cycle = machine.memory.bytes_per_cycle * float(machine.memory_clock_ratio)
    moved = sum(int(total[LOAD_BYTES]) + int(total[STORE_BYTES]) for total in totals)
    return max(max(int(total[CYCLES]) for total in totals), moved / per_cycle)
