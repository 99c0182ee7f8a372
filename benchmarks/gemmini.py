"""What each mechanism of Gemmini's library costs ResNet-50: the tables of docs/validation.md.

    python -m benchmarks.gemmini

Mechanisms are added one by one, in the order of `codesign.compat.gemmini.MECHANISMS`; then the memory is varied.
"""

from __future__ import annotations

from benchmarks.timing import Number, table
from codesign.compat.gemmini import MECHANISMS
from codesign.validate.gemmini import cycles, network, share
from workloads.trace import Trace

MEMORIES = (
    ("as it stands: 80 cycles, 16 bytes a cycle", ()),
    ("40 cycles", ("memory.latency_cycles=40",)),
    ("60 cycles", ("memory.latency_cycles=60",)),
    ("100 cycles", ("memory.latency_cycles=100",)),
    ("120 cycles", ("memory.latency_cycles=120",)),
    ("8 bytes a cycle", ("memory.bytes_per_cycle=8",)),
    ("10 requests held", ("memory.queue_depth=10",)),
)


def main() -> None:
    """Print both tables."""
    trace = network()
    rows = []
    for last in range(len(MECHANISMS) + 1):
        taken = cycles(trace, mechanisms=MECHANISMS[:last])
        rows.append([f"and {MECHANISMS[last - 1]}" if last else "none", *_figures(trace, taken)])
    print(table("Mechanisms, one by one", ["mechanisms", "accelerator, M cycles", "host, M cycles", "% of peak"], rows))
    rows = [[name, *_figures(trace, cycles(trace, overrides))] for name, overrides in MEMORIES]
    print(table("Memory", ["memory", "accelerator, M cycles", "host, M cycles", "% of peak"], rows))


def _figures(trace: Trace, taken: tuple[int, int]) -> list[Number]:
    return [*(Number(part / 1e6) for part in taken), Number(share(trace, sum(taken)))]


if __name__ == "__main__":
    main()
