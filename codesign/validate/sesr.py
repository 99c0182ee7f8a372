"""SESR-M5 against FSRCNN on `edge_npu`: super-resolution by two from 1080p.

Bhardwaj et al., "Collapsible Linear Blocks for Super-Efficient Super Resolution", MLSys 2022: 28.0 and 54.1 G MACs, and
6 to 8 times faster on a commercial NPU of 4 TOPS than FSRCNN. The machine was fixed before either network was run on
it; what the paper's NPU has beyond 4 TOPS is not published, so the total is shown with its sensitivity to bandwidth.
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.runner import prepare, run
from codesign.validate.comparison import Comparison

_SOURCE = "Bhardwaj et al., MLSys 2022"
NETWORKS = ("fsrcnn", "sesr-m5")
MACS_G = {"fsrcnn": 54.1, "sesr-m5": 28.0}
#: Middle of "6x-8x".
FASTER = 7.0
#: Bytes a memory clock of `edge_npu` (12.8 GB/s), half of it and twice.
BANDWIDTHS = {"half_bandwidth": 4, "bandwidth": 8, "twice_bandwidth": 16}


def macs() -> dict[str, int]:
    """Return the multiply-accumulates of both networks."""
    return {name: prepare(name, "edge_npu").trace.macs for name in NETWORKS}


def comparisons() -> Iterator[Comparison]:
    """Yield the rows of both networks."""
    counted = macs()
    for name in NETWORKS:
        rounded = round(counted[name] / 1e9, 1)
        yield Comparison(f"sesr.macs.{name}", rounded, MACS_G[name], "G MACs", 0, "points", _SOURCE)
    ratio = round(counted["fsrcnn"] / counted["sesr-m5"], 2)
    yield Comparison("sesr.macs.ratio", ratio, 1.93, "times", 0, "points", _SOURCE)
    mappings = {name: run(name, "edge_npu", fidelity="fast").mapping for name in NETWORKS}
    for label, bytes_per_cycle in BANDWIDTHS.items():
        cycles = {}
        for name in NETWORKS:
            override = [f"memory.bytes_per_cycle={bytes_per_cycle}"]
            cycles[name] = run(name, "edge_npu", set=override, fidelity="fast", mapping=mappings[name]).cycles
        faster = cycles["fsrcnn"] / cycles["sesr-m5"]
        yield Comparison(f"sesr.total.{label}", faster, FASTER, "times", 0, "shown", _SOURCE)
