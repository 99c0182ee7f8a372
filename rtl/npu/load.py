"""The load engine: requests in order, data in any order, writes in order. docs/npu.md, "Load engine"."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.npu.bursts import RequestCutter, beats_of, cut_bits, missing_elements, sizes_of
from rtl.npu.drain import Drain, entry_layout, targets
from rtl.npu.interfaces import (
    counts_layout,
    elements_per_beat,
    end_signature,
    engine_members,
    offer_layout,
)
from rtl.npu.rings import following
from rtl.parameters import NpuParameters, address_bits
from rtl.ports import response_layout
from simulators.program import LOAD_ENGINE, SCRATCHPAD, WEIGHT_BUFFER


class LoadEngine(wiring.Component):
    """Loads and fills: up to `p.outstanding` entries, whose data wait in a reorder buffer for their turn.

    Attributes
    ----------
    head, tokens_ready
        `rtl.npu.interfaces.engine_members`.
    request : Out, stream of offer_layout
        A read, offered until it is accepted.
    response : In, stream of response_layout
        Completions of reads, in any order, always taken.
    scratchpad_write, weight_write, parameter_write
        Ports of `Drain`: contiguous elements; the address is modulo the memory's, so lanes without enable may lie
        outside of it.
    end : Out(end_signature)
    counts : Out
        Increments of the load engine's counters.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        self.cutter, self.drain = RequestCutter(p, LOAD_ENGINE), Drain(p)
        elements = {}
        for name, (_, bits, _) in targets(p).items():
            elements[f"{name}_write_elements"] = address_bits(elements_per_beat(p, bits) + 1)
        counts = counts_layout(
            load_requests=1, load_beats=address_bits(p.burst_bytes // p.bus_bytes + 1),
            dram_read_bytes=address_bits(p.burst_bytes + 1), load_wait_memory=1, load_wait_token=1, **elements,
        )  # fmt: skip
        super().__init__({
            **engine_members(p, LOAD_ENGINE),
            "request": Out(stream.Signature(offer_layout(p))),
            "response": In(stream.Signature(response_layout(p), always_ready=True)),
            "end": Out(end_signature()),
            "counts": Out(counts),
        })  # fmt: skip
        for name in targets(p):
            setattr(self, f"{name}_write", getattr(self.drain, f"{name}_write"))

    def elaborate(self, platform: object) -> Module:
        """Issue, response, drain: three stages on the registers of the cycle's beginning."""
        m = Module()
        m.submodules.cutter, m.submodules.drain = self.cutter, self.drain
        sizes = sizes_of(self.p)
        # entries to drain next, to enter next
        oldest = Signal(sizes.slot)
        newest = Signal(sizes.slot)
        held = Signal(address_bits(self.p.outstanding + 1))
        complete = Signal(self.p.outstanding)
        enters = self._issue(m, held != self.p.outstanding, newest)
        self._buffers(m, enters, oldest, newest)
        waiting = Signal()
        ready = Signal()
        m.d.comb += [
            waiting.eq(held != 0),
            ready.eq(complete.bit_select(oldest, 1)),
            self.drain.valid.eq(waiting & ready),
            self.end.pulse.eq(self.drain.done & self.drain.entry.last),
            self.end.gives.eq(self.drain.entry.gives),
            self.counts.load_wait_memory.eq(waiting & ~ready),
        ]
        m.d.sync += held.eq(held + enters - self.drain.done)
        with m.If(self.response.valid):
            m.d.sync += complete.bit_select(self.response.payload.id[: sizes.slot], 1).eq(1)
        with m.If(enters):
            m.d.sync += newest.eq(following(newest, self.p.outstanding))
            m.d.sync += complete.bit_select(newest, 1).eq(self.cutter.command.fill)
        with m.If(self.drain.done):
            m.d.sync += oldest.eq(following(oldest, self.p.outstanding))
        for name in targets(self.p):
            m.d.comb += self.counts[f"{name}_write_elements"].eq(getattr(self.drain, f"{name}_elements"))
        return m

    def _issue(self, m: Module, room: Value, slot: Value) -> Value:
        """Start commands and offer their requests; return whether one becomes an entry."""
        cutter, request, head = self.cutter, self.cutter.request, self.head
        idle = Signal()
        active = Signal()
        enters = Signal()
        beats = Signal(address_bits(self.p.burst_bytes // self.p.bus_bytes + 1))
        m.d.comb += [
            idle.eq(~cutter.busy),
            head.ready.eq(idle & head.valid & self.tokens_ready),
            active.eq(cutter.busy | head.ready),
            cutter.head.eq(head.payload),
            cutter.take.eq(head.ready),
            beats.eq(beats_of(self.p, request.low, request.final)),
            self.request.valid.eq(active & room & ~cutter.command.fill),
            self.request.payload.id.eq(slot),
            self.request.payload.address.eq(Cat(request.low, request.burst)),
            self.request.payload.beats.eq(beats),
            enters.eq(active & room & (cutter.command.fill | self.request.ready)),
            cutter.advance.eq(enters),
            self.counts.load_wait_token.eq(idle & head.valid & ~self.tokens_ready),
        ]
        with m.If(self.request.valid & self.request.ready):
            m.d.comb += [
                self.counts.load_requests.eq(1),
                self.counts.load_beats.eq(beats),
                self.counts.dram_read_bytes.eq(beats * self.p.bus_bytes),
            ]
        return enters

    def _buffers(self, m: Module, enters: Value, oldest: Value, newest: Value) -> None:
        """The entries, and the bursts of data that belong to them."""
        p, command, request = self.p, self.cutter.command, self.cutter.request
        m.submodules.entries = entries = Memory(shape=entry_layout(p), depth=p.outstanding, init=[])
        m.submodules.bursts = bursts = Memory(shape=8 * p.burst_bytes, depth=p.outstanding, init=[])
        write, read = entries.write_port(), entries.read_port(domain="comb")
        m.d.comb += [write.addr.eq(newest), write.en.eq(enters), read.addr.eq(oldest), self.drain.entry.eq(read.data)]
        for field in ("low", "final", "row_first", "last", "gives"):
            m.d.comb += write.data[field].eq(request[field])
        for field in ("memory", "address", "fill", "value"):
            m.d.comb += write.data[field].eq(command[field])
        if cut_bits(p):
            cuts = [missing_elements(command.n0, bits) for bits in (p.activation.bits, p.weight.bits)]
            cut = Mux(command.memory == SCRATCHPAD, cuts[0], Mux(command.memory == WEIGHT_BUFFER, cuts[1], 0))
            m.d.comb += write.data.cut.eq(Mux(request.row_last, cut, 0))
        fetched, burst = bursts.write_port(), bursts.read_port(domain="comb")
        m.d.comb += [
            fetched.addr.eq(self.response.payload.id),
            fetched.en.eq(self.response.valid),
            fetched.data.eq(self.response.payload.data),
            burst.addr.eq(oldest),
            self.drain.loaded.eq(burst.data.word_select(self.drain.line, 8 * p.bus_bytes)),
        ]
