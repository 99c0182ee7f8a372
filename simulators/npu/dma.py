"""Load and store engines and the memory port of the `cycle` kernel: the stages of docs/npu.md, each for one cycle."""

from __future__ import annotations

from simulators.kernels import inlined_kernel
from simulators.memory import port as memory_port
from simulators.npu.config import C
from simulators.npu.control import end_command, head_of, missing_token, start_head
from simulators.npu.state import BEATS, COMMAND_OF, COMPLETE, LAST, OFFSET, ROW, S
from simulators.npu.transfers import fill_beats, request_at, row_bytes, rows_of
from simulators.program import FILL, LOAD, LOAD_ENGINE, STORE_ENGINE, F

_OUTSTANDING, _BUS, _SP = C["outstanding"], C["bus_bytes"], C["scratchpad_latency"]
_OP = F["opcode"]
_NOW, _ROW, _OFFSET = S["load_now"], S["load_row"], S["load_offset"]
_HEAD, _HELD, _DRAIN_END = S["load_head"], S["load_held"], S["drain_end"]
_SNOW, _SROW, _SOFFSET, _SHEAD, _SHELD = (
    S["store_now"],
    S["store_row"],
    S["store_offset"],
    S["store_head"],
    S["store_held"],
)
_GEND, _GBEATS, _GADDRESS, _GLAST, _GCMD = (
    S["gather_end"], S["gather_beats"], S["gather_address"], S["gather_last"], S["gather_command"],
)  # fmt: skip
_OFULL, _OBEATS, _OADDRESS, _OCMD, _OLAST = (
    S["offer_full"], S["offer_beats"], S["offer_address"], S["offer_command"], S["offer_last"],
)  # fmt: skip
_GRANTED = S["granted"]


@inlined_kernel
def wrapped(slot, slots):
    """Return a ring index that is at most one turn too far."""
    return slot - slots if slot >= slots else slot


@inlined_kernel
def stalled(stalls, cycle, port):
    """Return whether the recorded schedule stalls a port (0 request, 1 response) in a cycle."""
    return cycle < stalls.shape[0] and stalls[cycle, port] != 0


@inlined_kernel
def start_load(st, program, cycle):
    """Make the head of the load queue current when none is and its tokens are there."""
    s = st.s
    if s[_NOW] >= 0:
        return
    head = head_of(st, LOAD_ENGINE)
    if head >= 0 and missing_token(st, program, head) < 0:
        s[_NOW] = start_head(st, program, LOAD_ENGINE, cycle)
        s[_ROW], s[_OFFSET] = 0, 0


@inlined_kernel
def _enter_load(st, config, complete, beats, row, offset, last):
    s = st.s
    slot = wrapped(s[_HEAD] + s[_HELD], config[_OUTSTANDING])
    st.loads[slot, COMPLETE] = complete
    st.loads[slot, BEATS] = beats
    st.loads[slot, COMMAND_OF] = s[_NOW]
    st.loads[slot, LAST] = last
    st.loads[slot, ROW] = row
    st.loads[slot, OFFSET] = offset
    s[_HELD] += 1
    if last:
        s[_NOW] = -1
    return slot


@inlined_kernel
def issue(st, config, program, stalls, cycle, load_room, store_room, offer_full):
    """Let load and store offer to the port, one of them; enter what is accepted. Returns whether a store was."""
    s = st.s
    wants_load = False
    if s[_NOW] >= 0 and load_room:
        row = program[s[_NOW]]
        if row[_OP] == FILL:
            s[_ROW] += 1
            _enter_load(st, config, 1, fill_beats(config, row), s[_ROW] - 1, 0, s[_ROW] == rows_of(row))
        else:
            wants_load = row[_OP] == LOAD
    wants_store = offer_full and store_room
    if not (wants_load or wants_store) or stalled(stalls, cycle, 0):
        return False
    if wants_store and (not wants_load or s[_GRANTED] == 0):
        return _offer_store(st, config, cycle)
    _offer_load(st, config, program, cycle)
    return False


