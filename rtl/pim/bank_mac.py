"""The multipliers beside a bank: a slice of the open row times a slice of the global buffer, summed, accumulated.

Values and order of sums: `simulators.pim.bank_mac`. COMP and READRES enter with their data and travel down the same
pipeline, so that a READRES finds exactly the COMPs before it, however close they are; its result is there `latency`
clocks after it has entered.
"""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, place
from rtl.npu.skew import taps
from rtl.pim.arithmetic import Adder, Multiplier, level_bits
from rtl.pim.parameters import MacParameters
from simulators.pim.bank_mac import TOTAL_BITS

MAC_MODULE, ADDER_MODULE = "codesign_bank_mac", "codesign_bank_adder"


class BankMac(wiring.Component):
    """Multipliers, adder tree and accumulator of a bank.

    Parameters
    ----------
    parameters : MacParameters
    parts : Parts
        `rtl.emission.place`.

    Attributes
    ----------
    comp, readres : In(1)
        At most one a clock.
    operands, vector : In (lanes * operand_bits)
        With `comp`: the row's and the buffer's slice, lane 0 in the low bits.
    result : Out(32)
        Holds until the next.
    valid : Out(1)
        In the first clock of a result.
    """

    def __init__(self, parameters: MacParameters, parts: Parts) -> None:
        self.parameters, self.parts = parameters, parts
        p = parameters
        super().__init__({
            "comp": In(1), "readres": In(1), "operands": In(p.slice_bits), "vector": In(p.slice_bits),
            "result": Out(TOTAL_BITS), "valid": Out(1),
        })  # fmt: skip

    def _sum(self, m: Module, name: str, depth: int, one: Value, other: Value) -> Value:
        """Add in a level of the tree; the accumulator's adder comes behind the last one."""
        p, form = self.parameters, self.parameters.form
        bits, total = level_bits(form, depth - 1), level_bits(form, depth)
        if depth > p.levels:
            total = TOTAL_BITS
        module = f"{ADDER_MODULE}_{len(one)}_{bits}_{total}"
        make = partial(Adder, form, bits, total, len(one))
        return place(m, name, self.parts, module, make, {"one": one, "other": other}, clocked=False).total

    def elaborate(self, platform: object) -> Module:
        """Products, a register a level of the tree, the accumulator; registers move only behind a COMP."""
        m = Module()
        p, form = self.parameters, self.parameters.form
        moves = taps(m, self.comp, p.latency, "comp_at")
        read = taps(m, self.readres, p.latency, "readres_at")[-1]
        level: list[Value] = []
        for lane in range(p.lanes):
            m.submodules[f"multiplier_{lane}"] = one = Multiplier(form, p.product_stages)
            m.d.comb += [
                one.enables.eq(moves),
                one.one.eq(self.operands.word_select(lane, form.operand_bits)),
                one.other.eq(self.vector.word_select(lane, form.operand_bits)),
            ]
            level.append(one.product)
        for depth in range(1, p.levels + 1):
            level = self._sums(m, level, depth, moves[p.product_stages + depth - 1])
        accumulator = Signal(TOTAL_BITS)
        following = self._sum(m, "accumulate", p.levels + 1, accumulator, level[0])
        with m.If(moves[-1]):
            m.d.sync += accumulator.eq(following)
        with m.If(read):
            m.d.sync += [self.result.eq(accumulator), accumulator.eq(0)]
        m.d.sync += self.valid.eq(read)
        return m

    def _sums(self, m: Module, values: list[Value], depth: int, enable: Value) -> list[Value]:
        """Return the sums of neighbours, in registers."""
        pairs = zip(values[::2], values[1::2], strict=True)
        sums = [self._sum(m, f"adder_{depth}_{k}", depth, *pair) for k, pair in enumerate(pairs)]
        held = Signal(sum(map(len, sums)), name=f"sums_{depth}", reset_less=True)
        with m.If(enable):
            m.d.sync += held.eq(Cat(*sums))
        return [held.word_select(k, len(sums[0])) for k in range(len(sums))]
