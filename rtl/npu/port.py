"""The memory port's arbiter: docs/npu.md, "Memory port"."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import load_request_layout
from rtl.parameters import NpuParameters
from rtl.ports import request_layout


class PortArbiter(wiring.Component):
    """One request a cycle; of two offers, that of the engine which was not granted last (at first: the load).

    Attributes
    ----------
    load : In, stream of load_request_layout
    store, request
        In and Out, streams of request_layout. A read's data and mask mean nothing.
    """

    def __init__(self, p: NpuParameters) -> None:
        super().__init__({
            "load": In(stream.Signature(load_request_layout(p))),
            "store": In(stream.Signature(request_layout(p))),
            "request": Out(stream.Signature(request_layout(p))),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """The grant moves when a request is accepted."""
        m = Module()
        load, store, request = self.load, self.store, self.request
        store_last, grant_store = Signal(init=1), Signal()
        m.d.comb += [
            grant_store.eq(store.valid & (~load.valid | ~store_last)),
            request.valid.eq(load.valid | store.valid),
            request.payload.write.eq(grant_store),
            request.payload.data.eq(store.payload.data),
            request.payload.mask.eq(store.payload.mask),
            load.ready.eq(request.ready & ~grant_store),
            store.ready.eq(request.ready & grant_store),
        ]
        for name in ("id", "address", "beats"):
            m.d.comb += request.payload[name].eq(Mux(grant_store, store.payload[name], load.payload[name]))
        with m.If(request.valid & request.ready):
            m.d.sync += store_last.eq(grant_store)
        return m
