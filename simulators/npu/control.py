"""Queues, tokens and engines of the `cycle` kernel: one function a rule of docs/npu.md, each for one cycle."""

from __future__ import annotations

import numpy as np

from simulators.kernels import inlined_kernel
from simulators.npu.config import OS, C
from simulators.npu.counts import steps_of, vector_issues
from simulators.npu.state import S
from simulators.program import EXECUTE_ENGINE, MATMUL, PRELOAD, VECTOR_ENGINE, F

_WAITS, _GIVES, _OP, _SWAP, _VALUE = F["waits"], F["gives"], F["opcode"], F["swap"], F["value"]
_ROWS, _COLS, _FLOW, _SHADOW, _OVERLAP = C["rows"], C["cols"], C["dataflow"], C["shadow"], C["overlap"]
_SKEW_ROWS, _SKEW_COLS = C["skew_rows"], C["skew_cols"]
_DRAIN, _SERIAL, _PE = C["drain"], C["serializer"], C["pe_latency"]
_OPERAND, _ACC, _VECTOR = C["operand_latency"], C["accumulator_latency"], C["vector_latency"]
_ARRAY_FREE, _ARRAY_BUSY, _PRELOAD_FREE = S["array_free"], S["array_busy"], S["preload_free"]
_ENDED, _AVAILABLE, _LIMIT, _OVERFLOW = S["ended"], S["available"], S["token_limit"], S["overflow"]
_TILE, _MATMUL_END, _VEND, _VCMD = S["tile_waits"], S["matmul_end"], S["vector_end"], S["vector_command"]


@inlined_kernel
def head_of(st, engine):
    """Return the command at the head of an engine's queue, -1 when it is empty."""
    if st.queues[1, engine] < st.queues[0, engine]:
        return st.order[engine, st.queues[1, engine]]
    return -1


@inlined_kernel
def missing_token(st, program, index):
    """Return the lowest counter that a command still waits for, -1 when all tokens are there."""
    missing = program[index, _WAITS] & ~st.s[_AVAILABLE]
    if missing == 0:
        return -1
    counter = 0
    while missing & 0xFFFF == 0:
        missing >>= 16
        counter += 16
    while missing & 1 == 0:
        missing >>= 1
        counter += 1
    return counter


@inlined_kernel
def start_head(st, program, engine, cycle):
    """Pop the head of a queue, take its tokens, note its start; return it."""
    index = st.order[engine, st.queues[1, engine]]
    st.queues[1, engine] += 1
    waits = program[index, _WAITS]
    counter = 0
    while waits != 0:
        if waits & 1:
            st.tokens[counter] -= 1
            if st.tokens[counter] == 0:
                st.s[_AVAILABLE] &= ~(np.int64(1) << counter)
        waits >>= 1
        counter += 1
    st.start[index] = cycle
    return index


@inlined_kernel
def end_command(st, program, index, cycle):
    """Note a command's end and give its tokens (call after every engine has looked at this cycle's tokens)."""
    st.end[index] = cycle
    st.s[_ENDED] += 1
    gives = program[index, _GIVES]
    counter = 0
    while gives != 0:
        if gives & 1:
            st.tokens[counter] += 1
            if st.tokens[counter] > st.s[_LIMIT] and st.s[_OVERFLOW] == 0:
                st.s[_OVERFLOW] = counter + 1
            st.s[_AVAILABLE] |= np.int64(1) << counter
        gives >>= 1
        counter += 1


@inlined_kernel
def execute_ready(st, config, row):
    """Return the first cycle in which the array's state lets the head start, tokens aside."""
    s = st.s
    ready = s[_ARRAY_FREE]
    if row[_OP] == PRELOAD:
        ready = s[_PRELOAD_FREE]
        if not config[_SHADOW]:
            ready = max(ready, s[_ARRAY_BUSY])
    elif row[_SWAP]:
        ready = max(ready, s[_PRELOAD_FREE])
    if not config[_OVERLAP] and (row[_OP] == PRELOAD or config[_FLOW] == OS):
        ready = max(ready, s[_MATMUL_END] + 1)
    return ready


@inlined_kernel
def tile_fault(st, row):
    """Return whether a preload finds its tile's place taken, or a matmul with swap finds no tile."""
    if row[_OP] == PRELOAD:
        return st.s[_TILE] != 0
    return row[_SWAP] != 0 and st.s[_TILE] == 0


@inlined_kernel
def _push_end(st, kind, end, index):
    capacity = st.ends.shape[1]
    slot = (st.ends_at[kind, 0] + st.ends_at[kind, 1]) % capacity
    st.ends[kind, slot, 0] = end
    st.ends[kind, slot, 1] = index
    st.ends_at[kind, 1] += 1


@inlined_kernel
def start_execute(st, config, program, cycle):
    """Start the head of the execute queue: set when the units are free and when it ends."""
    s = st.s
    index = start_head(st, program, EXECUTE_ENGINE, cycle)
    row = program[index]
    fill = config[_OPERAND] + config[_SKEW_COLS]
    if row[_OP] == PRELOAD:
        s[_PRELOAD_FREE] = cycle + config[_ROWS]
        s[_TILE] = 1
        _push_end(st, 0, cycle + config[_ROWS] - 1 + fill, index)
        return
    steps = steps_of(config, row)
    if row[_SWAP]:
        s[_TILE] = 0
    s[_ARRAY_BUSY] = cycle + steps
    s[_ARRAY_FREE] = cycle + steps + config[_DRAIN]
    end = cycle + steps - 1 + fill + config[_PE] - 1 + config[_SERIAL] + config[_SKEW_ROWS] + config[_ACC]
    s[_MATMUL_END] = end + config[_DRAIN]
    _push_end(st, 1, end + config[_DRAIN], index)


@inlined_kernel
def end_execute(st, program, cycle):
    """End the preloads and matmuls whose last write is in this cycle."""
    for kind in range(2):
        while st.ends_at[kind, 1] > 0 and st.ends[kind, st.ends_at[kind, 0], 0] == cycle:
            end_command(st, program, st.ends[kind, st.ends_at[kind, 0], 1], cycle)
            st.ends_at[kind, 0] = (st.ends_at[kind, 0] + 1) % st.ends.shape[1]
            st.ends_at[kind, 1] -= 1


@inlined_kernel
def start_vector(st, config, functions, program, cycle):
    """Start the head of the vector queue."""
    index = start_head(st, program, VECTOR_ENGINE, cycle)
    row = program[index]
    issues = vector_issues(config, functions[row[_VALUE], 1], row)
    st.s[_VEND] = cycle + issues - 1 + config[_VECTOR] + functions[row[_VALUE], 0]
    st.s[_VCMD] = index


@inlined_kernel
def is_matmul(row):
    """Return whether a command is a matmul."""
    return row[_OP] == MATMUL
