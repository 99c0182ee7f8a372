"""A decoder's block as one device of a tensor-parallel group holds it: products, sizes, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simulators.pim.attention import AttentionShape
from workloads.errors import CodesignError
from workloads.zoo.transformer import Decoder

OPERAND_BYTES = 2


class Product(NamedTuple):
    """Tokens times a matrix of weights of `depth` rows and `width` columns."""

    name: str
    depth: int
    width: int

    @property
    def weight_bytes(self) -> int:
        """Bytes of its weights."""
        return self.depth * self.width * OPERAND_BYTES


@dataclass(frozen=True)
class Block:
    """One block of a decoder, split by heads and columns over a tensor-parallel group.

    Attributes
    ----------
    decoder : Decoder
        The whole model.
    tensor_parallel : int
        Devices that share it.
    """

    decoder: Decoder
    tensor_parallel: int

    def __post_init__(self) -> None:
        model, parts = self.decoder, self.tensor_parallel
        if model.experts:
            raise CodesignError(f"{model.name}: experts are not mapped to an NPU with PIM; use a dense model")
        if model.window:
            raise CodesignError(f"{model.name}: a sliding window is not mapped to an NPU with PIM")
        for name, count in (("heads", model.heads), ("kv_heads", self._kv_heads), ("hidden", model.hidden)):
            if count % parts:
                raise CodesignError(
                    f"{model.name}: {name} {count} do not divide by pim.tensor_parallel {parts}; use a divisor"
                )

    @property
    def _kv_heads(self) -> int:
        return self.decoder.kv_heads or self.decoder.heads

    @property
    def width(self) -> int:
        """Values of a token in the residual stream, whole on every device."""
        return self.decoder.width

    @property
    def hidden(self) -> int:
        """Values of a token inside the feed-forward layer, on this device."""
        return self.decoder.hidden // self.tensor_parallel

    @property
    def heads(self) -> int:
        """Query heads on this device."""
        return self.decoder.heads // self.tensor_parallel

    @property
    def kv_heads(self) -> int:
        """Key-value heads on this device."""
        return self._kv_heads // self.tensor_parallel

    @property
    def shape(self) -> AttentionShape:
        """Key-value heads as the PIM device holds them."""
        return AttentionShape(self._kv_heads * self.decoder.size_of_head, self._kv_heads, self.tensor_parallel)

    @property
    def qkv(self) -> Product:
        """Queries, keys and values of a token."""
        columns = (self.heads + 2 * self.kv_heads) * self.decoder.size_of_head
        return Product("qkv", self.width, columns)

    @property
    def projection(self) -> Product:
        """From the heads back to the residual stream; its sums are reduced over the devices."""
        return Product("projection", self.heads * self.decoder.size_of_head, self.width)

    @property
    def up(self) -> Product:
        """Into the feed-forward layer, its gate too."""
        return Product("feed_forward_up", self.width, self.hidden * (2 if self.decoder.gated else 1))

    @property
    def down(self) -> Product:
        """Out of the feed-forward layer; its sums are reduced over the devices."""
        return Product("feed_forward_down", self.hidden, self.width)

    @property
    def head(self) -> Product:
        """From the last block to logits."""
        return Product("head", self.width, -(-self.decoder.vocabulary // self.tensor_parallel))

    @property
    def weight_bytes(self) -> int:
        """Weights of all blocks and the head on one device."""
        block = sum(one.weight_bytes for one in (self.qkv, self.projection, self.up, self.down))
        return block * self.decoder.layers + self.head.weight_bytes

    def cache_bytes(self, tokens: int) -> int:
        """Return the bytes of keys and values of so many tokens in all blocks on one device."""
        return 2 * tokens * self.kv_heads * self.decoder.size_of_head * OPERAND_BYTES * self.decoder.layers

    def macs(self, tokens: int, pairs: int) -> int:
        """Return multiply-accumulates of a block on one device: `tokens` new ones, `pairs` of a query and a key."""
        products = sum(one.depth * one.width for one in (self.qkv, self.projection, self.up, self.down))
        return tokens * products + 2 * pairs * self.heads * self.decoder.size_of_head
