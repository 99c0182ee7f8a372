"""Load and store engines of `exact`, beat by beat with data: docs/npu.md, "Load engine", "Store engine"."""

from __future__ import annotations

from simulators.kernels import copy_into, inlined_kernel
from simulators.npu.config import C
from simulators.npu.control import head_of, missing_token, start_head
from simulators.npu.exact_state import R
from simulators.npu.state import BEATS, COMMAND_OF, COMPLETE, LAST, OFFSET, ROW, S
from simulators.npu.transfers import element_bits, request_at, row_address, row_bytes, rows_of
from simulators.program import FILL, SCRATCHPAD, STORE_ENGINE, WEIGHT_BUFFER, F

_OUTSTANDING, _BUS, _SP = C["outstanding"], C["bus_bytes"], C["scratchpad_latency"]
_A_SIGNED, _W_SIGNED = C["activation_signed"], C["weight_signed"]
_OP, _MEM, _ADDRESS, _N0, _N1, _S1, _S2, _VALUE = (
    F["opcode"], F["memory"], F["address"], F["n0"], F["n1"], F["s1"], F["s2"], F["value"],
)  # fmt: skip
_BEAT, _GATHERED = R["beat"], R["gathered"]
_HEAD, _HELD = S["load_head"], S["load_held"]
_NOW, _ROW, _OFFSET = S["store_now"], S["store_row"], S["store_offset"]
_GEND, _GBEATS, _GADDRESS, _GLAST, _GCMD = (
    S["gather_end"], S["gather_beats"], S["gather_address"], S["gather_last"], S["gather_command"],
)  # fmt: skip
_GROW, _GOFFSET, _GSIZE = S["gather_row"], S["gather_offset"], S["gather_size"]
_OFULL, _OBEATS, _OADDRESS, _OCMD, _OLAST, _OSIZE = (
    S["offer_full"], S["offer_beats"], S["offer_address"], S["offer_command"], S["offer_last"], S["offer_size"],
)  # fmt: skip


@inlined_kernel
def wrap(value, bits, signed):
    """Return what a register of so many bits holds of a value."""
    value &= (1 << bits) - 1
    if signed and value >> (bits - 1):
        value -= 1 << bits
    return value


