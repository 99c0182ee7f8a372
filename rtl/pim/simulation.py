"""Runs a bench of `rtl.pim` under cocotb, in Verilator or Icarus; builds are kept by content (`rtl.build_cache`).

A bench is a component whose outputs change only when Python has something to do: Python then wakes, not every clock.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np

from rtl.build_cache import built, key_of
from rtl.verilator import Sources, build, run_tool
from workloads.errors import CodesignError, unknown_name

SIMULATORS = ("verilator", "icarus")
#: cocotb would rewrite the assertions of every module that a bench imports.
_ENVIRONMENT = {"COCOTB_REWRITE_ASSERTION_FILES": ""}


def simulate(
    verilog: str, top: str, ports: Sequence[str], module: str, job: Mapping[str, Any], simulator: str = "verilator"
) -> dict[str, np.ndarray]:
    """Run a cocotb test module on a design.

    Parameters
    ----------
    verilog, top : str
        The design.
    ports : sequence of str
        Ports of the top that Python reads or writes; ``clk`` and ``rst`` besides.
    module : str
        Python module of the cocotb test: it reads ``job.npz`` and writes ``result.npz`` in its working folder.
    job : mapping
        Arrays for ``job.npz``.
    simulator : str
        One of `SIMULATORS`.

    Raises
    ------
    CodesignError
        When a tool is missing or the test fails; the simulator's log is its note.
    """
    if simulator not in SIMULATORS:
        raise unknown_name("simulator", "simulator", simulator, SIMULATORS)
    if util.find_spec("cocotb") is None:
        raise CodesignError("cocotb is missing; it comes with: pip install cocotb")
    program = _BUILD[simulator](verilog, top, ("clk", "rst", *ports))
    with tempfile.TemporaryDirectory(prefix="codesign-") as name:
        folder = Path(name)
        np.savez(folder / "job.npz", **job)
        _run(simulator, top, module, program, folder)
        with np.load(folder / "result.npz", allow_pickle=False) as result:
            return dict(result)


def _verilator(verilog: str, top: str, ports: Sequence[str]) -> Path:
    from cocotb_tools import config

    control = "".join(f'public_flat_rw -module "{top}" -var "{port}"\n' for port in ports)
    main = Path(config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    link = (f"-L{config.libs_dir}", "-lcocotbvpi_verilator", f"-Wl,-rpath,{config.libs_dir}")
    headers = (("ports.vlt", f"`verilator_config\n{control}"),)
    return build(Sources(verilog, top, main, headers, ("--vpi", "ports.vlt")), top, link)


def _icarus(verilog: str, top: str, ports: Sequence[str]) -> Path:
    if shutil.which("iverilog") is None:
        raise CodesignError("Icarus Verilog is missing; it comes with the system's package iverilog")
    version = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=False).stdout.partition("\n")[0]

    def make(folder: Path) -> None:
        (folder / "design.v").write_text(f"`timescale 1ns/1ps\n{verilog}", encoding="utf-8")
        run_tool(["iverilog", "-g2005", "-o", "sim.vvp", "-s", top, "design.v"], folder)

    return built("icarus", key_of(verilog, top, version, "-g2005"), make) / "sim.vvp"


_BUILD = {"verilator": _verilator, "icarus": _icarus}


def _run(simulator: str, top: str, module: str, program: Path, folder: Path) -> None:
    from cocotb_tools.runner import get_runner

    runner: Any = get_runner(simulator)
    log = folder / "simulator.log"
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            runner.test(
                test_module=module, hdl_toplevel=top, hdl_toplevel_lang="verilog", build_dir=program.parent,
                test_dir=folder, results_xml=str(folder / "results.xml"), log_file=log, extra_env=_ENVIRONMENT,
            )  # fmt: skip
    except (SystemExit, subprocess.CalledProcessError):
        pass  # no result then: the log says why
    if not (folder / "result.npz").exists():
        fault = CodesignError(f"{simulator}: the bench of {top} has failed; the log is this error's note")
        fault.add_note(log.read_text(errors="replace") if log.exists() else "there is no log")
        raise fault
