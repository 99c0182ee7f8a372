"""What a DRAM behind an NPU's port did in a run: `simulators.activity.MEMORY_COUNTERS`."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulators.activity import MEMORY_COUNTERS
from simulators.dram.port import DramPort, advance
from simulators.dram.state import H, channel_counts
from simulators.memory.clocks import to_memory
from simulators.npu.config import C


def memory_counts(memory: Any, config: np.ndarray, cycles: int) -> np.ndarray:
    """Return the memory's counters after a run of `cycles` machine cycles, zeros for one that has no commands.

    Writes that were acknowledged and still wait in a channel's buffer count as written: every byte is paid for.
    """
    found = dict.fromkeys(MEMORY_COUNTERS, 0)
    if isinstance(memory, DramPort):
        m = memory.memory
        clocks = int(to_memory(cycles, config[C["ratio_num"]], config[C["ratio_den"]]))
        advance(m, memory.bursts, clocks)
        channels = int(m[H["channels"]])
        for ch in range(channels):
            n = channel_counts(m, ch, clocks)
            found["dram_activates"] += n["ACT"]
            found["dram_precharges"] += n["PRE"]
            found["dram_reads"] += n["RD"] + n["RDA"]
            found["dram_writes"] += n["writes"] - n["merged_writes"]
            found["dram_refreshes"] += n["REF"]
            found["dram_row_hits"] += n["read_hits"] + n["write_hits"]
            found["dram_active_clocks"] += n["active_rank_clocks"]
        found["dram_idle_clocks"] = clocks * channels * int(m[H["ranks"]]) - found["dram_active_clocks"]
    return np.array([found[name] for name in MEMORY_COUNTERS], np.int64)
