"""The store engine: gather a request, offer it, wait for its response. docs/npu.md, "Store engine"."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.encoding import TOKEN_MASK_BITS
from rtl.npu.bursts import (
    RequestCutter,
    beats_of,
    request_shape,
    sizes_of,
)
from rtl.npu.gather import Gather
from rtl.npu.interfaces import counts_layout, elements_per_beat, end_signature, engine_members, fields_of
from rtl.npu.masks import byte_mask
from rtl.npu.rings import following
from rtl.parameters import NpuParameters, address_bits
from rtl.ports import request_layout
from simulators.program import STORE_ENGINE


class StoreEngine(wiring.Component):
    """Stores: one request is gathered while the one before it is offered, up to `p.outstanding` wait for responses.

    Attributes
    ----------
    head, tokens_ready
        `rtl.npu.interfaces.engine_members`.
    read
        A port of `Gather`: of the scratchpad, `store_lanes` elements; `p.scratchpad_latency` registers follow.
    request : Out, stream of request_layout
        A write, offered until it is accepted; bytes without a mask bit mean nothing.
    response : In, stream of ids
        Completions of writes, in any order, always taken.
    end : Out(end_signature)
    counts : Out
        Increments of the store engine's counters.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        self.cutter, self.gather = RequestCutter(p, STORE_ENGINE), Gather(p)
        counts = counts_layout(
            store_requests=1, store_beats=address_bits(p.burst_bytes // p.bus_bytes + 1),
            dram_write_bytes=address_bits(p.burst_bytes + 1), store_wait_memory=1, store_wait_token=1,
            store_scratchpad_reads=address_bits(elements_per_beat(p, p.activation.bits) + 1),
        )  # fmt: skip
        super().__init__({
            **engine_members(p, STORE_ENGINE),
            "request": Out(stream.Signature(request_layout(p))),
            "response": In(stream.Signature(p.id_bits, always_ready=True)),
            "end": Out(end_signature()),
            "counts": Out(counts),
        })  # fmt: skip
        self.read = self.gather.read

    def elaborate(self, platform: object) -> Module:
        """Gather, offer, retire: three stages on the registers of the cycle's beginning."""
        m = Module()
        m.submodules.cutter, m.submodules.gather = cutter, gather = self.cutter, self.gather
        head, idle, full, accepted = self.head, Signal(), Signal(), Signal()
        offer = Signal(request_shape(self.p))
        m.d.comb += [
            idle.eq(~cutter.busy),
            head.ready.eq(idle & head.valid & self.tokens_ready),
            cutter.head.eq(head.payload),
            cutter.take.eq(head.ready),
            gather.active.eq(cutter.busy | head.ready),
            gather.command.eq(fields_of(cutter.command, gather.command.shape())),
            gather.request.eq(cutter.request),
            gather.offer_full.eq(full),
            cutter.advance.eq(gather.done),
            accepted.eq(self.request.valid & self.request.ready),
            self.counts.store_wait_token.eq(idle & head.valid & ~self.tokens_ready),
            self.counts.store_wait_memory.eq(full & ~accepted),
            self.counts.store_scratchpad_reads.eq(gather.elements),
        ]
        with m.If(gather.done):
            m.d.sync += [full.eq(1), offer.eq(cutter.request)]
        with m.Elif(accepted):
            m.d.sync += full.eq(0)
        room, slot = self._retire(m, accepted, offer)
        self._offer(m, full & room, accepted, offer, slot)
        return m

    def _offer(self, m: Module, valid: Value, accepted: Value, offer: data.View, slot: Value) -> None:
        """Offer the gathered request; count it when it is accepted."""
        p, payload, sizes = self.p, self.request.payload, sizes_of(self.p)
        beats = Signal(address_bits(p.burst_bytes // p.bus_bytes + 1))
        m.d.comb += [
            beats.eq(beats_of(p, offer.low, offer.final)),
            self.request.valid.eq(valid),
            payload.write.eq(1),
            payload.id.eq(slot + p.outstanding),
            payload.address.eq(Cat(offer.low, offer.burst)),
            payload.beats.eq(beats),
            payload.mask.eq(byte_mask(p.burst_bytes, offer.low, offer.final[: sizes.burst])),
            payload.data.eq(self.gather.offer),
        ]
        with m.If(accepted):
            m.d.comb += [
                self.counts.store_requests.eq(1),
                self.counts.store_beats.eq(beats),
                self.counts.dram_write_bytes.eq(beats * p.bus_bytes),
            ]

    def _retire(self, m: Module, accepted: Value, offer: data.View) -> tuple[Value, Value]:
        """Enter accepted writes, free the oldest when it is complete; return whether there is room, and the slot."""
        p, sizes = self.p, sizes_of(self.p)
        oldest = Signal(sizes.slot)
        newest = Signal(sizes.slot)
        held = Signal(address_bits(p.outstanding + 1))
        complete = Signal(p.outstanding)
        frees = Signal()
        layout = data.StructLayout({"last": 1, "gives": TOKEN_MASK_BITS})
        m.submodules.entries = entries = Memory(shape=layout, depth=p.outstanding, init=[])
        write, read = entries.write_port(), entries.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(newest),
            write.en.eq(accepted),
            write.data.last.eq(offer.last),
            write.data.gives.eq(offer.gives),
            read.addr.eq(oldest),
            frees.eq((held != 0) & complete.bit_select(oldest, 1)),
            self.end.pulse.eq(frees & read.data.last),
            self.end.gives.eq(read.data.gives),
        ]
        m.d.sync += held.eq(held + accepted - frees)
        with m.If(self.response.valid):
            done = (self.response.payload - p.outstanding)[: sizes.slot]
            m.d.sync += complete.bit_select(done, 1).eq(1)
        with m.If(accepted):
            m.d.sync += [newest.eq(following(newest, p.outstanding)), complete.bit_select(newest, 1).eq(0)]
        with m.If(frees):
            m.d.sync += oldest.eq(following(oldest, p.outstanding))
        return held != p.outstanding, newest
