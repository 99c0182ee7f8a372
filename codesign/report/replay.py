"""The commands of every layer with their cycles: programs emitted again from the result's mapping, and run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.errors import CodesignError

if TYPE_CHECKING:
    from codesign.result import Result
    from simulators.machine import Machine
    from workloads.trace import Layer


@dataclass(frozen=True)
class Replay:
    """One layer's commands.

    Attributes
    ----------
    layer : Layer
    first_cycle : int
        The cycle of the network in which the layer begins.
    cycles : int
        Of one repeat.
    program : numpy.ndarray
        `simulators.program.COMMAND` (commands,); empty for what runs no program.
    start, end : numpy.ndarray
        int64 (commands,): from the layer's begin.
    """

    layer: Layer
    first_cycle: int
    cycles: int
    program: np.ndarray
    start: np.ndarray
    end: np.ndarray


def replay(result: Result) -> Iterator[Replay]:
    """Yield the layers of a result in order, each as `cycle` runs it; equal layers are run once.

    Of several cores the one that ends last is shown.

    Raises
    ------
    CodesignError
        When the result holds no simulation (one that was read from a file).
    """
    from simulators.npu.cycle import run_cycle
    from simulators.npu.equal_layers import layer_key
    from simulators.npu.planner import compile_for, emit_program, plan_layer
    from simulators.npu.simulate import tiling_from

    if result.simulation is None:
        raise CodesignError("replay: this result was read from a file; run the network again")
    simulation, now = result.simulation, 0
    compiled, done = compile_for(simulation.machine), {}
    nothing = np.zeros(0, np.int64)
    by_passes = simulation.machine.array.dataflow == "rs"  # counted in passes, without a program
    for run in simulation.layers:
        program, start, end, cycles = nothing, nothing, nothing, run.cycles // max(run.layer.repeat, 1)
        if run.parts:
            key: tuple[Any, ...] = tuple((layer_key(plan.layer), plan.tiling) for plan in run.parts)
            if key not in done:
                done[key] = _slowest_core(simulation.machine, [emit_program(compiled, plan) for plan in run.parts])
            program, start, end, cycles = done[key]
        elif run.mapping is not None and not (by_passes and run.where == "array"):
            tiling = tiling_from(run.layer.name, run.mapping, run.layer)
            key = layer_key(run.layer), tiling
            if key not in done:
                plan = plan_layer(compiled, run.layer, tiling)
                if isinstance(plan, str):
                    raise CodesignError(f"replay: {run.layer.name}: {plan}")
                program = emit_program(compiled, plan)
                ran = run_cycle(simulation.machine, program)
                done[key] = program, ran.start, ran.end, int(ran.cycles)
            program, start, end, cycles = done[key]
        yield Replay(run.layer, now, cycles, program, start, end)
        now += cycles * run.layer.repeat


def _slowest_core(machine: Machine, programs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return program, starts, ends and cycles of the core that ends last."""
    from simulators.npu.multicore import run_cores

    ran = run_cores(machine, programs)
    last = max(range(len(programs)), key=lambda core: ran.cores[core].cycles)
    return programs[last], ran.cores[last].start, ran.cores[last].end, int(ran.cycles)
