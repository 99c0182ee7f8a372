"""Random small machines with valid programs for them."""

from __future__ import annotations

import numpy as np

from rtl.random_programs import Builder, random_dram
from simulators.machine import Machine
from simulators.program import assemble
from tests.simulators.npu.machines import random_array, random_machine


def random_case(seed: int) -> tuple[Machine, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (machine, program, dram, stalls) of a seed; the program passes `check_program`."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng, random_array(rng))
    builder.build(int(rng.integers(1, 5)))
    machine = random_machine(rng, builder.array, builder.elements)
    stalls = None
    if rng.random() < 0.5:
        stalls = (rng.random((int(rng.integers(1, 800)), 2)) < rng.random() * 0.8).astype(np.uint8)
    return machine, assemble(builder.commands), random_dram(rng), stalls
