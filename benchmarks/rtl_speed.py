"""How fast the RTL is emitted, built and run: a convolution with values, equal to `exact` in every bit and cycle.

    python -m benchmarks.rtl_speed [--sizes 4 8 16 32]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.timing import Count, Number, cpu_seconds, table
from rtl.bench import run
from rtl.design import Design
from rtl.equality import differences
from simulators.machine import Machine
from simulators.machine_files import load_machine
from simulators.npu.exact import new_memories, run_exact
from simulators.npu.mapper import choose
from simulators.npu.planner import compile_for, emit_program
from simulators.npu.values import LayerValues
from workloads.importers.scalesim import add_row
from workloads.network import Network
from workloads.tracing import trace_network
from workloads.transforms.random_values import random_inputs, random_values

#: A 3 x 3 convolution with 64 channels: input height and width, kernel, channels in and out, stride.
LAYER = (34, 34, 3, 3, 64, 64, 1)
#: The least that is asked for: cycles a CPU second of cocotb at any size, of Verilator alone at 16 x 16.
COCOTB_RATE, RAW_RATE = 15_000, 300_000


@dataclass(frozen=True)
class Work:
    """A program on a machine and the DRAM before it."""

    machine: Machine
    program: np.ndarray
    dram: np.ndarray


def work_of(size: int) -> Work:
    """Return the layer on a gemmini_16x16 of another size."""
    overrides = [f"array.rows={size}", f"array.cols={size}", f"vector.lanes={size}"]
    compiled = compile_for(load_machine("gemmini_16x16", overrides))
    network = Network("conv", [], {}, (), (), "shapes only")
    add_row(network, "conv", LAYER)
    trace = trace_network(random_values(network, 1))
    plan = choose(compiled, trace.layers[0])
    values = LayerValues(compiled, plan, trace.arrays, list(random_inputs(trace, 1).values()))
    values.set_plan_values()
    return Work(compiled.machine, emit_program(compiled, plan), values.dram())


def spent_cpu_s(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of a call, processes that it starts and waits for among them."""

    def now() -> float:
        usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    began = now()
    answer = action()
    return now() - began, answer


def checked(work: Work, design: Design, backend: str) -> int:
    """Run the layer on the RTL; return its cycles when all agrees with `exact`."""
    memories, dram = new_memories(work.machine, work.dram.copy()), work.dram.copy()
    golden = run_exact(work.machine, work.program, memories)
    ours = run(backend, design, work.machine, work.program, dram)
    found = differences(work.program, ours, golden, dram, memories.dram)
    if found:
        raise AssertionError("\n".join(found))
    return golden.cycles


def emission(sizes: Sequence[int]) -> str:
    """Return what emitting and building costs; Verilator's runtime is built once, with a first small machine."""
    runtime, _ = spent_cpu_s(lambda: checked((small := work_of(2)), Design.of(small.machine), "verilator"))
    rows: list[tuple[Any, ...]] = [("2x2, and Verilator's runtime", "", "", Number(runtime), "")]
    for size in sizes:
        work = work_of(size)
        design = Design.of(work.machine)
        emitted, text = spent_cpu_s(lambda d=design: d.verilog)
        both, cycles = spent_cpu_s(lambda w=work, d=design: checked(w, d, "verilator"))
        rows.append((f"{size}x{size}", Number(emitted), Count(text.count("\n")), Number(both), Count(cycles)))
    header = ("array", "Verilog CPU-s", "lines", "cold build and first run, CPU-s", "cycles")
    return table("Emission and a cold build with Verilator", header, rows)


def rates(sizes: Sequence[int]) -> str:
    """Return cycles a CPU second of `exact`, of Verilator alone and of cocotb on Verilator, warm.

    Cocotb's start-up is what a program of one command takes.
    """
    rows = []
    for size in sizes:
        work = work_of(size)
        design = Design.of(work.machine)
        cycles = checked(work, design, "verilator")

        def exact(w: Work = work) -> None:
            run_exact(w.machine, w.program, new_memories(w.machine, w.dram.copy()))

        def raw(w: Work = work, d: Design = design) -> None:
            run("verilator", d, w.machine, w.program, w.dram.copy())

        def cocotb(w: Work = work, d: Design = design) -> None:
            checked(w, d, "cocotb-verilator")

        def start_up(first: Work = replace(work, program=work.program[:1]), d: Design = design) -> None:
            checked(first, d, "cocotb-verilator")

        cocotb()  # builds
        whole, starting = spent_cpu_s(cocotb)[0], spent_cpu_s(start_up)[0]
        rows.append((
            f"{size}x{size}", Count(cycles), *(Number(cycles / cpu_seconds(f, 3)[0]) for f in (exact, raw)),
            Number(cycles / (whole - starting)), Number(cycles / whole),
        ))  # fmt: skip
    header = ("array", "cycles", "`exact`", "Verilator alone", "cocotb", "start-up included")
    return table("Cycles a CPU second, a 3x3 convolution with 64 channels", header, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16, 32])
    sizes = parser.parse_args().sizes
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODESIGN_CACHE"] = folder
        print(emission(sizes), flush=True)
        print(rates(sizes), flush=True)
    print(f"Asked for: cocotb {Count(COCOTB_RATE)} at any size, Verilator alone {Count(RAW_RATE)} at 16x16.")


if __name__ == "__main__":
    main()
