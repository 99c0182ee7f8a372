"""The performance counters: what the blocks report each cycle, added up; the same as the simulator's, name by name."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Elaboratable, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.emission import Parts, place
from rtl.encoding import TOKEN_MASK_BITS
from rtl.npu.queues import lowest_source
from rtl.parameters import COUNTER_BITS
from simulators.activity import COUNTERS
from simulators.program import LOAD_ENGINE, VECTOR_ENGINE


class ExecuteWaits(wiring.Component):
    """Why the array takes nothing in this cycle: docs/npu.md, last paragraph of "Execute engine".

    ``running``: cycle 0 is over; ``array_busy``: a matmul or its drain is under way; ``head_valid``, ``missing``: of
    the execute queue; ``started``, ``matmul_started``: in this cycle; ``commands``: preloads and matmuls of the
    program.
    """

    def __init__(self) -> None:
        causes = ("token_load", "token_vector", "token_store", "array", "queue")
        super().__init__(
            {name: In(1) for name in ("running", "array_busy", "head_valid", "started", "matmul_started")}
            | {"missing": In(TOKEN_MASK_BITS), "commands": In(32)}
            | {f"execute_wait_{cause}": Out(1) for cause in causes}
        )

    def elaborate(self, platform: object) -> Module:
        """One class a cycle at most."""
        m = Module()
        popped = Signal(32)
        with m.If(self.started):
            m.d.sync += popped.eq(popped + 1)
        source = lowest_source(self.missing)
        waits = self.missing.any()
        from_load, from_vector = source == LOAD_ENGINE, source == VECTOR_ENGINE
        with m.If(~self.array_busy & self.head_valid):
            m.d.comb += [
                self.execute_wait_token_load.eq(waits & from_load),
                self.execute_wait_token_vector.eq(waits & from_vector),
                self.execute_wait_token_store.eq(waits & ~from_load & ~from_vector),
                self.execute_wait_array.eq(~waits & ~self.matmul_started),
            ]
        with m.Elif(~self.array_busy):
            m.d.comb += self.execute_wait_queue.eq(self.running & (popped < self.commands))
        return m


class Counter(wiring.Component):
    """``value``: the sum of ``increment`` over the cycles before.

    Parameters
    ----------
    bits : int
        Of an increment.
    """

    def __init__(self, bits: int) -> None:
        super().__init__({"increment": In(bits), "value": Out(COUNTER_BITS)})

    def elaborate(self, platform: object) -> Module:
        """A register and an adder."""
        m = Module()
        with m.If(self.increment != 0):
            m.d.sync += self.value.eq(self.value + self.increment)
        return m


class Counters(Elaboratable):
    """Sums of increments.

    Parameters
    ----------
    sources : dict of str to list of Value
        For each counter that moves, the increments that its blocks report.
    parts : Parts, optional
        `rtl.emission.place`.

    Attributes
    ----------
    first, end : Signal
        Cycle 0 of docs/npu.md; a command ends in this cycle.
    running : Signal
        Cycle 0 is over.
    values : dict of str to Value
        Each of `simulators.activity.COUNTERS`; ``cycles`` is the cycle of the last `end` so far.
    """

    def __init__(self, sources: dict[str, list[Value]], parts: Parts | None = None):
        unknown = set(sources) - set(COUNTERS)
        assert not unknown, f"{sorted(unknown)} are no counters"
        self.sources, self.parts = sources, parts
        self.values: dict[str, Value] = dict.fromkeys(COUNTERS, Const(0, COUNTER_BITS))
        self.values |= {name: Signal(COUNTER_BITS, name=name) for name in ("cycles", *sources)}
        self.first = Signal()
        self.running = Signal()
        self.end = Signal()

    def elaborate(self, platform: object) -> Module:
        """A counter each; increments of several blocks are added before."""
        m = Module()
        elapsed = Signal(COUNTER_BITS)
        started = Signal()
        with m.If(self.first | started):
            m.d.sync += [started.eq(1), elapsed.eq(elapsed + 1)]
        with m.If(self.end):
            m.d.sync += self.values["cycles"].eq(elapsed)
        m.d.comb += self.running.eq(started)
        increments = {name: sum(many[1:], many[0]) for name, many in self.sources.items()}
        bits = max(map(len, increments.values()))
        for name, increment in increments.items():
            wires = {"increment": Cat(increment, Const(0, bits - len(increment))), "value": self.values[name]}
            place(m, name, self.parts, "codesign_counter", lambda: Counter(bits), wires)
        return m
