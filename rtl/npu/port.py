"""The memory port's arbiter: docs/npu.md, "Memory port"."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import offer_layout
from rtl.parameters import NpuParameters


def granted_layout(p: NpuParameters) -> data.StructLayout:
    """Return an offer that was chosen: a store's (`write`) or a load's."""
    return data.StructLayout({"write": 1, **offer_layout(p).members})


class PortArbiter(wiring.Component):
    """One request a cycle; of two offers, that of the engine which was not granted last (at first: the load).

    Attributes
    ----------
    load, store : In, streams of offer_layout
    request : Out, stream of granted_layout
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        super().__init__({
            "load": In(stream.Signature(offer_layout(p))),
            "store": In(stream.Signature(offer_layout(p))),
            "request": Out(stream.Signature(granted_layout(p))),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """The grant moves when a request is accepted."""
        m = Module()
        load, store, request = self.load, self.store, self.request
        store_last = Signal(init=1)
        grant_store = Signal()
        m.d.comb += [
            grant_store.eq(store.valid & (~load.valid | ~store_last)),
            request.valid.eq(load.valid | store.valid),
            request.payload.write.eq(grant_store),
            load.ready.eq(request.ready & ~grant_store),
            store.ready.eq(request.ready & grant_store),
        ]
        for name in offer_layout(self.p).members:
            m.d.comb += request.payload[name].eq(Mux(grant_store, store.payload[name], load.payload[name]))
        with m.If(request.valid & request.ready):
            m.d.sync += store_last.eq(grant_store)
        return m
