"""Commands as packed words: the program of `simulators.program`, unchanged, in the widths of one machine.

Two things are written differently from the structured array, so that the hardware needs no multiplier or divider for
addresses: a nest's `start` as its mixed-radix digits (with its offset added to the address), and a nest's strides as
the jumps of an odometer (`j0` within a row, `j1` from row to row, `j2` from plane to plane). Token masks hold the 16
counters that an engine can take or give. Nothing else is added; no duration is in a word.
"""

from __future__ import annotations

import numpy as np
from amaranth.hdl import signed
from amaranth.lib import data

from rtl.parameters import DRAM_ADDRESS_BITS, PARAMETER_BITS, NpuParameters
from simulators.program import (
    ACCUMULATOR,
    CHANNELS,
    ENGINES,
    EXECUTE_ENGINE,
    FIELDS,
    FILL,
    FUNCTIONS,
    LOAD_ENGINE,
    MEMORIES,
    OPCODES,
    PARAMETER_WORDS,
    PRELOAD,
    QUEUE_OF_OPCODE,
    SCRATCHPAD,
    STORE_ENGINE,
    VECTOR_ENGINE,
    WEIGHT_BUFFER,
)
from workloads.errors import CodesignError

ENGINE_BITS = 2
TOKEN_MASK_BITS = 4 * CHANNELS
_TOKENS = (("waits", TOKEN_MASK_BITS), ("gives", TOKEN_MASK_BITS))
Fields = tuple[tuple[str, int], ...]


def _nest(prefix: str, extent: int, address: int) -> Fields:
    """Fields of a nest: extents, digits of its start, jumps."""
    digits = tuple((prefix + name, extent) for name in ("n0", "n1", "i0", "i1"))
    return digits + tuple((prefix + name, address) for name in ("j0", "j1", "j2"))


def load_fields(p: NpuParameters) -> Fields:
    """Return (name, bits) of a load or fill, low bits first."""
    e, a, d = p.extent_bits, p.transfer_address_bits, DRAM_ADDRESS_BITS
    return (
        *_TOKENS, ("fill", 1), ("memory", 2), ("address", a), ("n0", e), ("n1", e), ("count", e),
        ("row_jump", a), ("plane_jump", a), ("row_bytes", e + 2), ("dram_address", d), ("dram_row_jump", d),
        ("dram_plane_jump", d), ("value", PARAMETER_BITS),
    )  # fmt: skip


def store_fields(p: NpuParameters) -> Fields:
    """Return (name, bits) of a store."""
    e, a, d = p.extent_bits, p.scratchpad_address_bits, DRAM_ADDRESS_BITS
    return (
        *_TOKENS, ("address", a), ("n0", e), ("n1", e), ("count", e), ("row_jump", a), ("plane_jump", a),
        ("row_bytes", e + 2), ("dram_address", d), ("dram_row_jump", d), ("dram_plane_jump", d),
    )  # fmt: skip


def execute_fields(p: NpuParameters) -> Fields:
    """Return (name, bits) of a preload or matmul."""
    e, a, w = p.extent_bits, p.operand_address_bits, p.weight_address_bits
    return (
        *_TOKENS, ("preload", 1), ("address", a), *_nest("", e, a), *_nest("lane_", e, a),
        ("count", e), ("used_rows", p.rows.bit_length()), ("used_cols", p.cols.bit_length()),
        ("destination", p.accumulator_address_bits), ("accumulate", 1), ("swap", 1),
        ("weight_address", w), ("weight_stride", w),
    )  # fmt: skip


def vector_fields(p: NpuParameters) -> Fields:
    """Return (name, bits) of a vector command; `taps` is lane_n0 * lane_n1, `d_jump` goes from row to row."""
    e, a, s, w = p.extent_bits, p.vector_address_bits, p.scratchpad_address_bits, p.weight_address_bits
    v = p.value_bits
    return (
        *_TOKENS, ("function", 3), ("from_accumulator", 1), ("address", a), *_nest("", e, a), *_nest("lane_", e, a),
        ("count", e), ("taps", e), ("channels", e), ("destination", s), ("d_s0", s), ("d_jump", s), ("d_lane", s),
        ("weight_address", w), ("weight_stride", w), ("parameter_mode", 2),
        ("parameter_address", p.parameter_address_bits),
        *((name, v) for name in ("zero_point_0", "zero_point_1", "output_zero_point", "low", "high")),
    )  # fmt: skip


ENGINE_FIELDS = (load_fields, execute_fields, vector_fields, store_fields)
#: Fields that hold numbers below zero.
SIGNED = ("value", "zero_point_0", "zero_point_1", "output_zero_point", "low", "high")


def body_layout(p: NpuParameters, engine: int) -> data.StructLayout:
    """Return an engine's commands as an Amaranth layout."""
    shapes = {name: signed(bits) if name in SIGNED else bits for name, bits in ENGINE_FIELDS[engine](p)}
    return data.StructLayout(shapes)


def body_bits(p: NpuParameters, engine: int) -> int:
    """Return the bits of an engine's commands, as its queue holds them."""
    return sum(bits for _, bits in ENGINE_FIELDS[engine](p))


def command_bits(p: NpuParameters) -> int:
    """Return the bits of a packed command: the engine, then the longest body."""
    return ENGINE_BITS + max(body_bits(p, engine) for engine in range(4))


