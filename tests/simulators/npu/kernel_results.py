"""What the kernels compute for a few layers and machines: run once compiled and once as plain Python, and compared.

``python -m tests.simulators.npu.kernel_results FILE`` writes the results; with NUMBA_DISABLE_JIT=1 they are plain
Python's.
"""

from __future__ import annotations

import sys

import numpy as np

from simulators.machine_files import load_machine
from simulators.npu.counts import count_program, new_counts
from simulators.npu.cycle import run_cycle
from simulators.npu.exact import new_memories, run_exact
from simulators.npu.fast import estimate
from simulators.npu.mapper import choose
from simulators.npu.multicore import run_cores
from simulators.npu.planner import compile_for, emit_program
from simulators.npu.requantizer import requantize
from simulators.program import as_table
from workloads.trace import Layer, Window

MACHINES = {
    "ws": ["array.rows=4", "array.cols=3", "vector.lanes=2"],
    "os": ["array.rows=3", "array.cols=4", "array.dataflow=os", "vector.lanes=4", "memory.latency_spread_cycles=9"],
    "is": ["array.rows=4", "array.cols=4", "array.dataflow=is", "array.convolution=im2col", "vector.lanes=4",
           "memory.clock_hz=333333333"],
    "dram": ["array.rows=4", "array.cols=3", "vector.lanes=2", "memory.model=dram", "memory.standard=lpddr4-2400"],
}  # fmt: skip
LAYERS = (
    Layer("conv", "conv", "matrix", Window(1, 5, 6, 7, 3, 3, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1)),
    Layer("grouped", "conv", "matrix", Window(1, 4, 4, 6, 4, 4, 6, 3, 3, 1, 1, 1, 1, 1, 1, 6)),
    Layer("gemm", "gemm", "matrix", Window(1, 5, 1, 11, 5, 1, 9)),
    Layer("pool", "max_pool", "vector", Window(1, 6, 6, 5, 3, 3, 5, 2, 2, 2, 2), function="max_pool"),
)


def kernel_results() -> dict[str, np.ndarray]:
    """Return programs, chosen tilings, estimates, counts, and starts, ends and memories of both event kernels."""
    results: dict[str, np.ndarray] = {}
    for name, overrides in MACHINES.items():
        compiled = compile_for(load_machine("small_npu_8x8", overrides))
        for layer in LAYERS:
            plan = choose(compiled, layer)
            program, key = emit_program(compiled, plan), f"{name}.{layer.name}"
            results[f"{key}.plan"] = plan.g
            results[f"{key}.program"] = as_table(program)
            results[f"{key}.estimate"] = estimate(compiled.config, compiled.functions, plan.g, plan.codes)
            counts = new_counts()
            count_program(compiled.config, compiled.functions, as_table(program), counts)
            results[f"{key}.counts"] = counts
            run = run_cycle(compiled.machine, program)
            results[f"{key}.cycle"] = np.concatenate([run.start, run.end, run.counts])
            cores = run_cores(compiled.machine, [program, program])
            results[f"{key}.cores"] = np.concatenate([one for core in cores.cores for one in core[1:]] + [cores.memory])
            if compiled.machine.memory.model == "dram":
                continue  # `exact` would be compiled for it alone
            dram = np.random.default_rng(1).integers(0, 8, plan.at("dram_end"), dtype=np.uint8)
            exact = run_exact(compiled.machine, program, new_memories(compiled.machine, dram))
            results[f"{key}.exact"] = np.concatenate([exact.start, exact.end, exact.counts, exact.memories.dram])
    rng = np.random.default_rng(2)
    sums, factors, shifts = rng.integers(-(2**31), 2**31, 200), rng.integers(1, 2**31, 200), rng.integers(1, 62, 200)
    numbers = zip(sums.tolist(), factors.tolist(), shifts.tolist(), strict=True)
    results["requantize"] = np.array([[requantize(*n, mode) for mode in range(4)] for n in numbers])
    return results


if __name__ == "__main__":
    np.savez(sys.argv[1], **kernel_results())
