"""The vector engine: loops and addresses, operands through the lanes, results to the scratchpad. docs/npu.md."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from rtl.emission import Parts, place
from rtl.npu.interfaces import counts_layout, end_signature, engine_members, fields_of, read_port, write_port
from rtl.npu.vector_lane import ENTRY_BITS, LANE_MODULE, VectorLane, bounds_layout, select_layout
from rtl.npu.vector_loops import HELD, SLOT, VectorLoops, held_layout, used_bits
from rtl.npu.vector_plan import ADD_OPERANDS, group_count, vector_plan, write_latencies
from rtl.npu.vector_reads import VectorReads
from rtl.npu.vector_running import take_layout
from rtl.npu.vector_writes import VectorWrites
from rtl.parameters import PARAMETER_BITS, NpuParameters
from simulators.program import (
    ADD,
    DEPTHWISE,
    FUNCTIONS,
    MUL,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_WORDS,
    VECTOR_ENGINE,
)


def vector_counts(p: NpuParameters) -> data.StructLayout:
    """Return the counters that the vector engine moves, with the widths of their increments."""
    used = used_bits(p)
    return counts_layout(
        vector_operations=used, vector_cycles=1, vector_accumulator_reads=used, vector_scratchpad_reads=used,
        vector_scratchpad_writes=used, parameter_reads=(p.lanes * ADD_OPERANDS).bit_length(),
        weight_read_elements=used, vector_wait_token=1,
    )  # fmt: skip


class VectorEngine(wiring.Component):
    """One command at a time, one word of operands a cycle. Everything is read in the cycle of its slot.

    `add` takes its entries from ``parameter_address`` on in every parameter mode but none.

    Parameters
    ----------
    p : NpuParameters
    parts : Parts, optional
        `rtl.emission.place`.

    Attributes
    ----------
    head, tokens_ready
        `rtl.npu.interfaces.engine_members`.
    sum_read, scratchpad_read, weight_read, parameter_read : Out(read_port)
        An accumulator word; `lanes` elements; `lanes` weights; `lanes` entries of three words.
    scratchpad_writes : Out(write_port), one a lane
    end : Out(end_signature)
    counts : Out(vector_counts)
    """

    def __init__(self, p: NpuParameters, *, parts: Parts | None = None) -> None:
        self.p, self.parts = p, parts
        sp, width = p.scratchpad_address_bits, p.activation.bits
        super().__init__({
            **engine_members(p, VECTOR_ENGINE),
            "sum_read": Out(read_port(p.accumulator_address_bits, p.accumulator.bits, p.cols)),
            "scratchpad_read": Out(read_port(sp, width, p.lanes)),
            "weight_read": Out(read_port(p.weight_address_bits, p.weight.bits, p.lanes)),
            "parameter_read": Out(read_port(p.parameter_address_bits, PARAMETER_BITS, PARAMETER_WORDS * p.lanes)),
            "scratchpad_writes": Out(write_port(sp, width)).array(p.lanes),
            "end": Out(end_signature()),
            "counts": Out(vector_counts(p)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Issue, read, compute, write."""
        m = Module()
        self.loops, self.reads, self.writes = VectorLoops(self.p), VectorReads(self.p), VectorWrites(self.p)
        m.submodules.loops, m.submodules.reads, m.submodules.writes = self.loops, self.reads, self.writes
        self._take_commands(m)
        slots = self._slots(m)
        self._read(m)
        elements = self._compute(m, slots)
        self._write(m, slots, elements)
        self._count(m)
        return m

    def _take_commands(self, m: Module) -> None:
        """Start the head when idle; keep what is needed of it."""
        layout = held_layout(self.p)
        self.start = Signal()
        self.busy = Signal()
        self.held = Signal(layout, reset_less=True)
        self.now = Signal(layout)
        head = Cat(self.head.payload[name] for name in HELD)
        m.d.comb += [
            self.start.eq(~self.busy & self.head.valid & self.tokens_ready),
            self.head.ready.eq(self.start),
            self.now.eq(Mux(self.start, head, self.held)),
            self.counts.vector_wait_token.eq(~self.busy & self.head.valid & ~self.tokens_ready),
        ]
        m.d.sync += self.busy.eq((self.busy | self.start) & ~self.end.pulse)
        with m.If(self.start):
            m.d.sync += self.held.eq(head)
        for unit, delay in ((self.loops, 1), (self.reads, 1), (self.writes, self._soonest_write())):
            m.d.comb += [
                unit.start.eq(self.start),
                unit.head.eq(fields_of(self.head.payload, unit.head.shape())),
                unit.command.eq(fields_of(self._command(delay), unit.command.shape())),
            ]

    def _command(self, delay: int) -> data.View:
        """The command of a slot of at least `delay` cycles ago: in its first cycle it is still at the queue's head."""
        return self.held if delay else self.now

    def _soonest_write(self) -> int:
        return min(write_latencies(self.p).values(), default=1)

    def _slots(self, m: Module) -> list[data.View]:
        """Return this cycle's slot and those of the cycles before, as far as results are on their way."""
        slots = [self.loops.slot]
        for i in range(max(self.p.vector_read_latency, *write_latencies(self.p).values(), 0)):
            held = Signal(SLOT, name=f"slot_{i + 1}")
            m.d.sync += held.eq(slots[-1])
            with m.If(self.end.pulse):  # what is left belongs to a quick function and is written
                m.d.sync += held.eq(0)
            slots.append(held)
        return slots

    def _read(self, m: Module) -> None:
        """Addresses to the memories."""
        reads = self.reads
        m.d.comb += [
            reads.steps.eq(self.loops.steps),
            reads.active.eq(self.loops.active),
            self.sum_read.address.eq(reads.address),
            self.scratchpad_read.address.eq(reads.address),
            self.weight_read.address.eq(reads.weight_address),
            self.parameter_read.address.eq(reads.parameter_address),
        ]

    def _take(self, m: Module, arrived: data.View) -> Signal:
        """Return what the lanes are told about the operands that arrive."""
        command, take = self._command(self.p.vector_read_latency), Signal(take_layout(self.p))
        m.d.comb += [
            take.valid.eq(arrived.read),
            take.first.eq(arrived.first),
            take.function.eq(command.function),
            take.plain.eq(command.parameter_mode == PARAMETER_NONE),
        ]
        with m.If((command.function == ADD) | (command.function == MUL)):
            m.d.comb += take.zero_point.eq(Mux(arrived.first, command.zero_point_0, command.zero_point_1))
        return take

    def _compute(self, m: Module, slots: list[data.View]) -> list[Value]:
        """Return the lanes' elements."""
        p, now, latency = self.p, self.now, self.p.vector_read_latency
        take, at_sum = self._take(m, slots[latency]), slots[latency + vector_plan(p).to_sum]
        select = Signal(select_layout(p))
        bounds = Signal(bounds_layout(p))
        pool_bounds = Signal(bounds_layout(p))
        arriving, finished = self._command(latency), self._command(latency + len(vector_plan(p).cuts))
        m.d.comb += [
            select.from_accumulator.eq(now.from_accumulator),
            select.group.eq(self.reads.group),
            select.own_entry.eq((now.function != ADD) & (now.parameter_mode == PARAMETER_LANE)),
            bounds.zero_point.eq(finished.output_zero_point),
            *(bounds[name].eq(finished[name]) for name in ("low", "high")),
            *(pool_bounds[name].eq(arriving[name]) for name in ("low", "high")),
        ]
        function = self._command(self._soonest_write()).function
        entries, elements = self.parameter_read.data, []
        shared = {
            "select": select, "take": take, "sum_valid": at_sum.read, "sum_first": at_sum.first, "function": function,
            "bounds": bounds, "pool_bounds": pool_bounds, "shared_entry": entries[:ENTRY_BITS],
        }  # fmt: skip
        for i in range(p.lanes):
            sums = [self.sum_read.data.word_select(c, p.accumulator.bits) for c in range(i, p.cols, p.lanes)]
            none = Const(0, (group_count(p) - len(sums)) * p.accumulator.bits)
            lane = place(m, f"lane_{i}", self.parts, LANE_MODULE, lambda: VectorLane(p), shared | {
                "sums": Cat(*sums, none),
                "activation": self.scratchpad_read.data.word_select(i, p.activation.bits),
                "weight": self.weight_read.data.word_select(i, p.weight.bits),
                "own_entry": entries.word_select(i, ENTRY_BITS),
            })  # fmt: skip
            elements.append(lane.element)
        return elements

    def _write(self, m: Module, slots: list[data.View], elements: list[Value]) -> None:
        """Write the results that are due; the last one ends the command."""
        command, writes = self._command(self._soonest_write()), self.writes
        with m.Switch(command.function):
            for code, latency in write_latencies(self.p).items():
                with m.Case(code):
                    m.d.comb += [writes.write.eq(slots[latency].output), self.end.pulse.eq(slots[latency].final)]
        m.d.comb += self.end.gives.eq(command.gives)
        for lane, port in enumerate(self.scratchpad_writes):
            m.d.comb += [
                port.address.eq(writes.addresses[lane]), port.enable.eq(writes.enable[lane]),
                port.data.eq(elements[lane]),
            ]  # fmt: skip

    def _count(self, m: Module) -> None:
        """Lanes at work, their reads and writes. An `add` counts the entries of all its operands with the last one."""
        loops, counts, now = self.loops, self.counts, self.now
        slot, used = loops.slot, loops.used
        entries: Value = used
        if any(name == FUNCTIONS[ADD] for name, _, _ in self.p.functions):
            before = Signal.like(counts.parameter_reads, name="entries_before")
            entries = Signal.like(before, name="entries")
            m.d.comb += entries.eq(used + Mux((now.function == ADD) & ~slot.first, before, 0))
            with m.If(slot.read):
                m.d.sync += before.eq(entries)

        def counted(name: str, condition: Value, amount: Value) -> None:
            m.d.comb += counts[name].eq(Mux(condition, amount, 0))

        counted("vector_operations", loops.active, used)
        counted("vector_cycles", loops.active, Const(1))
        counted("vector_accumulator_reads", slot.read & now.from_accumulator, used)
        counted("vector_scratchpad_reads", slot.read & ~now.from_accumulator, used)
        counted("weight_read_elements", slot.read & (now.function == DEPTHWISE), used)
        counted("parameter_reads", slot.output & (now.parameter_mode != PARAMETER_NONE), entries)
        m.d.comb += counts.vector_scratchpad_writes.eq(self.writes.used)
