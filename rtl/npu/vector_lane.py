"""One lane of the vector unit: running value, requantizer, output zero point, clamp, delay. docs/npu.md, "Values"."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.functions.requantize import BIAS_BITS, MULTIPLIER_BITS, SHIFT_BITS, Requantizer
from rtl.npu.vector_loops import FUNCTION_BITS
from rtl.npu.vector_plan import SCALED_BITS, vector_plan
from rtl.parameters import Element, NpuParameters
from simulators.program import ADD, DEPTHWISE, FUNCTIONS, MAX_POOL, MUL


def take_layout(p: NpuParameters) -> data.StructLayout:
    """Return what the lanes are told about the operands before them.

    ``valid``: there are operands; ``first``: of their outputs' first tap; ``function``: its code; ``plain``: without
    bias and scaling; ``zero_point``: that of this tap.
    """
    return data.StructLayout({
        "valid": 1, "first": 1, "function": FUNCTION_BITS, "plain": 1, "zero_point": signed(p.value_bits),
    })  # fmt: skip


def bounds_layout(p: NpuParameters) -> data.StructLayout:
    """Return what finishes a value: a zero point that is added, then the least and greatest element."""
    return data.StructLayout({name: signed(p.value_bits) for name in ("zero_point", "low", "high")})


def parameter_entry() -> data.StructLayout:
    """Return what a lane uses of a parameter entry."""
    return data.StructLayout({
        "bias": signed(BIAS_BITS), "multiplier": signed(MULTIPLIER_BITS), "shift": SHIFT_BITS,
    })  # fmt: skip


class VectorLane(wiring.Component):
    """A lane. Its element leaves as many clocks after its last operand as the latency of the function.

    Parameters
    ----------
    p : NpuParameters

    Attributes
    ----------
    take : In(take_layout)
    operand : In, signed
    weight : In
        Of a depthwise tap.
    entry : In(parameter_entry)
        For this output (`add`: of this tap, with the shift of the first).
    pool_bounds, bounds : In(bounds_layout)
        For the maximum, in the cycle of `take`, and for the other functions, at the end of the pipeline.
    function : In(3)
        Whose element leaves in this cycle.
    element : Out
        Bits of the activation format.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p, self.plan = p, vector_plan(p)
        super().__init__({
            "take": In(take_layout(p)),
            "operand": In(signed(self.plan.operand_bits)),
            "weight": In(_shape(p.weight)),
            "entry": In(parameter_entry()),
            "pool_bounds": In(bounds_layout(p)),
            "bounds": In(bounds_layout(p)),
            "function": In(FUNCTION_BITS),
            "element": Out(p.activation.bits),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Take an operand, finish the value, delay it."""
        m = Module()
        value = self._running(m)
        lines: dict[bool, list[Value]] = {}
        latencies = {FUNCTIONS.index(name): latency for name, latency, _ in self.p.functions}
        if MAX_POOL in latencies:
            pooled = _finished(m, "pooled", value, self.pool_bounds, self.p)
            lines[True] = _line(m, "pooled", pooled, latencies[MAX_POOL])
        scaled = {code: latency - self.plan.depth for code, latency in latencies.items() if code != MAX_POOL}
        if scaled:
            finished = _finished(m, "finished", self._scaled(m, value), self.bounds, self.p)
            lines[False] = _line(m, "finished", finished, max(scaled.values()))
        with m.Switch(self.function):
            for code, latency in latencies.items():
                pool = code == MAX_POOL
                with m.Case(code):
                    m.d.comb += self.element.eq(lines[pool][latency if pool else scaled[code]])
        return m

    def _has(self, *codes: int) -> bool:
        names = {name for name, _, _ in self.p.functions}
        return any(FUNCTIONS[code] in names for code in codes)

    def _is(self, *codes: int) -> Value:
        """Whether the function is one of some that this machine has."""
        wanted = [self.take.function == code for code in codes if self._has(code)]
        return reduce(or_, wanted) if wanted else Const(0)

    def _running(self, m: Module) -> Signal:
        """Return the running value after this operand: its sum, product or maximum with those before."""
        bits = self.plan.sum_bits
        running, value = Signal(signed(bits), reset_less=True), Signal(signed(bits))
        addend, before = Signal(signed(bits)), Signal(signed(bits))
        m.d.comb += addend.eq(self.operand)
        if self.plan.right_bits:
            difference, product = self._product(m, running)
            with m.If(self._is(DEPTHWISE, ADD, MUL)):
                m.d.comb += addend.eq(product)
            if self._has(MUL):
                with m.If(self._is(MUL) & self.take.first):
                    m.d.comb += addend.eq(difference)
        with m.If(~self.take.first & ~self._is(MUL, MAX_POOL)):
            m.d.comb += before.eq(running)
        m.d.comb += value.eq(before + addend)
        if self._has(MAX_POOL):
            greatest = running[: self.plan.operand_bits].as_signed()
            with m.If(self._is(MAX_POOL) & ~self.take.first & (greatest > self.operand)):
                m.d.comb += value.eq(greatest)
        with m.If(self.take.valid):
            m.d.sync += running.eq(value)
        return value

    def _product(self, m: Module, running: Signal) -> tuple[Signal, Signal]:
        """Return operand - zero point, and that times a weight, a multiplier or the first operand's difference."""
        plan = self.plan
        element = self.operand[: plan.difference_bits - 1].as_signed()
        difference, right = Signal(signed(plan.difference_bits)), Signal(signed(plan.right_bits))
        product = Signal(signed(plan.difference_bits + plan.right_bits))
        m.d.comb += [difference.eq(element - self.take.zero_point), product.eq(difference * right)]
        with m.If(self._is(DEPTHWISE)):
            m.d.comb += right.eq(self.weight)
        with m.Elif(self._is(MUL)):
            m.d.comb += right.eq(running[: plan.difference_bits].as_signed())
        with m.Elif(self.take.plain):
            m.d.comb += right.eq(1)
        with m.Else():
            m.d.comb += right.eq(self.entry.multiplier)
        return difference, product

    def _scaled(self, m: Module, value: Signal) -> Value:
        """Return the value with bias, scaled and rounded, `plan.depth` clocks later."""
        plan = self.plan
        m.submodules.requantizer = unit = Requantizer(self.p.requantize, plan.sum_bits, plan.stages, SCALED_BITS)
        shift = Mux(self.take.plain, 0, self.entry.shift)
        plain = self.take.plain | self._is(ADD)
        given = (value, self.entry.bias, self.entry.multiplier, shift, plain)
        wanted = (unit.value, unit.bias, unit.multiplier, unit.shift, unit.plain)
        domain = m.d.sync if plan.registered else m.d.comb
        for port, what in zip(wanted, given, strict=True):
            if plan.registered:
                held = Signal.like(port, name=f"held_{port.name}", reset_less=True)
                m.d.comb += port.eq(held)
                port = held
            domain += port.eq(what)
        return unit.result


def _shape(element: Element) -> Shape:
    return Shape(element.bits, element.signed)


def _finished(m: Module, name: str, value: Value, bounds: data.View, p: NpuParameters) -> Signal:
    """Return a value plus zero point, within its bounds, in the bits of an activation.

    The value is limited first to a bit more than zero points and bounds have: the sum is then small, and on the same
    side of both bounds.
    """
    bits = p.value_bits + 1
    wide = Signal(signed(max(bits, len(value))), name=f"{name}_value")
    m.d.comb += wide.eq(value)
    limited = Signal(signed(bits), name=f"{name}_limited")
    total = Signal(signed(bits + 1), name=f"{name}_total")
    found = Signal(signed(p.value_bits), name=f"{name}_element")
    high_bits = wide[bits - 1 :]
    with m.If(high_bits.all() | ~high_bits.any()):
        m.d.comb += limited.eq(wide)
    with m.Else():
        m.d.comb += limited.eq(Cat((~wide[-1]).replicate(bits - 1), wide[-1]).as_signed())
    m.d.comb += total.eq(limited + bounds.zero_point)
    m.d.comb += found.eq(Mux(total > bounds.high, bounds.high, Mux(total < bounds.low, bounds.low, total)))
    element = Signal(p.activation.bits, name=name)
    m.d.comb += element.eq(found)
    return element


def _line(m: Module, name: str, value: Value, depth: int) -> list[Value]:
    """Return a value and its delays by 1..depth clocks."""
    line = [value]
    for i in range(depth):
        held = Signal(len(value), name=f"{name}_{i + 1}", reset_less=True)
        m.d.sync += held.eq(line[-1])
        line.append(held)
    return line
