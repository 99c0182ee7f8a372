"""Where the vector unit's results go: row by row, lanes a stride apart."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import command_fields
from rtl.npu.vector_loops import used_bits
from rtl.npu.vector_plan import write_latencies
from rtl.parameters import NpuParameters
from simulators.program import VECTOR_ENGINE


class VectorWrites(wiring.Component):
    """Addresses of the lanes' results, group by group; a step with each write.

    Attributes
    ----------
    start, head, command
        As of `rtl.npu.vector_loops.VectorLoops`; in a machine that can write in the cycle of the start, `command`
        is that of `head` already.
    write : In(1)
    enable : Out(lanes)
    addresses : Out, one a lane
    used : Out
        Lanes that write in this cycle, 0 without `write`.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        super().__init__({
            "start": In(1), "head": In(command_fields(p, VECTOR_ENGINE, ("destination", "channels"))),
            "command": In(command_fields(p, VECTOR_ENGINE, ("channels", "n0", "d_s0", "d_jump", "d_lane"))),
            "write": In(1),
            "enable": Out(p.lanes), "addresses": Out(p.scratchpad_address_bits).array(p.lanes),
            "used": Out(used_bits(p)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Registers hold the next write's address, its row's column and the channels left."""
        m = Module()
        p, command, bits = self.p, self.command, self.p.scratchpad_address_bits
        multiples = _multiples(m, command.d_lane, p.lanes)
        at, of_position = Signal(bits, name="at"), Signal(bits, name="of_position")
        left, column = Signal(p.extent_bits, name="channels_left"), Signal(p.extent_bits, name="column")
        last = Signal()
        following = Signal(bits)
        now = self._now({"at": at, "of_position": of_position, "left": left, "column": column})
        next_column = now["column"] + 1
        row_ends = next_column == command.n0
        from_position = now["of_position"] + Mux(row_ends, command.d_jump, command.d_s0)
        m.d.comb += [
            last.eq(now["left"] <= p.lanes),
            following.eq(Mux(last, from_position, now["at"] + multiples[p.lanes])),
            self.used.eq(Mux(self.write, Mux(last, now["left"], p.lanes), 0)),
        ]
        for lane in range(p.lanes):
            m.d.comb += [
                self.addresses[lane].eq(now["at"] + multiples[lane]),
                self.enable[lane].eq(self.write & (now["left"] > lane)),
            ]
        with m.If(self.write):
            m.d.sync += [at.eq(following), of_position.eq(Mux(last, following, now["of_position"]))]
            m.d.sync += left.eq(Mux(last, command.channels, now["left"] - p.lanes))
            m.d.sync += column.eq(Mux(last, Mux(row_ends, 0, next_column), now["column"]))
        with m.Elif(self.start):
            first = self._first()
            m.d.sync += [at.eq(first["at"]), of_position.eq(first["at"]), left.eq(first["left"]), column.eq(0)]
        return m

    def _first(self) -> dict[str, Value | int]:
        destination = self.head.destination
        return {"at": destination, "of_position": destination, "left": self.head.channels, "column": 0}

    def _now(self, registers: dict[str, Signal]) -> dict[str, Value]:
        """The registers, or the first write's values where that may be in the cycle of the start."""
        if min(write_latencies(self.p).values(), default=1) > 0:
            return dict(registers)
        first = self._first()
        return {name: Mux(self.start, first[name], register) for name, register in registers.items()}


def _multiples(m: Module, stride: Value, most: int) -> list[Value]:
    """Return 0 to `most` times a stride, from shifts and few levels of adders: the high half of the factor's bits
    plus the low half."""
    found: list[Value] = [stride & 0, stride]
    for n in range(2, most + 1):
        half = n.bit_length() // 2
        multiple = Signal(len(stride), name=f"stride_times_{n}")
        m.d.comb += multiple.eq((found[n >> half] << half) + found[n & ((1 << half) - 1)])
        found.append(multiple)
    return found