@inlined_kernel
def read_element(dram, first, index, bits, signed):
    """Return element `index` of a row that starts at byte `first`: packed little-endian, sub-byte from the low bits."""
    value = 0
    if bits < 8:
        bit = index * bits
        value = (dram[first + bit // 8] >> (bit % 8)) & ((1 << bits) - 1)
    else:
        size = bits // 8
        for b in range(size):
            value |= int(dram[first + index * size + b]) << (8 * b)
    return wrap(value, bits, signed)


@inlined_kernel
def write_element(data, offset, index, value, bits):
    """Write element `index` of a row into bytes that start at byte `offset` of that row; others are left alone."""
    if bits < 8:
        bit = index * bits - offset * 8
        if 0 <= bit // 8 < data.shape[0]:
            keep = data[bit // 8] & ~(((1 << bits) - 1) << (bit % 8))
            data[bit // 8] = keep | ((value & ((1 << bits) - 1)) << (bit % 8))
        return
    size = bits // 8
    for b in range(size):
        at = index * size + b - offset
        if 0 <= at < data.shape[0]:
            data[at] = (value >> (8 * b)) & 255


@inlined_kernel
def beat_elements(config, row, index, offset, beat):
    """Return the range of elements of row `index` that one beat of the request at byte `offset` completes."""
    bits = element_bits(config, row[_MEM])
    if row[_OP] == FILL:
        low, high = beat * config[_BUS], (beat + 1) * config[_BUS]
    else:
        begin = row_address(row, index)
        address, size, _ = request_at(config, row, index, offset)
        line = (address // config[_BUS] + beat) * config[_BUS]
        low, high = max(address, line) - begin, min(address + size, line + config[_BUS]) - begin
    return min(row[_N0], low * 8 // bits), min(row[_N0], high * 8 // bits)


@inlined_kernel
def drain(st, reg, mem, config, program, counts, sp_write, w_write, p_write, cycle):
    """Write one beat of the oldest complete entry; return the command that ends with it, or -1."""
    s, r = st.s, reg.r
    if s[_HELD] == 0 or not st.loads[s[_HEAD], COMPLETE]:
        return -1
    entry = st.loads[s[_HEAD]]
    row = program[entry[COMMAND_OF]]
    bits, first = element_bits(config, row[_MEM]), row_address(row, entry[ROW])
    to = row[_ADDRESS] + (entry[ROW] // row[_N1]) * row[_S2] + (entry[ROW] % row[_N1]) * row[_S1]
    low, high = beat_elements(config, row, entry[ROW], entry[OFFSET], r[_BEAT])
    counter, target, signed = p_write, mem.parameters, True
    if row[_MEM] == SCRATCHPAD:
        counter, target, signed = sp_write, mem.scratchpad, config[_A_SIGNED] != 0
    elif row[_MEM] == WEIGHT_BUFFER:
        counter, target, signed = w_write, mem.weights, config[_W_SIGNED] != 0
    for e in range(low, high):
        value = wrap(row[_VALUE], bits, signed) if row[_OP] == FILL else read_element(mem.dram, first, e, bits, signed)
        target[to + e] = value
    counts[counter] += high - low
    r[_BEAT] += 1
    if r[_BEAT] < entry[BEATS]:
        return -1
    r[_BEAT] = 0
    ended = entry[COMMAND_OF] if entry[LAST] else -1
    s[_HEAD] = (s[_HEAD] + 1) % config[_OUTSTANDING]
    s[_HELD] -= 1
    return ended


@inlined_kernel
def _begin_gather(st, reg, config, program):
    s, row = st.s, program[st.s[_NOW]]
    address, size, beats = request_at(config, row, s[_ROW], s[_OFFSET])
    s[_GADDRESS], s[_GBEATS], s[_GCMD] = address, beats, s[_NOW]
    s[_GROW], s[_GOFFSET], s[_GSIZE] = s[_ROW], s[_OFFSET], size
    for b in range(size):
        reg.gather[b] = 0
    s[_OFFSET] += size
    if s[_OFFSET] == row_bytes(config, row):
        s[_OFFSET] = 0
        s[_ROW] += 1
    s[_GLAST] = s[_ROW] == rows_of(row)
    if s[_GLAST]:
        s[_NOW] = -1


@inlined_kernel
def _gather_beat(st, reg, mem, config, program, counts, counter):
    """Read the elements of one beat out of the scratchpad into the gather buffer."""
    s, row = st.s, program[st.s[_GCMD]]
    bits = element_bits(config, row[_MEM])
    at = row[_ADDRESS] + (s[_GROW] // row[_N1]) * row[_S2] + (s[_GROW] % row[_N1]) * row[_S1]
    low, high = beat_elements(config, row, s[_GROW], s[_GOFFSET], reg.r[_GATHERED])
    for e in range(low, min(row[_N0], high + 1)):  # one more: it may begin in this beat and end in the next
        write_element(reg.gather, s[_GOFFSET], e, mem.scratchpad[at + e], bits)
    counts[counter] += high - low


@inlined_kernel
def gather(st, reg, mem, config, program, counts, counter, cycle, offer_full):
    """One cycle of the gather stage; `gather_end` is 0 while a request is in it, -1 otherwise."""
    s, r = st.s, reg.r
    if s[_GEND] < 0:
        if s[_NOW] < 0:
            head = head_of(st, STORE_ENGINE)
            if head < 0 or missing_token(st, program, head) >= 0:
                return
            s[_NOW] = start_head(st, program, STORE_ENGINE, cycle)
            s[_ROW], s[_OFFSET] = 0, 0
        _begin_gather(st, reg, config, program)
        s[_GEND], r[_GATHERED] = 0, 0
    if r[_GATHERED] < s[_GBEATS]:
        _gather_beat(st, reg, mem, config, program, counts, counter)
    r[_GATHERED] += 1
    if r[_GATHERED] >= s[_GBEATS] + config[_SP] and not offer_full:
        s[_OFULL], s[_GEND] = 1, -1
        s[_OADDRESS], s[_OBEATS], s[_OCMD], s[_OLAST] = s[_GADDRESS], s[_GBEATS], s[_GCMD], s[_GLAST]
        s[_OSIZE] = s[_GSIZE]
        copy_into(reg.offer, reg.gather)


@inlined_kernel
def commit_store(st, reg, mem):
    """Write the accepted request's bytes to DRAM."""
    for b in range(st.s[_OSIZE]):
        mem.dram[st.s[_OADDRESS] + b] = reg.offer[b]
