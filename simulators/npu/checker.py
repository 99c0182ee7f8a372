"""Refuses, before anything runs, a program whose result could depend on timing or that could stand still."""

from __future__ import annotations

import numpy as np

from simulators.machine import Machine
from simulators.npu.checker_accesses import COMMAND, DRAM, HIGH, LANE_OF_OPCODE, LOW, MEMORY, accesses
from simulators.npu.checker_fields import check_fields, memory_elements
from simulators.npu.checker_order import (
    NO_TILE,
    NO_TOKEN,
    NOT_STUCK,
    clocks,
    give_lists,
    overflow,
    stuck,
    untimed_run,
)
from simulators.npu.checker_races import race
from simulators.program import ENGINES, MEMORIES, OPCODES, QUEUE_OF_OPCODE, F, as_table, token_name
from workloads.errors import CodesignError
from workloads.formats import parse_format

_LANES = np.array(LANE_OF_OPCODE, np.int64)
_QUEUES = np.array(QUEUE_OF_OPCODE, np.int64)


def check_program(machine: Machine, program: np.ndarray, dram_bytes: int | None = None) -> None:
    """Check that `program` runs on `machine` with one result under every timing.

    Parameters
    ----------
    machine : Machine
    program : numpy.ndarray
        Structured array of `simulators.program.COMMAND`.
    dram_bytes : int or None
        Size of DRAM; None bounds nothing.

    Raises
    ------
    CodesignError
        One line naming the command (both commands, where there are two): a field out of range, a token counter
        that can overflow, a deadlock, or two accesses that overlap in no order.
    """
    table = as_table(program)
    if not len(table):
        return
    check_fields(machine, table)
    found = accesses(table, machine.array.rows, _bits(machine), _is_os(machine), _blocks(machine))
    _check_bounds(machine, table, found, dram_bytes)
    _check_givers(table)
    order = _check_run(machine, table)
    first, gives = give_lists(table, 64)
    overlap = machine.array.fold_overlap
    position, ended, started, takes = clocks(table, order, _LANES, _QUEUES, overlap, _is_os(machine), first, gives, 64)
    greatest = (1 << machine.queues.token_bits) - 1
    counter, giver, taker = overflow(table, _LANES, position, started, first, gives, takes, greatest, 64)
    if counter >= 0:
        relief = f"{_name(table, taker)} may not have taken one" if taker >= 0 else "no further command takes one"
        what = f"token counter {token_name(counter)} can pass {greatest} (queues.token_bits)"
        raise CodesignError(f"program: {_name(table, giver)}: {what}: {relief}")
    a, b = race(found, table, _LANES, position, ended)
    if a >= 0:
        raise CodesignError(_race_message(table, found[a], found[b]))


def _is_os(machine: Machine) -> bool:
    return machine.array.dataflow == "os"


def _blocks(machine: Machine) -> bool:
    return _is_os(machine) and machine.array.convolution == "shifted"


def _bits(machine: Machine) -> np.ndarray:
    pe = machine.array.pe
    widths = [parse_format(name).bits for name in (pe.activation, pe.weight, pe.accumulator)]
    return np.array([*widths, 32], np.int64)


def _name(table: np.ndarray, i: int) -> str:
    return f"command {i} ({OPCODES[table[i, F['opcode']]]})"


def _memory_name(memory: int) -> str:
    return "dram" if memory == DRAM else MEMORIES[memory]


def _check_bounds(machine: Machine, table: np.ndarray, found: np.ndarray, dram_bytes: int | None) -> None:
    """Refuse an access outside its memory."""
    sizes = memory_elements(machine, dram_bytes)
    bad = np.flatnonzero((found[:, LOW] < 0) | (found[:, HIGH] > sizes[found[:, MEMORY]]))
    if bad.size:
        access = found[bad[0]]
        memory, size = _memory_name(access[MEMORY]), sizes[access[MEMORY]]
        inside = f"outside 0 to {size - 1}" if size < np.iinfo(np.int64).max else "below 0"
        span = f"addresses {access[LOW]} to {access[HIGH] - 1}"
        raise CodesignError(f"program: {_name(table, access[COMMAND])}: {memory} {span} lie {inside}")


def _check_givers(table: np.ndarray) -> None:
    """Refuse a counter that two lanes give: its tokens would have no order."""
    lanes = _LANES[table[:, F["opcode"]]]
    for c in range(64):
        givers = np.flatnonzero(table[:, F["gives"]] >> c & 1)
        other = givers[lanes[givers] != lanes[givers[0]]] if givers.size else givers
        if other.size:
            pair = f"{_name(table, givers[0])} and {_name(table, other[0])}"
            raise CodesignError(f"program: {pair} both give {token_name(c)}; preloads and matmuls need their own")


def _check_run(machine: Machine, table: np.ndarray) -> np.ndarray:
    """Return the order of an untimed run, or refuse the deadlock that it ends in."""
    depths = np.array([getattr(machine.queues, engine) for engine in ENGINES], np.int64)
    order, tokens, heads, pushed, tile = untimed_run(table, _QUEUES, depths, 64)
    if len(order) == len(table):
        return order
    waiting = min(int(i) for i in heads if i >= 0 and stuck(table[i], tokens, tile, 64) != NOT_STUCK)
    reason = stuck(table[waiting], tokens, tile, 64)
    message = f"program: deadlock: {_name(table, waiting)} waits for "
    if reason == NO_TOKEN:
        c = next(c for c in range(64) if table[waiting, F["waits"]] >> c & 1 and tokens[c] < 1)
        message += f"{token_name(c)}, {_giver(table, order, c)}"
    elif reason == NO_TILE:
        message += "a preloaded tile, and no preload before it is untaken"
    else:
        message += "the tile before it to be taken, and no matmul with swap before it does"
    if pushed < len(table):
        message += f"; the sequencer stands at {_name(table, pushed)}"
    raise CodesignError(message)


def _giver(table: np.ndarray, order: np.ndarray, c: int) -> str:
    """Name the command that would give the missing token."""
    ran = np.zeros(len(table), bool)
    ran[order] = True
    rest = np.flatnonzero((table[:, F["gives"]] >> c & 1).astype(bool) & ~ran)
    return f"given by {_name(table, int(rest[0]))}, which cannot start" if rest.size else "which no command gives"


def _race_message(table: np.ndarray, a: np.ndarray, b: np.ndarray) -> str:
    verbs = ["writes" if access[2] else "reads" for access in (a, b)]
    low, high = max(a[LOW], b[LOW]), min(a[HIGH], b[HIGH]) - 1
    memory = _memory_name(a[MEMORY])
    return (
        f"program: {_name(table, a[COMMAND])} {verbs[0]} and {_name(table, b[COMMAND])} {verbs[1]} "
        f"{memory} within {low} to {high}, and no token orders them"
    )
