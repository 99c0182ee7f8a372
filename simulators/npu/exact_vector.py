"""The vector unit of the `exact` fidelity: one operand word a cycle, results through a pipeline."""

from __future__ import annotations

from simulators.kernels import inlined_kernel
from simulators.npu.config import C
from simulators.npu.counts import P_READ, V_ACC, V_CYCLES, V_OPS, V_READ, V_WRITE, W_READ
from simulators.npu.exact_array import lane_nest, nest
from simulators.npu.exact_dma import wrap
from simulators.npu.exact_state import R
from simulators.npu.requantizer import clamp, requantize, shift_rounded
from simulators.program import (
    ACCUMULATOR,
    ADD,
    AVERAGE_POOL,
    BIAS,
    DEPTHWISE,
    MAX_POOL,
    MUL,
    MULTIPLIER,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_POSITION,
    PARAMETER_WORDS,
    REQUANTIZE,
    ROUND_ONCE,
    SHIFT,
    F,
)  # fmt: skip

_LANES, _LATENCY, _MODE = C["lanes"], C["vector_latency"], C["requantize"]
_BITS, _SIGNED = C["activation_bits"], C["activation_signed"]
_V, _POSITION, _GROUP, _TAP, _PASS, _PENDING = (
    R["vector"], R["position"], R["group"], R["tap"], R["pass"], R["vector_pending"],
)  # fmt: skip
_MEM, _ADDRESS, _COUNT, _UC, _TAP0, _TAP1 = (
    F["memory"],
    F["address"],
    F["count"],
    F["used_cols"],
    F["lane_n0"],
    F["lane_n1"],
)
_DEST, _D0, _D1, _DL, _N0 = F["destination"], F["d_s0"], F["d_s1"], F["d_lane"], F["n0"]
_START, _LSTART = F["start"], F["lane_start"]
_WA, _WS, _VALUE, _PMODE, _PADDRESS = (
    F["weight_address"], F["weight_stride"], F["value"], F["parameter_mode"], F["parameter_address"],
)  # fmt: skip
_Z0, _Z1, _ZO, _LOW, _HIGH = F["zero_point_0"], F["zero_point_1"], F["output_zero_point"], F["low"], F["high"]


@inlined_kernel
def start(reg, index):
    """Make a vector command the one under way."""
    r = reg.r
    r[_V] = index
    r[_POSITION], r[_GROUP], r[_TAP], r[_PASS], r[_PENDING] = 0, 0, 0, 0, 1


@inlined_kernel
def _entry(row, position, channel):
    """Return the parameter entry of an output."""
    if row[_PMODE] == PARAMETER_LANE:
        return row[_PADDRESS] + channel
    if row[_PMODE] == PARAMETER_POSITION:
        return row[_PADDRESS] + position
    return row[_PADDRESS]


@inlined_kernel
def _parameter(mem, entry, word):
    return mem.parameters[entry * PARAMETER_WORDS + word]


@inlined_kernel
def _take(running, x, mem, row, tap, channel):
    """Return a lane's running value after one more operand."""
    function = row[_VALUE]
    if function == DEPTHWISE:
        return (0 if tap == 0 else running) + x * mem.weights[row[_WA] + tap * row[_WS] + channel]
    if function == MAX_POOL:
        return x if tap == 0 else max(running, x)
    if function == AVERAGE_POOL:
        return (0 if tap == 0 else running) + x
    if function == ADD:
        zero = row[_Z0] if tap == 0 else row[_Z1]
        multiplier = 1 if row[_PMODE] == PARAMETER_NONE else _parameter(mem, row[_PADDRESS] + tap, MULTIPLIER)
        return (0 if tap == 0 else running) + (x - zero) * multiplier
    if function == MUL:
        return x - row[_Z0] if tap == 0 else running * (x - row[_Z1])
    return x


@inlined_kernel
def _finish(value, mem, config, row, position, channel):
    """Return an output from its lane's running value: bias, requantize, zero point, clamp."""
    function = row[_VALUE]
    if function != MAX_POOL and row[_PMODE] == PARAMETER_NONE:
        value += row[_ZO]
    elif function != MAX_POOL:
        entry = _entry(row, position, channel)
        shift = _parameter(mem, entry, SHIFT)
        if function == ADD:
            value = shift_rounded(value, shift & (ROUND_ONCE - 1), config[_MODE])
        else:
            value = requantize(
                value + _parameter(mem, entry, BIAS), _parameter(mem, entry, MULTIPLIER), shift, config[_MODE]
            )
        value += row[_ZO]
    return clamp(value, row[_LOW], row[_HIGH])


