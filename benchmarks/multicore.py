"""Four cores of 128x128 that share a memory, on GEMMs and ResNet-18: cycles, and how fast they are simulated.

    python -m benchmarks.multicore

ONNXim's CPU seconds stand beside ours as they were measured on this project's machine with its own four cores of
128x128 and a cycle-level HBM: not the same run, another memory.
"""

from __future__ import annotations

from benchmarks.npu_speed import gemm
from benchmarks.timing import Count, Number, cpu_seconds, table
from codesign.runner import prepare
from simulators.machine import Machine
from simulators.machine_files import load_machine
from simulators.npu.multicore_layers import MulticoreSimulation, simulate_cores
from workloads.network import Network

CORES = 4
#: CPU seconds of ONNXim by work.
ONNXIM = {"GEMM 512": 0.59, "GEMM 1024": 8.1, "ResNet-18": 14.8}
#: A core of TPU's kind; 256 bytes a cycle for all four, a stack of HBM2 at 1 GHz.
CORE = (
    "array.rows=128", "array.cols=128", "vector.lanes=128", "scratchpad.size_bytes=8388608",
    "weight_buffer.size_bytes=8388608", "accumulator.size_bytes=4194304", "parameter_buffer.size_bytes=98304",
    "dma.bus_bytes=64", "dma.burst_bytes=256", "dma.outstanding=64", "memory.bytes_per_cycle=256",
    "memory.queue_depth=64", "memory.technology=HBM2_jouppi",
)  # fmt: skip


def core() -> Machine:
    """Return one core and the memory that all share."""
    return load_machine("gemmini_16x16", [*CORE, "name=core_128x128", "queues.store=8"])


def simulated(network: str | Network, cores: int) -> MulticoreSimulation:
    """Return a network on some cores, batch 1, each layer divided as `fast` finds best."""
    ready = prepare(network, core())
    return simulate_cores(ready.trace, ready.machine, cores)


def main() -> None:
    """Print the table."""
    works: dict[str, str | Network] = {f"GEMM {n}": gemm(n, n, n) for n in (512, 1024, 2048)}
    rows = []
    for label, network in {**works, "ResNet-18": "resnet18"}.items():
        seconds, four = cpu_seconds(lambda n=network: simulated(n, CORES), 1)
        one = simulated(network, 1).cycles
        theirs = ONNXIM.get(label)
        rows.append((
            label, Count(one), Count(four.cycles), Number(one / four.cycles), Number(seconds),
            Count(four.cycles / seconds), f"{theirs} (not same run)" if theirs else "",
        ))  # fmt: skip
    header = ("work", "cycles, 1 core", "cycles, 4 cores", "times", "CPU-s", "cycles per CPU-s", "ONNXim CPU-s")
    print(table("Four cores of 128x128, shared memory, `cycle`", header, rows))


if __name__ == "__main__":
    main()
