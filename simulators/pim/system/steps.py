"""The steps of a decoder's stages on the NPU: before attention, behind it, and from the last block to logits."""

from __future__ import annotations

from simulators.pim.system.block import Block
from simulators.pim.system.npu import Reduce, Step, VectorStep

_ACTIVATIONS = ("silu", "gelu", "relu")


def _norm(block: Block) -> VectorStep:
    return VectorStep("norm", block.decoder.norm, block.width, block.width, block.width)


def _residual(block: Block) -> VectorStep:
    return VectorStep("residual", "add", 2 * block.width, block.width, block.width)


def qkv_steps(block: Block) -> list[Step]:
    """Return the steps of QKV generation: the norm, the product, rotary positions where the model has them."""
    turned = (block.heads + block.kv_heads) * block.decoder.size_of_head
    rotary = [] if block.decoder.learned_positions else [VectorStep("rotary", "rotary", turned, turned, turned)]
    return [_norm(block), block.qkv, *rotary]


def feed_forward_steps(block: Block) -> list[Step]:
    """Return the steps behind attention: projection, all-reduce, residual, the feed-forward layer and its reduce."""
    model = block.decoder
    function = model.activation if model.activation in _ACTIVATIONS else "gelu"
    inner = [VectorStep("activation", function, block.up.width, block.hidden, block.hidden)]
    return [
        block.projection, Reduce("all_reduce", block.width), _residual(block), _norm(block), block.up, *inner,
        block.down, Reduce("all_reduce", block.width), _residual(block),
    ]  # fmt: skip


def head_steps(block: Block) -> list[Step]:
    """Return the steps from the last block to the logits of a token."""
    return [_norm(block), block.head]
