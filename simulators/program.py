"""What the machine is told: commands for four in-order queues, with dependency tokens. The contract with the RTL.

A program is one structured array of `COMMAND`, all fields int64. It holds no duration and no cycle number.
The meaning of every field, cycle by cycle, stands in ``docs/npu.md``.
"""

from __future__ import annotations

import numpy as np

from workloads.errors import CodesignError

# Opcodes, and the queue (engine) that each belongs to.
LOAD, FILL, PRELOAD, MATMUL, VECTOR, STORE = range(6)
OPCODES = ("load", "fill", "preload", "matmul", "vector", "store")
LOAD_ENGINE, EXECUTE_ENGINE, VECTOR_ENGINE, STORE_ENGINE = range(4)
ENGINES = ("load", "execute", "vector", "store")
QUEUE_OF_OPCODE = (LOAD_ENGINE, LOAD_ENGINE, EXECUTE_ENGINE, EXECUTE_ENGINE, VECTOR_ENGINE, STORE_ENGINE)

# On-chip memories. Addresses are in elements; the accumulator's in words of `cols` sums.
SCRATCHPAD, WEIGHT_BUFFER, ACCUMULATOR, PARAMETERS = range(4)
MEMORIES = ("scratchpad", "weight_buffer", "accumulator", "parameter_buffer")

#: A channel's parameters: three int32 words.
BIAS, MULTIPLIER, SHIFT = range(3)
PARAMETER_WORDS = 3
#: The low bits of a shift's word are the shift; with the next, `tflite_double` rounds once, half up. Others round once.
SHIFT_BITS = 6
ROUND_ONCE = 1 << SHIFT_BITS

# Which parameter entry an output takes.
PARAMETER_NONE, PARAMETER_LANE, PARAMETER_POSITION, PARAMETER_ONE = range(4)

#: Vector functions in the order of their codes; the first six have integer values in `exact`.
FUNCTIONS = (
    "requantize", "depthwise", "max_pool", "average_pool", "add", "mul",
    "relu", "clip", "sub", "div", "scale_shift", "lrn", "softmax", "layer_norm", "rms_norm", "sigmoid", "tanh",
    "gelu", "silu", "hardswish", "leaky_relu", "reduce", "resize", "rotary",
)  # fmt: skip
REQUANTIZE, DEPTHWISE, MAX_POOL, AVERAGE_POOL, ADD, MUL = range(6)
VALUE_FUNCTIONS = FUNCTIONS[:6]

FIELDS = (
    "opcode",
    "waits",  # mask of token counters: one is taken from each when the command starts
    "gives",  # mask of token counters: one is given to each when it ends
    "memory",  # on-chip memory read (preload, matmul, vector, store) or written (load, fill)
    "address",  # first on-chip address
    "n0", "s0", "n1", "s1", "s2", "start",  # nest of positions: offset(i) of index start + i
    "lane_n0", "lane_s0", "lane_n1", "lane_s1", "lane_s2", "lane_start",  # nest of lanes; vector: of taps
    "count",  # vectors (matmul), positions (vector), planes (load, fill, store), rows of weights (preload)
    "used_rows", "used_cols",  # array rows and columns (vector: channels) that carry data
    "destination",  # accumulator word (matmul), scratchpad address (vector)
    "d_s0", "d_s1", "d_lane",  # strides at the destination; DRAM strides in bytes (load, store)
    "dram_address",
    "weight_address", "weight_stride",  # weight buffer: os operand, depthwise taps
    "accumulate",  # matmul: add to the accumulator instead of overwriting
    "swap",  # matmul (ws, is): take the stationary tile preloaded last
    "value",  # fill: the value; vector: the function's code
    "parameter_mode", "parameter_address",  # vector: entry in the parameter buffer
    "zero_point_0", "zero_point_1", "output_zero_point", "low", "high",  # vector
)  # fmt: skip
COMMAND = np.dtype([(name, np.int64) for name in FIELDS])
F = {name: i for i, name in enumerate(FIELDS)}

CHANNELS = 4


def token(source: int, target: int, channel: int = 0) -> int:
    """Return the counter of tokens that engine `source` gives and engine `target` takes, on one channel.

    Every ordered pair of engines has `CHANNELS` counters, so that two meanings never share one.
    """
    return (source * 4 + target) * CHANNELS + channel


def token_name(counter: int) -> str:
    """Return a counter's name: ``load->execute.0``."""
    pair, channel = divmod(counter, CHANNELS)
    return f"{ENGINES[pair // 4]}->{ENGINES[pair % 4]}.{channel}"


def mask(*counters: int) -> int:
    """Return the bit mask of some counters."""
    bits = 0
    for counter in counters:
        bits |= 1 << counter
    return bits


def command(opcode: int, **fields: int) -> np.ndarray:
    """Return one command; fields not given are 0 (extents 1)."""
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise KeyError(f"{sorted(unknown)} are not fields of a command")
    row = np.zeros((), COMMAND)
    for extent in ("n0", "n1", "lane_n0", "lane_n1", "count"):
        row[extent] = 1
    row["opcode"] = opcode
    for name, value in fields.items():
        row[name] = value
    return row


def assemble(commands: list[np.ndarray]) -> np.ndarray:
    """Return the program of some commands, in order."""
    return np.array(commands, COMMAND) if commands else np.zeros(0, COMMAND)


def as_table(program: np.ndarray) -> np.ndarray:
    """Return the program as int64 of shape (commands, fields), the form that kernels read; no copy."""
    contiguous = np.ascontiguousarray(program)
    return contiguous.view(np.int64).reshape(len(contiguous), len(FIELDS))


def save_program(path: str, program: np.ndarray) -> None:
    """Write the program as .npy, without pickle."""
    np.save(path, program, allow_pickle=False)


def load_program(path: str) -> np.ndarray:
    """Read a program that `save_program` wrote.

    Raises
    ------
    CodesignError
        When the file is no program of this version's fields.
    """
    try:
        program = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CodesignError(
            f"{path}: not a program ({type(error).__name__}); one is written by save_program"
        ) from error
    if not isinstance(program, np.ndarray) or program.dtype != COMMAND or program.ndim != 1:
        raise CodesignError(f"{path}: the array's fields are not those of a program")
    return program


def listing(program: np.ndarray) -> str:
    """Return the program as text, a line a command: opcode, tokens, then every field that is not 0."""
    lines = []
    for i, row in enumerate(program):
        waits, gives = _tokens(int(row["waits"])), _tokens(int(row["gives"]))
        rest = " ".join(f"{name}={int(row[name])}" for name in FIELDS[3:] if row[name])
        lines.append(f"{i:6d} {OPCODES[int(row['opcode'])]:8s} wait[{waits}] give[{gives}] {rest}")
    return "\n".join(lines)


def _tokens(bits: int) -> str:
    return " ".join(token_name(c) for c in range(64) if bits >> c & 1)