@inlined_kernel
def _has_value(function):
    return function == REQUANTIZE or function <= MUL


@inlined_kernel
def issue(reg, mem, config, functions, program, counts, cycle):
    """Read one word of operands; send an output down the pipeline when it was the last."""
    r = reg.r
    slot = (
        (cycle + config[_LATENCY] + functions[program[r[_V], _VALUE], 0]) % reg.line_to.shape[0] if r[_V] >= 0 else -1
    )
    if r[_V] < 0 or r[_PENDING] == 2:
        return
    row = program[r[_V]]
    taps, passes = row[_TAP0] * row[_TAP1], functions[row[_VALUE], 1]
    first = r[_GROUP] * config[_LANES]
    used = min(config[_LANES], row[_UC] - first)
    last_pass = r[_PASS] == passes - 1
    if last_pass:
        _read(reg, mem, row, r[_POSITION], r[_TAP], first, used, counts)
    counts[V_CYCLES] += 1
    counts[V_OPS] += used
    last_operand = last_pass and r[_TAP] == taps - 1
    if last_operand:
        for lane in range(used):
            if _has_value(row[_VALUE]):
                reg.line_value[slot, lane] = _finish(reg.lanes[lane], mem, config, row, r[_POSITION], first + lane)
        if row[_PMODE] != PARAMETER_NONE:
            counts[P_READ] += used * (taps if row[_VALUE] == ADD else 1)
        i = r[_POSITION]
        reg.line_to[slot, 0] = used
        reg.line_to[slot, 1] = row[_DEST] + (i % row[_N0]) * row[_D0] + (i // row[_N0]) * row[_D1] + first * row[_DL]
    _advance(r, row, taps, passes, config[_LANES])
    if last_operand:
        reg.line_to[slot, 2] = r[_PENDING] == 2


@inlined_kernel
def _read(reg, mem, row, position, tap, first, used, counts):
    base = row[_ADDRESS] + nest(row, row[_START] + position) + lane_nest(row, row[_LSTART] + tap)
    from_sums = row[_MEM] == ACCUMULATOR
    for lane in range(used):
        channel = first + lane
        x = mem.accumulator[base, channel] if from_sums else mem.scratchpad[base + channel]
        if _has_value(row[_VALUE]):
            reg.lanes[lane] = _take(reg.lanes[lane], x, mem, row, tap, channel)
    counts[V_ACC if from_sums else V_READ] += used
    if row[_VALUE] == DEPTHWISE:
        counts[W_READ] += used


@inlined_kernel
def _advance(r, row, taps, passes, lanes):
    """Step the loop counters: pass innermost, then tap, group, position; `pending` is 2 after the last."""
    r[_PASS] += 1
    if r[_PASS] < passes:
        return
    r[_PASS] = 0
    r[_TAP] += 1
    if r[_TAP] < taps:
        return
    r[_TAP] = 0
    r[_GROUP] += 1
    if r[_GROUP] * lanes < row[_UC]:
        return
    r[_GROUP] = 0
    r[_POSITION] += 1
    if r[_POSITION] == row[_COUNT]:
        r[_PENDING] = 2


@inlined_kernel
def write(reg, mem, config, program, counts, cycle):
    """Write the output that leaves the pipeline in this cycle; return the command that ends with it, or -1."""
    r, slot = reg.r, cycle % reg.line_to.shape[0]
    used = reg.line_to[slot, 0]
    if used == 0:
        return -1
    row = program[r[_V]]
    if _has_value(row[_VALUE]):
        for lane in range(used):
            value = wrap(reg.line_value[slot, lane], config[_BITS], config[_SIGNED] != 0)
            mem.scratchpad[reg.line_to[slot, 1] + lane * row[_DL]] = value
    counts[V_WRITE] += used
    reg.line_to[slot, 0] = 0
    if not reg.line_to[slot, 2]:
        return -1
    ended = r[_V]
    r[_V] = -1
    return ended
