"""The control state that the `cycle` kernel jumps through: named slots of one int64 array, and its rings."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulators.machine import Machine
from simulators.memory import simple
from simulators.npu.config import C
from simulators.program import QUEUE_OF_OPCODE, F

NAMES = (
    "available",  # mask of the counters that hold a token
    "token_limit", "overflow",  # greatest count of a token counter; 1 + the first counter that passed it
    "pc", "ended", "granted",  # next command to push; commands ended; engine granted last (0 load, 1 store)
    "load_now", "load_row", "load_offset",  # current load or fill (-1 none) and its next request
    "load_head", "load_held", "drain_end",  # entries of the load engine; end of the drain under way (-1 none)
    "store_now", "store_row", "store_offset",
    "gather_end", "gather_beats", "gather_address", "gather_last",  # request being gathered (gather_end -1: none)
    "gather_row", "gather_offset", "gather_size", "offer_size",
    "offer_full", "offer_beats", "offer_address", "offer_command", "offer_last",
    "store_head", "store_held",
    "array_free", "array_busy",  # first cycle in which a matmul may start; in which the array takes no vector any more
    "preload_free", "tile_waits", "matmul_end",  # preload unit free; a tile waits for its matmul; last matmul's end
    "vector_end",  # end of the vector command under way (-1: none)
    "vector_command", "gather_command",
)  # fmt: skip
S = {name: i for i, name in enumerate(NAMES)}

# Columns of an entry of the load and store engines.
COMPLETE, BEATS, COMMAND_OF, LAST, ROW, OFFSET, ENTRY = range(7)


class State(NamedTuple):
    """Everything that changes while a program runs.

    Attributes
    ----------
    s : int64 (len(NAMES),)
    order : int64 (4, commands)
        Commands of each engine, in order.
    queues : int64 (3, 4)
        Commands pushed, popped, and in all, by engine.
    tokens : int64 (64,)
    loads, stores : int64 (outstanding, ENTRY)
        Entries in flight.
    ends : int64 (2, capacity, 2)
        (end, command) of preloads and of matmuls under way, in rings.
    ends_at : int64 (2, 2)
        Head and length of these rings.
    memory : int64, or simulators.dram.port.DramPort
        State of the memory.
    start, end : int64 (commands,)
    """

    s: np.ndarray
    order: np.ndarray
    queues: np.ndarray
    tokens: np.ndarray
    loads: np.ndarray
    stores: np.ndarray
    ends: np.ndarray
    ends_at: np.ndarray
    memory: Any
    start: np.ndarray
    end: np.ndarray


def new_memories(machine: Machine, config: np.ndarray, cores: int) -> tuple[Any, ...]:
    """Return each core's side of an idle memory of the machine's model: what `State.memory` holds."""
    m = machine.memory
    if m.model != "dram":
        return tuple(simple.new_memory(config) for _ in range(cores))
    from simulators.dram.port import new_ports
    from simulators.dram.standards import standard_named

    standard = standard_named(m.standard, "memory.standard")
    mapping = standard.mapping if m.mapping == "standard" else m.mapping
    channels = m.channels or standard.channels
    return new_ports(standard, channels, mapping, m.queue_depth, machine.dma.burst_bytes, cores)


def new_memory(machine: Machine, config: np.ndarray) -> Any:
    """Return an idle memory of the machine's model for one core."""
    return new_memories(machine, config, 1)[0]


def new_state(config: np.ndarray, program: np.ndarray, memory: Any = None) -> State:
    """Return the state before cycle 0 for a program of shape (commands, fields)."""
    n = len(program)
    engine = np.array(QUEUE_OF_OPCODE, np.int64)[program[:, F["opcode"]]] if n else np.zeros(0, np.int64)
    order = np.zeros((4, max(n, 1)), np.int64)
    queues = np.zeros((3, 4), np.int64)
    for e in range(4):
        mine = np.flatnonzero(engine == e)
        order[e, : len(mine)] = mine
        queues[2, e] = len(mine)
    s = np.zeros(len(NAMES), np.int64)
    s[[S[name] for name in ("load_now", "drain_end", "store_now", "gather_end", "vector_end", "matmul_end")]] = -1
    s[S["granted"]] = 1
    s[S["token_limit"]] = config[C["token_limit"]]
    in_flight = int(config[C["rows"]] + config[C["cols"]] + config[C["pe_latency"]] + config[C["drain"]])
    in_flight += int(config[C["operand_latency"]] + config[C["accumulator_latency"]]) + 8
    outstanding = int(config[C["outstanding"]])
    return State(
        s, order, queues, np.zeros(64, np.int64),
        np.zeros((outstanding, ENTRY), np.int64), np.zeros((outstanding, ENTRY), np.int64),
        np.zeros((2, in_flight, 2), np.int64), np.zeros((2, 2), np.int64),
        simple.new_memory(config) if memory is None else memory,
        np.full(n, -1, np.int64), np.full(n, -1, np.int64),
    )  # fmt: skip
