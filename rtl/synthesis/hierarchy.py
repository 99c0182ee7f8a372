"""Verilog cut at module borders, so that a part of a design is synthesized apart and the parts can be joined again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from workloads.errors import unknown_name

_MODULE = re.compile(r"^module\s+(\\\S+|\w+).*?^endmodule$", re.MULTILINE | re.DOTALL)
_INSTANCE = re.compile(r"^ +(\\\S+|[A-Za-z_]\w*)\s+(?:#\(|(?:\\\S+|\w+)\s*\()", re.MULTILINE)
_DECLARED = re.compile(r"^\s*(input|output)\s+(?:\[(\d+):0\]\s+)?(\\\S+|\w+)\s*;$", re.MULTILINE)
_PORT = re.compile(r"^\s*(?:input|output|inout)\b[^;]*;$", re.MULTILINE)


def split_modules(verilog: str) -> dict[str, str]:
    """Return the text of each module of generated Verilog by its name (without the backslash of an escaped one)."""
    return {match.group(1).removeprefix("\\"): match.group() for match in _MODULE.finditer(verilog)}


def children_of(text: str, modules: Collection[str]) -> list[str]:
    """Return which of `modules` a module instantiates, each once, sorted."""
    found = {match.group(1).removeprefix("\\") for match in _INSTANCE.finditer(text)}
    return sorted(found & set(modules))


def part_of(modules: Mapping[str, str], root: str, boxes: Collection[str]) -> str:
    """Return Verilog of one module with all below it, but of `boxes` only the ports (as black boxes).

    Raises
    ------
    CodesignError
        When there is no module `root`.
    """
    if root not in modules:
        raise unknown_name("design", "module", root, modules)
    waiting, texts = [root], {}
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        if name in boxes and name != root:
            texts[name] = _stub(modules[name])
        else:
            texts[name] = modules[name]
            waiting += children_of(modules[name], modules)
    return "\n".join(texts[name] for name in sorted(texts)) + "\n"


def ports_of(text: str) -> list[tuple[str, int, str]]:
    """Return (direction, bits, name as Verilog writes it) of a module's ports."""
    return [(way, int(high or 0) + 1, f"{name} ") for way, high, name in _DECLARED.findall(text)]


def surrounded(
    verilog: str, root: str, tied: Mapping[str, Mapping[int, int]], unread: Mapping[str, Collection[int]]
) -> str:
    """Return a part whose module `root` has constants at inputs and gives 0 at outputs that nobody reads.

    What only they need vanishes in synthesis.

    Parameters
    ----------
    verilog : str
    root : str
    tied : mapping
        Constant by bit, by port.
    unread : mapping
        Bits by port.
    """
    module = split_modules(verilog)[root]
    written = module.split("(", 1)[0].removeprefix("module").strip()
    ports = ports_of(module)
    inner = f"\\{root}.whole "
    lines = [f"module {written} ({', '.join(name for _, _, name in ports)});"]
    wires, assigns = [], []
    for i, (way, bits, name) in enumerate(ports):
        lines.append(f"  {way} [{bits - 1}:0] {name};" if bits > 1 else f"  {way} {name};")
        key = name.strip().removeprefix("\\")
        if way == "input":
            wires.append(f".{name}({_with_constants(name, bits, tied.get(key, {}))})")
            continue
        lines.append(f"  wire [{bits - 1}:0] whole_{i};")
        wires.append(f".{name}(whole_{i})")
        kept = _with_constants(f"whole_{i}", bits, dict.fromkeys(unread.get(key, ()), 0))
        assigns.append(f"  assign {name} = {kept};")
    lines += [f"  {inner} whole ({', '.join(wires)});", *assigns, "endmodule"]
    rest = verilog.replace(module, module.replace(f"module {written}", f"module {inner}", 1))
    return rest + "\n".join(lines) + "\n"


def _with_constants(name: str, bits: int, constants: Mapping[int, int]) -> str:
    """Return a signal with some bits replaced, as a concatenation of its runs and the constants."""
    if not constants:
        return name
    pieces, high = [], bits
    for bit in [*sorted(constants, reverse=True), -1]:
        if high - 1 > bit:
            pieces.append(f"{name}[{high - 1}:{bit + 1}]")
        if bit >= 0:
            pieces.append(f"1'b{constants[bit]}")
        high = bit
    return f"{{{', '.join(pieces)}}}"


def _stub(text: str) -> str:
    """A module's ports alone."""
    header, _, body = text.partition(");\n")
    return "\n".join(("(* blackbox *)", header + ");", *_PORT.findall(body), "endmodule"))
