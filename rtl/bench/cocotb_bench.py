"""cocotb 2 with Verilator or Icarus: the bench of npu_bench.v, timed by the simulator's memory in Python.

The simulation is built once for each design and size of DRAM, and runs in a process and a folder of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from rtl.bench.cocotb_run import ENVIRONMENT, build_icarus, build_verilator, require_cocotb, run_bench
from rtl.bench.job import Job, Options, Run, noted
from rtl.bench.memory import apply_write
from rtl.bench.shape import BenchDesign, constants, verilog_header
from simulators.activity import COUNTERS
from workloads.errors import CodesignError

TOP = "npu_bench"
_BENCH = Path(__file__).with_name("npu_bench.v")
_MODULE = "rtl.bench.cocotb_program"
#: Ports that Python reads or writes; the rest stays out of Verilator's tables.
_PORTS = (
    "clk", "rst", "commands", "execute_commands", "quiet_limit", "plan", "wake", "taken", "status", "cycle", "counters",
)  # fmt: skip
#: Icarus runs short programs: the memory's plain Python starts sooner than its compiled twin.
_ENVIRONMENT = {"verilator": ENVIRONMENT, "icarus": ENVIRONMENT | {"NUMBA_DISABLE_JIT": "1"}}
_ENDED, _STUCK, _UNKNOWN, _BEYOND = 1, 2, 3, 4


def run_cocotb(job: Job, options: Options, simulator: str) -> Run:
    """Run a prepared program in ``verilator`` or ``icarus`` under cocotb.

    Raises
    ------
    CodesignError
        When a tool is missing, the run stands still, leaves its DRAM, or shows an unknown value at a port.
    """
    if job.machine.memory.model == "dram":
        raise CodesignError(
            f"{job.machine.name}: under cocotb the memory's answers are planned ahead, which memory.model dram does "
            "not allow; use the back end 'verilator' or 'amaranth'"
        )
    if options.waves:
        raise CodesignError(f"{options.waves}: waveforms are written by the back ends 'verilator' and 'amaranth'")
    require_cocotb()
    burst = job.design.parameters.burst_bytes
    windows = 1 << max(-(-len(job.dram) // burst) - 1, 1).bit_length()  # few sizes, so that few are built
    program = _BUILD[simulator](job.design, windows)
    with tempfile.TemporaryDirectory(prefix="codesign-") as name:
        folder = Path(name)
        _write_inputs(job, folder)
        run_bench(simulator, TOP, _MODULE, program, folder, _ENVIRONMENT[simulator])
        return _result(job, folder)


def _source(design: BenchDesign) -> str:
    return _BENCH.read_text(encoding="utf-8") + design.verilog


def _build_verilator(design: BenchDesign, windows: int) -> Path:
    shape = ("shape.vh", verilog_header(design.parameters, windows))
    return build_verilator(_source(design), TOP, _PORTS, (shape,))


def _build_icarus(design: BenchDesign, windows: int) -> Path:
    files = {"design.v": _source(design), "shape.vh": verilog_header(design.parameters, windows)}
    return build_icarus(files, TOP)


_BUILD = {"verilator": _build_verilator, "icarus": _build_icarus}


def _write_inputs(job: Job, folder: Path) -> None:
    p = job.design.parameters
    words = job.words[:, ::-1].astype(">u4")
    (folder / "commands.hex").write_text("".join(f"{row.tobytes().hex()}\n" for row in words))
    windows = np.zeros((-(-len(job.dram) // p.burst_bytes), p.burst_bytes), np.uint8)
    windows.reshape(-1)[: len(job.dram)] = job.dram
    (folder / "dram.hex").write_text("".join(f"{row.tobytes().hex()}\n" for row in windows[:, ::-1]))
    (folder / "stalls.txt").write_text("".join(map(str, job.stalls[:, 0].tolist())) + ".")
    named = constants(p)
    widths = [named[f"REQUEST_{name}_WIDTH"] for name in ("ID", "BEATS", "ADDRESS")]
    np.savez(
        folder / "job.npz", config=job.config, stalls=job.stalls, widths=widths, bus_bytes=p.bus_bytes,
        commands=len(job.words), execute_commands=job.execute_commands, quiet_limit=job.quiet_limit,
    )  # fmt: skip


def _result(job: Job, folder: Path) -> Run:
    with np.load(folder / "result.npz", allow_pickle=False) as result:
        status, cycle, counters = int(result["status"]), int(result["cycle"]) - 1, str(result["counters"])
    if status == _UNKNOWN:
        raise CodesignError(f"RTL: unknown values (X) in cycle {cycle}: {_unknown((folder / 'log.txt').read_text())}")
    if status == _BEYOND:
        raise CodesignError(f"RTL: bytes beyond a DRAM of {len(job.dram)} are addressed in cycle {cycle}")
    start, end = _replay(job, (folder / "log.txt").read_text())
    if status == _STUCK:
        raise job.stuck(cycle, start, end)
    if "x" in counters.lower():
        raise CodesignError("RTL: a counter has an unknown value (X)")
    width = len(counters) // len(COUNTERS)
    packed, low = int(counters, 2), (1 << width) - 1
    counts = np.array([packed >> i * width & low for i in range(len(COUNTERS))], np.int64)
    return Run(cycle, start, end, counts)


def _unknown(log: str) -> str:
    """Return the ports of the log's last line that hold an X."""
    values = log.splitlines()[-1].split()[1:]
    shown = zip(
        ("events", "request.valid", "command.ready", "request.id", "request.address", "request.write"),
        values,
        strict=True,
    )
    return ", ".join(f"{name} {value}" for name, value in shown if set(value) - set("01"))


def _replay(job: Job, log: str) -> tuple[np.ndarray, np.ndarray]:
    """Apply the writes of the log to the DRAM; return starts and ends."""
    events, burst = [], job.design.parameters.burst_bytes
    for line in log.splitlines():
        kind, *words = line.split()
        try:
            if kind == "e":
                events.append((int(words[0]), int(words[1], 16)))
            else:
                window, mask, data = (int(word, 16) for word in words)
                apply_write(job.dram, window * burst, mask, data, burst)
        except ValueError:
            raise CodesignError(f"RTL: an unknown value (X) is written: {line[:80]}") from None
    return noted(job, events)
