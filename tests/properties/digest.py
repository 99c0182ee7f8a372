"""One number for everything that a few runs give: equal digests are equal results, byte for byte.

``python -m tests.properties.digest`` prints it.
"""

from __future__ import annotations

import hashlib

import numpy as np

import codesign as cd
from simulators.npu.exact import run_exact
from tests.simulators.npu.layer_cases import layer_case
from workloads.zoo.digits import load_test_images

SEEDS = (20_001, 20_002, 20_003, 20_004, 20_005)


def digest() -> str:
    """Return a hash of digits in three fidelities and of some random cases with their memories."""
    image = load_test_images()[0][:1].astype(np.int8)
    parts: list[bytes] = []
    for fidelity in ("exact", "cycle", "fast"):
        given = {"inputs": {"image": image}} if fidelity == "exact" else {}
        result = cd.run("digits", "small_npu_8x8", fidelity=fidelity, **given)
        parts.append(repr((result.cycles, result.energy_pj, result.area_um2, result.mapping, result.layers)).encode())
        parts += [run.counts.tobytes() for run in result.simulation.layers]
        parts += [np.ascontiguousarray(result.outputs[name]).tobytes() for name in sorted(result.outputs)]
    for seed in SEEDS:
        case = layer_case(seed)
        memories = case.memories()
        run = run_exact(case.machine, case.program, memories, case.stalls)
        arrays = [case.program, run.start, run.end, run.counts]
        arrays += [memories.dram, memories.scratchpad, memories.accumulator]
        parts += [np.ascontiguousarray(array).tobytes() for array in arrays]
    return hashlib.sha256(b"".join(parts)).hexdigest()


if __name__ == "__main__":
    print(digest())
