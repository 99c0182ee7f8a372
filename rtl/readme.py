"""The README beside a machine's Verilog: its ports, their layouts, the packed commands. All from the design itself."""

from __future__ import annotations

from amaranth.lib import data

from rtl.encoding import ENGINE_BITS, ENGINE_FIELDS, SIGNED, command_bits
from rtl.parameters import COUNTER_BITS, NpuParameters
from rtl.ports import EVENTS, request_layout, response_layout
from simulators.activity import COUNTERS
from simulators.program import ENGINES

_HEAD = """\
# {name}: an NPU as Verilog

`npu.v` holds the module `npu`, generated from the machine description; it executes the programs of
`simulators/program.py`, command by command, in the cycles that `docs/npu.md` states. On-chip memories are instances of
`codesign_memory` (at the end of the file): put your SRAM macros there. One clock `clk`; `rst` is synchronous, active
high; hold it for one clock.

{rows} x {cols} PEs, {dataflow}, {activation} x {weight} into {accumulator}, {lanes} vector lanes.

## Ports

All vectors are packed, low field first. A transfer happens in a cycle in which `valid` and `ready` are both high.

| port | direction | bits | what |
|---|---|---|---|
"""


def _name(element: tuple[int, bool]) -> str:
    return f"{'int' if element[1] else 'uint'}{element[0]}"


def _ports(p: NpuParameters) -> list[tuple[str, str, int, str]]:
    request, response = request_layout(p).size, response_layout(p).size
    return [
        ("execute_commands", "in", 32, "preloads and matmuls of the program, constant while it runs"),
        ("command__valid, command__ready", "in, out", 1, "the next command of the program"),
        ("command__payload", "in", command_bits(p), "a packed command, see below"),
        ("request__valid, request__ready", "out, in", 1, "a burst to memory"),
        ("request__payload", "out", request, "see below"),
        ("response__valid, response__ready", "in, out", 1, "a completion; always ready; any order"),
        ("response__payload", "in", response, "see below"),
        ("events", "out", len(EVENTS), "pulses from bit 0: " + ", ".join(EVENTS)),
        ("counters", "out", COUNTER_BITS * len(COUNTERS), f"{COUNTER_BITS} bits each, see below"),
    ]


def _layout(layout: data.StructLayout) -> list[str]:
    lines, offset = ["| field | bits | from bit |", "|---|---|---|"], 0
    for name, field in layout:
        lines.append(f"| {name} | {field.width} | {offset} |")
        offset += field.width
    return lines


def _commands(p: NpuParameters) -> list[str]:
    lines = [
        f"A command has {command_bits(p)} bits: the engine in the low {ENGINE_BITS} "
        f"({', '.join(f'{e} {name}' for e, name in enumerate(ENGINES))}), then its fields. Meanings: "
        "`simulators/program.py`, `rtl/encoding.py`. A jump is the difference of two addresses, modulo its width; a",
        "token mask has a bit for each of 4 engines x 4 channels (waits: sources, gives: targets). A negative number",
        "is in two's complement.",
    ]
    for engine, name in enumerate(ENGINES):
        fields = ENGINE_FIELDS[engine](p)
        text = ", ".join(f"{field} {bits}{' (signed)' if field in SIGNED else ''}" for field, bits in fields)
        lines += ["", f"**{name}** ({sum(bits for _, bits in fields)} bits): {text}."]
    return lines


def readme_of(p: NpuParameters) -> str:
    """Return the README of a machine's Verilog."""
    text = _HEAD.format(
        name=p.name, rows=p.rows, cols=p.cols, dataflow=p.dataflow, activation=_name(p.activation),
        weight=_name(p.weight), accumulator=_name(p.accumulator), lanes=p.lanes,
    )  # fmt: skip
    text += "".join(f"| {name} | {way} | {bits} | {what} |\n" for name, way, bits, what in _ports(p))
    request = [
        "", "## Request", "",
        f"One burst of up to {p.burst_bytes} bytes that crosses no multiple of {p.burst_bytes}. `address` is its first "
        "byte, `beats` the bus words",
        f"({p.bus_bytes} bytes) it touches; `data` and `mask` are those of the whole aligned window of "
        f"{p.burst_bytes} bytes, `mask` the bytes that a write changes.", "",
        *_layout(request_layout(p)),
    ]  # fmt: skip
    response = [
        "", "## Response", "", "`id` is the request's; `data` of a read is the aligned window around it.", "",
        *_layout(response_layout(p)),
    ]  # fmt: skip
    counters = ["", "## Counters", "", "From bit 0: " + ", ".join(COUNTERS) + "."]
    return text + "\n".join([*request, *response, *counters, "", "## Commands", "", *_commands(p)]) + "\n"
