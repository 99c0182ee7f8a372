# amaranth: UnusedElaboratable=no
"""One lane of the vector unit, from what the memories give to an element. docs/npu.md, "Values".

Read latency, running value, requantizer, output zero point, clamp, delay to the function's latency. The lane is one
Verilog module, emitted once and instantiated; Amaranth's own simulator gets submodules instead.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.vector_loops import FUNCTION_BITS
from rtl.npu.vector_plan import group_count, vector_plan
from rtl.npu.vector_running import RunningValue, parameter_entry, take_layout
from rtl.npu.vector_scaler import Scaler
from rtl.parameters import PARAMETER_BITS, NpuParameters, address_bits
from simulators.program import ADD, BIAS, FUNCTIONS, MAX_POOL, MULTIPLIER, PARAMETER_WORDS, SHIFT

LANE_MODULE = "codesign_vector_lane"
ENTRY_BITS = PARAMETER_WORDS * PARAMETER_BITS


def select_layout(p: NpuParameters) -> data.StructLayout:
    """Return which words of this cycle are a lane's: sum or element, which sum, its own parameter entry or lane 0's."""
    return data.StructLayout({"from_accumulator": 1, "group": address_bits(group_count(p)), "own_entry": 1})


def bounds_layout(p: NpuParameters) -> data.StructLayout:
    """Return what finishes a value: a zero point that is added, then the least and greatest element."""
    return data.StructLayout({name: signed(p.value_bits) for name in ("zero_point", "low", "high")})


def lane_signature(p: NpuParameters) -> wiring.Signature:
    """Return the ports of a lane, described at `VectorLane`."""
    return wiring.Signature({
        "select": In(select_layout(p)),
        "sums": In(group_count(p) * p.accumulator.bits), "activation": In(Shape(*p.activation)),
        "weight": In(Shape(*p.weight)), "own_entry": In(ENTRY_BITS), "shared_entry": In(ENTRY_BITS),
        "take": In(take_layout(p)), "sum_valid": In(1), "sum_first": In(1),
        "pool_bounds": In(bounds_layout(p)), "bounds": In(bounds_layout(p)),
        "function": In(FUNCTION_BITS), "element": Out(p.activation.bits),
    })  # fmt: skip


class VectorLane(wiring.Component):
    """A lane. Its element leaves as many clocks after its last operand was read as docs/npu.md says.

    Parameters
    ----------
    p : NpuParameters

    Attributes
    ----------
    select : In(select_layout)
        Of this cycle's reads.
    sums : In
        The lane's sum of each group of the accumulator word.
    activation, weight, own_entry, shared_entry : In
        What else this cycle's reads give; `shared_entry` is that of lane 0.
    take : In(take_layout)
        About the operands that arrive.
    sum_valid, sum_first : In(1)
        `take.valid` and `take.first` of `plan.to_sum` clocks ago.
    pool_bounds, bounds : In(bounds_layout)
        For the maximum of the operands that arrive, and for a value at the end of the pipeline.
    function : In
        Whose element leaves in this cycle.
    element : Out
        Bits of the activation format.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p, self.plan = p, vector_plan(p)
        super().__init__(lane_signature(p))

    def elaborate(self, platform: object) -> Module:
        """Take an operand, finish the value, delay it."""
        m = Module()
        m.submodules.running = running = RunningValue(self.p)
        m.d.comb += [
            running.take.eq(self.take),
            running.operand.eq(self._delayed(m, "operand", self._operand(m))),
            running.weight.eq(self._delayed(m, "weight", self.weight)),
            running.entry.eq(self._delayed(m, "entry", self._entry(m))),
        ]
        lines: dict[bool, list[Value]] = {}
        latencies = {FUNCTIONS.index(name): latency for name, latency, _ in self.p.functions}
        if MAX_POOL in latencies:
            value = _limited(m, running.value[: self.plan.operand_bits].as_signed(), self.plan.result_bits)
            pooled = _finished(m, "pooled", value, self.pool_bounds, self.p)
            lines[True] = _line(m, "pooled", pooled, latencies[MAX_POOL])
        scaled = {code: latency - len(self.plan.cuts) for code, latency in latencies.items() if code != MAX_POOL}
        if scaled:
            finished = _finished(m, "finished", self._scaled(m, running), self.bounds, self.p)
            lines[False] = _line(m, "finished", finished, max(scaled.values()))
        with m.Switch(self.function):
            for code, latency in latencies.items():
                pool = code == MAX_POOL
                with m.Case(code):
                    m.d.comb += self.element.eq(lines[pool][latency if pool else scaled[code]])
        return m

    def _operand(self, m: Module) -> Value:
        """Return the lane's operand: a sum of the accumulator word, or an element of the scratchpad."""
        form = self.p.accumulator
        found = Signal(signed(self.plan.operand_bits), name="operand")
        with m.If(self.select.from_accumulator):
            for group in range(group_count(self.p)):
                word = self.sums.word_select(group, form.bits)
                with m.If(self.select.group == group):
                    m.d.comb += found.eq(word.as_signed() if form.signed else word)
        with m.Else():
            m.d.comb += found.eq(self.activation)
        return found

    def _entry(self, m: Module) -> Value:
        """Return what the lane uses of its parameter entry."""
        found = Signal(parameter_entry(self.p), name="entry")
        for name, word in (("bias", BIAS), ("multiplier", MULTIPLIER), ("shift", SHIFT)):
            own, shared = (words.word_select(word, PARAMETER_BITS) for words in (self.own_entry, self.shared_entry))
            m.d.comb += found[name].eq(Mux(self.select.own_entry, own, shared))
        return found.as_value()

    def _delayed(self, m: Module, name: str, value: Value) -> Value:
        """Return a value read, `vector_read_latency` clocks later: the memories' own output registers."""
        for i in range(self.p.vector_read_latency):
            held = Signal(value.shape(), name=f"{name}_{i + 1}", reset_less=True)
            m.d.sync += held.eq(value)
            value = held
        return value

    def _scaled(self, m: Module, running: RunningValue) -> Value:
        """Return what is scaled, limited and rounded."""
        m.submodules.scaler = scaler = Scaler(self.p)
        m.d.comb += [
            scaler.factor.eq(running.factor), scaler.multiplier.eq(running.multiplier), scaler.shift.eq(running.shift),
            scaler.plain.eq(self.take.plain | (self.take.function == ADD)),
            scaler.summing.eq(self.take.function == ADD), scaler.valid.eq(self.sum_valid),
            scaler.first.eq(self.sum_first),
        ]  # fmt: skip
        return scaler.result


