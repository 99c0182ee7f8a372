"""Verilog of the components that a cost table has a row for, each a top module of its own."""

from __future__ import annotations

from amaranth.hdl import Elaboratable, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import verilog_of
from rtl.npu.skew import delayed
from rtl.pe.float32 import add
from rtl.pe.interface import ProcessingElement
from rtl.pe.kinds import make_multiply_add
from rtl.pe.output import OutputElement
from rtl.pe.stationary import StationaryElement
from rtl.synthesis.pe_stimuli import PeShape
from workloads.errors import CodesignError
from workloads.formats import Format

#: The delay line whose bits stand for any register bit.
LINE_BITS, LINE_STAGES = 16, 4


class DelayLine(wiring.Component):
    """Registers in a row that move while `enable`, as those which skew an array's lanes."""

    def __init__(self) -> None:
        super().__init__({"enable": In(1), "entering": In(LINE_BITS), "leaving": Out(LINE_BITS)})

    def elaborate(self, platform: object) -> Module:
        """`LINE_STAGES` registers."""
        m = Module()
        m.d.comb += self.leaving.eq(delayed(m, self.entering, LINE_STAGES, "line", enable=self.enable))
        return m


class Adder(wiring.Component):
    """The sum of two integers modulo two to the width, or of two binary32; gates only."""

    def __init__(self, form: Format) -> None:
        if not form.is_integer and form.name != "fp32":
            raise CodesignError(f"adder: {form.name} has no RTL; use an integer or fp32")
        self.form = form
        super().__init__({"one": In(form.bits), "other": In(form.bits), "total": Out(form.bits)})

    def elaborate(self, platform: object) -> Module:
        """One adder."""
        m = Module()
        m.d.comb += self.total.eq(self.one + self.other if self.form.is_integer else add(m, self.one, self.other))
        return m


def component_verilog(component: Elaboratable, name: str) -> str:
    """Return the Verilog of a component as module `name`."""
    return verilog_of(component, name)


def pe_component(shape: PeShape) -> ProcessingElement:
    """Return the PE of a shape."""
    datapath = make_multiply_add(shape.activation, shape.weight, shape.accumulator, shape.latency_cycles)
    return StationaryElement(datapath, shadow=shape.shadow) if shape.dataflow == "ws" else OutputElement(datapath)
