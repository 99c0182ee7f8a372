"""The whole NPU: sequencer, queues, tokens, four engines, memories, one memory port, counters."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from rtl.emission import Parts
from rtl.npu.counters import Counters, ExecuteWaits
from rtl.npu.execute import ExecuteEngine
from rtl.npu.load import LoadEngine
from rtl.npu.memories import OnChipMemory
from rtl.npu.port import PortArbiter
from rtl.npu.queues import Sequencer, TokenCounters
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
        self.p, self.instances = p, parts is not None
        self.sequencer, self.tokens = Sequencer(p), TokenCounters(p)
        self.load, self.store, self.port = LoadEngine(p), StoreEngine(p), PortArbiter(p)
        self.execute = ExecuteEngine(p, parts=parts, probe=probe)
        self.vector = VectorEngine(p, parts=parts)
        self.waits = ExecuteWaits()
        self.performance = Counters(self._widths(), parts)
        self.memories: dict[str, OnChipMemory] = {}
        members = dict(npu_signature(p).members)
        if probe:
            members["probe"] = Out(sum(bits for _, bits, _ in self.probe_fields()))
        self.probing = probe
        super().__init__(members)

    def _sources(self) -> dict[str, list]:
        """Increments of each counter, by name."""
        found: dict[str, list] = {"sequencer_wait": [self.sequencer.waits]}
        for name in ("load", "vector", "store"):
            found[f"execute_wait_token_{name}"] = [getattr(self.waits, f"execute_wait_token_{name}")]
        for name in ("array", "queue"):
            found[f"execute_wait_{name}"] = [getattr(self.waits, f"execute_wait_{name}")]
        for engine in (self.load, self.execute, self.vector, self.store):
            for name, _ in engine.counts.shape():
                found.setdefault(name, []).append(engine.counts[name])
        return found

    def _widths(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(len(source) for source in many) for name, many in self._sources().items()}

    def probe_fields(self) -> list[tuple[str, int, bool]]:
        """Return (name, bits, signed) of the parts of ``probe``, low bits first."""
        levels = [(f"level.{name}", self.sequencer.level_bits, False) for name in ENGINES]
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
            parts = (self.sequencer.levels, self.tokens.counts, self.performance.values, self.execute.probe)
            m.d.comb += self.probe.eq(Cat(*parts, *contents))
        return m

    def _connect_commands(self, m: Module) -> None:
        """Queues to engines, tokens both ways, events to the outside."""
        wiring.connect(m, wiring.flipped(self.command), self.sequencer.command)
        started = []
        for name, engine in zip(ENGINES, (self.load, self.execute, self.vector, self.store), strict=True):
            head = getattr(self.sequencer, f"head_{name}")
            wiring.connect(m, head, engine.head)
            start = head.valid & head.ready
            started.append(start)
            m.d.comb += [
                getattr(self.tokens, f"waits_{name}").eq(head.payload.waits),
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
        wiring.connect(m, self.load.request, self.port.load)
        wiring.connect(m, self.store.request, self.port.store)
        wiring.connect(m, self.port.request, wiring.flipped(self.request))
        m.d.comb += self.response.ready.eq(1)  # an entry waits for each
        is_store = self.response.payload.id >= self.p.outstanding
        for engine, mine in ((self.load, ~is_store), (self.store, is_store)):
            m.d.comb += [
                engine.response.payload.eq(self.response.payload),
                engine.response.valid.eq(self.response.valid & mine),
            ]

    def _memory(self, m: Module, name: str, depth: int, width: int, reads: list, writes: list) -> None:
        """One memory with a port for each client in `reads` and `writes` (contiguous lanes follow from the data)."""
        memory = OnChipMemory(
            depth, width, tuple(len(port.data) // width for port in reads), tuple(len(port.enable) for port in writes),
            instances=self.instances,
        )  # fmt: skip
        m.submodules[name] = self.memories[name] = memory
        for i, port in enumerate(reads):
            mine = getattr(memory, f"read_{i}")
            m.d.comb += [mine.address.eq(port.address), port.data.eq(mine.data)]
        for i, port in enumerate(writes):
            mine = getattr(memory, f"write_{i}")
            m.d.comb += [mine.address.eq(port.address), mine.enable.eq(port.enable), mine.data.eq(port.data)]

    def _connect_memories(self, m: Module) -> list[Value]:
        """Scratchpad, weight buffer, parameter buffer, a bank of sums a column; return what a probe sees of these."""
        p, x, v = self.p, self.execute, self.vector
        memory = partial(self._memory, m)
        from_scratchpad, from_weights = x.scratchpad_reads(), x.weight_reads()
        memory(
            "scratchpad", p.scratchpad_depth, p.activation.bits, [*from_scratchpad, v.scratchpad_read, self.store.read],
            [self.load.scratchpad_write, *v.scratchpad_writes],
        )  # fmt: skip
        memory("weight_buffer", p.weight_depth, p.weight.bits, [*from_weights, v.weight_read], [self.load.weight_write])
        memory("parameter_buffer", p.parameter_depth, PARAMETER_BITS, [v.parameter_read], [self.load.parameter_write])
        words, contents, shape = [], [], (p.accumulator_depth, p.accumulator.bits, (1, 1), (1,))
        for c in range(p.cols):
            bank = OnChipMemory(*shape, instances=self.instances, probe=self.probing)
            contents += [bank.contents] if self.probing else []
            m.submodules[f"accumulator_{c}"] = self.memories[f"accumulator_{c}"] = bank
            m.d.comb += [
                bank.read_0.address.eq(x.sum_reads[c].address),
                x.sum_reads[c].data.eq(bank.read_0.data),
                bank.read_1.address.eq(v.sum_read.address),
                bank.write_0.address.eq(x.sum_writes[c].address),
                bank.write_0.enable.eq(x.sum_writes[c].enable),
                bank.write_0.data.eq(x.sum_writes[c].data),
            ]
            words.append(bank.read_1.data)
        m.d.comb += v.sum_read.data.eq(Cat(*words))
        return contents

    def _connect_counters(self, m: Module) -> None:
        """Every increment to its counter; why the array waits."""
        head, tokens = self.sequencer.head_execute, self.tokens
        m.d.comb += [
            self.waits.running.eq(self.performance.running),
            self.waits.array_busy.eq(self.execute.busy),
            self.waits.head_valid.eq(head.valid),
            self.waits.missing.eq(tokens.missing_execute),
            self.waits.started.eq(head.valid & head.ready),
            self.waits.matmul_started.eq(self.execute.matmul_started),
            self.waits.commands.eq(self.execute_commands),
            self.performance.first.eq(self.command.valid & self.command.ready),
            self.performance.end.eq(Cat(*(end.pulse for end in self._ends().values())).any()),
            self.counters.eq(self.performance.values),
        ]
        for name, many in self._sources().items():
            for i, source in enumerate(many):
                m.d.comb += getattr(self.performance, f"{name}_{i}").eq(source)
