"""What the memories give to the lanes of the vector unit, after the read latency: operands, weights, parameters."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.vector_lane import parameter_entry, take_layout
from rtl.npu.vector_loops import SLOT, held_layout
from rtl.npu.vector_plan import vector_plan
from rtl.npu.vector_reads import group_count
from rtl.parameters import PARAMETER_BITS, Element, NpuParameters, address_bits
from simulators.program import (
    ADD,
    BIAS,
    MUL,
    MULTIPLIER,
    PARAMETER_LANE,
    PARAMETER_NONE,
    PARAMETER_WORDS,
    SHIFT,
)

ENTRY_BITS = PARAMETER_WORDS * PARAMETER_BITS


class VectorOperands(wiring.Component):
    """Selects what was read and holds it for `vector_read_latency` clocks, the memories' own output registers.

    Attributes
    ----------
    slots : In(SLOT), one for each of the last cycles
        ``slots[i]`` is the slot of i cycles ago.
    from_accumulator, group : In
        Of this cycle's slot.
    sums, elements, weights, parameters : In
        What this cycle's reads give.
    command : In(held_layout)
        Of the slot whose operands arrive.
    take : Out(take_layout)
    lane_operands, lane_weights, lane_entries : Out, one a lane
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        latency = p.vector_read_latency
        super().__init__({
            "slots": In(SLOT).array(latency + 1), "from_accumulator": In(1),
            "group": In(address_bits(group_count(p))), "sums": In(p.cols * p.accumulator.bits),
            "elements": In(p.lanes * p.activation.bits), "weights": In(p.lanes * p.weight.bits),
            "parameters": In(p.lanes * ENTRY_BITS), "command": In(held_layout(p)), "take": Out(take_layout(p)),
            "lane_operands": Out(Shape(vector_plan(p).operand_bits, True)).array(p.lanes),
            "lane_weights": Out(Shape(*p.weight)).array(p.lanes),
            "lane_entries": Out(parameter_entry()).array(p.lanes),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Registers of what was read, then who takes which entry."""
        m = Module()
        p, command = self.p, self.command
        arrived = self.slots[p.vector_read_latency]
        is_add, is_mul = command.function == ADD, command.function == MUL
        m.d.comb += [
            self.take.valid.eq(arrived.read),
            self.take.first.eq(arrived.first),
            self.take.function.eq(command.function),
            self.take.plain.eq(command.parameter_mode == PARAMETER_NONE),
        ]
        with m.If(is_add | is_mul):
            m.d.comb += self.take.zero_point.eq(Mux(arrived.first, command.zero_point_0, command.zero_point_1))
        own_entry = ~is_add & (command.parameter_mode == PARAMETER_LANE)
        shared: data.View | None = None
        for lane in range(p.lanes):
            operand, weight, entry = self._lane(m, lane)
            shared = entry if shared is None else shared
            m.d.comb += [
                self.lane_operands[lane].eq(operand),
                self.lane_weights[lane].eq(weight),
                self.lane_entries[lane].eq(Mux(own_entry, entry, shared)),
            ]
        assert shared is not None
        first_shift = Signal.like(shared.shift, reset_less=True)
        with m.If(arrived.read & arrived.first):
            m.d.sync += first_shift.eq(shared.shift)
        with m.If(is_add & ~arrived.first):
            m.d.comb += [entry.shift.eq(first_shift) for entry in self.lane_entries]
        return m

    def _lane(self, m: Module, lane: int) -> tuple[Value, Value, data.View]:
        """Return operand, weight and parameter entry of a lane as they arrive."""
        p = self.p
        operand = Signal(Shape(vector_plan(p).operand_bits, True), name=f"operand_{lane}")
        element = _element(self.elements, p.activation, lane)
        m.d.comb += operand.eq(Mux(self.from_accumulator, self._sum(lane), element))
        words = self.parameters.word_select(lane, ENTRY_BITS)
        entry = Signal(parameter_entry(), name=f"entry_{lane}")
        for name, word in (("bias", BIAS), ("multiplier", MULTIPLIER), ("shift", SHIFT)):
            m.d.comb += entry[name].eq(words.word_select(word, PARAMETER_BITS))
        weight = _element(self.weights, p.weight, lane)
        return (
            self._held(m, f"operand_{lane}", operand),
            self._held(m, f"weight_{lane}", weight),
            data.View(parameter_entry(), self._held(m, f"entry_{lane}", entry.as_value())),
        )

    def _sum(self, lane: int) -> Value:
        """Return a lane's sum of the accumulator word, in its group."""
        p = self.p
        choices = [
            _element(self.sums, p.accumulator, column) if column < p.cols else 0
            for column in range(lane, group_count(p) * p.lanes, p.lanes)
        ]
        found: Value = choices[0]
        for number, choice in enumerate(choices[1:], 1):
            found = Mux(self.group == number, choice, found)
        return found

    def _held(self, m: Module, name: str, value: Value) -> Value:
        """Return a value read, `vector_read_latency` clocks later."""
        for i in range(self.p.vector_read_latency):
            held = Signal(value.shape(), name=f"{name}_{i + 1}", reset_less=True)
            with m.If(self.slots[i].read):
                m.d.sync += held.eq(value)
            value = held
        return value


def _element(word: Value, element: Element, index: int) -> Value:
    """Return one element of a word of several."""
    bits = word.word_select(index, element.bits)
    return bits.as_signed() if element.signed else bits
