"""The execute engine: addresses, operand latency, the array, and sums into the accumulators.

docs/npu.md, "Execute engine". D, L, A and Z in comments are the latencies named there.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from rtl.emission import Parts, place
from rtl.encoding import TOKEN_MASK_BITS
from rtl.npu.accumulators import AccumulatorColumns, ColumnDrain, place_layout
from rtl.npu.array import SystolicArray, stream_element, tile_element
from rtl.npu.execute_control import ExecuteControl, fill_latency
from rtl.npu.interfaces import counts_layout, end_signature, engine_members, fields_of, read_port
from rtl.npu.nests import LaneAddresses, TurnAddresses, nest_of
from rtl.npu.skew import Waiting, delayed
from rtl.parameters import NpuParameters, address_bits
from rtl.pe.interface import Field
from simulators.program import CHANNELS, EXECUTE_ENGINE


class ExecuteEngine(wiring.Component):
    """Preloads and matmuls.

    Parameters
    ----------
    p : NpuParameters
    parts : Parts, optional
        `rtl.emission.place`.
    probe : bool
        Adds the port ``probe``, whose parts `probe_fields` names.

    Attributes
    ----------
    head, tokens_ready
        `rtl.npu.interfaces.engine_members`.
    preload_end, matmul_end : Out(end_signature())
    stream_reads : Out(read_port), an array of lanes
        Vectors or steps; with a serializer one port of `rows` contiguous elements.
    tile_reads : Out(read_port).array(cols), ws and is
        Rows of the stationary tile.
    weight_read : Out(read_port), os
        `cols` contiguous weights of a step.
    sum_reads, sum_writes
        Ports of `AccumulatorColumns`: a bank of sums a column; a read is of the word that is written in the same cycle.
    busy, matmul_started : Out(1)
        A matmul or the wait for its sums was under way when the cycle began; one starts in this cycle.
    counts : Out
        Increments of the engine's counters.
    """

    def __init__(self, p: NpuParameters, *, parts: Parts | None = None, probe: bool = False) -> None:
        self.p, self.parts, self.probing = p, parts, probe
        self.array = SystolicArray(p, parts=parts, probe=probe)
        self.control, self.columns = ExecuteControl(p), AccumulatorColumns(p)
        stream, tile, lanes = self._stream_port(), self._tile_port(), 1 if p.serializer else p.rows
        members: dict[str, wiring.Member] = {
            **engine_members(p, EXECUTE_ENGINE), "preload_end": Out(end_signature()),
            "matmul_end": Out(end_signature()), "stream_reads": Out(stream).array(lanes),
            **({"weight_read": Out(tile)} if p.is_os else {"tile_reads": Out(tile).array(p.cols)}),
            "busy": Out(1), "matmul_started": Out(1), "counts": Out(self._counts_layout()),
        }  # fmt: skip
        if probe:
            members["probe"] = Out(len(self.array.probe))
        super().__init__(members)
        self.sum_reads, self.sum_writes = self.columns.reads, self.columns.writes

    def _stream_port(self) -> wiring.Signature:
        p = self.p
        address = p.weight_address_bits if p.dataflow == "is" else p.scratchpad_address_bits
        return read_port(address, stream_element(p).bits, p.rows if p.serializer else 1)

    def _tile_port(self) -> wiring.Signature:
        p = self.p
        address = p.scratchpad_address_bits if p.dataflow == "is" else p.weight_address_bits
        return read_port(address, tile_element(p).bits, p.cols if p.is_os else 1)

    def _counts_layout(self) -> data.StructLayout:
        p = self.p
        pes, rows, cols = (address_bits(n + 1) for n in (p.rows * p.cols, p.rows, p.cols))
        stream, tile = ("weight", "scratchpad") if p.dataflow == "is" else ("scratchpad", "weight")
        return counts_layout(
            folds=1, mapped_pes=pes, macs=pes, mac_slots=pes, array_cycles=1,
            **({"drain_cycles": 1} if p.is_os else {"preload_cycles": 1}),
            **{f"{stream}_read_elements": rows, f"{tile}_read_elements": cols},
            accumulator_read_elements=cols, accumulator_write_elements=cols,
        )  # fmt: skip

    def scratchpad_reads(self) -> list[Any]:
        """Return the ports that read the scratchpad."""
        return list(self.tile_reads) if self.p.dataflow == "is" else list(self.stream_reads)

    def weight_reads(self) -> list[Any]:
        """Return the ports that read the weight buffer."""
        if self.p.is_os:
            return [self.weight_read]
        return list(self.stream_reads) if self.p.dataflow == "is" else list(self.tile_reads)

    def probe_fields(self) -> list[Field]:
        """Return (name, bits, signed) of the parts of ``probe``, low bits first."""
        return self.array.probe_fields()

    def elaborate(self, platform: object) -> Module:
        """Control, operands, array, sums."""
        m = Module()
        m.submodules.control, m.submodules.array, m.submodules.columns = self.control, self.array, self.columns
        control, head = self.control, self.head
        m.d.comb += [
            control.command.eq(fields_of(head.payload, control.command.shape())),
            control.offered.eq(head.valid & self.tokens_ready),
            head.ready.eq(control.matmul_starts | (0 if self.p.is_os else control.preload_starts)),
            control.matmul_ended.eq(self.matmul_end.pulse),
            self.array.enable.eq(control.moves),
            self.columns.enable.eq(control.moves),
            self.matmul_end.pulse.eq(self.columns.end),
            self.busy.eq(control.busy),
            self.matmul_started.eq(control.matmul_starts),
        ]
        self._stream(m)
        if self.p.is_os:
            self._weights(m)
            self._leave_os(m)
        else:
            self._tile(m)
            self._leave_ws(m)
        self._count(m)
        if self.probing:
            m.d.comb += self.probe.eq(self.array.probe)
        return m

    def _line(self, m: Module, value: Value, cycles: int, name: str, *, control: bool = False) -> Value:
        """A line that moves with the array."""
        return delayed(m, value, cycles, name, enable=self.control.moves, control=control)

    def _addresses(
        self, m: Module, name: str, kind: type, lanes: int, bits: int, wires: dict[str, Value]
    ) -> Any:  # fmt: skip
        """Address generators for the nests of the head; `wires` say when."""
        command = self.head.payload
        nests = {"nest": nest_of(command, "", bits), "lane_nest": nest_of(command, "lane_", bits)}
        module = f"codesign_{'turn' if kind is TurnAddresses else 'lane'}_addresses_{lanes}x{bits}"
        wires = {"address": command.address[:bits]} | nests | wires
        return place(m, name, self.parts, module, lambda: kind(lanes, self.p.extent_bits, bits), wires)

    def _stream(self, m: Module) -> None:
        """Operands of a vector or step: masked, then D registers; with the first one of a tile its swap bit."""
        p, control, ports = self.p, self.control, self.stream_reads
        bits, lanes = len(ports[0].address), p.rows
        when = {"start": control.matmul_starts, "issue": control.matmul_issues}
        used = [control.lanes[r] & control.matmul_issues for r in range(lanes)]
        if p.serializer:
            wires = when | {"first_lane": control.first_lane}
            now = self._addresses(m, "stream_addresses", TurnAddresses, lanes, bits, wires).now
            first = control.matmul_issues & control.first_lane
            m.d.comb += [
                ports[0].address.eq(now),
                self.array.word.eq(self._line(m, Mux(used[0], ports[0].data, 0), p.operand_latency, "word")),
                self.array.word_first.eq(self._line(m, first, p.operand_latency, "word_first", control=True)),
            ]
            return
        addresses = self._addresses(m, "stream_addresses", LaneAddresses, lanes, bits, when).addresses
        read = [Mux(used[r], port.data, 0) for r, port in enumerate(ports)]
        m.d.comb += [
            Cat(port.address for port in ports).eq(addresses),
            self.array.stream.eq(self._line(m, Cat(*read), p.operand_latency, "stream")),
        ]
        if not p.is_os and p.shadow:
            swap = control.matmul_starts & self.head.payload.swap
            m.d.comb += self.array.swap.eq(self._line(m, swap, p.operand_latency, "swap", control=True))

    def _weights(self, m: Module) -> None:
        """os: a row of weights a step, D + Z registers; step 0 clears the sums where its product is added."""
        p, control, command, port = self.p, self.control, self.head.payload, self.weight_read
        held = Signal(p.weight_address_bits, name="weight_address", reset_less=True)
        stride = Signal(p.weight_address_bits, name="weight_stride", reset_less=True)
        m.d.comb += port.address.eq(Mux(control.matmul_starts, command.weight_address, held + stride))
        with m.If(control.matmul_issues):
            m.d.sync += held.eq(port.address)
        with m.If(control.matmul_starts):
            m.d.sync += stride.eq(command.weight_stride)
        used = [control.columns[c] & control.matmul_issues for c in range(p.cols)]
        read = Cat(Mux(used[c], port.data.word_select(c, p.weight.bits), 0) for c in range(p.cols))
        m.d.comb += [
            self.array.weights.eq(self._line(m, read, p.operand_latency + int(p.serializer), "weights")),
            self.array.clear.eq(self._line(m, control.matmul_starts, fill_latency(p), "clear", control=True)),
        ]

    def _tile(self, m: Module) -> None:
        """Rows of the stationary tile, D registers that never wait; the preload's end and tokens."""
        p, control, command = self.p, self.control, self.head.payload
        bits = len(self.tile_reads[0].address)
        when = {"start": control.preload_starts, "issue": control.preload_issues}
        addresses = self._addresses(m, "tile_addresses", LaneAddresses, p.cols, bits, when).addresses
        rows = control.preload_issues & control.tile_rows
        read = [Mux(rows & control.tile_cols[c], port.data, 0) for c, port in enumerate(self.tile_reads)]
        crossing = p.operand_latency + p.rows - 1 + p.cols - 1
        m.submodules.preload_gives = gives = Waiting(_GIVES, crossing, p.rows)
        first = delayed(m, control.preload_starts, p.operand_latency, "tile_first", control=True)
        m.d.comb += [
            Cat(port.address for port in self.tile_reads).eq(addresses),
            self.array.tile.eq(delayed(m, Cat(*read), p.operand_latency, "tile")),
            self.array.tile_first.eq(first),
            gives.push.eq(control.preload_starts),
            gives.i.eq(_packed_gives(command.gives)),
            gives.pop.eq(self.array.tile_end),
            self.preload_end.pulse.eq(self.array.tile_end),
            self.preload_end.gives.eq(_unpacked_gives(gives.o)),
        ]

    def _leave_ws(self, m: Module) -> None:
        """Each vector's place travels beside it: D + (L - 1) + (rows - 1) + A clocks to column 0's accumulator."""
        p, control, command = self.p, self.control, self.head.payload
        now = Signal(place_layout(p))
        held = Signal(place_layout(p), reset_less=True)
        gives = Signal(_GIVES)
        held_gives = Signal(_GIVES, reset_less=True)
        with m.If(control.matmul_starts):
            m.d.comb += [
                now.word.eq(command.destination),
                now.accumulate.eq(command.accumulate),
                now.used_cols.eq(command.used_cols),
                gives.eq(_packed_gives(command.gives)),
            ]
        with m.Else():
            m.d.comb += [now.eq(held), gives.eq(held_gives)]
        with m.If(control.matmul_issues):
            m.d.sync += [held.eq(now), held.word.eq(now.word + 1), held_gives.eq(gives)]
        latency = fill_latency(p) + p.rows - 1 + p.accumulator_latency
        flags = self._line(m, Cat(control.matmul_issues, control.last), latency, "vector_flags", control=True)
        place = self._line(m, now.as_value(), latency, "vector_place")
        if p.accumulator_latency == 0:
            sums = self.array.total_next
        else:  # the last row's register is the first of the A
            sums = self._line(m, self.array.total, p.accumulator_latency - 1, "sums")
        m.d.comb += [
            self.columns.valid.eq(flags[0]),
            self.columns.last.eq(flags[1]),
            self.columns.place.eq(data.View(place_layout(p), place)),
            self.columns.sums.eq(sums),
            self.matmul_end.gives.eq(_unpacked_gives(self._line(m, gives, latency + p.cols - 1, "matmul_gives"))),
        ]

    def _leave_os(self, m: Module) -> None:
        """Sums leave column 0 `rows` clocks after its last product was added in row 0, then pass A registers."""
        p, control, command = self.p, self.control, self.head.payload
        latency = fill_latency(p) + p.rows
        through = latency + p.rows - 1 + p.accumulator_latency + p.cols - 1
        layout = place_layout(p)
        bits = layout.size + p.rows.bit_length()
        m.submodules.places = places = Waiting(bits, latency, p.rows + 1, used=p.rows)
        m.submodules.matmul_gives = gives = Waiting(_GIVES, through, p.rows + 1)
        m.submodules.drain = drain = ColumnDrain(p)
        place = data.View(layout, places.o[: layout.size])
        flags = Cat(drain.valid, drain.last)
        written = Cat(drain.word, place.accumulate, place.used_cols)
        m.d.comb += [
            places.push.eq(control.matmul_starts),
            places.i.eq(Cat(command.destination, command.accumulate, command.used_cols, command.used_rows)),
            places.pop.eq(drain.last),
            gives.push.eq(control.matmul_starts),
            gives.i.eq(_packed_gives(command.gives)),
            gives.pop.eq(self.columns.end),
            drain.enable.eq(control.moves),
            drain.begin.eq(self._line(m, control.last, latency, "last_step", control=True)),
            drain.destination.eq(place.word),
            drain.used_rows.eq(places.o[layout.size :]),
            self.array.shift.eq(drain.shift),
            self.columns.sums.eq(self._line(m, self.array.total, p.accumulator_latency, "sums")),
            Cat(self.columns.valid, self.columns.last).eq(
                self._line(m, flags, p.accumulator_latency, "row_flags", control=True)
            ),
            self.columns.place.eq(data.View(layout, self._line(m, written, p.accumulator_latency, "row_place"))),
            self.matmul_end.gives.eq(_unpacked_gives(gives.o)),
        ]

    def _count(self, m: Module) -> None:
        """What happens in this cycle."""
        p, control, counts = self.p, self.control, self.counts
        stream, tile = ("weight", "scratchpad") if p.dataflow == "is" else ("scratchpad", "weight")
        m.d.comb += [
            counts.accumulator_read_elements.eq(self.columns.read_count),
            counts.accumulator_write_elements.eq(self.columns.write_count),
        ]
        with m.If(control.matmul_issues):
            m.d.comb += [
                counts.array_cycles.eq(1),
                counts.macs.eq(control.used_pes),
                counts.mac_slots.eq(p.rows * p.cols),
                counts[f"{stream}_read_elements"].eq(control.used_rows),
            ]
        with m.If(control.last):
            m.d.comb += [counts.folds.eq(1), counts.mapped_pes.eq(control.used_pes)]
        if p.is_os:
            m.d.comb += counts.drain_cycles.eq(control.waits)
            with m.If(control.matmul_issues):
                m.d.comb += counts.weight_read_elements.eq(control.used_cols)
            return
        m.d.comb += counts.preload_cycles.eq(control.preload_issues)
        with m.If(control.preload_issues & control.tile_rows):
            m.d.comb += counts[f"{tile}_read_elements"].eq(control.tile_used_cols)


#: Tokens that a command of this engine gives: to each of the others.
_GIVES = TOKEN_MASK_BITS - CHANNELS


def _packed_gives(mask: Value) -> Value:
    """A mask without the bits of the own engine, which no command has (docs/npu.md)."""
    return Cat(mask[: EXECUTE_ENGINE * CHANNELS], mask[(EXECUTE_ENGINE + 1) * CHANNELS :])


def _unpacked_gives(packed: Value) -> Value:
    return Cat(packed[: EXECUTE_ENGINE * CHANNELS], Const(0, CHANNELS), packed[EXECUTE_ENGINE * CHANNELS :])
