"""A pipeline between two streams that stops as a whole: it moves when its last stage is empty or taken."""

from __future__ import annotations

from amaranth import Module, Signal, ValueLike
from amaranth.hdl import Value
from amaranth.lib import stream


class StallingPipeline:
    """Registers between an input and an output stream, all enabled together; adds its logic to `m`.

    With r registers a payload accepted in clock t is offered in clock t + r, if nothing stalls; one a clock.

    Parameters
    ----------
    m : Module
        Of the component that has the streams.
    i, o : streams
        Input and output; ready of `i`, and after `finish` valid of `o`, are driven.
    accept : 1-bit value, optional
        Which payloads of `i` go on; the others are taken and dropped.
    """

    def __init__(self, m: Module, i: stream.Interface, o: stream.Interface, accept: ValueLike = 1) -> None:
        self._m, self._o, self._stages = m, o, 0
        self._valid: Value = i.valid & accept
        self._advance = Signal(name="advance")
        m.d.comb += [self._advance.eq(~o.valid | o.ready), i.ready.eq(self._advance)]

    def register(self, **values: ValueLike) -> list[Signal]:
        """Return the named values one stage later."""
        registers = []
        valid = Signal(name=f"valid_{self._stages}")
        with self._m.If(self._advance):
            self._m.d.sync += valid.eq(self._valid)
            for name, given in values.items():
                value = Value.cast(given)
                register = Signal(value.shape(), name=f"{name}_{self._stages}", reset_less=True)
                self._m.d.sync += register.eq(value)
                registers.append(register)
        self._valid = valid
        self._stages += 1
        return registers

    def finish(self) -> None:
        """Offer the last stage at the output."""
        self._m.d.comb += self._o.valid.eq(self._valid)
