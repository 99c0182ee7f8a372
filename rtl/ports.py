"""The ports of the NPU and the layouts that travel through them. `rtl/README.md` shows them to users."""

from __future__ import annotations

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.encoding import command_bits
from rtl.parameters import COUNTER_BITS, DRAM_ADDRESS_BITS, NpuParameters, address_bits
from simulators.activity import COUNTERS

#: Pulses of `events`, in bit order: a command of that engine starts or ends in this cycle.
EVENTS = (
    "start_load", "start_execute", "start_vector", "start_store",
    "end_load", "end_preload", "end_matmul", "end_vector", "end_store",
)  # fmt: skip


def request_layout(p: NpuParameters) -> data.StructLayout:
    """Return a request to memory: one burst, whole; `data` and `mask` are those of the aligned burst window."""
    return data.StructLayout({
        "write": 1,
        "id": p.id_bits,
        "address": DRAM_ADDRESS_BITS,  # first byte
        "beats": address_bits(p.burst_bytes // p.bus_bytes + 1),
        "mask": p.burst_bytes,  # of a write: the bytes that change
        "data": 8 * p.burst_bytes,
    })  # fmt: skip


def response_layout(p: NpuParameters) -> data.StructLayout:
    """Return a response of the memory; a read's `data` is the aligned burst window around the request."""
    return data.StructLayout({"id": p.id_bits, "data": 8 * p.burst_bytes})


def npu_signature(p: NpuParameters) -> wiring.Signature:
    """Return the signature of the whole NPU.

    ``execute_commands`` is the number of preloads and matmuls of the program (it tells a wait for the queue from the
    tail); ``command`` takes the packed words of `rtl.encoding`; ``counters`` packs `COUNTER_BITS` for each of
    `simulators.activity.COUNTERS`.
    """
    return wiring.Signature({
        "execute_commands": In(32),
        "command": In(stream.Signature(command_bits(p))),
        "request": Out(stream.Signature(request_layout(p))),
        "response": In(stream.Signature(response_layout(p))),
        "events": Out(len(EVENTS)),
        "counters": Out(COUNTER_BITS * len(COUNTERS)),
    })  # fmt: skip
