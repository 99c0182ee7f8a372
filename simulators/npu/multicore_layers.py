"""A layer on equal cores that share a memory: divided, its parts run side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.activity import INDEX, no_memory_counts
from simulators.machine import Machine
from simulators.npu.counts import count_program, new_counts
from simulators.npu.equal_layers import layer_key
from simulators.npu.fast import CYCLES, LOAD_BYTES, STORE_BYTES, estimate
from simulators.npu.mapper import choose
from simulators.npu.multicore import run_cores
from simulators.npu.partition import PARTITIONS, partition
from simulators.npu.planner import Compiled, Plan, emit_program
from simulators.program import as_table
from workloads.errors import CodesignError, unknown_name
from workloads.trace import Layer

BEST = "best"
_CYCLES, _READ, _WRITTEN = INDEX["cycles"], INDEX["dram_read_bytes"], INDEX["dram_write_bytes"]


class CoresRun(NamedTuple):
    """What the cores did in one pass of a layer.

    Attributes
    ----------
    partition : str
        How the layer is divided.
    plans : tuple of Plan
        A part each; as many as there are cores in use.
    cycles : int
        Of the slowest core.
    counts : numpy.ndarray
        Of all cores together; ``cycles`` is that of every core of the machine, in use or not.
    slowest : numpy.ndarray
        Of the slowest core; the bytes are those of all cores, which it waits for.
    memory : numpy.ndarray
        `simulators.activity.MEMORY_COUNTERS`.
    """

    partition: str
    plans: tuple[Plan, ...]
    cycles: int
    counts: np.ndarray
    slowest: np.ndarray
    memory: np.ndarray


def check_cores(machine: Machine, how: str) -> None:
    """Refuse an unknown partition, and machines whose cores cannot share their memory.

    Raises
    ------
    CodesignError
        In one line.
    """
    if how not in (*PARTITIONS, BEST):
        raise unknown_name("partition", "partition", how, (*PARTITIONS, BEST))
    if machine.cores > 1 and (machine.memory.model == "resident" or machine.array.dataflow == "rs"):
        raise CodesignError(
            f"{machine.name}: cores: they share a memory behind DMA; use memory.model simple or dram, and ws, os or is"
        )


@dataclass
class CoreLayers:
    """Divides layers among the machine's cores and runs them; equal layers once.

    Attributes
    ----------
    how : str
        One of `simulators.npu.partition.PARTITIONS`, or ``best``: the one that `fast` says is the fastest, by its
        slowest core and by what all of them move.
    objective, action_pj
        What the mapper minimises for each part, as in `simulators.npu.mapper.choose`.
    """

    compiled: Compiled
    fidelity: str
    how: str
    objective: str
    action_pj: dict[str, float] | None

    def __post_init__(self) -> None:
        self.done: dict[tuple, CoresRun] = {}
        self.mapped: dict[tuple, Plan] = {}

    def run(self, layer: Layer) -> CoresRun:
        """Return what one pass of a layer does."""
        key = layer_key(layer)
        if key not in self.done:
            name, plans = self._divided(layer)
            self.done[key] = self._cycle(name, plans) if self.fidelity == "cycle" else self._fast(name, plans)
        return self.done[key]

    def _divided(self, layer: Layer) -> tuple[str, tuple[Plan, ...]]:
        """Return the name and the plans of the partition that is asked for, or best."""
        machine, found = self.compiled.machine, []
        for name in PARTITIONS if self.how == BEST else (self.how,):
            plans = tuple(map(self._plan, partition(layer, name, machine.cores, machine.array.cols)))
            found.append((self._cost(plans), name, plans))
        _, name, plans = min(found, key=lambda one: one[0])
        return name, plans

    def _plan(self, part: Layer) -> Plan:
        key = layer_key(part)
        if key not in self.mapped:
            self.mapped[key] = choose(self.compiled, part, self.objective, self.action_pj)
        return self.mapped[key]

    def _cost(self, plans: tuple[Plan, ...]) -> float:
        """Return the cycles of the slowest core, or of the memory that moves for all."""
        c, memory = self.compiled, self.compiled.machine.memory
        totals = [estimate(c.config, c.functions, plan.g, plan.codes) for plan in plans]
        per_cycle = memory.bytes_per_cycle * float(c.machine.memory_clock_ratio)
        moved = sum(int(total[LOAD_BYTES]) + int(total[STORE_BYTES]) for total in totals)
        return max(max(int(total[CYCLES]) for total in totals), moved / per_cycle)

    def _cycle(self, name: str, plans: tuple[Plan, ...]) -> CoresRun:
        run = run_cores(self.compiled.machine, [emit_program(self.compiled, plan) for plan in plans])
        slowest = max(run.cores, key=lambda core: core.cycles).counts
        return self._summed(name, plans, run.cycles, [core.counts for core in run.cores], slowest, run.memory)

    def _fast(self, name: str, plans: tuple[Plan, ...]) -> CoresRun:
        c, counts = self.compiled, []
        for plan in plans:
            counts.append(new_counts())
            count_program(c.config, c.functions, as_table(emit_program(c, plan)), counts[-1])
        each = [int(estimate(c.config, c.functions, plan.g, plan.codes)[CYCLES]) for plan in plans]
        slowest = counts[int(np.argmax(each))]
        return self._summed(name, plans, int(self._cost(plans)), counts, slowest, no_memory_counts())

    def _summed(
        self, name: str, plans: tuple[Plan, ...], cycles: int, counts: list[np.ndarray], slowest: np.ndarray,
        memory: np.ndarray,
    ) -> CoresRun:  # fmt: skip
        total, slowest = np.sum(counts, axis=0), slowest.copy()
        total[_CYCLES] = cycles * self.compiled.machine.cores
        slowest[_CYCLES], slowest[_READ], slowest[_WRITTEN] = cycles, total[_READ], total[_WRITTEN]
        return CoresRun(name, plans, cycles, total, slowest, memory)
