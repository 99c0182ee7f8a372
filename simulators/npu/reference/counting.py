"""What the start of a command adds to the counters."""

from __future__ import annotations

from simulators.npu.reference.command import Command
from simulators.npu.reference.core import Core
from simulators.program import ACCUMULATOR, ADD, DEPTHWISE, PARAMETER_NONE, SCRATCHPAD

ARRAY_READS = {SCRATCHPAD: "scratchpad_read_elements", SCRATCHPAD + 1: "weight_read_elements"}


def preload(core: Core, command: Command) -> None:
    """Count a stationary tile."""
    core.count("preload_cycles", core.rows)
    core.count(ARRAY_READS[command.memory], command.used_rows * command.used_cols)


def matmul(core: Core, command: Command, steps: int, os: bool, drain_rows: int) -> None:
    """Count a matmul of `steps` vectors (ws, is) or steps (os)."""
    used = command.used_rows * command.used_cols
    core.count("folds")
    core.count("mapped_pes", used)
    core.count("macs", steps * used)
    core.count("mac_slots", steps * core.rows * core.cols)
    core.count("array_cycles", steps)
    core.count(ARRAY_READS[command.memory], steps * command.used_rows)
    if os:
        core.count("weight_read_elements", steps * command.used_cols)
        core.count("drain_cycles", drain_rows)
    words = command.used_rows if os else steps
    core.count("accumulator_write_elements", words * command.used_cols)
    if command.accumulate:
        core.count("accumulator_read_elements", words * command.used_cols)


def vector(core: Core, command: Command, lanes: int, passes: int) -> None:
    """Count a vector command."""
    channels, taps = command.used_cols, command.taps
    core.count("vector_operations", command.count * channels * taps * passes)
    core.count("vector_cycles", command.count * -(-channels // lanes) * taps * passes)
    reads = "vector_accumulator_reads" if command.memory == ACCUMULATOR else "vector_scratchpad_reads"
    core.count(reads, command.count * channels * taps)
    if command.value == DEPTHWISE:
        core.count("weight_read_elements", command.count * channels * taps)
    core.count("vector_scratchpad_writes", command.count * channels)
    if command.parameter_mode != PARAMETER_NONE:
        core.count("parameter_reads", command.count * channels * (taps if command.value == ADD else 1))
