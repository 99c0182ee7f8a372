"""Fields of commands that are out of range for the machine, whatever the rest of the program does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulators.machine import Machine
from simulators.program import (
    ACCUMULATOR,
    CHANNELS,
    FILL,
    FUNCTIONS,
    LOAD,
    MATMUL,
    MEMORIES,
    MUL,
    OPCODES,
    PARAMETER_ONE,
    PARAMETERS,
    PRELOAD,
    QUEUE_OF_OPCODE,
    REQUANTIZE,
    SCRATCHPAD,
    STORE,
    VECTOR,
    WEIGHT_BUFFER,
    F,
)
from workloads.errors import CodesignError
from workloads.formats import parse_format

#: On-chip memories that each opcode may name.
ALLOWED_MEMORIES = {
    LOAD: (SCRATCHPAD, WEIGHT_BUFFER, PARAMETERS),
    FILL: (SCRATCHPAD, WEIGHT_BUFFER, PARAMETERS),
    PRELOAD: (SCRATCHPAD, WEIGHT_BUFFER),
    MATMUL: (SCRATCHPAD, WEIGHT_BUFFER),
    VECTOR: (SCRATCHPAD, ACCUMULATOR),
    STORE: (SCRATCHPAD,),
}
#: Addresses, strides and extents stay below this, so that no sum of products leaves int64.
GREATEST = 1 << 40
_ADDRESSES = ("address", "destination", "dram_address", "weight_address", "parameter_address", "start", "lane_start")
_EXTENTS = ("n0", "n1", "lane_n0", "lane_n1", "count")

#: A rule: which commands break it, the field to blame, what is wrong with its value.
Rule = tuple[np.ndarray, str, str]


def memory_elements(machine: Machine, dram_bytes: int | None) -> np.ndarray:
    """Return how many elements (accumulator: words; DRAM: bytes) each memory holds."""
    pe, unbounded = machine.array.pe, np.iinfo(np.int64).max
    if machine.memory.model == "resident":
        return np.full(5, unbounded)
    accumulator = machine.array.cols * parse_format(pe.accumulator).bits
    return np.array(
        [
            machine.scratchpad.size_bytes * 8 // parse_format(pe.activation).bits,
            machine.weight_buffer.size_bytes * 8 // parse_format(pe.weight).bits,
            machine.accumulator.size_bytes * 8 // accumulator,
            machine.parameter_buffer.size_bytes // 4,
            unbounded if dram_bytes is None else dram_bytes,
        ],
        np.int64,
    )


def check_fields(machine: Machine, table: np.ndarray) -> None:
    """Refuse the first command that breaks a rule."""
    opcode = table[:, F["opcode"]]
    _raise_first(table, ((opcode < 0) | (opcode >= len(OPCODES)), "opcode", f"is not 0 to {len(OPCODES) - 1}"))
    for rule in (*_numbers(table), *_tokens(table), *_operands(machine, table), *_vector(machine, table)):
        _raise_first(table, rule)


def _raise_first(table: np.ndarray, rule: Rule) -> None:
    bad, name, says = rule
    if bad.any():
        i = int(np.argmax(bad))
        opcode, value = int(table[i, F["opcode"]]), int(table[i, F[name]])
        kind = OPCODES[opcode] if 0 <= opcode < len(OPCODES) else "?"
        raise CodesignError(f"program: command {i} ({kind}): {name} {value} {says}")


def _numbers(table: np.ndarray) -> Iterator[Rule]:
    for name, column in F.items():
        if name not in ("waits", "gives"):
            values = table[:, column]
            yield (values > GREATEST) | (values < -GREATEST), name, f"is beyond {GREATEST}"
    for name in _EXTENTS:
        yield table[:, F[name]] < 1, name, "is less than 1"
    for name in _ADDRESSES:
        yield table[:, F[name]] < 0, name, "is negative"


def _tokens(table: np.ndarray) -> Iterator[Rule]:
    """A command takes what its own engine is the target of, and gives what it is the source of."""
    engine = np.array(QUEUE_OF_OPCODE)[table[:, F["opcode"]]]
    every = np.uint64((1 << 64) - 1)
    takes, gives = np.zeros(4, np.uint64), np.zeros(4, np.uint64)
    for source in range(4):
        for target in range(4):
            if source == target == 1:
                continue
            bits = np.uint64(((1 << CHANNELS) - 1) << ((source * 4 + target) * CHANNELS))
            takes[target] |= bits
            gives[source] |= bits
    waited, given = table[:, F["waits"]].view(np.uint64), table[:, F["gives"]].view(np.uint64)
    yield (waited & (every ^ takes[engine])) != 0, "waits", "has a counter that the engine does not take"
    yield (given & (every ^ gives[engine])) != 0, "gives", "has a counter that the engine does not give"


def _operands(machine: Machine, table: np.ndarray) -> Iterator[Rule]:
    opcode, array = table[:, F["opcode"]], machine.array
    for code, memories in ALLOWED_MEMORIES.items():
        wrong = (opcode == code) & ~np.isin(table[:, F["memory"]], memories)
        yield wrong, "memory", f"is not {' or '.join(f'{m} ({MEMORIES[m]})' for m in memories)}"
    if machine.memory.model == "resident":
        moves = (opcode == LOAD) | (opcode == STORE)
        yield moves, "opcode", "moves data, and memory.model is resident"
    if array.dataflow == "os":
        yield opcode == PRELOAD, "opcode", "is a preload, and array.dataflow is os"
        swaps = (opcode == MATMUL) & (table[:, F["swap"]] != 0)
        yield swaps, "swap", "takes a stationary tile, and array.dataflow is os"
        wrong = (opcode == MATMUL) & (table[:, F["memory"]] != SCRATCHPAD)
        yield wrong, "memory", "is not 0 (scratchpad), which os streams from"
    on_array = (opcode == PRELOAD) | (opcode == MATMUL)
    for name, most in (("used_rows", array.rows), ("used_cols", array.cols)):
        used = table[:, F[name]]
        yield on_array & ((used < 1) | (used > most)), name, f"is not 1 to {most}"
    for name in ("accumulate", "swap"):
        yield ~np.isin(table[:, F[name]], (0, 1)), name, "is not 0 or 1"


def _vector(machine: Machine, table: np.ndarray) -> Iterator[Rule]:
    vector = table[:, F["opcode"]] == VECTOR
    field = lambda name: table[:, F[name]]  # noqa: E731
    known = [i for i, name in enumerate(FUNCTIONS) if machine.vector and name in machine.vector.functions]
    yield vector & ~np.isin(field("value"), known), "value", "is no function of the machine's vector unit"
    yield vector & (field("count") % np.maximum(field("n0"), 1) != 0), "count", "is not a multiple of n0"
    yield vector & (field("used_cols") < 1), "used_cols", "is less than 1"
    wide = vector & (field("memory") == ACCUMULATOR) & (field("used_cols") > machine.array.cols)
    yield wide, "used_cols", f"is more than the {machine.array.cols} sums of an accumulator word"
    yield (
        vector & ((field("parameter_mode") < 0) | (field("parameter_mode") > PARAMETER_ONE)),
        "parameter_mode",
        (f"is not 0 to {PARAMETER_ONE}"),
    )
    taps = field("lane_n0") * field("lane_n1")
    for function, count in ((REQUANTIZE, 1), (MUL, 2)):
        wrong = vector & (field("value") == function) & (taps != count)
        yield wrong, "lane_n0", f"times lane_n1 is not the {count} taps of {FUNCTIONS[function]}"
    yield vector & (field("low") > field("high")), "low", "is greater than high"
