"""Counters that the program alone decides: the sums over commands of docs/npu.md, "Counters"."""

from __future__ import annotations

import numpy as np

from simulators.activity import COUNTERS, INDEX
from simulators.kernels import kernel
from simulators.npu.config import OS, C
from simulators.npu.transfers import row_address, row_bytes, rows_of
from simulators.program import (
    ACCUMULATOR,
    ADD,
    DEPTHWISE,
    FILL,
    LOAD,
    MATMUL,
    PARAMETER_NONE,
    PARAMETERS,
    PRELOAD,
    SCRATCHPAD,
    STORE,
    WEIGHT_BUFFER,
    F,
)  # fmt: skip

# Counter indices as plain integers: numba reads globals as constants.
_I = {name: INDEX[name] for name in COUNTERS}
MACS, MAC_SLOTS, MAPPED, FOLDS = _I["macs"], _I["mac_slots"], _I["mapped_pes"], _I["folds"]
ARRAY, PRELOADS, DRAINS = _I["array_cycles"], _I["preload_cycles"], _I["drain_cycles"]
SP_READ, SP_WRITE = _I["scratchpad_read_elements"], _I["scratchpad_write_elements"]
W_READ, W_WRITE = _I["weight_read_elements"], _I["weight_write_elements"]
ACC_READ, ACC_WRITE = _I["accumulator_read_elements"], _I["accumulator_write_elements"]
V_OPS, V_CYCLES, V_ACC = _I["vector_operations"], _I["vector_cycles"], _I["vector_accumulator_reads"]
V_READ, V_WRITE = _I["vector_scratchpad_reads"], _I["vector_scratchpad_writes"]
P_READ, P_WRITE, ST_READ = _I["parameter_reads"], _I["parameter_write_elements"], _I["store_scratchpad_reads"]
L_BEATS, S_BEATS, L_REQ, S_REQ = _I["load_beats"], _I["store_beats"], _I["load_requests"], _I["store_requests"]
D_READ, D_WRITE = _I["dram_read_bytes"], _I["dram_write_bytes"]

_ROWS, _COLS, _LANES, _BUS, _BUS_SHIFT, _BURST_SHIFT = (
    C["rows"], C["cols"], C["lanes"], C["bus_bytes"], C["bus_shift"], C["burst_shift"],
)  # fmt: skip
_FLOW, _DRAIN, _SERIAL = C["dataflow"], C["drain"], C["serializer"]
_OP, _MEM, _COUNT, _N0, _N1 = F["opcode"], F["memory"], F["count"], F["n0"], F["n1"]
_UR, _UC, _ACCUMULATE, _VALUE, _PMODE = F["used_rows"], F["used_cols"], F["accumulate"], F["value"], F["parameter_mode"]
_TAP0, _TAP1 = F["lane_n0"], F["lane_n1"]


@kernel
def steps_of(config, row):
    """Return the cycles in which a matmul feeds the array: its vectors (ws, is) or steps (os)."""
    return row[_COUNT] * config[_ROWS] if config[_SERIAL] else row[_COUNT]


@kernel
def vector_issues(config, passes, row):
    """Return the cycles in which a vector command reads operands."""
    groups = (row[_UC] + config[_LANES] - 1) // config[_LANES]
    return row[_COUNT] * groups * row[_TAP0] * row[_TAP1] * passes


@kernel
def _count_transfer(config, row, counts):
    elements = rows_of(row) * row[_N0]
    if row[_OP] == STORE:
        counts[ST_READ] += elements
    elif row[_MEM] == SCRATCHPAD:
        counts[SP_WRITE] += elements
    elif row[_MEM] == WEIGHT_BUFFER:
        counts[W_WRITE] += elements
    elif row[_MEM] == PARAMETERS:
        counts[P_WRITE] += elements
    if row[_OP] == FILL:
        return
    beats, requests, size = 0, 0, row_bytes(config, row)
    for i in range(rows_of(row)):
        first = row_address(row, i)
        beats += ((first + size - 1) >> config[_BUS_SHIFT]) - (first >> config[_BUS_SHIFT]) + 1
        requests += ((first + size - 1) >> config[_BURST_SHIFT]) - (first >> config[_BURST_SHIFT]) + 1
    if row[_OP] == STORE:
        counts[S_BEATS] += beats
        counts[S_REQ] += requests
        counts[D_WRITE] += beats * config[_BUS]
    else:
        counts[L_BEATS] += beats
        counts[L_REQ] += requests
        counts[D_READ] += beats * config[_BUS]


@kernel
def _count_matmul(config, row, counts):
    steps, used = steps_of(config, row), row[_UR] * row[_UC]
    counts[FOLDS] += 1
    counts[MAPPED] += used
    counts[MACS] += steps * used
    counts[MAC_SLOTS] += steps * config[_ROWS] * config[_COLS]
    counts[ARRAY] += steps
    counts[SP_READ if row[_MEM] == SCRATCHPAD else W_READ] += steps * row[_UR]
    words = row[_COUNT]
    if config[_FLOW] == OS:
        counts[W_READ] += steps * row[_UC]
        counts[DRAINS] += config[_DRAIN]
        words = row[_UR]
    counts[ACC_WRITE] += words * row[_UC]
    if row[_ACCUMULATE]:
        counts[ACC_READ] += words * row[_UC]


@kernel
def _count_vector(config, functions, row, counts):
    taps, outputs = row[_TAP0] * row[_TAP1], row[_COUNT] * row[_UC]
    passes = functions[row[_VALUE], 1]
    counts[V_OPS] += outputs * taps * passes
    counts[V_CYCLES] += vector_issues(config, passes, row)
    counts[V_ACC if row[_MEM] == ACCUMULATOR else V_READ] += outputs * taps
    counts[V_WRITE] += outputs
    if row[_VALUE] == DEPTHWISE:
        counts[W_READ] += outputs * taps
    if row[_PMODE] != PARAMETER_NONE:
        counts[P_READ] += outputs * (taps if row[_VALUE] == ADD else 1)


@kernel
def count_program(config, functions, program, counts):
    """Add the counters of every command of a program (commands, fields) to `counts`."""
    for i in range(program.shape[0]):
        row = program[i]
        if row[_OP] == MATMUL:
            _count_matmul(config, row, counts)
        elif row[_OP] == PRELOAD:
            counts[PRELOADS] += config[_ROWS]
            counts[SP_READ if row[_MEM] == SCRATCHPAD else W_READ] += row[_UR] * row[_UC]
        elif row[_OP] == LOAD or row[_OP] == FILL or row[_OP] == STORE:
            _count_transfer(config, row, counts)
        else:
            _count_vector(config, functions, row, counts)


def new_counts() -> np.ndarray:
    """Return zeros, one for each of `COUNTERS`."""
    return np.zeros(len(COUNTERS), np.int64)
