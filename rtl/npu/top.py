"""The whole NPU: sequencer, queues, tokens, four engines, memories, one memory port, counters."""

from __future__ import annotations

from functools import partial
from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from rtl.emission import Parts
from rtl.npu.counters import Counters, ExecuteWaits
from rtl.npu.execute import ExecuteEngine
from rtl.npu.interfaces import fields_of, offer_layout
from rtl.npu.load import LoadEngine
from rtl.npu.memories import OnChipMemory, ReadPort, add_memory
from rtl.npu.port import PortArbiter, granted_layout
from rtl.npu.queues import Sequencer, TokenCounters, level_bits
from rtl.npu.store import StoreEngine
from rtl.npu.vector import VectorEngine
from rtl.parameters import COUNTER_BITS, PARAMETER_BITS, NpuParameters
from rtl.ports import npu_signature
from simulators.activity import COUNTERS
from simulators.program import ENGINES


class Npu(wiring.Component):
    """The NPU of one machine description; `rtl.ports.npu_signature` has its ports.

    Parameters
    ----------
    p : NpuParameters
    parts : Parts, optional
        For emission: what is one Verilog module with several instances, memories among them. Without it all are
        Amaranth modules (for its simulator).
    probe : bool
        Adds the port ``probe``: every register of PEs, queues, tokens and counters; `probe_fields` names its parts.

    Attributes
    ----------
    memories : dict
        On-chip memories by name, once the design is elaborated.
    """

    def __init__(self, p: NpuParameters, *, parts: Parts | None = None, probe: bool = False):
        self.p, self.parts = p, parts
        self.tokens = TokenCounters(p)
        self.load, self.store, self.port = LoadEngine(p), StoreEngine(p), PortArbiter(p)
        self.execute = ExecuteEngine(p, parts=parts, probe=probe)
        self.vector = VectorEngine(p, parts=parts)
        self.waits = ExecuteWaits()
        self.memories: dict[str, OnChipMemory] = {}
        members = dict(npu_signature(p).members)
        if probe:
            members["probe"] = Out(sum(bits for _, bits, _ in self.probe_fields()))
        self.probing = probe
        super().__init__(members)
        heads = {name: engine.head for name, engine in self._engines().items()}
        self.sequencer = Sequencer(p, self.command, heads)
        self.performance = Counters(self._sources(), parts)

    def _engines(self) -> dict[str, Any]:
        return dict(zip(ENGINES, (self.load, self.execute, self.vector, self.store), strict=True))

    def _sources(self) -> dict[str, list]:
        """Increments of each counter, by name."""
        found: dict[str, list] = {"sequencer_wait": [self.sequencer.waits]}
        for name in ("load", "vector", "store"):
            found[f"execute_wait_token_{name}"] = [getattr(self.waits, f"execute_wait_token_{name}")]
        for name in ("array", "queue"):
            found[f"execute_wait_{name}"] = [getattr(self.waits, f"execute_wait_{name}")]
        for engine in self._engines().values():
            for name, _ in engine.counts.shape():
                found.setdefault(name, []).append(engine.counts[name])
        return found

    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """Return (name, bits, signed) of the parts of ``probe``, low bits first."""
        levels = [(f"level.{name}", level_bits(self.p), False) for name in ENGINES]
        tokens = [(f"tokens.{i}", self.p.token_bits, False) for i in range(64)]
        counters = [(f"counter.{name}", COUNTER_BITS, False) for name in COUNTERS]
        sum_bits, depth = self.p.accumulator.bits, self.p.accumulator_depth
        sums = [(f"accumulator.{word}.{c}", sum_bits, True) for c in range(self.p.cols) for word in range(depth)]
        return [*levels, *tokens, *counters, *self.execute.probe_fields(), *sums]

    def elaborate(self, platform: object) -> Module:
        """Connect the blocks."""
        m = Module()
        for name in ("sequencer", "tokens", "load", "store", "port", "execute", "vector", "waits", "performance"):
            m.submodules[name] = getattr(self, name)
        self._connect_commands(m)
        self._connect_port(m)
        contents = self._connect_memories(m)
        self._connect_counters(m)
        if self.probing:
            parts = (self.sequencer.levels, self.tokens.counts, self.counters, self.execute.probe)
            m.d.comb += self.probe.eq(Cat(*parts, *contents))
        return m

    def _connect_commands(self, m: Module) -> None:
        """Tokens both ways, events to the outside."""
        started = []
        for name, engine in self._engines().items():
            start = engine.head.valid & engine.head.ready
            started.append(start)
            m.d.comb += [
                getattr(self.tokens, f"waits_{name}").eq(engine.head.payload.waits),
                getattr(self.tokens, f"take_{name}").eq(start),
                engine.tokens_ready.eq(getattr(self.tokens, f"ready_{name}")),
            ]
        ends = self._ends()
        for name, end in ends.items():
            wiring.connect(m, end, getattr(self.tokens, f"end_{name}"))
        m.d.comb += self.events.eq(Cat(*started, *(end.pulse for end in ends.values())))

    def _ends(self) -> dict[str, wiring.PureInterface]:
        return {
            "load": self.load.end, "preload": self.execute.preload_end, "matmul": self.execute.matmul_end,
            "vector": self.vector.end, "store": self.store.end,
        }  # fmt: skip

    def _connect_port(self, m: Module) -> None:
        """Load and store share one memory port; responses go to the engine that their id names."""
        port, store, response = self.port, self.store.request, self.response
        wiring.connect(m, self.load.request, port.load)
        is_store = response.payload.id >= self.p.outstanding
        m.d.comb += [
            port.store.payload.eq(fields_of(store.payload, offer_layout(self.p))),
            port.store.valid.eq(store.valid),
            store.ready.eq(port.store.ready),
            self.request.valid.eq(port.request.valid),
            port.request.ready.eq(self.request.ready),
            *(self.request.payload[name].eq(port.request.payload[name]) for name in granted_layout(self.p).members),
            self.request.payload.mask.eq(store.payload.mask),  # of a read they mean nothing
            self.request.payload.data.eq(store.payload.data),
            response.ready.eq(1),  # an entry waits for each
            self.load.response.payload.eq(response.payload),
            self.load.response.valid.eq(response.valid & ~is_store),
            self.store.response.payload.eq(response.payload.id),
            self.store.response.valid.eq(response.valid & is_store),
        ]

    def _connect_memories(self, m: Module) -> list[Value]:
        """Scratchpad, weight buffer, parameter buffer, a bank of sums a column; return what a probe sees of these."""
        p, x, v = self.p, self.execute, self.vector
        add = partial(add_memory, m, parts=self.parts)
        self.memories = found = {
            "scratchpad": add(
                "scratchpad", depth=p.scratchpad_depth, width=p.activation.bits,
                reads=[*x.scratchpad_reads(), v.scratchpad_read, self.store.read],
                writes=[self.load.scratchpad_write, *v.scratchpad_writes],
            ),
            "weight_buffer": add(
                "weight_buffer", depth=p.weight_depth, width=p.weight.bits, reads=[*x.weight_reads(), v.weight_read],
                writes=[self.load.weight_write],
            ),
            "parameter_buffer": add(
                "parameter_buffer", depth=p.parameter_depth, width=PARAMETER_BITS, reads=[v.parameter_read],
                writes=[self.load.parameter_write],
            ),
        }  # fmt: skip
        for c in range(p.cols):
            name, word = f"accumulator_{c}", v.sum_read
            reads = [x.sum_reads[c], ReadPort(word.address, word.data.word_select(c, p.accumulator.bits))]
            found[name] = add(
                name, depth=p.accumulator_depth, width=p.accumulator.bits, reads=reads, writes=[x.sum_writes[c]],
                probe=self.probing,
            )  # fmt: skip
        return [memory.contents for memory in found.values() if memory.contents is not None]

    def _connect_counters(self, m: Module) -> None:
        """Why the array waits; when the counters count."""
        head, tokens = self.execute.head, self.tokens
        m.d.comb += [
            self.waits.running.eq(self.performance.running),
            self.waits.array_busy.eq(self.execute.busy),
            self.waits.head_valid.eq(head.valid),
            self.waits.missing.eq(tokens.missing_execute),
            self.waits.started.eq(head.valid & head.ready),
            self.waits.matmul_started.eq(self.execute.matmul_started),
            self.waits.commands.eq(self.execute_commands),
            self.performance.first.eq(self.command.valid & self.command.ready),
            self.counters.eq(Cat(self.performance.values.values())),
            self.performance.end.eq(Cat(*(end.pulse for end in self._ends().values())).any()),
        ]
