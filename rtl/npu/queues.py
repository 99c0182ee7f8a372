"""Sequencer, command queues and dependency tokens: docs/npu.md, "Sequencer, queues, tokens"."""

from __future__ import annotations

from functools import reduce
from operator import add

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.encoding import ENGINE_BITS, TOKEN_MASK_BITS, body_bits, body_layout, command_bits
from rtl.npu.interfaces import end_signature
from rtl.parameters import NpuParameters
from simulators.program import CHANNELS, ENGINES, EXECUTE_ENGINE, LOAD_ENGINE, STORE_ENGINE, VECTOR_ENGINE

#: What ends, and the engine whose tokens it gives.
ENDS = {
    "load": LOAD_ENGINE, "preload": EXECUTE_ENGINE, "matmul": EXECUTE_ENGINE, "vector": VECTOR_ENGINE,
    "store": STORE_ENGINE,
}  # fmt: skip


class Sequencer(wiring.Component):
    """Pushes one command a cycle, in order, into the queue of its engine; the queues' heads go to the engines.

    ``command`` takes packed words; ``heads_<engine>`` are the queues' heads; ``waits`` says that a command finds its
    queue full; ``levels`` packs how many commands each queue holds.
    """

    def __init__(self, p: NpuParameters):
        self.p = p
        self.level_bits = max(depth.bit_length() for depth in p.queue_depths)
        heads = {f"head_{name}": Out(stream.Signature(body_layout(p, e))) for e, name in enumerate(ENGINES)}
        members = {
            "command": In(stream.Signature(command_bits(p))),
            "waits": Out(1),
            "levels": Out(4 * self.level_bits),
        }
        super().__init__(members | heads)

    def elaborate(self, platform: object) -> Module:
        """Four queues behind one door."""
        m = Module()
        engine, body = self.command.payload[:ENGINE_BITS], self.command.payload[ENGINE_BITS:]
        room, levels = [], []
        for e, name in enumerate(ENGINES):
            queue = fifo.SyncFIFO(width=body_bits(self.p, e), depth=self.p.queue_depths[e])
            m.submodules[f"queue_{name}"] = queue
            head = getattr(self, f"head_{name}")
            m.d.comb += [
                queue.w_data.eq(body),
                queue.w_en.eq(self.command.valid & (engine == e)),
                head.payload.eq(queue.r_data),
                head.valid.eq(queue.r_rdy),
                queue.r_en.eq(head.ready),
            ]
            room.append(queue.w_rdy)
            level = Signal(self.level_bits)
            m.d.comb += level.eq(queue.level)
            levels.append(level)
        m.d.comb += [
            self.command.ready.eq(Cat(*room).bit_select(engine, 1)),
            self.waits.eq(self.command.valid & ~self.command.ready),
            self.levels.eq(Cat(*levels)),
        ]
        return m


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
