"""Signatures that the blocks of the NPU share: engines, memory ports, requests.

Memory reads are combinational: `data` is what the memory holds at the beginning of the cycle in which `address` is
given. The reader adds the read latency of the machine description as registers behind the port (the first of them is
the memory's own output register). A write is visible in the next cycle. A contiguous port covers `lanes` neighbouring
elements, lowest address in the low bits; such a port is served by `lanes` rotating banks.
"""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.hdl import Cat, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.encoding import TOKEN_MASK_BITS, body_layout
from rtl.parameters import DRAM_ADDRESS_BITS, NpuParameters, address_bits


def read_port(address_bits_: int, element_bits: int, lanes: int = 1) -> wiring.Signature:
    """Return a combinational read port of `lanes` contiguous elements, as its reader sees it."""
    return wiring.Signature({"address": Out(address_bits_), "data": In(element_bits * lanes)})


def write_port(address_bits_: int, element_bits: int, lanes: int = 1) -> wiring.Signature:
    """Return a write port of `lanes` contiguous elements with an enable each, as its writer sees it."""
    return wiring.Signature({"address": Out(address_bits_), "enable": Out(lanes), "data": Out(element_bits * lanes)})


def engine_members(p: NpuParameters, engine: int) -> dict[str, wiring.Member]:
    """Return the members by which an engine takes commands.

    ``head`` is the head of its queue: the engine raises ``head.ready`` in the cycle in which it starts the command
    (which pops it); it may do so only while ``tokens_ready`` says that the head's tokens are all there.
    """
    return {"head": In(stream.Signature(body_layout(p, engine))), "tokens_ready": In(1)}


def end_signature() -> wiring.Signature:
    """Return how an engine reports ends: a pulse in the cycle of the command's last write, with its token mask."""
    return wiring.Signature({"pulse": Out(1), "gives": Out(TOKEN_MASK_BITS)})


def counts_layout(**bits: int) -> data.StructLayout:
    """Return the increments of some of `simulators.activity.COUNTERS` in this cycle, with their widths."""
    return data.StructLayout(bits)


def command_fields(p: NpuParameters, engine: int, names: Iterable[str]) -> data.StructLayout:
    """Return some fields of an engine's commands: what a block of the engine needs of them."""
    body = body_layout(p, engine)
    return data.StructLayout({name: body[name].shape for name in names})


def fields_of(source: data.View, layout: data.StructLayout) -> Value:
    """Return the fields of a struct that a smaller layout has, packed as that lays them."""
    return Cat(source[name] for name in layout.members)


def offer_layout(p: NpuParameters) -> data.StructLayout:
    """Return what the memory port's arbiter chooses from an engine's request; `id` is its entry."""
    return data.StructLayout({
        "id": p.id_bits, "address": DRAM_ADDRESS_BITS, "beats": address_bits(p.burst_bytes // p.bus_bytes + 1),
    })  # fmt: skip


def elements_per_beat(p: NpuParameters, element_bits: int) -> int:
    """Return the most elements that one beat completes: those of a bus word, one of several beats at least."""
    return max(1, -(-8 * p.bus_bytes // element_bits))
