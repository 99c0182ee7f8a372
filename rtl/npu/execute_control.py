"""When preloads and matmuls start, what they issue in each cycle, and whether the array moves.

The rules are those of docs/npu.md, "Execute engine"; nothing here knows how long a command takes.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.npu.interfaces import command_fields
from rtl.npu.masks import first_lanes
from rtl.parameters import NpuParameters, address_bits
from simulators.program import EXECUTE_ENGINE

#: What is needed of a command.
_FIELDS = ("preload", "swap", "count", "used_rows", "used_cols")


def fill_latency(p: NpuParameters) -> int:
    """Return the clocks from the issue of a vector or step to the addition of its product in PE (0, 0)."""
    return p.operand_latency + int(p.serializer) + p.pe_latency - 1


class ExecuteControl(wiring.Component):
    """The array's registers of what is under way.

    Attributes
    ----------
    command : In
        Of the head of the queue; `offered`: it is there and so are its tokens.
    matmul_ended : In(1)
        A matmul ends in this cycle.
    preload_starts, matmul_starts : Out(1)
        The head starts in this cycle.
    preload_issues, matmul_issues : Out(1)
        A row of the tile, a vector or step is read in this cycle.
    last : Out(1)
        The matmul's last one.
    first_lane : Out(1), with a serializer
        The word read is lane 0's, so a block begins.
    tile_rows, tile_cols : Out(1), Out(cols)
        The row of the tile, and its columns, are in use.
    lanes, columns : Out(rows), Out(cols)
        Of the vector or step: lanes in use (with a serializer all alike: that of the word), and columns.
    used_rows, used_cols, used_pes, tile_used_cols : Out
        Of the matmul (preload) that issues.
    waits : Out(1)
        os: sums leave in this cycle, and no step is taken.
    moves : Out(1)
        A matmul is in flight: started, not ended.
    busy : Out(1)
        A matmul or the wait for its sums was under way when the cycle began.
    """

    def __init__(self, p: NpuParameters) -> None:
        self.p = p
        row_bits, col_bits = p.rows.bit_length(), p.cols.bit_length()
        members: dict[str, wiring.Member] = {
            "command": In(command_fields(p, EXECUTE_ENGINE, _FIELDS)), "offered": In(1), "matmul_ended": In(1),
            "matmul_starts": Out(1), "matmul_issues": Out(1), "last": Out(1), "lanes": Out(p.rows),
            "columns": Out(p.cols), "used_rows": Out(row_bits), "used_cols": Out(col_bits),
            "used_pes": Out((p.rows * p.cols).bit_length()), "moves": Out(1), "busy": Out(1),
        }  # fmt: skip
        if p.is_os:
            members |= {"waits": Out(1)} | ({"first_lane": Out(1)} if p.serializer else {})
        else:
            members |= {
                "preload_starts": Out(1), "preload_issues": Out(1), "tile_rows": Out(1), "tile_cols": Out(p.cols),
                "tile_used_cols": Out(col_bits),
            }  # fmt: skip
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Start rules, then the counters of rows and steps."""
        m = Module()
        flying = Signal()
        matmul = Signal()
        waiting = Signal()
        self._count_in_flight(m, flying)
        free = ~matmul & ~waiting
        if self.p.is_os:
            m.d.comb += self.matmul_starts.eq(self.offered & free & (~flying if not self.p.overlap else 1))
        else:
            preload = Signal()
            tile = Signal()
            self._stationary_rules(m, flying, matmul, preload, tile)
            self._issue_tile(m, preload)
        self._issue_steps(m, matmul)
        if self.p.is_os:
            self._wait(m, waiting)
        m.d.comb += [self.moves.eq(flying | self.matmul_starts), self.busy.eq(~free)]
        return m

    def _count_in_flight(self, m: Module, flying: Signal) -> None:
        """At most one starts a cycle, so their number is bounded by the cycles that one takes after its last issue."""
        p = self.p
        longest = fill_latency(p) + p.rows + p.cols + p.drain + p.accumulator_latency
        count = Signal(address_bits(longest + 1))
        with m.If(self.matmul_starts != self.matmul_ended):
            m.d.sync += count.eq(Mux(self.matmul_starts, count + 1, count - 1))
        m.d.comb += flying.eq(count != 0)

    def _stationary_rules(self, m: Module, flying: Value, matmul: Value, preload: Value, tile: Signal) -> None:
        """Start rules of preload and matmul; `tile`: a whole or coming tile waits for its matmul."""
        command = self.command
        may_preload = ~preload & ~tile
        if not self.p.shadow:
            may_preload &= ~matmul
        if not self.p.overlap:
            may_preload &= ~flying
        may_multiply = ~matmul & (~command.swap | (tile & ~preload))
        m.d.comb += [
            self.preload_starts.eq(self.offered & command.preload & may_preload),
            self.matmul_starts.eq(self.offered & ~command.preload & may_multiply),
        ]
        with m.If(self.preload_starts):
            m.d.sync += tile.eq(1)
        with m.If(self.matmul_starts & command.swap):
            m.d.sync += tile.eq(0)

    def _held(self, m: Module, starts: Value, field: str, prefix: str) -> Value:
        """A field of the command under way: the head's in the cycle of its start, then a copy."""
        copy = Signal(self.command[field].shape(), name=f"{prefix}_{field}", reset_less=True)
        with m.If(starts):
            m.d.sync += copy.eq(self.command[field])
        return Mux(starts, self.command[field], copy)

    def _issue_tile(self, m: Module, preload: Signal) -> None:
        """One row of the tile a cycle."""
        rows, starts = self.p.rows, self.preload_starts
        row = Signal(address_bits(rows))
        more = Signal()
        m.d.comb += more.eq(row != rows - 1)
        with m.If(self.preload_issues):
            m.d.sync += [row.eq(Mux(more, row + 1, 0)), preload.eq(more)]
        used_rows = self._held(m, starts, "used_rows", "tile")
        m.d.comb += [
            self.preload_issues.eq(starts | preload),
            self.tile_used_cols.eq(self._held(m, starts, "used_cols", "tile")),
            self.tile_rows.eq(row < used_rows),
            self.tile_cols.eq(first_lanes(self.p.cols, self.tile_used_cols)),
        ]

    def _issue_steps(self, m: Module, matmul: Signal) -> None:
        """One vector or step a cycle; with a serializer a step of each lane in turn, `count` blocks of them."""
        p, starts, command = self.p, self.matmul_starts, self.command
        left = Signal(p.extent_bits, reset_less=True)
        after = Signal(p.extent_bits)
        m.d.comb += [after.eq(Mux(starts, command.count, left) - 1), self.matmul_issues.eq(starts | matmul)]
        m.d.comb += self.used_rows.eq(self._held(m, starts, "used_rows", "matmul"))
        m.d.comb += self.used_cols.eq(self._held(m, starts, "used_cols", "matmul"))
        used_pes = Signal.like(self.used_pes, name="held_used_pes", reset_less=True)
        m.d.comb += self.used_pes.eq(Mux(starts, command.used_rows * command.used_cols, used_pes))
        counts: Value = self.matmul_issues
        if p.serializer:
            lane = Signal(address_bits(p.rows))
            last_lane = lane == p.rows - 1
            with m.If(self.matmul_issues):
                m.d.sync += lane.eq(Mux(last_lane, 0, lane + 1))
            counts = counts & last_lane
            m.d.comb += [self.first_lane.eq(lane == 0), self.lanes.eq((lane < self.used_rows).replicate(p.rows))]
        else:
            m.d.comb += self.lanes.eq(first_lanes(p.rows, self.used_rows))
        m.d.comb += [
            self.columns.eq(first_lanes(p.cols, self.used_cols)),
            self.last.eq(counts & (after == 0)),
        ]
        with m.If(starts):
            m.d.sync += [left.eq(command.count), used_pes.eq(self.used_pes)]
        with m.If(counts):
            m.d.sync += left.eq(after)
        with m.If(self.matmul_issues):
            m.d.sync += matmul.eq(~self.last)

    def _wait(self, m: Module, waiting: Signal) -> None:
        """After the last step the array takes none while its sums leave."""
        left = Signal(range(self.p.drain + 1))
        m.d.comb += [waiting.eq(left != 0), self.waits.eq(waiting)]
        with m.If(self.last):
            m.d.sync += left.eq(self.p.drain)
        with m.Elif(waiting):
            m.d.sync += left.eq(left - 1)
