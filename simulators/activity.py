"""Integer counts of every action: what all fidelities agree on, and all that energy is computed from."""

from __future__ import annotations

import numpy as np

#: Counters of one program, in the order of the kernels' arrays. Elements are of the buffer's own format.
COUNTERS = (
    "cycles",
    "macs",  # multiply-accumulates by PEs in use
    "mac_slots",  # rows x cols for each vector streamed (ws, is) or step (os): PEs clocked
    "mapped_pes",  # PEs in use, summed over folds
    "folds",  # tiles of an operand that stood in the array, one for each matmul command
    "array_cycles",  # cycles in which the array takes a vector
    "preload_cycles",  # cycles in which a fold's weights (ws, is) move into the PEs: rows for each preload
    "drain_cycles",  # os, shifted: the array waits for its own sums to leave
    "scratchpad_read_elements",  # by the array
    "scratchpad_write_elements",  # by loads
    "weight_read_elements",  # by the array, and by the vector unit for depthwise
    "weight_write_elements",  # by loads
    "accumulator_read_elements",  # partial sums read back by accumulation
    "accumulator_write_elements",  # by the array
    "vector_operations",  # lane operations
    "vector_cycles",  # cycles of the vector unit's commands at work
    "vector_accumulator_reads",  # elements that the vector unit takes from the accumulator
    "vector_scratchpad_reads",  # elements that the vector unit takes from the scratchpad
    "vector_scratchpad_writes",  # elements that the vector unit puts into the scratchpad
    "parameter_reads",  # channels whose parameters the vector unit takes
    "parameter_write_elements",  # by loads
    "store_scratchpad_reads",  # elements that stores take from the scratchpad
    "load_beats",  # bus_bytes each, from the memory: those on the bus, not fills
    "store_beats",  # bus_bytes each, to the memory
    "load_requests",  # bursts asked of the memory
    "store_requests",  # bursts given to the memory
    "dram_read_bytes",  # load_beats x bus_bytes
    "dram_write_bytes",  # bytes that stores give to the memory
    "sequencer_wait",  # cycles the sequencer finds a full queue
    "load_wait_token",  # cycles an idle engine's first command waits for a token: mostly for room
    "execute_wait_token_load",  # cycles the idle array's first command waits for a token of the load engine
    "execute_wait_token_vector",  # the same, of the vector unit
    "execute_wait_token_store",  # the same, of the store engine
    "vector_wait_token",  # cycles an idle engine's first command waits for a token
    "store_wait_token",  # cycles an idle engine's first command waits for a token
    "execute_wait_queue",  # idle with an empty queue before its last command
    "execute_wait_array",  # the head's tokens are there, the array or its weights are not free
    "load_wait_memory",  # the oldest transfer's data has not come, or a request is refused
    "store_wait_memory",  # the memory does not take the next request
)
#: Counters of a cycle-level DRAM in one run; the machine has no registers for them.
MEMORY_COUNTERS = (
    "dram_activates",  # ACT commands: a row is opened
    "dram_precharges",  # PRE commands: a row is closed
    "dram_reads",  # column commands that read, of the DRAM's own request size
    "dram_writes",  # column commands that write, those that still wait at the end counted
    "dram_refreshes",  # REF commands, each of a rank
    "dram_row_hits",  # column commands that found their row open
    "dram_active_clocks",  # of the memory, summed over ranks: a bank of the rank is open
    "dram_idle_clocks",  # no bank of the rank is open
)
INDEX = {name: i for i, name in enumerate(COUNTERS)}


def as_dict(counts: np.ndarray) -> dict[str, int]:
    """Return the counters of one kernel's array by name."""
    return {name: int(counts[i]) for i, name in enumerate(COUNTERS)}


def memory_as_dict(counts: np.ndarray) -> dict[str, int]:
    """Return the counters of a memory by name."""
    return {name: int(counts[i]) for i, name in enumerate(MEMORY_COUNTERS)}


def no_memory_counts() -> np.ndarray:
    """Return zeros, one for each of `MEMORY_COUNTERS`."""
    return np.zeros(len(MEMORY_COUNTERS), np.int64)
