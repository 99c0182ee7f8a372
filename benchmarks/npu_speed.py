"""How fast the three fidelities are here, and how their cost grows with work.

    python -m benchmarks.npu_speed
"""

from __future__ import annotations

import codesign as cd
from benchmarks.timing import Count, Number, cpu_seconds, table
from simulators.machine import Machine
from simulators.machine_files import load_machine
from workloads.importers.scalesim import add_row
from workloads.network import Network

FLOWS = ("ws", "os", "is")
SIZES = (16, 32, 128)


def ideal(size: int, flow: str) -> Machine:
    """Return an idealised array: operands in place."""
    return load_machine(f"scalesim_32x32_{flow}", [f"array.rows={size}", f"array.cols={size}"])


def loading(size: int, flow: str) -> Machine:
    """Return an array with DRAM behind it: a gemmini_16x16 of another size and dataflow, with 1 MiB of each buffer."""
    overrides = [f"array.rows={size}", f"array.cols={size}", f"array.dataflow={flow}", "array.convolution=im2col"]
    overrides += [f"{name}.size_bytes=1048576" for name in ("scratchpad", "weight_buffer", "accumulator")]
    return load_machine("gemmini_16x16", overrides)


def gemm(m: int, n: int, k: int) -> Network:
    """Return a network of one matrix multiplication."""
    network = Network("gemm", [], {}, (), (), "shapes only")
    add_row(network, "gemm", (m, n, k))
    return network


def resnet() -> str:
    """Return CPU seconds of ResNet-50 on nine arrays."""
    network, rows = cd.load_network("onnx:resnet50"), []
    kinds = (("operands in place", ideal), ("DRAM, mapper searching", loading))
    for label, machine_of in kinds:
        machines = [machine_of(size, flow) for flow in FLOWS for size in SIZES]
        for fidelity in ("fast", "cycle"):
            spent, total = 0.0, 0
            for machine in machines:
                seconds, result = cpu_seconds(
                    lambda m=machine, f=fidelity: cd.run(network, m, fidelity=f, allow_host=True), 3
                )
                spent, total = spent + seconds, total + result.cycles
            rows.append((label, f"`{fidelity}`", Count(total), Number(spent), Number(total / spent / 1e6)))
    header = ("nine machines", "fidelity", "cycles", "CPU-s for all nine", "M cycles/CPU-s")
    return table("ResNet-50, 3 dataflows x 3 arrays (16, 32, 128)", header, rows)


def exact() -> str:
    """Return the rate of `exact`: PEs times cycles per CPU second, values and all."""
    rows = []
    for size, steps in ((16, 512), (32, 768), (128, 2048)):
        for flow in FLOWS:
            machine, network = ideal(size, flow), gemm(steps, steps, 256)
            spent, result = cpu_seconds(
                lambda m=machine, n=network: cd.run(n, m, fidelity="exact", random_weights=1), 3
            )
            updates = result.cycles * size * size
            rows.append((f"{size}x{size} {flow}", Count(result.cycles), Number(spent), Number(updates / spent / 1e6)))
    return table("`exact`, a GEMM with values", ("array", "cycles", "CPU-s", "M PE updates/CPU-s"), rows)


def growth() -> str:
    """Return how the cost of each fidelity grows with a GEMM's size."""
    rows = []
    for n in (64, 128, 256, 512, 1024, 2048):
        for label, machine in (("in place", ideal(32, "ws")), ("DRAM", loading(32, "ws"))):
            cells: list[Number | str] = []
            cycles = 0
            for fidelity in ("fast", "cycle", "exact"):
                if fidelity == "exact" and n > 512:
                    cells.append("")
                    continue
                options = {"fidelity": fidelity, "random_weights": 1 if fidelity == "exact" else None}
                spent, result = cpu_seconds(lambda m=machine, o=options, n=n: cd.run(gemm(n, n, n), m, **o), 3)
                cells.append(Number(1e3 * spent))
                cycles = result.cycles
            rows.append((Count(n), label, Count(cycles), *cells))
    header = ("n", "operands", "cycles", "`fast` CPU-ms", "`cycle` CPU-ms", "`exact` CPU-ms")
    return table("A GEMM n x n x n on 32x32 ws", header, rows)


def main() -> None:
    """Measure and print."""
    for part in (resnet, exact, growth):
        print(part(), flush=True)


if __name__ == "__main__":
    main()
