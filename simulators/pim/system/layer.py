"""A layer of a decoder on NPU and PIM: one batch after the other, or two sub-batches that take turns.

One batch: QKV | attention on PIM | projection and feed-forward. Two (NeuPIMs, ASPLOS 2024): while one attends, the
arrays take the other through projection, feed-forward and the next layer's QKV; in the steady state a layer is two such
stages, and all weights are streamed twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from simulators.machine import Machine
from simulators.pim.device import PimDevice
from simulators.pim.system.attention import Attended, Requests, attend, halves
from simulators.pim.system.block import Block
from simulators.pim.system.npu import Npu, Row, Stage
from simulators.pim.system.steps import feed_forward_steps, head_steps, qkv_steps
from workloads.errors import CodesignError


class LayerStage(NamedTuple):
    """Cycles of a stage: of its part on the NPU, its part on PIM, and of both together; what binds it."""

    name: str
    cycles: int
    npu_cycles: int
    pim_cycles: int
    bound_by: str
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Layer:
    """What a layer takes.

    Attributes
    ----------
    stages : tuple of LayerStage
    interleaved : bool
        Two sub-batches take turns.
    first_cycles : int
        Before the first layer: the first sub-batch's QKV, when interleaved.
    read_bytes, write_bytes, macs : int
        Of the NPU on one device.
    """

    stages: tuple[LayerStage, ...]
    interleaved: bool
    first_cycles: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    macs: int = 0

    @property
    def cycles(self) -> int:
        """Machine cycles in the steady state."""
        return sum(stage.cycles for stage in self.stages)


@dataclass
class NpuPim:
    """A device of the group: NPU, PIM device and the model's block on it.

    Attributes
    ----------
    machine : Machine
    device : PimDevice
    block : Block
    npu : Npu
    longest_only : bool
        Run only the channel with the most attention (for sweeps).
    fast : bool
        Attention by the closed form: one batch, its stages one after the other.
    """

    machine: Machine
    device: PimDevice
    block: Block
    npu: Npu
    longest_only: bool = False
    fast: bool = False
    _kept: dict[tuple, Attended] = field(default_factory=dict, repr=False, init=False)

    @property
    def memory_ratio(self) -> float:
        """Memory clocks per machine cycle."""
        return 1e9 / (self.device.standard.clock_ns * self.machine.clock_hz)

    def attention(self, requests: Requests, beside: Stage | None = None, start: int = 0) -> Attended:
        """Return one layer's attention, alone or beside a stage of the NPU."""
        key = (requests, beside, start)
        if key not in self._kept:
            self._kept[key] = attend(
                self.device, self.block, requests, beside, self.memory_ratio, self.longest_only, start,
                self.fast,
            )  # fmt: skip
        return self._kept[key]

    def serial_layer(self, requests: Requests) -> Layer:
        """Return a layer of one batch: three stages, one after the other."""
        before, behind = (
            self.npu.stage(qkv_steps(self.block), len(requests)),
            self.npu.stage(feed_forward_steps(self.block), len(requests)),
        )
        start = int(before.cycles * self.memory_ratio)
        pim = self.npu.cycles(self.attention(requests, start=start).clocks)
        stages = (
            LayerStage("qkv", before.cycles, before.cycles, 0, _binds(before), before.rows),
            LayerStage("attention", pim, 0, pim, "PIM"),
            LayerStage("projection and feed-forward", behind.cycles, behind.cycles, 0, _binds(behind), behind.rows),
        )
        both = before.then(behind)
        return Layer(stages, False, 0, both.read_bytes, both.write_bytes, both.macs)

    def interleaved_layer(self, requests: Requests) -> Layer:
        """Return a layer of two sub-batches in the steady state: each attends once, each is on the arrays once."""
        first, second = halves(requests)
        stages, total = [], Stage()
        for number, (on_npu, on_pim) in enumerate(((first, second), (second, first)), 1):
            work = self.npu.stage(feed_forward_steps(self.block), len(on_npu))
            work = work.then(self.npu.stage(qkv_steps(self.block), len(on_npu)))
            attended = self.attention(on_pim, work)
            pim = self.npu.cycles(attended.clocks)
            npu = work.cycles + self.npu.cycles(attended.npu_lost_clocks)
            name = f"sub-batch {number} on the NPU, {3 - number} on PIM"
            bound = "PIM" if pim > npu else _binds(work)
            stages.append(LayerStage(name, max(npu, pim), npu, pim, bound, work.rows))
            total = total.then(work)
        begun = self.npu.stage(qkv_steps(self.block), len(first)).cycles
        return Layer(tuple(stages), True, begun, total.read_bytes, total.write_bytes, total.macs)

    def layer(self, requests: Requests, interleave: str = "auto") -> Layer:
        """Return a layer; `auto` takes the faster of the two schedules, `on` needs two requests.

        Raises
        ------
        CodesignError
            For `on` by the closed form, which knows no reads and writes beside PIM.
        """
        if self.fast and interleave == "on":
            raise CodesignError("pim.interleave: sub-batches in turns are not in the closed form; use --fidelity cycle")
        if self.fast or interleave == "off" or len(requests) < 2:
            return self.serial_layer(requests)
        turns = self.interleaved_layer(requests)
        if interleave == "on":
            return turns
        serial = self.serial_layer(requests)
        return turns if turns.cycles < serial.cycles else serial

    def head(self, tokens: int) -> Stage:
        """Return what leads from the last block to the logits of so many tokens."""
        return self.npu.stage(head_steps(self.block), tokens)


def _binds(stage: Stage) -> str:
    """Return what binds most of a stage's cycles."""
    spent: dict[str, int] = {}
    for row in stage.rows:
        spent[row.bound_by] = spent.get(row.bound_by, 0) + row.cycles
    return max(spent, key=lambda name: spent[name])
