"""What every PE is made of: a datapath that multiplies and adds, inside an element that holds the array's registers.

A datapath (`MultiplyAdd`) knows numbers and nothing of the array. The elements (`rtl.pe.stationary`, `rtl.pe.output`)
know the array and nothing of numbers: any datapath fits into either. Registers for data have no reset, since control
bits alone decide what is used; all hold 0 at first.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.parameters import Element
from workloads.errors import CodesignError

#: (name, bits, signed) of a register that a probe shows.
Field = tuple[str, int, bool]
GREATEST_LATENCY = 16


def shape_of(element: Element) -> Shape:
    """Return the Amaranth shape of an integer element."""
    return signed(element.bits) if element.signed else unsigned(element.bits)


class Operands(NamedTuple):
    """The numbers of a PE, as it holds them.

    Attributes
    ----------
    stream : Element
        The operand that travels to the right.
    weight : Element
        The one that stays (ws), or travels down (os).
    total : Element
        The sum.
    """

    stream: Element
    weight: Element
    total: Element


class MultiplyAdd(wiring.Component):
    """A datapath: ``result = addend + stream * weight``, the product of `latency` - 1 clocks ago, the addend of now.

    Parameters
    ----------
    operands : Operands
    latency : int
        Registers from operands to sum, 1 to 16: the PE's own register of the sum is the last of them.
    probe : bool
        Adds ``probe``: the product registers, youngest first.

    Attributes
    ----------
    enable : In(1)
        Product registers hold while it is 0.
    stream, weight, addend : In
    result : Out
        Combinational from `addend` and the oldest product.
    """

    def __init__(self, operands: Operands, latency: int = 1, *, probe: bool = False) -> None:
        if not 1 <= latency <= GREATEST_LATENCY:
            raise CodesignError(f"PE: latency_cycles is {latency}; use 1..{GREATEST_LATENCY}")
        self.operands, self.latency, self.probing = operands, latency, probe
        members: dict[str, wiring.Member] = {
            "enable": In(1),
            "stream": In(shape_of(operands.stream)),
            "weight": In(shape_of(operands.weight)),
            "addend": In(shape_of(operands.total)),
            "result": Out(shape_of(operands.total)),
        }
        if probe and latency > 1:
            members["probe"] = Out(sum(bits for _, bits, _ in self.probe_fields()))
        super().__init__(members)

    @property
    def product(self) -> Element:
        """The product as its registers hold it."""
        raise TypeError(f"{type(self).__name__} has no product")

    def probe_fields(self) -> list[Field]:
        """Return the product registers, youngest first."""
        return [(f"product_{age}", *self.product) for age in range(1, self.latency)]


class Port(NamedTuple):
    """A port of an element towards its neighbours, `bits` wide.

    Attributes
    ----------
    enters, leaves : str
        Members; either may be empty. To the right, what leaves is what entered a clock before. Downwards, what leaves
        a row enters the next one; without `leaves` every row of the column gets the same.
    """

    enters: str
    leaves: str
    bits: int


class ProcessingElement(wiring.Component):
    """Base of the elements: ports to neighbours as lists, so that a row of any of them is built alike.

    Attributes
    ----------
    enable : In(1)
        The array moves: a matmul is in flight.
    right, down : tuple of Port
    """

    right: tuple[Port, ...]
    down: tuple[Port, ...]

    def __init__(self, datapath: MultiplyAdd) -> None:
        self.datapath = datapath
        self.probing = datapath.probing
        members: dict[str, wiring.Member] = {"enable": In(1)}
        for port in (*self.right, *self.down):
            members |= {port.enters: In(port.bits)} if port.enters else {}
            members |= {port.leaves: Out(port.bits)} if port.leaves else {}
        if self.probing:
            members["probe"] = Out(sum(bits for _, bits, _ in self.probe_fields()))
        super().__init__(members)

    def probe_fields(self) -> list[Field]:
        """Return the registers on port ``probe``, low bits first."""
        raise TypeError(f"{type(self).__name__} has no registers")
