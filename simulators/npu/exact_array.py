"""The systolic array of the `exact` fidelity, register by register: docs/npu.md, "Execute engine".

Nothing here knows how long a command takes: words enter lines, registers move once a cycle, and a command ends
when its last sum is written.
"""

from __future__ import annotations

from simulators.kernels import copy_into, inlined_kernel
from simulators.npu.config import OS, C
from simulators.npu.counts import (
    ACC_READ,
    ACC_WRITE,
    ARRAY,
    DRAINS,
    FOLDS,
    MAC_SLOTS,
    MACS,
    MAPPED,
    PRELOADS,
    SP_READ,
    W_READ,
)
from simulators.npu.exact_state import R
from simulators.program import PRELOAD, SCRATCHPAD, F

_ROWS, _COLS, _FLOW, _SHADOW, _OVERLAP = C["rows"], C["cols"], C["dataflow"], C["shadow"], C["overlap"]
_DRAIN, _SERIAL, _PE = C["drain"], C["serializer"], C["pe_latency"]
_ACC, _OPERAND, _BITS = C["accumulator_latency"], C["operand_latency"], C["accumulator_bits"]
_OP, _MEM, _ADDRESS, _COUNT = F["opcode"], F["memory"], F["address"], F["count"]
_N0, _S0, _N1, _S1, _S2, _START = F["n0"], F["s0"], F["n1"], F["s1"], F["s2"], F["start"]
_LN0, _LS0, _LN1, _LS1, _LS2, _LSTART = (
    F["lane_n0"], F["lane_s0"], F["lane_n1"], F["lane_s1"], F["lane_s2"], F["lane_start"],
)  # fmt: skip
_UR, _UC, _SWAP, _DEST, _ADD = F["used_rows"], F["used_cols"], F["swap"], F["destination"], F["accumulate"]
_WA, _WS = F["weight_address"], F["weight_stride"]
_P, _PROW, _TILE, _M, _STEP, _WAIT, _FLIGHT = (
    R["preload"], R["preload_row"], R["tile"], R["matmul"], R["step"], R["wait"], R["in_flight"],
)  # fmt: skip
_FH, _FN, _LH, _LN, _PH, _PN, _MOVES = (
    R["first_head"], R["first_len"], R["last_head"], R["last_len"], R["preloads_head"], R["preloads_len"], R["moves"],
)  # fmt: skip