def _limited(m: Module, value: Value, bits: int) -> Signal:
    """Return a value limited to some bits."""
    wide = Signal(signed(max(bits, len(value))), name="pool_value")
    limited = Signal(signed(bits), name="pool_limited")
    high_bits, sign, other_sign = wide[bits - 1 :], wide[-1], Signal(name="pool_other_sign")
    m.d.comb += [wide.eq(value), other_sign.eq(~sign)]
    with m.If((high_bits ^ sign.replicate(len(high_bits))).any()):
        m.d.comb += limited.eq(Cat(other_sign.replicate(bits - 1), sign).as_signed())
    with m.Else():
        m.d.comb += limited.eq(wide)
    return limited


def _finished(m: Module, name: str, value: Value, bounds: data.View, p: NpuParameters) -> Signal:
    """Return a value of few bits plus zero point, within its bounds, in the bits of an activation."""
    total = Signal(signed(len(value) + 1), name=f"{name}_total")
    found, element = Signal(signed(p.value_bits), name=f"{name}_within"), Signal(p.activation.bits, name=name)
    m.d.comb += [
        total.eq(value + bounds.zero_point),
        found.eq(Mux(total > bounds.high, bounds.high, Mux(total < bounds.low, bounds.low, total))),
        element.eq(found),
    ]
    return element


def _line(m: Module, name: str, value: Value, depth: int) -> list[Value]:
    """Return a value and its delays by 1..depth clocks."""
    line = [value]
    for i in range(depth):
        held = Signal(len(value), name=f"{name}_{i + 1}", reset_less=True)
        m.d.sync += held.eq(line[-1])
        line.append(held)
    return line
