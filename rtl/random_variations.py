"""Variations of a random program: commands twice in a row or ahead of others, odd nests, strides and zero points.

Each is kept only where the checker agrees that the program has one result under every timing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.machine import Machine
from simulators.npu.checker import check_program
from simulators.program import (
    ACCUMULATOR,
    AVERAGE_POOL,
    DEPTHWISE,
    FUNCTIONS,
    LOAD,
    MATMUL,
    MAX_POOL,
    PARAMETERS,
    PRELOAD,
    QUEUE_OF_OPCODE,
    REQUANTIZE,
    STORE,
    VECTOR,
)
from workloads.errors import CodesignError
from workloads.formats import parse_format

_FARTHEST = 8  # places that a command moves ahead
_APART = 1 << 14  # bytes of DRAM between what a store writes and what its repetition writes
_READ = 1 << 15  # bytes of DRAM that random programs only read, from 0 on
_SHARE = 0.5  # of the programs that a variation is tried on


def varied(rng: np.random.Generator, machine: Machine, program: np.ndarray, dram_bytes: int) -> np.ndarray:
    """Return a variation of a program that is valid with a DRAM of so many bytes, or the program itself."""
    for vary in _VARIATIONS:
        if rng.random() < _SHARE:
            tried = vary(rng, machine, program.copy())
            if _is_valid(machine, tried, dram_bytes):
                program = tried
    return program


def _is_valid(machine: Machine, program: np.ndarray, dram_bytes: int) -> bool:
    try:
        check_program(machine, program, dram_bytes)
    except CodesignError:
        return False
    return True


def _repeated(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Give some commands twice in a row: the first waits, the second gives; sums are accumulated, stores go
    to places of their own."""
    often = rng.choice((0.1, 0.4))
    rows = []
    for row in program:
        again = rng.random() < often and row["opcode"] != PRELOAD
        first, second = row.copy(), row.copy()
        if again:
            first["gives"], second["waits"] = 0, 0
            if row["opcode"] == MATMUL:
                second["accumulate"], second["swap"] = 1, 0
            if row["opcode"] == STORE:
                second["dram_address"] += _APART
            rows.append(first)
        rows.append(second)
    return np.array(rows, program.dtype)


def _hoisted(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Move commands ahead of others of other engines, as far as none of those gives what they wait for."""
    engines, order = np.array(QUEUE_OF_OPCODE)[program["opcode"]], list(range(len(program)))
    often = rng.choice((0.2, 0.6))
    for i in range(1, len(order)):
        steps = int(rng.integers(1, _FARTHEST)) if rng.random() < often else 0
        at = i
        while at and i - at < steps:
            mine, before = order[at], order[at - 1]
            if engines[mine] == engines[before] or program["waits"][mine] & program["gives"][before]:
                break
            order[at - 1], order[at] = mine, before
            at -= 1
    return program[order]


def _wrapped(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Let the positions of vector commands wrap both digits, over the same elements and to the same places."""
    for row in program:
        if row["opcode"] != VECTOR or row["n0"] != row["count"] or rng.random() < _SHARE:
            continue
        count, reach = int(row["count"]), (int(row["count"]) - 1) * int(row["s0"])
        row["n0"] = n0 = int(rng.choice([n for n in range(1, count + 1) if count % n == 0]))
        row["n1"], row["start"] = n1, first = int(rng.integers(1, 4)), int(rng.integers(0, 3))
        outer = (first + count - 1) // (n0 * n1)
        for stride, steps in (("s0", n0 - 1), ("s1", n1 - 1), ("s2", outer)):
            row[stride] = rng.integers(0, reach // max(steps, 1) + 1) if steps else rng.integers(0, 9)
            reach -= steps * int(row[stride])
        row["d_s1"] = n0 * row["d_s0"]
    return program


def _strided(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Let taps start anywhere in their nest, and the weights of depthwise taps lie far apart."""
    weights = machine.weight_buffer.size_bytes * 8 // parse_format(machine.array.pe.weight).bits
    for row in program:
        taps, channels = int(row["lane_n0"]) * int(row["lane_n1"]), int(row["used_cols"])
        if row["opcode"] != VECTOR or taps < 2 or rng.random() < _SHARE:
            continue
        row["lane_start"], row["lane_s2"] = rng.integers(0, 3), rng.integers(0, 9)
        if row["value"] == DEPTHWISE:
            room = weights - int(row["weight_address"]) - channels
            row["weight_stride"] = rng.integers(channels, max(room // (taps - 1), channels) + 1)
    return program


def _pooled_sums(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Let the sums' way to activations be a pooling of several words."""
    assert machine.vector is not None
    known = [f for f in (MAX_POOL, AVERAGE_POOL) if FUNCTIONS[f] in machine.vector.functions]
    for row in program:
        sums = row["opcode"] == VECTOR and row["memory"] == ACCUMULATOR and row["value"] == REQUANTIZE
        if not (sums and known) or rng.random() < _SHARE:
            continue
        row["value"], row["s0"] = rng.choice(known), 0
        row["lane_n0"], row["lane_s0"] = row["count"], 1
    return program


def _zero_points(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Draw zero points from all that formats of as many bits have."""
    bits = parse_format(machine.array.pe.activation).bits
    vector = program["opcode"] == VECTOR
    for name in ("zero_point_0", "zero_point_1", "output_zero_point"):
        program[name][vector] = rng.integers(-(1 << bits - 1), 1 << bits, int(vector.sum()))
    return program


def _far_rows(rng: np.random.Generator, machine: Machine, program: np.ndarray) -> np.ndarray:
    """Let rows and planes of operands lie anywhere in the DRAM that is only read, in any order."""
    for row in program:
        rows, planes = int(row["n1"]), int(row["count"])
        if row["opcode"] != LOAD or row["memory"] == PARAMETERS or rows * planes == 1 or rng.random() < _SHARE:
            continue
        row_step, plane_step = (rng.integers(-_READ // 2, _READ // 2, 2) // (rows + planes)).tolist()
        ends = [r * row_step + p * plane_step for r in (0, rows - 1) for p in (0, planes - 1)]
        room = _READ - (max(ends) - min(ends)) - 4 * int(row["n0"])
        row["d_s0"], row["d_s1"] = row_step, plane_step
        row["dram_address"] = rng.integers(0, max(room, 1)) - min(ends)
    return program


_VARIATIONS: tuple[Callable[[np.random.Generator, Machine, np.ndarray], np.ndarray], ...] = (
    _repeated, _hoisted, _wrapped, _strided, _pooled_sums, _zero_points, _far_rows,
)  # fmt: skip
