"""A plain oracle for the checker: reachability over start and end events, and exact sets of addresses."""

from __future__ import annotations

import numpy as np

from simulators.machine import Machine
from simulators.npu.checker_accesses import DRAM, LANE_OF_OPCODE
from simulators.npu.reference.command import Command
from simulators.program import (
    ACCUMULATOR,
    ADD,
    DEPTHWISE,
    FILL,
    LOAD,
    MATMUL,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_POSITION,
    PARAMETERS,
    PRELOAD,
    SCRATCHPAD,
    STORE,
    VECTOR,
    WEIGHT_BUFFER,
)
from workloads.formats import parse_format


def unordered_overlaps(machine: Machine, program: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of commands that touch one element, one of them writing, in no order."""
    commands = [Command(i, row) for i, row in enumerate(program)]
    after = _ends_before(machine, commands)
    touched = [_touched(machine, command) for command in commands]
    pairs = []
    for j, b in enumerate(commands):
        for i, a in enumerate(commands[:j]):
            same = LANE_OF_OPCODE[a.opcode] == LANE_OF_OPCODE[b.opcode]
            memories = {DRAM} if same and a.opcode == STORE else set() if same else set(range(5))
            clash = any(
                m in memories and touched[i][x, m] & touched[j][y, m] for x, y in ("rw", "wr", "ww") for m in range(5)
            )
            if clash and not after[i][j] and not after[j][i]:
                pairs.append((i, j))
    return pairs


def _ends_before(machine: Machine, commands: list[Command]) -> np.ndarray:
    """Return after[i, j]: command i ends before command j starts, under every timing."""
    n = len(commands)
    reach = np.zeros((2 * n, 2 * n), bool)  # event 2i: start of i, 2i + 1: its end
    given: dict[int, list[int]] = {}
    taken: dict[int, int] = {}
    for i, command in enumerate(commands):
        reach[2 * i, 2 * i + 1] = True
        for c in range(64):
            if command.gives >> c & 1:
                given.setdefault(c, []).append(i)
    last_lane: dict[int, int] = {}
    last_queue: dict[int, int] = {}
    for i, command in enumerate(commands):
        lane = LANE_OF_OPCODE[command.opcode]
        if command.engine in last_queue:
            reach[2 * last_queue[command.engine], 2 * i] = True
        if lane in last_lane:
            reach[2 * last_lane[lane] + 1, 2 * i + 1] = True
        serial = command.opcode == VECTOR and lane in last_lane
        if serial:
            reach[2 * last_lane[lane] + 1, 2 * i] = True
        alone = command.opcode == PRELOAD or machine.array.dataflow == "os"
        if not machine.array.fold_overlap and alone and command.engine == 1 and 2 in last_lane:
            reach[2 * last_lane[2] + 1, 2 * i] = True
        if command.opcode == MATMUL and command.swap:
            reach[2 * last_lane[1] + 1, 2 * i + 1] = True
        for c in range(64):
            if command.waits >> c & 1:
                reach[2 * given[c][taken.get(c, 0)] + 1, 2 * i] = True
                taken[c] = taken.get(c, 0) + 1
        last_lane[lane] = last_queue[command.engine] = i
    for k in range(2 * n):
        reach |= np.outer(reach[:, k], reach[k])
    return reach[1::2, 0::2]


def _touched(machine: Machine, command: Command) -> dict[tuple[str, int], set[int]]:
    touched: dict[tuple[str, int], set[int]] = {(kind, m): set() for kind in "rw" for m in range(5)}
    if command.opcode in (LOAD, FILL, STORE):
        _transfer(machine, command, touched)
    elif command.opcode == VECTOR:
        _vector(command, touched)
    elif command.opcode == PRELOAD:
        lanes = [command.lane_offset(c) for c in range(command.used_cols)]
        reads = {command.address + command.offset(r) + lane for r in range(command.used_rows) for lane in lanes}
        touched["r", command.memory] |= reads
    else:
        _matmul(machine, command, touched)
    return touched


def _transfer(machine: Machine, command: Command, touched: dict[tuple[str, int], set[int]]) -> None:
    pe = machine.array.pe
    bits = {SCRATCHPAD: parse_format(pe.activation).bits, WEIGHT_BUFFER: parse_format(pe.weight).bits, PARAMETERS: 32}
    chip, dram = ("r", "w") if command.opcode == STORE else ("w", "r")
    for p in range(command.count):
        for r in range(command.n1):
            first = command.address + p * command.s2 + r * command.s1
            touched[chip, command.memory] |= set(range(first, first + command.n0))
            if command.opcode != FILL:
                first = command.dram_address + p * command.d_s1 + r * command.d_s0
                touched[dram, DRAM] |= set(range(first, first - (-command.n0 * bits[command.memory] // 8)))


def _matmul(machine: Machine, command: Command, touched: dict[tuple[str, int], set[int]]) -> None:
    os = machine.array.dataflow == "os"
    run = machine.array.rows if os and machine.array.convolution == "shifted" else 1
    for t in range(command.count):
        for lane in range(command.used_rows):
            first = command.address + command.offset(t) + command.lane_offset(lane)
            touched["r", command.memory] |= set(range(first, first + run))
    if os:
        for k in range(command.count * run):
            first = command.weight_address + k * command.weight_stride
            touched["r", WEIGHT_BUFFER] |= set(range(first, first + command.used_cols))
    words = command.used_rows if os else command.count
    touched["w", ACCUMULATOR] |= set(range(command.destination, command.destination + words))


def _vector(command: Command, touched: dict[tuple[str, int], set[int]]) -> None:
    channels = range(command.used_cols)
    for i in range(command.count):
        for tap in range(command.taps):
            base = command.address + command.offset(i) + command.lane_offset(tap)
            reads = {base} if command.memory == ACCUMULATOR else {base + c for c in channels}
            touched["r", command.memory] |= reads
            if command.value == DEPTHWISE:
                first = command.weight_address + tap * command.weight_stride
                touched["r", WEIGHT_BUFFER] |= {first + c for c in channels}
        row, plane = i % command.n0, i // command.n0
        base = command.destination + row * command.d_s0 + plane * command.d_s1
        touched["w", SCRATCHPAD] |= {base + c * command.d_lane for c in channels}
    if command.parameter_mode != PARAMETER_NONE:
        extent = {PARAMETER_LANE: command.used_cols, PARAMETER_POSITION: command.count}.get(command.parameter_mode, 1)
        extent = command.taps if command.value == ADD else extent
        first = 3 * command.parameter_address
        touched["r", PARAMETERS] |= set(range(first, first + 3 * extent))
