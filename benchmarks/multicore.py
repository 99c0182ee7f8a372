"""Four cores of 128x128 that share a memory, on GEMMs and ResNet-18: cycles, and how fast they are simulated.

    python -m benchmarks.multicore

The same as ``codesign run resnet18 --machine FILE --cores 4 --memory hbm2-2000``, reading of the network and mapper's
search included. ONNXim's CPU seconds stand beside ours as they were measured on this project's machine with its own
four cores of 128x128 and a cycle-level HBM: not the same run.
"""

from __future__ import annotations

import codesign as cd
from benchmarks.npu_speed import gemm
from benchmarks.timing import Count, Number, cpu_seconds, table
from codesign.result import Result
from workloads.network import Network

CORES = 4
#: CPU seconds of ONNXim by work.
ONNXIM = {"GEMM 512": 0.59, "GEMM 1024": 8.1, "ResNet-18": 14.8}
#: A core of TPU's kind at 1 GHz; 256 bytes a cycle for all four, as a stack of HBM2 has.
CORE = (
    "array.rows=128", "array.cols=128", "vector.lanes=128", "scratchpad.size_bytes=8388608",
    "weight_buffer.size_bytes=8388608", "accumulator.size_bytes=4194304", "parameter_buffer.size_bytes=98304",
    "dma.bus_bytes=64", "dma.burst_bytes=256", "dma.outstanding=64", "memory.bytes_per_cycle=256",
    "memory.queue_depth=64", "memory.technology=HBM2_jouppi", "name=core_128x128", "queues.store=8",
)  # fmt: skip
MEMORIES = {"simple": (), "HBM2, 8 channels": ("memory.model=dram", "memory.standard=hbm2-2000")}


def simulated(network: str | Network, cores: int, memory: str) -> Result:
    """Return a network on some cores, batch 1, each layer divided as `fast` finds best."""
    return cd.run(network, "gemmini_16x16", set=[*CORE, *MEMORIES[memory], f"cores={cores}"])


def main() -> None:
    """Print a table for each memory."""
    works: dict[str, str | Network] = {f"GEMM {n}": gemm(n, n, n) for n in (512, 1024, 2048)}
    for memory in MEMORIES:
        rows = []
        for label, network in {**works, "ResNet-18": "resnet18"}.items():
            seconds, four = cpu_seconds(lambda n=network, m=memory: simulated(n, CORES, m), 1)
            one = simulated(network, 1, memory).cycles
            theirs = ONNXIM.get(label)
            rows.append((
                label, Count(one), Count(four.cycles), Number(one / four.cycles), Number(seconds),
                Count(four.cycles / seconds), f"{theirs} (not same run)" if theirs else "",
            ))  # fmt: skip
        header = ("work", "cycles, 1 core", "cycles, 4 cores", "times", "CPU-s", "cycles per CPU-s", "ONNXim CPU-s")
        print(table(f"Four cores of 128x128, memory {memory}, `cycle`", header, rows))


if __name__ == "__main__":
    main()
