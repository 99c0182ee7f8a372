"""A GPU's decode step from its published peaks: a roofline of each product and of attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.pim.system.block import OPERAND_BYTES, Block
from workloads.errors import CodesignError


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes
    ----------
    name, source : str
    flops, bytes_per_second : float
        Peaks: dense 16-bit operations with 32-bit sums, memory.
    memory_bytes : int
    link_bytes_per_second : float
        To the other GPUs, each direction.
    efficiency : float
        Share of both peaks that is reached: an assumption, 1 is the roofline itself.
    """

    name: str
    source: str
    flops: float
    bytes_per_second: float
    memory_bytes: int
    link_bytes_per_second: float
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.efficiency <= 1:
            raise CodesignError(f"{self.name}: efficiency {self.efficiency} is not above 0 and at most 1")


A100_40GB = Gpu(
    "a100-40gb", "NVIDIA A100 40 GB SXM data sheet: 312 TFLOP/s of fp16, 1,555 GB/s, NVLink 600 GB/s both ways",
    312e12, 1.555e12, 40 * 10**9, 300e9,
)  # fmt: skip


def layer_seconds(gpu: Gpu, block: Block, lengths: Sequence[int], link_latency_s: float = 1e-6) -> float:
    """Return the seconds of one layer's decode step of a batch on one of the GPUs that share it.

    Each product takes the longer of its arithmetic and its bytes, attention its keys' and values' bytes; vector
    functions are taken to be fused, and all-reduces go by a ring.
    """
    tokens, seconds = len(lengths), 0.0
    for one in (block.qkv, block.projection, block.up, block.down):
        moved = one.weight_bytes + tokens * (one.depth + one.width) * OPERAND_BYTES
        work = 2 * tokens * one.depth * one.width
        seconds += max(work / gpu.flops, moved / gpu.bytes_per_second) / gpu.efficiency
    cache = 2 * sum(lengths) * block.kv_heads * block.decoder.size_of_head * OPERAND_BYTES
    seconds += cache / gpu.bytes_per_second / gpu.efficiency
    parts = block.tensor_parallel
    reduced = tokens * block.width * OPERAND_BYTES
    step = reduced / parts / gpu.link_bytes_per_second + link_latency_s
    return seconds + 2 * 2 * (parts - 1) * step
