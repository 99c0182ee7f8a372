"""A whole language model on devices that share it: a decode step of a batch, or prompts, and tokens a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulators.machine import Machine
from simulators.pim.device import PimDevice
from simulators.pim.devices import device_named
from simulators.pim.system.attention import Requests, placed
from simulators.pim.system.block import Block
from simulators.pim.system.layer import Layer, LayerStage, NpuPim
from simulators.pim.system.npu import Npu, Stage, check_array, pim_of
from simulators.pim.system.npu_attention import decode_on_arrays, prefill_on_arrays
from simulators.pim.system.steps import feed_forward_steps, qkv_steps
from simulators.pim.system.stream import Memory
from workloads.errors import CodesignError
from workloads.zoo.transformer import Decoder


@dataclass(frozen=True)
class ModelRun:
    """A pass of a whole model.

    Attributes
    ----------
    layer : Layer
    layers : int
    head : Stage
        From the last block to logits.
    tokens : int
        That the pass gives (decode: one a request) or reads (prefill: all of the prompts).
    clock_hz : int
    requests : Requests
    device_bytes, needed_bytes : int
        Memory of a device; what weights and cache take of it.
    """

    layer: Layer
    layers: int
    head: Stage
    tokens: int
    clock_hz: int
    requests: Requests
    device_bytes: int
    needed_bytes: int

    @property
    def cycles(self) -> int:
        """Machine cycles of the pass."""
        return self.layer.first_cycles + self.layers * self.layer.cycles + self.head.cycles

    @property
    def seconds(self) -> float:
        """Of the pass."""
        return self.cycles / self.clock_hz

    @property
    def tokens_per_second(self) -> float:
        """Of the whole group of devices."""
        return self.tokens / self.seconds


def device_of(machine: Machine) -> PimDevice:
    """Return the PIM device that a machine's section names, its second row buffer taken away if it says so.

    Raises
    ------
    CodesignError
        When the machine has no such section.
    """
    pim = pim_of(machine)
    device = device_named(pim.device, "pim.device")
    return device if pim.dual_row_buffer else replace(device, row_buffers=1)


def system_of(
    machine: Machine, decoder: Decoder, sampled: int = 0, longest_only: bool = False, fast: bool = False
) -> NpuPim:
    """Return a model on a machine with PIM.

    Parameters
    ----------
    sampled : int
        Channels whose streams are run for the NPU's stages (0: all).
    longest_only : bool
        Run only the channel with the most attention.
    fast : bool
        Attention by the closed form, one channel's streams.

    Raises
    ------
    CodesignError
        For arrays that products are not mapped to, or a model that does not divide.
    """
    device = device_of(machine)
    check_array(machine)
    pim = pim_of(machine)
    memory = Memory(
        device.standard, device.channels, pim.bank_queue, pim.requests_per_clock,
        1 if fast else sampled or device.channels,
    )  # fmt: skip
    block = Block(decoder, pim.tensor_parallel)
    return NpuPim(machine, device, block, Npu(machine, memory), longest_only, fast)


def check_lengths(decoder: Decoder, lengths: Sequence[int]) -> None:
    """Raise CodesignError when a request has more tokens than the model has positions, or none."""
    for i, length in enumerate(lengths, 1):
        if not 1 <= length <= decoder.positions:
            raise CodesignError(f"request {i}: {length} tokens, {decoder.name} has 1 to {decoder.positions} positions")


def decode(
    system: NpuPim, lengths: Sequence[int], channel_of: Sequence[int] | None = None, on_pim: bool = True
) -> ModelRun:
    """Run a decode step: one new token of each request.

    Parameters
    ----------
    lengths : sequence of int
        Tokens that attention sees, of each request.
    channel_of : sequence of int, optional
        The channel of each request; by the machine's placement when absent.
    on_pim : bool
        False: attention on the arrays, keys and values read by the NPU (the machine without PIM).
    """
    check_lengths(system.block.decoder, lengths)
    pim = pim_of(system.machine)
    requests = placed(system.device, system.block, lengths, pim.placement, channel_of)
    layer = system.layer(requests, pim.interleave) if on_pim else _on_arrays(system, lengths, len(lengths), False)
    return _whole(system, layer, requests, len(lengths), len(lengths))


def prefill(system: NpuPim, lengths: Sequence[int]) -> ModelRun:
    """Run whole prompts: every product on the arrays, PIM idle; the logits of each prompt's last token."""
    check_lengths(system.block.decoder, lengths)
    requests = placed(system.device, system.block, lengths, pim_of(system.machine).placement)
    layer = _on_arrays(system, lengths, sum(lengths), True)
    return _whole(system, layer, requests, sum(lengths), len(lengths))


def _on_arrays(system: NpuPim, lengths: Sequence[int], tokens: int, prompts: bool) -> Layer:
    npu, block = system.npu, system.block
    before, behind = npu.stage(qkv_steps(block), tokens), npu.stage(feed_forward_steps(block), tokens)
    attention = (prefill_on_arrays if prompts else decode_on_arrays)(npu, block, lengths)
    named = (("qkv", before), ("attention", attention), ("projection and feed-forward", behind))
    stages = tuple(
        LayerStage(name, one.cycles, one.cycles, 0, max(one.rows, key=lambda row: row.cycles).bound_by, one.rows)
        for name, one in named
    )
    total = before.then(attention).then(behind)
    return Layer(stages, False, 0, total.read_bytes, total.write_bytes, total.macs)


def _whole(system: NpuPim, layer: Layer, requests: Requests, tokens: int, outputs: int) -> ModelRun:
    block, device = system.block, system.device
    needed = block.weight_bytes + block.cache_bytes(sum(requests.lengths))
    capacity = device.channels * device.standard.organization.channel_bytes
    return ModelRun(
        layer, block.decoder.layers, system.head(outputs), tokens, system.machine.clock_hz, requests, capacity, needed
    )  # fmt: skip