def _digits(row: dict[str, int], prefix: str) -> dict[str, int]:
    """A nest as an odometer: extents, digits and offset of its start, jumps."""
    n0, n1, first = row[prefix + "n0"], row[prefix + "n1"], row["lane_start" if prefix else "start"]
    s0, s1, s2 = row[prefix + "s0"], row[prefix + "s1"], row[prefix + "s2"]
    i0, i1, i2 = first % n0, first // n0 % n1, first // (n0 * n1)
    return {
        "n0": n0, "n1": n1, "i0": i0, "i1": i1, "offset": i0 * s0 + i1 * s1 + i2 * s2,
        "j0": s0, "j1": s1 - (n0 - 1) * s0, "j2": s2 - (n1 - 1) * s1 - (n0 - 1) * s0,
    }  # fmt: skip


def _transfer(p: NpuParameters, row: dict[str, int]) -> dict[str, int]:
    bits = (p.activation.bits, p.weight.bits, 0, PARAMETER_BITS)[row["memory"]]
    return row | {
        "fill": int(row["opcode"] == FILL),
        "row_jump": row["s1"], "plane_jump": row["s2"] - (row["n1"] - 1) * row["s1"],
        "dram_row_jump": row["d_s0"], "dram_plane_jump": row["d_s1"] - (row["n1"] - 1) * row["d_s0"],
        "row_bytes": (row["n0"] * bits + 7) // 8,
    }  # fmt: skip


def _with_nests(row: dict[str, int]) -> dict[str, int]:
    positions, lanes = _digits(row, ""), _digits(row, "lane_")
    encoded = positions | {f"lane_{name}": value for name, value in lanes.items()}
    return row | encoded | {"address": row["address"] + positions["offset"] + lanes["offset"]}


def _execute(p: NpuParameters, row: dict[str, int]) -> dict[str, int]:
    preload = row["opcode"] == PRELOAD
    memory = SCRATCHPAD if preload == (p.dataflow == "is") else WEIGHT_BUFFER
    if row["memory"] != memory:
        name = OPCODES[row["opcode"]]
        raise CodesignError(f"a {name} of a {p.dataflow} array reads the {MEMORIES[memory]} in RTL")
    return _with_nests(row) | {"preload": int(preload)}


def _vector(p: NpuParameters, row: dict[str, int]) -> dict[str, int]:
    names = [name for name, _, _ in p.functions]
    if FUNCTIONS[row["value"]] not in names:
        raise CodesignError(f"'{FUNCTIONS[row['value']]}' has no values in RTL; this machine has {', '.join(names)}")
    return _with_nests(row) | {
        "function": row["value"], "from_accumulator": int(row["memory"] == ACCUMULATOR),
        "taps": row["lane_n0"] * row["lane_n1"], "channels": row["used_cols"],
        "d_jump": row["d_s1"] - (row["n0"] - 1) * row["d_s0"],
        "parameter_address": row["parameter_address"] * PARAMETER_WORDS,
    }  # fmt: skip


_BODIES = {LOAD_ENGINE: _transfer, STORE_ENGINE: _transfer, EXECUTE_ENGINE: _execute, VECTOR_ENGINE: _vector}
#: Addresses and jumps are modular; what must fit is checked.
_EXTENTS = ("n0", "n1", "i0", "i1", "lane_n0", "lane_n1", "lane_i0", "lane_i1")
_MUST_FIT = ("count", "taps", "channels", "used_rows", "used_cols", "row_bytes")


def _pack(index: int, fields: Fields, values: dict[str, int]) -> int:
    word, at = 0, 0
    for name, bits in fields:
        value, limit = values[name], 1 << bits
        if name in _EXTENTS:
            value = min(value, limit - 1)  # an extent beyond every count never wraps
        elif name in _MUST_FIT and value >= limit:
            raise CodesignError(f"command {index}: {name} {value} is more than the RTL's {limit - 1}")
        elif name in SIGNED and name != "value" and not -limit // 2 <= value < limit // 2:
            raise CodesignError(f"command {index}: {name} {value} does not fit in {bits} signed bits")
        word |= (value & (limit - 1)) << at
        at += bits
    return word


def _token_mask(bits: int, engine: int, taken: bool) -> int:
    """The 16 counters of a mask that an engine takes (from each source) or gives (to each target)."""
    mask = 0
    for other in range(4):
        pair = other * 4 + engine if taken else engine * 4 + other
        mask |= (bits >> (pair * CHANNELS) & ((1 << CHANNELS) - 1)) << (other * CHANNELS)
    return mask


def encode_command(p: NpuParameters, index: int, command: np.void) -> int:
    """Return one command as a packed word, low field first."""
    row = {name: int(command[name]) for name in FIELDS}
    engine = QUEUE_OF_OPCODE[row["opcode"]]
    waits, gives = row["waits"] & (1 << 64) - 1, row["gives"] & (1 << 64) - 1
    for mask, kept, what in (
        (waits, _token_mask(waits, engine, True), "waits for"),
        (gives, _token_mask(gives, engine, False), "gives"),
    ):
        if mask.bit_count() != kept.bit_count():
            name = OPCODES[row["opcode"]]
            raise CodesignError(f"command {index}: a {name} {what} a token of another engine than {ENGINES[engine]}")
    try:
        values = _BODIES[engine](p, row)
    except CodesignError as error:
        raise CodesignError(f"command {index}: {error}") from None
    values |= {"waits": _token_mask(waits, engine, True), "gives": _token_mask(gives, engine, False)}
    return _pack(index, ENGINE_FIELDS[engine](p), values) << ENGINE_BITS | engine


def encode_program(p: NpuParameters, program: np.ndarray) -> np.ndarray:
    """Return the program as packed words: uint32 of shape (commands, words), little-endian words of a command.

    Raises
    ------
    CodesignError
        When a field does not fit the machine's widths, or a function has no integer values.
    """
    words = -(-command_bits(p) // 32)
    packed = b"".join(encode_command(p, i, row).to_bytes(4 * words, "little") for i, row in enumerate(program))
    return np.frombuffer(packed, "<u4").reshape(len(program), words)
