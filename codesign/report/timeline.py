"""A timeline for Perfetto (ui.perfetto.dev) or chrome://tracing: layers, the four engines, the DRAM's traffic.

The format is Chrome's trace events, gzipped. It is written as it is made, and is capped: once `MOST_EVENTS` commands
are written, further layers have their own bar alone, and the file says so.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codesign.report.replay import Replay, replay
from simulators.npu.config import PARAMETER_BITS, format_bits
from simulators.program import ENGINES, LOAD, OPCODES, QUEUE_OF_OPCODE, STORE

if TYPE_CHECKING:
    from codesign.result import Result

MOST_EVENTS = 200_000
#: Tracks in order: layers first, then the engines by their queue.
TRACKS = ("layers", "load queue", "array", "vector unit", "store queue")
_PROCESS = 1


def write_timeline(
    result: Result, path: Path, replays: Iterable[Replay] | None = None, most_events: int = MOST_EVENTS
) -> int:
    """Write the timeline of a result; return how many commands it shows.

    Raises
    ------
    CodesignError
        When the result holds no simulation.
    """
    shown = 0
    with gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) as file:

        def put(text: str) -> None:
            file.write(text.encode())

        put('{"displayTimeUnit":"ns","traceEvents":[\n')
        put(",\n".join(json.dumps(event) for event in _names(result)))
        for one in replays or replay(result):
            put("".join(f",\n{json.dumps(event)}" for event in _layer(result, one)))
            room = most_events - shown
            if room > 0 and len(one.program):
                shown += min(room, len(one.program))
                put("".join(f",\n{event}" for event in _commands(result, one, room)))
        total = f"{shown} commands shown; of repeated layers the first pass, and none after {most_events}"
        put(f'\n],"otherData":{json.dumps({"network": result.network, "machine": result.machine, "shown": total})}}}\n')
    return shown


def _names(result: Result) -> list[dict[str, Any]]:
    title = f"{result.network} on {result.machine}"
    events = [{"ph": "M", "name": "process_name", "pid": _PROCESS, "args": {"name": title}}]
    for i, name in enumerate(TRACKS):
        events.append({"ph": "M", "name": "thread_name", "pid": _PROCESS, "tid": i, "args": {"name": name}})
        events.append({"ph": "M", "name": "thread_sort_index", "pid": _PROCESS, "tid": i, "args": {"sort_index": i}})
    return events


def _layer(result: Result, one: Replay) -> Iterator[dict[str, Any]]:
    if one.cycles:
        row = result.layers[one.layer.name]
        period = _us_per_cycle(result)
        yield {
            "ph": "X", "name": one.layer.name, "cat": one.layer.operator, "pid": _PROCESS, "tid": 0,
            "ts": one.first_cycle * period, "dur": one.cycles * one.layer.repeat * period,
            "args": {"shape": row["shape"], "cycles": row["cycles"], "passes": one.layer.repeat,
                     "bound by": row["bottleneck"]},
        }  # fmt: skip


def _commands(result: Result, one: Replay, room: int) -> Iterator[str]:
    """Yield each command on its engine's track, and DRAM bytes a cycle whenever a transfer begins or ends.

    Cycles count from 1: one that starts in cycle s and ends in e takes the time from s - 1 to e.
    """
    period, program = _us_per_cycle(result), one.program[:room]
    opcodes = program["opcode"].tolist()
    starts, ends = one.start[:room].tolist(), one.end[:room].tolist()
    for i, (opcode, start, end) in enumerate(zip(opcodes, starts, ends, strict=True)):
        track = 1 + QUEUE_OF_OPCODE[opcode]
        yield (
            f'{{"ph":"X","name":"{OPCODES[opcode]}","cat":"{ENGINES[track - 1]}","pid":{_PROCESS},"tid":{track},'
            f'"ts":{(one.first_cycle + start - 1) * period:.6f},"dur":{(end - start + 1) * period:.6f},'
            f'"args":{{"command":{i}}}}}'
        )
    bits = (*format_bits(result.simulation.machine), PARAMETER_BITS)
    size_bytes = program["n0"] * program["n1"] * program["count"] * np.array(bits)[program["memory"]] / 8
    for cycle, rate in _traffic(program, size_bytes, one.start[:room], one.end[:room]):
        yield (
            f'{{"ph":"C","name":"DRAM bytes/cycle","pid":{_PROCESS},'
            f'"ts":{(one.first_cycle + cycle) * period:.6f},"args":{{"bytes":{rate:.3f}}}}}'
        )


def _traffic(
    program: np.ndarray, size_bytes: np.ndarray, start: np.ndarray, end: np.ndarray
) -> Iterator[tuple[int, float]]:
    """Yield (cycle, bytes a cycle) from which on the rate holds; a transfer is spread over its time."""
    moves = np.isin(program["opcode"], (LOAD, STORE))
    steps: dict[int, float] = {}
    for i in np.flatnonzero(moves).tolist():
        rate = float(size_bytes[i]) / float(end[i] - start[i] + 1)
        first, last = int(start[i]) - 1, int(end[i])
        steps[first] = steps.get(first, 0.0) + rate
        steps[last] = steps.get(last, 0.0) - rate
    level = 0.0
    for cycle in sorted(steps):
        level += steps[cycle]
        yield cycle, max(level, 0.0)


def _us_per_cycle(result: Result) -> float:
    return 1e6 / float(result.simulation.machine.clock_hz)
