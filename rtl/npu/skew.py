"""Lines of registers: equal delays, delays that grow from lane to lane, and what waits for the end of a long line."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.rings import following
from rtl.parameters import address_bits


def delayed(
    m: Module, value: Value, cycles: int, name: str, *, enable: Value | int = 1, control: bool = False
) -> Value:
    """Return a value `cycles` clocks later (0: itself), moved while `enable`; control bits have a reset."""
    for stage in range(cycles):
        register = Signal(value.shape(), name=f"{name}_{stage + 1}", reset_less=not control)
        with m.If(enable):
            m.d.sync += register.eq(value)
        value = register
    return value


def taps(m: Module, bit: Value, count: int, name: str, *, enable: Value | int = 1) -> Value:
    """Return a control bit delayed by 0, 1, ..., `count` - 1 clocks, packed."""
    if count == 1:
        return bit
    line = Signal(count - 1, name=name)
    with m.If(enable):
        m.d.sync += line.eq(Cat(bit, line))
    return Cat(bit, line)


class Skew(wiring.Component):
    """Lane i comes out i clocks later.

    Parameters
    ----------
    lanes, bits : int

    Attributes
    ----------
    enable : In(1)
        The lines move.
    i, o : In, Out (lanes * bits)
    """

    def __init__(self, lanes: int, bits: int) -> None:
        self.lanes, self.bits = lanes, bits
        super().__init__({"enable": In(1), "i": In(lanes * bits), "o": Out(lanes * bits)})

    def elaborate(self, platform: object) -> Module:
        """A triangle: each stage holds one lane less."""
        m = Module()
        stage: Value = self.i
        out = []
        for lane in range(self.lanes):
            out.append(stage[: self.bits])
            if lane + 1 < self.lanes:
                held = Signal(len(stage) - self.bits, name=f"stage_{lane + 1}", reset_less=True)
                with m.If(self.enable):
                    m.d.sync += held.eq(stage[self.bits :])
                stage = held
        m.d.comb += self.o.eq(Cat(*out))
        return m


class Waiting(wiring.Component):
    """What waits for the end of a line of `latency` clocks, for `latency` + `used` of them, `distance` apart at least.

    Fewer registers than a line as wide: what enters is held in one of a few slots, in order. With `latency` 0 it is
    there at once.

    Parameters
    ----------
    bits, latency, distance, used : int
        `used`: clocks in which ``o`` is read, up to and including that of `pop`.

    Attributes
    ----------
    push, i : In
    pop : In(1)
        ``o`` is read for the last time.
    o : Out
    """

    def __init__(self, bits: int, latency: int, distance: int, used: int = 1) -> None:
        self.bits, self.latency = bits, latency
        self.slots = max(1, -(-(latency + used - 1) // distance))
        super().__init__({"push": In(1), "i": In(bits), "pop": In(1), "o": Out(bits)})

    def elaborate(self, platform: object) -> Module:
        """Slots written and read in turn."""
        m = Module()
        if self.latency == 0:
            m.d.comb += self.o.eq(self.i)
            return m
        slots = [Signal(self.bits, name=f"slot_{k}", reset_less=True) for k in range(self.slots)]
        write = Signal(address_bits(self.slots))
        read = Signal.like(write)
        for pointer, moves in ((write, self.push), (read, self.pop)):
            if self.slots > 1:
                with m.If(moves):
                    m.d.sync += pointer.eq(following(pointer, self.slots))
        for k, slot in enumerate(slots):
            with m.If(self.push & (write == k)):
                m.d.sync += slot.eq(self.i)
        m.d.comb += self.o.eq(Array(slots)[read] if self.slots > 1 else slots[0])
        return m
