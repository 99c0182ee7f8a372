"""What a bench must know of a design's ports: widths and offsets, as constants for C++ and for Verilog."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from rtl.encoding import command_bits
from rtl.parameters import COUNTER_BITS, NpuParameters
from rtl.ports import EVENTS, request_layout, response_layout
from simulators.activity import COUNTERS

if TYPE_CHECKING:
    from amaranth.lib.data import StructLayout
    from amaranth.lib.wiring import Component

START_EVENTS = 4


class BenchDesign(Protocol):
    """What a bench needs of a design (`rtl.design.Design`): ports as `rtl.ports.npu_signature`, top module ``npu``."""

    def __hash__(self) -> int:
        """Designs of equal parameters are equal: what is built for one is kept."""

    @property
    def parameters(self) -> NpuParameters:
        """Parameters that fix the ports' widths."""

    @property
    def verilog(self) -> str:
        """The whole design as Verilog."""

    @property
    def probe(self) -> bool:
        """Whether there is a port ``probe``."""

    @property
    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """(name, bits, signed) of the parts of ``probe``, low bits first."""

    def component(self) -> Component:
        """Return a fresh component for Amaranth's simulator."""

    def encode(self, program: np.ndarray) -> np.ndarray:
        """Return the packed words of a program, uint32 of shape (commands, words)."""


class Field(NamedTuple):
    """Where a field lies in its port."""

    offset: int
    width: int


@functools.lru_cache(maxsize=64)
def probe_fields(design: BenchDesign) -> list[tuple[str, int, bool]]:
    """Return the parts of the port ``probe``, none without it."""
    return design.probe_fields if design.probe else []


def fields_of(layout: StructLayout) -> dict[str, Field]:
    """Return the fields of a layout by name."""
    return {name: Field(field.offset, field.width) for name, field in layout}


def constants(p: NpuParameters) -> dict[str, int]:
    """Return all sizes of the ports by the names that the benches use."""
    named = {
        "COMMAND_WIDTH": command_bits(p), "COMMAND_WORDS": -(-command_bits(p) // 32),
        "BURST_BYTES": p.burst_bytes, "BUS_BYTES": p.bus_bytes,
        "EVENTS": len(EVENTS), "START_EVENTS": START_EVENTS,
        "COUNTERS": len(COUNTERS), "COUNTER_WIDTH": COUNTER_BITS,
        "REQUEST_BITS": request_layout(p).size, "RESPONSE_BITS": response_layout(p).size,
    }  # fmt: skip
    for port, layout in (("REQUEST", request_layout(p)), ("RESPONSE", response_layout(p))):
        for name, field in fields_of(layout).items():
            named[f"{port}_{name.upper()}"] = field.offset
            named[f"{port}_{name.upper()}_WIDTH"] = field.width
    return named


def cpp_header(design: BenchDesign) -> str:
    """Return ``shape.h``: the constants, and the layout of the probe."""
    lines = ["#pragma once"]
    lines += [f"constexpr unsigned {name} = {value};" for name, value in constants(design.parameters).items()]
    fields = probe_fields(design)
    lines.append(f"#define PROBE_FIELDS {len(fields)}")
    if fields:
        widths = [bits for _, bits, _ in fields]
        offsets = np.concatenate(([0], np.cumsum(widths)[:-1]))
        for name, kind, values in (
            ("OFFSET", "unsigned", offsets),
            ("WIDTH", "unsigned char", widths),
            ("SIGNED", "bool", [int(is_signed) for _, _, is_signed in fields]),
        ):
            lines.append(f"constexpr {kind} PROBE_{name}[] = {{{', '.join(map(str, values))}}};")
    return "\n".join(lines) + "\n"


def verilog_header(p: NpuParameters, dram_windows: int) -> str:
    """Return ``shape.vh`` for a DRAM of so many windows of `burst_bytes`."""
    named = constants(p) | {"DRAM_WINDOWS": dram_windows}
    return "".join(f"`define {name} {value}\n" for name, value in named.items())
