"""The fastest back end: Verilator's C++ without Python in the loop (rtl/bench/npu.cpp)."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np

from rtl.bench.job import Job, Options, Run
from rtl.bench.memory import flat, pointers, unflat
from rtl.bench.shape import BenchDesign, cpp_header, probe_fields
from rtl.npu.array import COLUMN_MODULE
from rtl.npu.vector_lane import LANE_MODULE
from rtl.ports import EVENTS
from rtl.replicas import share
from rtl.verilator import build_library
from simulators.activity import COUNTERS
from simulators.dram.counts import memory_counts
from simulators.npu.state import new_memory
from workloads.errors import CodesignError

HARNESS = Path(__file__).with_name("npu.cpp")
TOP = "npu"
_QUIET, _EXTRA_EVENT, _BEYOND_DRAM = -1, -2, -3


class _Job(ctypes.Structure):
    """`Job` of npu.cpp."""

    _fields_ = (
        ("words", ctypes.c_void_p), ("commands", ctypes.c_int64), ("execute_commands", ctypes.c_int64),
        ("order", ctypes.c_void_p * len(EVENTS)), ("order_length", ctypes.c_int64 * len(EVENTS)),
        ("start", ctypes.c_void_p), ("end", ctypes.c_void_p),
        ("dram", ctypes.c_void_p), ("dram_bytes", ctypes.c_int64),
        ("stalls", ctypes.c_void_p), ("stall_cycles", ctypes.c_int64),
        ("memory", ctypes.c_void_p), ("memory_length", ctypes.c_int64), ("config", ctypes.c_void_p),
        ("offer", ctypes.c_void_p), ("has_room", ctypes.c_void_p), ("pop", ctypes.c_void_p),
        ("quiet_limit", ctypes.c_int64), ("counts", ctypes.c_void_p),
        ("hashes", ctypes.c_void_p), ("hash_capacity", ctypes.c_int64),
        ("window", ctypes.c_void_p), ("window_first", ctypes.c_int64), ("window_last", ctypes.c_int64),
        ("waves", ctypes.c_char_p), ("waves_first", ctypes.c_int64), ("waves_last", ctypes.c_int64),
        ("fault_cycle", ctypes.c_int64), ("fault_detail", ctypes.c_int64),
    )  # fmt: skip


@functools.lru_cache(maxsize=256)
def library(design: BenchDesign, waves: str = "") -> Any:
    """Return the loaded library of a design; `waves` is the format that it can write, by the design's own names."""
    headers = {"shape.h": cpp_header(design)}
    verilog = design.verilog if waves else share(design.verilog, (COLUMN_MODULE, LANE_MODULE))
    loaded = ctypes.CDLL(str(build_library(verilog, TOP, HARNESS, headers=headers, waves=waves)))
    loaded.run_program.argtypes = [ctypes.POINTER(_Job)]
    loaded.run_program.restype = ctypes.c_int64
    return loaded


def run_raw(job: Job, options: Options) -> Run:
    """Run a prepared program.

    Raises
    ------
    CodesignError
        When the run stands still, writes beyond the DRAM, or reports an end of no command.
    """
    loaded = library(job.design, Path(options.waves).suffix[1:])
    start, end = job.times()
    counts, memory = np.zeros(len(COUNTERS), np.int64), flat(new_memory(job.machine, job.config))
    idle = memory.copy()
    capacity = 1 << 16 if options.hashes else 0
    while True:
        hashes = np.zeros(capacity, np.uint64)
        window = np.zeros((max(options.window[1] - options.window[0], 0), len(probe_fields(job.design))), np.int64)
        given = _given(job, options, start, end, counts, memory, hashes, window)
        dram = job.dram.copy() if options.hashes else None
        code = loaded.run_program(ctypes.byref(given))
        fault = _fault(job, int(code), given, start, end) if code < 0 else None
        if fault and not options.keep_fault:
            raise fault
        cycles = int(given.fault_cycle if fault else code)
        if dram is None or cycles < capacity:
            break
        capacity = cycles + 1  # the hashes did not fit: once more
        job.dram[:] = dram
        memory[:], start[:], end[:] = idle, -1, -1
    known = cycles if fault else cycles + 1  # a run that breaks off does so before its last cycle is over
    held = unflat(memory, job.machine.memory.model)
    return Run(
        cycles, start, end, counts, hashes[:known] if options.hashes else None, window if len(window) else None, fault,
        memory_counts(held, job.config, cycles),
    )  # fmt: skip


def _given(
    job: Job, options: Options, start: np.ndarray, end: np.ndarray, counts: np.ndarray, memory: np.ndarray,
    hashes: np.ndarray, window: np.ndarray,
) -> _Job:  # fmt: skip
    events = len(EVENTS)
    return _Job(
        words=job.words.ctypes.data, commands=len(job.words), execute_commands=job.execute_commands,
        order=(ctypes.c_void_p * events)(*(mine.ctypes.data for mine in job.order)),
        order_length=(ctypes.c_int64 * events)(*map(len, job.order)),
        start=start.ctypes.data, end=end.ctypes.data, dram=job.dram.ctypes.data, dram_bytes=len(job.dram),
        stalls=job.stalls.ctypes.data, stall_cycles=len(job.stalls), memory=memory.ctypes.data,
        memory_length=len(memory), config=job.config.ctypes.data, **pointers(job.machine.memory.model),
        quiet_limit=job.quiet_limit,
        counts=counts.ctypes.data, hashes=hashes.ctypes.data if len(hashes) else None, hash_capacity=len(hashes),
        window=window.ctypes.data, window_first=options.window[0],
        window_last=options.window[1] if len(window) else options.window[0],
        waves=options.waves.encode() or None, waves_first=options.waves_window[0],
        waves_last=options.waves_window[1],
    )  # fmt: skip


def _fault(job: Job, code: int, given: _Job, start: np.ndarray, end: np.ndarray) -> CodesignError:
    cycle, detail = given.fault_cycle, given.fault_detail
    if code == _QUIET:
        return job.stuck(cycle, start, end)
    if code == _EXTRA_EVENT:
        return job.extra_event(cycle, detail)
    if code == _BEYOND_DRAM:
        return CodesignError(f"RTL: byte {detail} of a DRAM of {len(job.dram)} is addressed in cycle {cycle}")
    return CodesignError(f"RTL: the memory refused a request in cycle {cycle} for which it had room")
