r"""Instances of one module as one function of Verilator's C++, so that a large array runs from the processor's cache.

Verilator writes a module out once for each instance, and the instructions that a clock cycle of a 16x16 NPU runs
through are more than a processor's first cache holds: fetching them takes the time. It joins functions that are the
same text, but those of two instances name other signals. Here each instance gets the signals of all of them and a
number that says which ones are its own::

    lane lane_0 (.i(a), .o(x));     lane_replica lane_0 (.index(32'd0), .i({ b, a }), .o(x));
    lane lane_1 (.i(b), .o(y));     lane_replica lane_1 (.index(32'd1), .i({ b, a }), .o(y));

That is for Verilator alone: in gates, picking by a number would be multiplexers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_PORT = re.compile(r"^    \.(\w+|\\\S+ ) ?\((.*)\),?$", re.MULTILINE)
_DECLARED = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\w+|\\\S+ ) *;$", re.MULTILINE)


class _Declared(NamedTuple):
    """A port of a module."""

    direction: str
    name: str
    bits: int


def share(verilog: str, modules: Sequence[str]) -> str:
    """Return Verilog of Yosys's in which the instances of some modules share their code in Verilator.

    Parameters
    ----------
    verilog : str
    modules : sequence of str
        Each is instantiated within one module. One that is not there, or there once, stays as it is, and so does
        one with ports that are not connected.
    """
    for name in modules:
        verilog = _shared(verilog, name)
    return verilog


def _shared(verilog: str, name: str) -> str:
    instance = re.compile(rf"^  {re.escape(name)} (\S+) ?\(\n((?:    \..*\n)+)  \);$", re.MULTILINE)
    instances = [dict(_PORT.findall(found[2])) for found in instance.finditer(verilog)]
    body = re.search(rf"^module {re.escape(name)}\(.*?^endmodule$", verilog, re.MULTILINE | re.DOTALL)
    if body is None or len(instances) < 2:
        return verilog
    declared = [_Declared(way, port, int(high or 0) + 1) for way, high, port in _DECLARED.findall(body[0])]
    if any(ports.keys() != {port.name for port in declared} for ports in instances):
        return verilog
    given = {port.name: [ports[port.name] for ports in instances] for port in declared}
    own = {port.name for port in declared if port.direction == "input" and len(set(given[port.name])) > 1}
    wide = {port: "{ " + ", ".join(reversed(given[port])) + " }" for port in own}
    count = iter(range(len(instances)))

    def replica(found: re.Match[str]) -> str:
        number = next(count)
        lines = [f"    .index(32'd{number})"]
        lines += [f"    .{port}({wide.get(port, values[number])})" for port, values in given.items()]
        return f"  {name}_replica {found[1]} (\n" + ",\n".join(lines) + "\n  );"

    return instance.sub(replica, verilog) + _wrapper(name, declared, own, len(instances))


def _wrapper(name: str, ports: Sequence[_Declared], own: set[str], count: int) -> str:
    """The module that picks what is an instance's own.

    Its number is a register that is shown outside: a constant Verilator would write into the code.
    """
    lines = [f"module {name}_replica(index, {', '.join(port.name for port in ports)});"]
    lines += ["  /*verilator no_inline_module*/", "  input [31:0] index;"]
    lines += ["  reg [31:0] which /*verilator public_flat_rd*/;", "  initial which = index;"]
    connected = []
    for port in ports:
        bits = port.bits * count if port.name in own else port.bits
        lines.append(f"  {port.direction} [{bits - 1}:0] {port.name};")
        part = f"[{port.bits} * which +: {port.bits}]" if port.name in own else ""
        connected.append(f"    .{port.name}({port.name}{part})")
    return "\n".join(["", *lines, f"  {name} one (", ",\n".join(connected), "  );", "endmodule", ""])
