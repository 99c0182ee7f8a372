# amaranth: UnusedElaboratable=no
# (an adder is also made to read its ports)
"""The multipliers beside a bank: a slice of the open row times a slice of the global buffer, summed, accumulated.

Values and order of sums: `simulators.pim.bank_mac`. COMP and READRES enter with their data and travel down the same
pipeline, so that a READRES finds exactly the COMPs before it, however close they are; its result is there `latency`
clocks after it has entered.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, ClockSignal, Instance, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Part
from rtl.npu.skew import taps
from rtl.pim.arithmetic import Adder, Multiplier, level_bits
from rtl.pim.parameters import MacParameters
from simulators.pim.bank_mac import TOTAL_BITS

MAC_MODULE, ADDER_MODULE = "codesign_bank_mac", "codesign_bank_adder"


def instance(m: Module, name: str, module: str, template: wiring.Component, *, clocked: bool) -> wiring.PureInterface:
    """Return the ports of a new instance of a Verilog module, which has the ports of `template`."""
    ports = template.signature.create()
    members = template.signature.members.items()
    wires = {f"{'i' if member.flow == In else 'o'}_{port}": getattr(ports, port) for port, member in members}
    clock = {"i_clk": ClockSignal(), "i_rst": ResetSignal()} if clocked else {}
    m.submodules[name] = Instance(module, **clock, **wires)
    return ports


def mac_parts(parameters: MacParameters) -> list[Part]:
    """Return the modules of a bank's MAC, each emitted once: its adders by width, itself."""
    adders = dict(map(BankMac(parameters).adder, range(1, parameters.levels + 2)))
    return [*((adder, module) for module, adder in adders.items()), (BankMac(parameters), MAC_MODULE)]


class BankMac(wiring.Component):
    """Multipliers, adder tree and accumulator of a bank.

    Parameters
    ----------
    parameters : MacParameters
    instances : bool
        Adders are instances of the modules of `mac_parts`; else (Amaranth's own simulator) submodules.

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

    def __init__(self, parameters: MacParameters, *, instances: bool = True) -> None:
        self.parameters = p = parameters
        self.instances = instances
        super().__init__({
            "comp": In(1), "readres": In(1), "operands": In(p.slice_bits), "vector": In(p.slice_bits),
            "result": Out(TOTAL_BITS), "valid": Out(1),
        })  # fmt: skip

    def adder(self, depth: int) -> tuple[str, Adder]:
        """Return the adder of a level of the tree, or behind the last one of the accumulator, and its module's name."""
        p, form = self.parameters, self.parameters.form
        bits, total = level_bits(form, depth - 1), level_bits(form, depth)
        if depth > p.levels:
            total = TOTAL_BITS
        adder = Adder(form, bits, total, TOTAL_BITS if depth > p.levels else None)
        return f"{ADDER_MODULE}_{len(adder.one)}_{bits}_{total}", adder

    def _adder(self, m: Module, name: str, depth: int) -> Any:
        module, adder = self.adder(depth)
        if self.instances:
            return instance(m, name, module, adder, clocked=False)
        m.submodules[name] = adder
        return adder

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
        last = self._adder(m, "accumulate", p.levels + 1)
        m.d.comb += [last.one.eq(accumulator), last.other.eq(level[0])]
        with m.If(moves[-1]):
            m.d.sync += accumulator.eq(last.total)
        with m.If(read):
            m.d.sync += [self.result.eq(accumulator), accumulator.eq(0)]
        m.d.sync += self.valid.eq(read)
        return m

    def _sums(self, m: Module, values: list[Value], depth: int, enable: Value) -> list[Value]:
        """Return the sums of neighbours, in registers."""
        sums: list[Value] = []
        for k in range(len(values) // 2):
            adder = self._adder(m, f"adder_{depth}_{k}", depth)
            m.d.comb += [adder.one.eq(values[2 * k]), adder.other.eq(values[2 * k + 1])]
            sums.append(adder.total)
        held = Signal(sum(map(len, sums)), name=f"sums_{depth}", reset_less=True)
        with m.If(enable):
            m.d.sync += held.eq(Cat(*sums))
        return [held.word_select(k, len(sums[0])) for k in range(len(sums))]
