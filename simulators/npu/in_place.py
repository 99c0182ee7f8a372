"""Activations that never leave the chip: a program whose inputs lie in the scratchpad and whose outputs stay there.

The mapper cuts layers whose operands come from DRAM and whose outputs go there (docs/npu.md). A machine that keeps
whole layers in its scratchpad moves weights alone.
"""

from __future__ import annotations

import numpy as np

from simulators.npu.tokens import ACT_FREE, ACT_READY
from simulators.program import FILL, LOAD, SCRATCHPAD, STORE


def activations_in_place(program: np.ndarray) -> np.ndarray:
    """Return the program of a layer on the array that moves weights and parameters alone.

    Loads and fills of activations are left out, with the tokens that they give and take; a store moves one element.
    For timing: the values of the result mean nothing.

    Parameters
    ----------
    program : numpy.ndarray
        Of dtype `simulators.program.COMMAND`, as `simulators.npu.planner.emit_program` gives it.
    """
    brought = ((program["opcode"] == LOAD) | (program["opcode"] == FILL)) & (program["memory"] == SCRATCHPAD)
    kept = program[~brought].copy()
    for name in ("waits", "gives"):
        kept[name] &= ~(ACT_READY | ACT_FREE)
    for name in ("n0", "n1", "count"):
        kept[name][kept["opcode"] == STORE] = 1
    return kept