@inlined_kernel
def nest(row, i):
    """Return the offset of position `i` of a command's nest."""
    return (i % row[_N0]) * row[_S0] + (i // row[_N0] % row[_N1]) * row[_S1] + (i // (row[_N0] * row[_N1])) * row[_S2]


@inlined_kernel
def lane_nest(row, i):
    """Return the offset of lane (or tap) `i` of a command's nest."""
    return (
        (i % row[_LN0]) * row[_LS0]
        + (i // row[_LN0] % row[_LN1]) * row[_LS1]
        + (i // (row[_LN0] * row[_LN1])) * row[_LS2]
    )


@inlined_kernel
def can_start(reg, config, row):
    """Return whether the array's registers let a preload or matmul start in this cycle."""
    r = reg.r
    if not config[_OVERLAP] and r[_FLIGHT] > 0 and (row[_OP] == PRELOAD or config[_FLOW] == OS):
        return False
    if row[_OP] == PRELOAD:
        return r[_P] < 0 and r[_TILE] == 0 and (config[_SHADOW] != 0 or r[_M] < 0)
    if row[_SWAP] and (r[_P] >= 0 or r[_TILE] == 0):
        return False
    return r[_M] < 0 and r[_WAIT] == 0


@inlined_kernel
def start(reg, config, row, index):
    """Make a preload or matmul the one under way."""
    r = reg.r
    if row[_OP] == PRELOAD:
        r[_P], r[_PROW], r[_TILE] = index, 0, 1
        reg.preloads[(r[_PH] + r[_PN]) % reg.preloads.shape[0]] = index
        r[_PN] += 1
        for c in range(config[_COLS]):
            reg.lane_offset[0, c] = lane_nest(row, row[_LSTART] + c)
        return
    r[_M], r[_STEP] = index, 0
    r[_FLIGHT] += 1
    if row[_SWAP]:
        r[_TILE] = 0
    for i in range(config[_ROWS]):
        reg.lane_offset[1, i] = lane_nest(row, row[_LSTART] + i)


@inlined_kernel
def issue_preload(reg, config, program, scratchpad, weights, counts, cycle):
    """Read the next row of the stationary tile."""
    r, slot = reg.r, cycle % reg.tile.shape[0]
    reg.tile_row[slot] = -1
    if r[_P] < 0:
        return
    row, k = program[r[_P]], r[_PROW]
    memory = scratchpad if row[_MEM] == SCRATCHPAD else weights
    base = row[_ADDRESS] + nest(row, row[_START] + k)
    used = row[_UC] if k < row[_UR] else 0
    for c in range(config[_COLS]):
        reg.tile[slot, c] = memory[base + reg.lane_offset[0, c]] if c < used else 0
    reg.tile_row[slot] = k
    counts[SP_READ if row[_MEM] == SCRATCHPAD else W_READ] += used
    counts[PRELOADS] += 1
    r[_PROW] += 1
    if r[_PROW] == config[_ROWS]:
        r[_P] = -1


@inlined_kernel
def _add_wave(waves, head, length, cycle, index):
    slot = (head + length) % waves.shape[0]
    waves[slot, 0] = cycle
    waves[slot, 1] = index


@inlined_kernel
def issue_matmul(reg, config, program, scratchpad, weights, counts, cycle):
    """Read the next vector (ws, is) or step (os); tag it."""
    r, slot = reg.r, cycle % reg.stream.shape[0]
    reg.stream[slot, :] = 0
    reg.top[slot, :] = 0
    reg.word_lane[slot] = -1
    reg.tag[slot, 0] = 0
    if r[_M] < 0:
        if r[_WAIT] > 0:
            r[_WAIT] -= 1
            counts[DRAINS] += 1
        return
    row, step = program[r[_M]], r[_STEP]
    memory = scratchpad if row[_MEM] == SCRATCHPAD else weights
    steps = row[_COUNT] * config[_ROWS] if config[_SERIAL] else row[_COUNT]
    if config[_SERIAL]:
        lane = step % config[_ROWS]
        reg.word_lane[slot] = lane
        base = row[_ADDRESS] + nest(row, row[_START] + step // config[_ROWS]) + reg.lane_offset[1, lane]
        for k in range(config[_ROWS]):
            reg.words[slot, k] = memory[base + k] if lane < row[_UR] else 0
    else:
        base = row[_ADDRESS] + nest(row, row[_START] + step)
        for i in range(row[_UR]):
            reg.stream[slot, i] = memory[base + reg.lane_offset[1, i]]
    if config[_FLOW] == OS:
        for c in range(row[_UC]):
            reg.top[slot, c] = weights[row[_WA] + step * row[_WS] + c]
        counts[W_READ] += row[_UC]
    _tag_step(reg, config, row, step, steps, cycle, slot)
    counts[SP_READ if row[_MEM] == SCRATCHPAD else W_READ] += row[_UR]
    counts[MACS] += row[_UR] * row[_UC]
    counts[MAC_SLOTS] += config[_ROWS] * config[_COLS]
    counts[ARRAY] += 1
    r[_STEP] += 1
    if r[_STEP] == steps:
        counts[FOLDS] += 1
        counts[MAPPED] += row[_UR] * row[_UC]
        r[_M], r[_WAIT] = -1, config[_DRAIN]


@inlined_kernel
def _tag_step(reg, config, row, step, steps, cycle, slot):
    """Send the control bits of a step along with it: sum begins, weight swaps, sum ends, where it goes."""
    r, index = reg.r, reg.r[_M]
    reaches = cycle + config[_OPERAND]
    if config[_FLOW] == OS:
        reaches += config[_SERIAL] + config[_PE] - 1
        if step == 0:
            _add_wave(reg.first, r[_FH], r[_FN], reaches, index)
            r[_FN] += 1
        if step == steps - 1:
            _add_wave(reg.last, r[_LH], r[_LN], reaches, index)
            r[_LN] += 1
        return
    if step == 0 and row[_SWAP] and config[_SHADOW]:
        _add_wave(reg.first, r[_FH], r[_FN], reaches, index)
        r[_FN] += 1
    reg.tag[slot, 0] = 1
    reg.tag[slot, 1] = row[_DEST] + step
    reg.tag[slot, 2] = index
    reg.tag[slot, 3] = step == steps - 1


@inlined_kernel
def _first_waves(reg, config, cycle):
    """Where a first wave stands: take the shadow weight (ws, is) or clear the sum (os)."""
    r, rows, cols = reg.r, config[_ROWS], config[_COLS]
    for n in range(r[_FN]):
        d = cycle - reg.first[(r[_FH] + n) % reg.first.shape[0], 0]
        for i in range(max(0, d - cols + 1), min(rows, d + 1)):
            if config[_FLOW] == OS:
                reg.total[i, d - i] = 0
            else:
                reg.weight[i, d - i] = reg.shadow[i, d - i]
    while r[_FN] > 0 and cycle - reg.first[r[_FH], 0] >= rows + cols - 2:
        r[_FH] = (r[_FH] + 1) % reg.first.shape[0]
        r[_FN] -= 1


@inlined_kernel
def _wrap(values, bits):
    for c in range(values.shape[0]):
        values[c] = ((values[c] + (1 << (bits - 1))) & ((1 << bits) - 1)) - (1 << (bits - 1))


@inlined_kernel
def _multiply_add(target, above, operand, weight, product, delayed, latency):
    """One row of PEs: target = above + operand * weight, through `latency` - 1 product registers."""
    if latency == 1:
        for c in range(target.shape[0]):
            target[c] = above[c] + operand[c] * weight[c]
        return
    for c in range(target.shape[0]):
        product[c] = operand[c] * weight[c]
    for c in range(target.shape[0]):
        target[c] = above[c] + delayed[c]


@inlined_kernel
def _shift_right(row, edge):
    held = edge
    for c in range(row.shape[0]):
        held, row[c] = row[c], held


@inlined_kernel
def _move(reg, config, cycle):
    """Move every register of the PEs once, the far end first."""
    rows, latency = config[_ROWS], config[_PE]
    depth, operand, os_ = reg.stream.shape[0], config[_OPERAND], config[_FLOW] == OS
    bits = config[_BITS]
    now, then = reg.r[_MOVES] % latency, (reg.r[_MOVES] + 1) % latency
    reg.r[_MOVES] += 1
    for i in range(rows - 1, -1, -1):
        if config[_SERIAL]:
            edge = reg.serial[i, 0]
        else:
            issued = cycle - operand - i
            edge = reg.stream[issued % depth, i] if issued >= 0 else reg.stream[0, i] * 0
        _shift_right(reg.activation[i], edge)
        if os_:
            if i > 0:
                copy_into(reg.below[i], reg.below[i - 1])
            else:
                _top_edge(reg, config, cycle)
            _multiply_add(reg.total[i], reg.total[i], reg.activation[i], reg.below[i],
                          reg.products[now, i], reg.products[then, i], latency)  # fmt: skip
        elif i > 0:
            _multiply_add(reg.total[i], reg.total[i - 1], reg.activation[i], reg.weight[i],
                          reg.products[now, i], reg.products[then, i], latency)  # fmt: skip
        else:
            reg.total[0, :] = 0
            _multiply_add(reg.total[0], reg.total[0], reg.activation[0], reg.weight[0],
                          reg.products[now, 0], reg.products[then, 0], latency)  # fmt: skip
        if bits != 32 and bits != 64:
            _wrap(reg.total[i], bits)


@inlined_kernel
def _top_edge(reg, config, cycle):
    depth = reg.top.shape[0]
    for c in range(config[_COLS]):
        issued = cycle - config[_OPERAND] - config[_SERIAL] - c
        reg.below[0, c] = reg.top[issued % depth, c] if issued >= 0 else 0


@inlined_kernel
def _serialize(reg, config, cycle):
    """Shift the serializer once, and take the word that arrives in this cycle."""
    for i in range(config[_ROWS]):
        for k in range(config[_ROWS] - 1):
            reg.serial[i, k] = reg.serial[i, k + 1]
        reg.serial[i, config[_ROWS] - 1] = 0
    issued = cycle - config[_OPERAND]
    if issued >= 0 and reg.word_lane[issued % reg.word_lane.shape[0]] >= 0:
        lane = reg.word_lane[issued % reg.word_lane.shape[0]]
        copy_into(reg.serial[lane], reg.words[issued % reg.words.shape[0]])


@inlined_kernel
def _load_tile(reg, config, cycle):
    """Write the parts of stationary rows that reach their columns; return the preload that this completes, or -1."""
    r, ended, depth = reg.r, -1, reg.tile.shape[0]
    if r[_PN] == 0:
        return ended
    target = reg.shadow if config[_SHADOW] else reg.weight
    for c in range(config[_COLS]):
        issued = cycle - config[_OPERAND] - c
        if issued < 0 or reg.tile_row[issued % depth] < 0:
            continue
        k = reg.tile_row[issued % depth]
        target[k, c] = reg.tile[issued % depth, c]
        if k == config[_ROWS] - 1 and c == config[_COLS] - 1:
            ended = reg.preloads[r[_PH]]
            r[_PH] = (r[_PH] + 1) % reg.preloads.shape[0]
            r[_PN] -= 1
    return ended


@inlined_kernel
def _write_sum(accumulator, counts, row, word, column, value, bits):
    if column >= row[_UC]:
        return
    counts[ACC_WRITE] += 1
    if row[_ADD]:
        counts[ACC_READ] += 1
        value += accumulator[word, column]
        if bits != 32 and bits != 64:
            value = ((value + (1 << (bits - 1))) & ((1 << bits) - 1)) - (1 << (bits - 1))
    accumulator[word, column] = value


@inlined_kernel
def _leave_ws(reg, config, program, accumulator, counts, cycle):
    """Write the sums that have left the last row; return the matmul whose last one this is, or -1."""
    rows, cols, delay, ended = config[_ROWS], config[_COLS], config[_ACC], -1
    copy_into(reg.out[cycle % (delay + 1), rows - 1], reg.total[rows - 1])
    then, depth = (cycle - delay) % (delay + 1), reg.tag.shape[0]
    for c in range(cols):
        issued = cycle - delay - config[_OPERAND] - (config[_PE] - 1) - (rows - 1) - c
        if issued < 0 or not reg.tag[issued % depth, 0]:
            continue
        tag = reg.tag[issued % depth]
        _write_sum(accumulator, counts, program[tag[2]], tag[1], c, reg.out[then, rows - 1, c], config[_BITS])
        if c == cols - 1 and tag[3]:
            ended = tag[2]
    return ended


@inlined_kernel
def _leave_parallel(reg, config, program, accumulator, counts, cycle):
    """os, parallel: write each sum where its last wave stands; return the matmul that this ends, or -1."""
    r, rows, cols, delay, ended = reg.r, config[_ROWS], config[_COLS], config[_ACC], -1
    for n in range(r[_LN]):
        wave = reg.last[(r[_LH] + n) % reg.last.shape[0]]
        d = cycle - wave[0]
        for i in range(max(0, d - cols + 1), min(rows, d + 1)):
            reg.out[cycle % (delay + 1), i, d - i] = reg.total[i, d - i]
        d -= delay
        row = program[wave[1]]
        for i in range(max(0, d - cols + 1), min(rows, d + 1)):
            if i < row[_UR]:
                value = reg.out[(cycle - delay) % (delay + 1), i, d - i]
                _write_sum(accumulator, counts, row, row[_DEST] + i, d - i, value, config[_BITS])
        if d == rows + cols - 2:
            ended = wave[1]
    if ended >= 0:
        r[_LH] = (r[_LH] + 1) % reg.last.shape[0]
        r[_LN] -= 1
    return ended


@inlined_kernel
def _leave_shifted(reg, config, program, accumulator, counts, cycle):
    """os, shifted: sums move down a row a cycle in each finished column; return the matmul that ends, or -1."""
    r, rows, cols, delay, ended = reg.r, config[_ROWS], config[_COLS], config[_ACC], -1
    copy_into(reg.out[cycle % (delay + 1), rows - 1], reg.total[rows - 1])
    for n in range(r[_LN]):
        wave = reg.last[(r[_LH] + n) % reg.last.shape[0]]
        row = program[wave[1]]
        for c in range(cols):
            k = cycle - wave[0] - rows - c
            if 0 <= k < rows:
                for i in range(rows - 1, k, -1):
                    reg.total[i, c] = reg.total[i - 1, c]
            k -= delay
            lane = rows - 1 - k
            if 0 <= k < rows and lane < row[_UR]:
                value = reg.out[(cycle - delay) % (delay + 1), rows - 1, c]
                _write_sum(accumulator, counts, row, row[_DEST] + lane, c, value, config[_BITS])
        if cycle - delay == wave[0] + rows + cols - 1 + rows - 1:
            ended = wave[1]
    if ended >= 0:
        r[_LH] = (r[_LH] + 1) % reg.last.shape[0]
        r[_LN] -= 1
    return ended


@inlined_kernel
def move(reg, config, program, accumulator, counts, cycle):
    """Advance the array by one cycle; return the commands that end in it: (preload, matmul), -1 for none."""
    matmul = -1
    if reg.r[_FLIGHT] > 0:
        _first_waves(reg, config, cycle)
        _move(reg, config, cycle)
        if config[_SERIAL]:
            _serialize(reg, config, cycle)
        if config[_FLOW] != OS:
            matmul = _leave_ws(reg, config, program, accumulator, counts, cycle)
        elif config[_DRAIN]:
            matmul = _leave_shifted(reg, config, program, accumulator, counts, cycle)
        else:
            matmul = _leave_parallel(reg, config, program, accumulator, counts, cycle)
    return _load_tile(reg, config, cycle), matmul
