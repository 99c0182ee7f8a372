"""What all benches under cocotb share: builds in Verilator and Icarus, and a run whose failure shows its log."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import util
from pathlib import Path
from typing import Any

from rtl.build_cache import built, key_of
from rtl.verilator import Sources, build, run_tool
from workloads.errors import CodesignError

#: cocotb would rewrite the assertions of every module that a bench imports, numba's among them: 6 CPU-s a run.
ENVIRONMENT = {"COCOTB_REWRITE_ASSERTION_FILES": ""}


def require_cocotb() -> None:
    """Raise CodesignError when cocotb is not installed."""
    if util.find_spec("cocotb") is None:
        raise CodesignError("cocotb is missing; it comes with: pip install cocotb")


def build_verilator(verilog: str, top: str, ports: Sequence[str], headers: Sequence[tuple[str, str]] = ()) -> Path:
    """Return a design built for cocotb in Verilator.

    Parameters
    ----------
    ports : sequence of str
        What Python reads or writes; the rest stays out of Verilator's tables.
    headers : sequence of (str, str)
        Names and texts of the files that the design includes.
    """
    from cocotb_tools import config

    control = "".join(f'public_flat_rw -module "{top}" -var "{port}"\n' for port in ports)
    main = Path(config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    link = (f"-L{config.libs_dir}", "-lcocotbvpi_verilator", f"-Wl,-rpath,{config.libs_dir}")
    beside = (*headers, ("ports.vlt", f"`verilator_config\n{control}"))
    return build(Sources(verilog, top, main, beside, ("--vpi", "ports.vlt")), top, link)


def build_icarus(files: Mapping[str, str], top: str) -> Path:
    """Return a design built in Icarus: ``design.v`` and the files that it includes.

    As Verilog 2005: Yosys wakes every `always @*` at time 0 by an initial value; in SystemVerilog those come before any
    process and wake nothing, so registers would take X from logic that has never run.

    Raises
    ------
    CodesignError
        When Icarus is missing.
    """
    if shutil.which("iverilog") is None:
        raise CodesignError("Icarus Verilog is missing; it comes with the system's package iverilog")
    version = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=False).stdout.partition("\n")[0]

    def make(folder: Path) -> None:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        run_tool(["iverilog", "-g2005", "-o", "sim.vvp", "-s", top, "design.v"], folder)

    return built("icarus", key_of(sorted(files.items()), top, version, "-g2005"), make) / "sim.vvp"


def run_bench(
    simulator: str, top: str, module: str, program: Path, folder: Path, environment: Mapping[str, str] = ENVIRONMENT
) -> None:
    """Run a cocotb test module on a built design; it leaves ``result.npz`` in `folder`.

    Raises
    ------
    CodesignError
        When it does not; the simulator's log is the error's note.
    """
    from cocotb_tools.runner import get_runner

    runner: Any = get_runner(simulator)
    log = folder / "simulator.log"
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            runner.test(
                test_module=module, hdl_toplevel=top, hdl_toplevel_lang="verilog", build_dir=program.parent,
                test_dir=folder, results_xml=str(folder / "results.xml"), log_file=log, extra_env=dict(environment),
            )  # fmt: skip
    except (SystemExit, subprocess.CalledProcessError):
        pass  # no result then: the log says why
    if not (folder / "result.npz").exists():
        fault = CodesignError(f"{simulator}: the bench of {top} has failed; the log is this error's note")
        fault.add_note(log.read_text(errors="replace") if log.exists() else "there is no log")
        raise fault
