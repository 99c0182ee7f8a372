"""Every register of the array, the queues, the tokens, the counters and the sums, as one list of integers a cycle.

The RTL's port ``probe`` carries the same list (`rtl.npu.top.Npu.probe_fields`); a rolling hash of it, cycle by cycle,
says that two machines hold the same in every register.
"""

from __future__ import annotations

import numpy as np

from simulators.activity import COUNTERS, INDEX
from simulators.kernels import inlined_kernel
from simulators.npu.config import OS, C
from simulators.npu.exact_state import R

#: FNV-1a over 64-bit words: `basis` before the first.
HASH_BASIS, HASH_PRIME = 0xCBF29CE484222325, 0x100000001B3

_ROWS, _COLS, _FLOW, _SHADOW, _PE = C["rows"], C["cols"], C["dataflow"], C["shadow"], C["pe_latency"]
_MOVES, _CYCLES, _COUNTERS = R["moves"], INDEX["cycles"], len(COUNTERS)
_TOKENS = 64


def probe_length(config: np.ndarray, words: int) -> int:
    """Return how many integers `probe_values` writes, with an accumulator of `words` words."""
    rows, cols, latency = int(config[_ROWS]), int(config[_COLS]), int(config[_PE])
    registers = 3 if config[_FLOW] == OS or not config[_SHADOW] else 4
    return 4 + _TOKENS + _COUNTERS + rows * cols * (registers + latency - 1) + words * cols


@inlined_kernel
def probe_values(st, reg, mem, config, counts, last_end, values):
    """Write all registers as they are after a cycle: queues, tokens, counters, PEs row by row, sums by column.

    A PE: streaming operand, stationary weight and shadow weight (os: the weight passed down), sum, and its products
    from the youngest on.
    """
    at = 0
    for engine in range(4):
        values[at] = st.queues[0, engine] - st.queues[1, engine]
        at += 1
    for i in range(_TOKENS):
        values[at] = st.tokens[i]
        at += 1
    for i in range(_COUNTERS):
        values[at] = last_end if i == _CYCLES else counts[i]
        at += 1
    latency, moves = config[_PE], reg.r[_MOVES]
    for i in range(config[_ROWS]):
        for c in range(config[_COLS]):
            values[at] = reg.activation[i, c]
            values[at + 1] = reg.below[i, c] if config[_FLOW] == OS else reg.weight[i, c]
            at += 2
            if config[_FLOW] != OS and config[_SHADOW]:
                values[at] = reg.shadow[i, c]
                at += 1
            values[at] = reg.total[i, c]
            at += 1
            for age in range(1, latency):
                values[at] = reg.products[(moves - age) % latency, i, c] if moves >= age else 0
                at += 1
    for c in range(config[_COLS]):
        for word in range(mem.accumulator.shape[0]):
            values[at] = mem.accumulator[word, c]
            at += 1


@inlined_kernel
def roll(hashed, values):
    """Return the rolling hash after one more cycle's values (uint64 arithmetic, wrapping)."""
    for i in range(values.shape[0]):
        hashed = (hashed ^ np.uint64(values[i])) * np.uint64(HASH_PRIME)
    return hashed
