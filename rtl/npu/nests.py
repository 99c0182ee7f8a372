"""Nests as odometers: addresses without a multiplier or a divider. Their meaning: docs/npu.md, "Nests".

A command brings a nest as its extents `n0`, `n1`, the digits `i0`, `i1` of its first index, and the jumps of the
address from one index to the next: `j0` within a row, `j1` when the inner digit wraps, `j2` when both wrap
(`rtl.encoding`). Addresses are modulo the memory's address bits.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.masks import one_hot

NEST_FIELDS = ("n0", "n1", "i0", "i1", "j0", "j1", "j2")


def nest_layout(extent_bits: int, address_bits: int) -> data.StructLayout:
    """Return a nest: extents and digits of `extent_bits`, jumps of `address_bits`."""
    return data.StructLayout({name: address_bits if name[0] == "j" else extent_bits for name in NEST_FIELDS})


def nest_of(command: data.View, prefix: str = "", address_bits: int | None = None) -> Value:
    """Return the nest of a command's fields with that prefix, packed as `nest_layout` lays it.

    Parameters
    ----------
    address_bits : int, optional
        To which the jumps are cut.
    """
    return Cat(command[prefix + name][: address_bits if name[0] == "j" else None] for name in NEST_FIELDS)


class Odometer(wiring.Component):
    """The digits of a running index and the jump to the next one.

    In the cycle of `load` the registers take `nest`, so the first address is used in that cycle and the digits are
    those of the last address used ever after: ``address + jump`` is the next one, and `step` says that it is used.

    Parameters
    ----------
    extent_bits, address_bits : int

    Attributes
    ----------
    load, step : In(1)
        `load` wins.
    nest : In(nest_layout)
    jump : Out(address_bits)
        From registers only.
    """

    def __init__(self, extent_bits: int, address_bits: int) -> None:
        layout = nest_layout(extent_bits, address_bits)
        self.layout = layout
        super().__init__({"load": In(1), "step": In(1), "nest": In(layout), "jump": Out(address_bits)})

    def elaborate(self, platform: object) -> Module:
        """Two digits; extents and jumps held beside them."""
        m = Module()
        held = Signal(self.layout)
        next0, next1 = held.i0 + 1, held.i1 + 1
        wrap0, wrap1 = next0 == held.n0, next1 == held.n1
        m.d.comb += self.jump.eq(Mux(wrap0, Mux(wrap1, held.j2, held.j1), held.j0))
        with m.If(self.load):
            m.d.sync += held.eq(self.nest)
        with m.Elif(self.step):
            m.d.sync += held.i0.eq(Mux(wrap0, 0, next0))
            with m.If(wrap0):
                m.d.sync += held.i1.eq(Mux(wrap1, 0, next1))
        return m


class Wraps(NamedTuple):
    """For each lane but the last, whether the inner digit, and both digits, wrap on the way to the next lane."""

    inner: list[Value]
    both: list[Value]


def lane_wraps(m: Module, nest: data.View, lanes: int) -> Wraps:
    """Return where the digits of a nest wrap over its first `lanes` indices, combinationally.

    The steps that remain until a digit wraps are kept one-hot, as far as the lanes reach: a step is then a shift, and
    the chain from lane to lane one gate a lane instead of an incrementer and a comparator.
    """

    def remaining(steps: Value, name: str) -> Signal:
        hot = Signal(max(lanes - 1, 1), name=f"{name}_remaining")
        m.d.comb += hot.eq(one_hot(lanes - 1, steps))
        return hot

    reload0, reload1 = remaining(nest.n0, "n0"), remaining(nest.n1, "n1")
    left0, left1 = remaining(nest.n0 - nest.i0, "i0"), remaining(nest.n1 - nest.i1, "i1")
    inner: list[Value] = []
    both: list[Value] = []
    for lane in range(lanes - 1):
        wraps0, wraps1 = left0[0], left0[0] & left1[0]
        inner.append(wraps0)
        both.append(wraps1)
        after0 = Signal.like(left0, name=f"i0_remaining_{lane}")
        after1 = Signal.like(left1, name=f"i1_remaining_{lane}")
        m.d.comb += [
            after0.eq(Mux(wraps0, reload0, left0 >> 1)),
            after1.eq(Mux(wraps1, reload1, Mux(wraps0, left1 >> 1, left1))),
        ]
        left0, left1 = after0, after1
    return Wraps(inner, both)


def lane_addresses(m: Module, address: Value, nest: data.View, lanes: int) -> list[Value]:
    """Return the addresses of the first `lanes` indices of a nest whose first one is `address`, combinationally."""
    wraps, bits, found = lane_wraps(m, nest, lanes), len(address), [address]
    for lane in range(lanes - 1):
        after = Signal(bits, name=f"lane_address_{lane + 1}")
        jump = Mux(wraps.both[lane], nest.j2, Mux(wraps.inner[lane], nest.j1, nest.j0))
        m.d.comb += after.eq(found[-1] + jump)
        found.append(after)
    return found


class LaneAddresses(wiring.Component):
    """The addresses of all lanes at the running position of a nest.

    Parameters
    ----------
    lanes, extent_bits, address_bits : int

    Attributes
    ----------
    start, issue : In(1)
        A command's first addresses are used in this cycle, straight from the inputs; any addresses are.
    address, nest, lane_nest : In
        Of the command that starts; `address` is that of its first position and first lane.
    addresses : Out(lanes * address_bits)
    """

    def __init__(self, lanes: int, extent_bits: int, address_bits: int) -> None:
        self.lanes, self.bits = lanes, address_bits
        self.positions = Odometer(extent_bits, address_bits)
        layout = self.positions.layout
        super().__init__({
            "start": In(1), "issue": In(1), "address": In(address_bits), "nest": In(layout), "lane_nest": In(layout),
            "addresses": Out(lanes * address_bits),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """A register a lane, moved by one odometer."""
        m = Module()
        m.submodules.positions = positions = self.positions
        m.d.comb += [positions.load.eq(self.start), positions.step.eq(self.issue), positions.nest.eq(self.nest)]
        for lane, first in enumerate(lane_addresses(m, self.address, self.lane_nest, self.lanes)):
            held = Signal(self.bits, name=f"lane_{lane}", reset_less=True)
            now = self.addresses[lane * self.bits : (lane + 1) * self.bits]
            m.d.comb += now.eq(Mux(self.start, first, held + positions.jump))
            with m.If(self.issue):
                m.d.sync += held.eq(now)
        return m


class TurnAddresses(wiring.Component):
    """The addresses of one lane after the other, all of them at each position of a nest.

    Parameters
    ----------
    lanes, extent_bits, address_bits : int

    Attributes
    ----------
    start, issue : In(1)
        As of `LaneAddresses`; with `start` comes lane 0.
    first_lane : In(1)
        The address is lane 0's, of the next position.
    address, nest, lane_nest : In
    now : Out(address_bits)
    """

    def __init__(self, lanes: int, extent_bits: int, address_bits: int) -> None:
        self.lanes, self.bits = lanes, address_bits
        self.positions = Odometer(extent_bits, address_bits)
        layout = self.positions.layout
        super().__init__({
            "start": In(1), "issue": In(1), "first_lane": In(1), "address": In(address_bits), "nest": In(layout),
            "lane_nest": In(layout), "now": Out(address_bits),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Where lanes wrap is worked out once a command and turned around with the lanes."""
        m = Module()
        m.submodules.positions = positions = self.positions
        position = Signal(self.bits, reset_less=True)
        held = Signal(self.bits, reset_less=True)
        wraps = lane_wraps(m, self.lane_nest, self.lanes)
        inner = Signal(self.lanes, reset_less=True)
        both = Signal(self.lanes, reset_less=True)
        jumps = Signal(self.lane_nest.shape(), reset_less=True)
        jump = Mux(both[0], jumps.j2, Mux(inner[0], jumps.j1, jumps.j0))
        next_position = position + positions.jump
        m.d.comb += [
            positions.load.eq(self.start),
            positions.step.eq(self.issue & self.first_lane),
            positions.nest.eq(self.nest),
            self.now.eq(Mux(self.start, self.address, Mux(self.first_lane, next_position, held + jump))),
        ]
        with m.If(self.issue):
            m.d.sync += [held.eq(self.now), inner.eq(inner.rotate_right(1)), both.eq(both.rotate_right(1))]
            with m.If(self.start | self.first_lane):
                m.d.sync += position.eq(self.now)
        with m.If(self.start):
            m.d.sync += [inner.eq(Cat(*wraps.inner)), both.eq(Cat(*wraps.both)), jumps.eq(self.lane_nest)]
        return m
