"""Sequencer, command queues and dependency tokens: docs/npu.md, "Sequencer, queues, tokens"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

from amaranth.hdl import Cat, Const, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.encoding import ENGINE_BITS, TOKEN_MASK_BITS, body_bits
from rtl.npu.interfaces import end_signature
from rtl.npu.rings import following
from rtl.parameters import NpuParameters
from simulators.program import CHANNELS, ENGINES, EXECUTE_ENGINE, LOAD_ENGINE, STORE_ENGINE, VECTOR_ENGINE

#: What ends, and the engine whose tokens it gives.
ENDS = {
    "load": LOAD_ENGINE, "preload": EXECUTE_ENGINE, "matmul": EXECUTE_ENGINE, "vector": VECTOR_ENGINE,
    "store": STORE_ENGINE,
}  # fmt: skip


def level_bits(p: NpuParameters) -> int:
    """Return the bits of a queue's level, those of the longest for all."""
    return max(depth.bit_length() for depth in p.queue_depths)


class Sequencer(Elaboratable):
    """Pushes one command a cycle, in order, into the queue of its engine.

    Parameters
    ----------
    p : NpuParameters
    command : stream of command_bits
        Packed words.
    heads : dict
        By engine: a stream of its commands, which gets the head of its queue. An engine that is not there has none.

    Attributes
    ----------
    waits : Signal
        A command finds its queue full.
    levels : Signal
        How many commands each queue holds, `level_bits` each.
    """

    def __init__(self, p: NpuParameters, command: Any, heads: Mapping[str, Any]) -> None:
        self.p, self.command, self.heads = p, command, heads
        self.waits = Signal()
        self.levels = Signal(len(ENGINES) * level_bits(p))

    def elaborate(self, platform: object) -> Module:
        """Queues behind one door."""
        m = Module()
        engine = self.command.payload[:ENGINE_BITS]
        room = [self._queue(m, e, name, engine == e) if name in self.heads else 0 for e, name in enumerate(ENGINES)]
        m.d.comb += [
            self.command.ready.eq(Cat(*room).bit_select(engine, 1)),
            self.waits.eq(self.command.valid & ~self.command.ready),
        ]
        return m

    def _queue(self, m: Module, e: int, name: str, mine: Value) -> Value:
        """A ring whose oldest entry is the head; return whether it has room."""
        head, depth, bits = self.heads[name], self.p.queue_depths[e], body_bits(self.p, e)
        m.submodules[f"queue_{name}"] = ring = Memory(shape=bits, depth=depth, init=[])
        write, read = ring.write_port(), ring.read_port(domain="comb")
        oldest, newest = Signal(range(depth), name=f"oldest_{name}"), Signal(range(depth), name=f"newest_{name}")
        level, room = Signal(range(depth + 1), name=f"level_{name}"), Signal(name=f"room_{name}")
        m.d.comb += [
            room.eq(level != depth),
            write.en.eq(self.command.valid & mine & room),
            write.addr.eq(newest),
            write.data.eq(self.command.payload[ENGINE_BITS:]),
            read.addr.eq(oldest),
            head.payload.eq(read.data),
            head.valid.eq(level != 0),
            self.levels.word_select(e, level_bits(self.p)).eq(level),
        ]
        pops = head.valid & head.ready
        m.d.sync += level.eq(level + write.en - pops)
        for moves, place in ((write.en, newest), (pops, oldest)):
            with m.If(moves):
                m.d.sync += place.eq(following(place, depth))
        return room


class TokenCounters(wiring.Component):
    """A counter of tokens for each ordered pair of engines and channel.

    ``waits_<engine>`` is the mask of the engine's head and ``take_<engine>`` its start; ``ready_<engine>`` says that
    all its tokens are there, ``missing_<engine>`` is the mask of those that are not. ``end_<what>`` gives tokens,
    which are there in the next cycle. ``counts`` packs all counters, by `simulators.program.token`.
    """

    def __init__(self, p: NpuParameters):
        self.p = p
        members: dict[str, wiring.Member] = {"counts": Out(4 * TOKEN_MASK_BITS * p.token_bits)}
        for name in ENGINES:
            members |= {
                f"waits_{name}": In(TOKEN_MASK_BITS), f"take_{name}": In(1), f"ready_{name}": Out(1),
                f"missing_{name}": Out(TOKEN_MASK_BITS),
            }  # fmt: skip
        super().__init__(members | {f"end_{name}": In(end_signature()) for name in ENDS})

    def _given(self, m: Module) -> dict[int, list[Value]]:
        """Masks of the tokens that this cycle's ends give, by the engine that gives them."""
        found: dict[int, list[Value]] = {}
        for name, engine in ENDS.items():
            end, given = getattr(self, f"end_{name}"), Signal(TOKEN_MASK_BITS, name=f"given_by_{name}")
            m.d.comb += given.eq(Mux(end.pulse, end.gives, 0))
            found.setdefault(engine, []).append(given)
        return found

    def elaborate(self, platform: object) -> Module:
        """Sixty-four small up and down counters."""
        m = Module()
        counts: dict[int, Signal] = {}
        given = self._given(m)
        for target, name in enumerate(ENGINES):
            waits, take = getattr(self, f"waits_{name}"), getattr(self, f"take_{name}")
            taken = Signal(TOKEN_MASK_BITS, name=f"taken_by_{name}")
            m.d.comb += taken.eq(Mux(take, waits, 0))
            available = []
            for source in range(4):
                for channel in range(CHANNELS):
                    bit = source * CHANNELS + channel
                    count = Signal(self.p.token_bits, name=f"{ENGINES[source]}_to_{name}_{channel}")
                    counts[(source * 4 + target) * CHANNELS + channel] = count
                    more = reduce(add, (mask[target * CHANNELS + channel] for mask in given[source]))
                    m.d.sync += count.eq(count + more - taken[bit])
                    available.append(count.any())
            missing = getattr(self, f"missing_{name}")
            m.d.comb += [missing.eq(waits & ~Cat(*available)), getattr(self, f"ready_{name}").eq(~missing.any())]
        m.d.comb += self.counts.eq(Cat(*(counts[i] for i in sorted(counts))))
        return m


def lowest_source(missing: Value) -> Value:
    """Return the source engine (2 bits) of the lowest counter in a mask of missing tokens."""
    groups = [missing[s * CHANNELS : (s + 1) * CHANNELS].any() for s in range(4)]
    return Mux(groups[0], Const(0, 2), Mux(groups[1], Const(1, 2), Mux(groups[2], Const(2, 2), Const(3, 2))))
