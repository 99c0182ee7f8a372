"""Yosys's textual RTLIL, as far as mutating it needs: modules, cells, connections bit by bit, edits of lines.

::

    netlist = Netlist.read(text)                     # of write_rtlil, without processes
    cell = netlist.modules["npu.load"].cells["count$add"]
    bits = netlist.bits(cell, "A")                   # [("count", 0), ..., "0"], low bit first
    netlist.edited({cell.lines["A"]: ["    connect \\\\A 4'0000"]})

Names of modules, cells and wires stand here without the backslash of public names, unless a ``$`` follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

#: A bit of a signal: a wire and an index, or a constant "0", "1", "x", "z".
Bit = tuple[str, int] | str
Edit = Mapping[int, list[str]]

_TOKEN = re.compile(r"[{}]|\[\d+(?::\d+)?\]|\d+'[01xzm-]+|-?\d+|[\\$]\S+")


@dataclass
class Wire:
    """A wire; `port` is "input", "output" or nothing."""

    width: int = 1
    port: str = ""


@dataclass
class Cell:
    """A cell or an instance.

    Attributes
    ----------
    module, name, kind : str
        `kind` is ``$add`` and so on, or the name of the module that it is an instance of.
    first, last : int
        Its lines, attributes excepted.
    parameters, connections : dict of str to str
        Their text.
    lines : dict of str to int
        The line of each connection and of each parameter.
    """

    module: str
    name: str
    kind: str
    first: int
    last: int = -1
    parameters: dict[str, str] = field(default_factory=dict)
    connections: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def number(self, parameter: str) -> int:
        """Return an integer parameter."""
        text = self.parameters[parameter]
        return int(text.partition("'")[2], 2) if "'" in text else int(text)


@dataclass
class Module:
    """A module; `first` is the line of its header, `last` that of its end."""

    name: str
    first: int
    last: int = -1
    wires: dict[str, Wire] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)


def plain(name: str) -> str:
    """Return a name without the backslash, except where a ``$`` follows that would make it private."""
    return name if name.startswith("\\$") else name.removeprefix("\\")


def quoted(name: str) -> str:
    """Return a name as RTLIL writes it."""
    return name if name.startswith(("$", "\\")) else f"\\{name}"


@dataclass
class Netlist:
    """A design in RTLIL.

    Attributes
    ----------
    lines : list of str
    modules : dict of str to Module
    """

    lines: list[str]
    modules: dict[str, Module]

    @classmethod
    def read(cls, text: str) -> Netlist:
        """Return the netlist of a text without processes."""
        lines, modules = text.splitlines(), {}
        module: Module | None = None
        cell: Cell | None = None
        for number, line in enumerate(lines):
            word, _, rest = line.strip().partition(" ")
            if word == "module":
                module = modules[plain(rest)] = Module(plain(rest), number)
            elif module is None:
                continue
            elif word == "wire":
                _read_wire(module, rest)
            elif word == "cell":
                kind, name = map(plain, rest.split(" "))
                cell = module.cells[name] = Cell(module.name, name, kind, number)
            elif word == "end" and cell is not None:
                cell.last, cell = number, None
            elif word == "end":
                module.last, module = number, None
            elif cell is not None and word in ("parameter", "connect"):
                _read_part(cell, word, rest, number)
        return cls(lines, modules)

    @cached_property
    def text(self) -> str:
        """The whole text."""
        return "\n".join(self.lines) + "\n"

    def edited(self, edit: Edit) -> str:
        """Return the text with lines replaced, each by any number of others."""
        return "\n".join(new for i, line in enumerate(self.lines) for new in edit.get(i, (line,))) + "\n"

    def bits(self, cell: Cell, port: str) -> list[Bit]:
        """Return what a port is connected to, low bit first."""
        return self.signal(cell.module, cell.connections.get(port, "{ }"))

    def signal(self, module: str, text: str) -> list[Bit]:
        """Return the bits of a signal's text, low bit first."""
        wires = self.modules[module].wires
        parts: list[list[Bit]] = []
        for token in _TOKEN.findall(text):
            if token in "{}":
                continue
            if token[0] == "[":
                high, _, low = token[1:-1].partition(":")
                parts[-1] = parts[-1][int(low or high) : int(high) + 1]
            elif "'" in token:
                parts.append(list(reversed(token.partition("'")[2])))
            elif token[0] in "\\$":
                name = plain(token)
                parts.append([(name, i) for i in range(wires[name].width)])
            else:
                parts.append(list(reversed(f"{int(token) & 0xFFFFFFFF:032b}")))
        return [bit for part in reversed(parts) for bit in part]

    def outputs(self, cell: Cell) -> list[str]:
        """Return the ports that a cell drives."""
        if cell.kind in self.modules:
            wires = self.modules[cell.kind].wires
            return [port for port in cell.connections if wires[port].port == "output"]
        return [port for port in cell.connections if port in ("Y", "Q", "RD_DATA")]


def _read_wire(module: Module, rest: str) -> None:
    *options, name = rest.split(" ")
    port = next((kind for kind in ("input", "output", "inout") if kind in options), "")
    width = int(options[options.index("width") + 1]) if "width" in options else 1
    module.wires[plain(name)] = Wire(width, port)


def _read_part(cell: Cell, word: str, rest: str, number: int) -> None:
    name, _, value = rest.removeprefix("signed ").partition(" ")
    (cell.parameters if word == "parameter" else cell.connections)[plain(name)] = value
    cell.lines[plain(name)] = number


def text_of(bits: Iterable[Bit]) -> str:
    """Return the text of a signal of these bits, low bit first."""
    parts: list[str] = []
    run: list[Bit] = []
    for bit in [*bits, ""]:
        if run and not _continues(run, bit):
            parts.append(_part(run))
            run = []
        run.append(bit)
    return parts[0] if len(parts) == 1 else "{ " + "".join(f"{part} " for part in reversed(parts)) + "}"


def _continues(run: list[Bit], bit: Bit) -> bool:
    last = run[-1]
    if isinstance(last, tuple) and isinstance(bit, tuple):
        return bit == (last[0], last[1] + 1)
    return isinstance(last, str) and isinstance(bit, str) and bit != ""


def _part(run: list[Bit]) -> str:
    if isinstance(run[0], str):
        return f"{len(run)}'{''.join(str(bit) for bit in reversed(run))}"
    name, low = run[0]
    return f"{quoted(name)} [{low}]" if len(run) == 1 else f"{quoted(name)} [{low + len(run) - 1}:{low}]"
