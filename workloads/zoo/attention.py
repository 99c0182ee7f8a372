"""Attention and feed-forward blocks that every transformer here is made of.

Heads are split and merged by address: a head's row is contiguous in memory, so that loads gather it and no copy is
made; the key cache lies transposed, as the product reads it. Scores are scaled by the requantizer; a causal mask is
part of the softmax, and the array computes the whole square of scores, masked or not.
"""

from __future__ import annotations

from workloads.zoo.builder import Builder


def split_heads(b: Builder, name: str, source: str, heads: int, rows: int, transposed: bool = False) -> str:
    """Return (tokens, heads * size) as (heads, rows, size); transposed: (heads, size, rows).

    With `rows` = tokens * groups, the heads that share a key stand below each other: one product reads it once.
    """
    tokens, width = b.shape(source)
    size = tokens * width // (heads * rows)
    shape = (heads, size, rows) if transposed else (heads, rows, size)
    return b.view(name, source, *shape, kind="split_heads")


def attend(b: Builder, prefix: str, query: str, key: str, value: str, tokens: int, bias: str = "") -> str:
    """Return softmax(query key + bias) value as (tokens, width); the key is (heads, size, context)."""
    scores = b.matmul(f"{prefix}.scores", query, key)
    if bias:
        scores = b.same("add", f"{prefix}.biased", scores, bias)
    weights = b.same("softmax", f"{prefix}.softmax", scores, axis=len(b.shape(scores)) - 1)
    mixed = b.matmul(f"{prefix}.mixed", weights, value)
    elements = b.network.tensors[mixed].elements
    return b.view(f"{prefix}.merged", mixed, tokens, elements // tokens, kind="merge_heads")


def self_attention(b: Builder, prefix: str, source: str, heads: int, bias: bool = True, joined: bool = False) -> str:
    """Return the multi-head self-attention of (tokens, width), without its output projection.

    `joined`: one product makes query, key and value, as in ViT and GPT-2 (the same MACs and parameters).
    """
    tokens, width = b.shape(source)
    if joined:
        whole = b.linear(f"{prefix}.qkv", source, 3 * width, bias)
        parts = [_part(b, f"{prefix}.{part}", whole, i, width) for i, part in enumerate(("query", "key", "value"))]
    else:
        parts = [b.linear(f"{prefix}.{part}", source, width, bias) for part in ("query", "key", "value")]
    query, key, value = (split_heads(b, f"{part}.heads", part, heads, tokens, part.endswith(".key")) for part in parts)
    return attend(b, prefix, query, key, value, tokens)


def _part(b: Builder, name: str, whole: str, index: int, width: int) -> str:
    tokens = b.shape(whole)[0]
    return b.emit("slice", name, (whole,), (tokens, width), starts=(0, index * width), steps=(1, 1))


def feed_forward(
    b: Builder, prefix: str, source: str, hidden: int, activation: str, bias: bool = True, gated: bool = False
) -> str:
    """Return down(activation(up)) or, gated, down(activation(gate) * up), over the last axis."""
    width = b.shape(source)[-1]
    inner = b.linear(f"{prefix}.gate" if gated else f"{prefix}.up", source, hidden, bias)
    inner = b.same(activation, f"{prefix}.activation", inner)
    if gated:
        inner = b.same("mul", f"{prefix}.gated", inner, b.linear(f"{prefix}.up", source, hidden, bias))
    return b.linear(f"{prefix}.down", inner, width, bias)