@inlined_kernel
def _offer_load(st, config, program, cycle):
    s = st.s
    row = program[s[_NOW]]
    address, size, beats = request_at(config, row, s[_ROW], s[_OFFSET])
    slot = wrapped(s[_HEAD] + s[_HELD], config[_OUTSTANDING])
    if not memory_port.offer(st.memory, config, cycle, slot, address, beats * config[_BUS]):
        return
    s[_GRANTED] = 0
    index, offset = s[_ROW], s[_OFFSET]
    s[_OFFSET] += size
    if s[_OFFSET] == row_bytes(config, row):
        s[_OFFSET] = 0
        s[_ROW] += 1
    _enter_load(st, config, 0, beats, index, offset, s[_ROW] == rows_of(row))


@inlined_kernel
def _offer_store(st, config, cycle):
    s = st.s
    slot = wrapped(s[_SHEAD] + s[_SHELD], config[_OUTSTANDING])
    identity = config[_OUTSTANDING] + slot
    if not memory_port.offer(st.memory, config, cycle, identity, s[_OADDRESS], s[_OBEATS] * config[_BUS]):
        return False
    s[_GRANTED] = 1
    st.stores[slot, COMPLETE] = 0
    st.stores[slot, COMMAND_OF] = s[_OCMD]
    st.stores[slot, LAST] = s[_OLAST]
    s[_SHELD] += 1
    s[_OFULL] = 0
    return True


@inlined_kernel
def respond(st, config, stalls, cycle):
    """Pop one completion from the memory and mark its entry."""
    if stalled(stalls, cycle, 1):
        return
    identity = memory_port.pop(st.memory, config, cycle)
    if identity >= config[_OUTSTANDING]:
        st.stores[identity - config[_OUTSTANDING], COMPLETE] = 1
    elif identity >= 0:
        st.loads[identity, COMPLETE] = 1


@inlined_kernel
def drain(st, config, cycle):
    """Write beats of the oldest complete entry; return the command that ends with this cycle's beat, or -1."""
    s = st.s
    if s[_DRAIN_END] < 0:
        if s[_HELD] == 0 or not st.loads[s[_HEAD], COMPLETE]:
            return -1
        s[_DRAIN_END] = cycle + st.loads[s[_HEAD], BEATS] - 1
    if s[_DRAIN_END] != cycle:
        return -1
    ended = st.loads[s[_HEAD], COMMAND_OF] if st.loads[s[_HEAD], LAST] else -1
    s[_DRAIN_END] = -1
    s[_HEAD] = wrapped(s[_HEAD] + 1, config[_OUTSTANDING])
    s[_HELD] -= 1
    return ended


@inlined_kernel
def retire(st, config):
    """Free the oldest write when its response has come; return the command that ends with it, or -1."""
    s = st.s
    if s[_SHELD] == 0 or not st.stores[s[_SHEAD], COMPLETE]:
        return -1
    ended = st.stores[s[_SHEAD], COMMAND_OF] if st.stores[s[_SHEAD], LAST] else -1
    s[_SHEAD] = wrapped(s[_SHEAD] + 1, config[_OUTSTANDING])
    s[_SHELD] -= 1
    return ended


@inlined_kernel
def gather(st, config, program, cycle, offer_full):
    """Start the head of the store queue, gather its next request, hand a gathered one to the offer register."""
    s = st.s
    if s[_GEND] < 0:
        if s[_SNOW] < 0:
            head = head_of(st, STORE_ENGINE)
            if head < 0 or missing_token(st, program, head) >= 0:
                return
            s[_SNOW] = start_head(st, program, STORE_ENGINE, cycle)
            s[_SROW], s[_SOFFSET] = 0, 0
        row = program[s[_SNOW]]
        address, size, beats = request_at(config, row, s[_SROW], s[_SOFFSET])
        s[_GEND] = cycle + beats + config[_SP] - 1
        s[_GADDRESS], s[_GBEATS], s[_GCMD] = address, beats, s[_SNOW]
        s[_SOFFSET] += size
        if s[_SOFFSET] == row_bytes(config, row):
            s[_SOFFSET] = 0
            s[_SROW] += 1
        s[_GLAST] = s[_SROW] == rows_of(row)
        if s[_GLAST]:
            s[_SNOW] = -1
    if cycle >= s[_GEND] and not offer_full:
        s[_OFULL], s[_GEND] = 1, -1
        s[_OADDRESS], s[_OBEATS], s[_OCMD], s[_OLAST] = s[_GADDRESS], s[_GBEATS], s[_GCMD], s[_GLAST]


@inlined_kernel
def end_transfer(st, program, index, cycle):
    """End a load, fill or store when there is one to end."""
    if index >= 0:
        end_command(st, program, index, cycle)
