"""Runs a component with an input stream `i` and an output stream `o` on arrays: Verilator, or Amaranth's simulator."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.sim import Simulator

from rtl.verilator import build_library

HARNESS = Path(__file__).with_name("streams.cpp")
QUIET_CLOCKS = 20_000
#: Stalls in 256 clocks of the input and of the output.
FULL_RATE, SLOW_SINK, SLOW_SOURCE, BOTH = (0, 0), (0, 128), (128, 0), (77, 77)


class Run(NamedTuple):
    """What came out: payload fields by name, and the clock of each acceptance and of each first offer."""

    fields: dict[str, np.ndarray]
    accepted: np.ndarray
    offered: np.ndarray


def fields_of(shape: object) -> dict[str, tuple[int, int, bool]]:
    """Return {name: (offset, width, signed)} of a payload; a plain one is called `value`."""
    if not isinstance(shape, data.StructLayout):
        plain = Shape.cast(shape)
        return {"value": (0, plain.width, plain.signed)}
    return {name: (field.offset, field.width, Shape.cast(field.shape).signed) for name, field in shape if field.width}


def pack(shape: object, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return payloads as uint32 (count, words), low word first."""
    fields = fields_of(shape)
    assert set(fields) == set(values)
    (count,) = {len(column) for column in values.values()}
    words = np.zeros((count, -(-Shape.cast(shape).width // 32) + 2), np.uint32)
    for name, (offset, width, _) in fields.items():
        bits = np.asarray(values[name]).astype(np.int64).view(np.uint64) & np.uint64((1 << width) - 1)
        word, bit = divmod(offset, 32)
        low = bits << np.uint64(bit)
        high = bits >> np.uint64(64 - bit) if bit else np.zeros_like(bits)
        for i, part in enumerate((low, low >> np.uint64(32), high)):
            words[:, word + i] |= part.astype(np.uint32)
    return np.ascontiguousarray(words[:, :-2])


def unpack(shape: object, words: np.ndarray) -> dict[str, np.ndarray]:
    """Return the fields of packed payloads as int64."""
    wide = np.concatenate([words, np.zeros((len(words), 2), np.uint32)], axis=1).astype(np.uint64)
    fields = {}
    for name, (offset, width, signed) in fields_of(shape).items():
        word, bit = divmod(offset, 32)
        bits = (wide[:, word] | wide[:, word + 1] << np.uint64(32)) >> np.uint64(bit)
        if bit:
            bits |= wide[:, word + 2] << np.uint64(64 - bit)
        left = np.int64(64 - width)
        shifted = bits << np.uint64(64 - width)
        fields[name] = shifted.view(np.int64) >> left if signed else (shifted >> np.uint64(64 - width)).view(np.int64)
    return fields


def library(component: wiring.Component, held: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Return the component with its harness; `held` names inputs that a run sets once."""
    text = verilog.convert(component, name="top", emit_src=False, strip_internal_attrs=True)
    sets = "; ".join(f"(top).{name} = (values)[{i}]" for i, name in enumerate(held))
    top = text[text.index("\nmodule top(") :]
    header = f"#define CLOCKED {int('input clk;' in top)}\n#define CONFIGURE(top, values) {sets}\n"
    lib = ctypes.CDLL(str(build_library(text, "top", HARNESS, headers={"functions.h": header})))
    lib.stream.restype = ctypes.c_int64
    return lib


def stream(
    component: wiring.Component,
    values: Mapping[str, np.ndarray],
    *,
    outputs: int,
    held: Mapping[str, int] | None = None,
    stalls: tuple[int, int] = FULL_RATE,
    seed: int = 1,
    lib: ctypes.CDLL | None = None,
) -> Run:
    """Send all payloads through Verilator's model and wait for `outputs` results; no more may come."""
    held = dict(held or {})
    lib = lib or library(component, tuple(held))
    inputs = pack(component.i.payload.shape(), values)
    out_shape = component.o.payload.shape()
    out = np.zeros((outputs, -(-Shape.cast(out_shape).width // 32)), np.uint32)
    accepted, offered = np.zeros(len(inputs), np.int64), np.zeros(outputs, np.int64)
    config = np.array([*held.values(), 0], np.uint32)

    def at(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    i64, u32 = ctypes.c_int64, ctypes.c_uint32
    taken = lib.stream(
        at(config), at(inputs), i64(len(inputs)), u32(inputs.shape[1]), at(out), i64(outputs), u32(out.shape[1]),
        u32(seed), u32(stalls[0]), u32(stalls[1]), i64(QUIET_CLOCKS), at(accepted), at(offered),
    )  # fmt: skip
    assert taken != -1, "a payload changed, or its valid fell, before it was taken"
    assert taken != -2, "more results than expected"
    assert taken == outputs, f"{taken} of {outputs} results, then nothing for {QUIET_CLOCKS} clocks"
    return Run(unpack(out_shape, out), accepted, offered)


def mismatches(run: Run, golden: np.ndarray, field: str = "value") -> int:
    """Return how many results differ."""
    return int((run.fields[field] != golden).sum())


def rows_in(rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return rows as the fields of a row stream."""
    last = np.zeros(sum(map(len, rows)), np.int64)
    last[np.cumsum([len(row) for row in rows]) - 1] = 1
    return {"value": np.concatenate(rows), "last": last}


def stream_in_amaranth(
    component: wiring.Component,
    values: Mapping[str, np.ndarray],
    *,
    outputs: int,
    held: Mapping[str, int] | None = None,
    stalls: tuple[int, int] = BOTH,
    seed: int = 1,
) -> dict[str, np.ndarray]:
    """The same in Amaranth's own simulator: valid and payload must stand until ready."""
    rng = np.random.default_rng(seed)
    payloads = pack(component.i.payload.shape(), values)
    numbers = [sum(int(word) << 32 * i for i, word in enumerate(row)) for row in payloads]
    width = Shape.cast(component.o.payload.shape()).width
    results: list[int] = []

    async def source(ctx):
        for name, value in (held or {}).items():
            ctx.set(getattr(component, name), value)
        for number in numbers:
            while rng.integers(256) < stalls[0]:
                await ctx.tick()
            ctx.set(component.i.payload, component.i.payload.shape().from_bits(number))
            ctx.set(component.i.valid, 1)
            await ctx.tick().until(component.i.ready)
            ctx.set(component.i.valid, 0)

    async def sink(ctx):
        before = None
        while len(results) < outputs:
            ready = int(rng.integers(256) >= stalls[1])
            ctx.set(component.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(component.o.valid, component.o.payload)
            number = int(payload.as_bits() if isinstance(payload, data.Const) else payload) & ((1 << width) - 1)
            assert before is None or (valid and number == before), "it changed before it was taken"
            before = number if valid and not ready else None
            if valid and ready:
                results.append(number)

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    words = -(-width // 32)
    packed = np.array([[number >> 32 * i & 0xFFFFFFFF for i in range(words)] for number in results], np.uint32)
    return unpack(component.o.payload.shape(), packed)
