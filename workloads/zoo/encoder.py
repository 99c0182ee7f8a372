"""Encoders: BERT over a sequence of tokens, ViT and DeiT over the patches of an image."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.errors import CodesignError
from workloads.network import Network
from workloads.phase import Phase
from workloads.zoo.attention import feed_forward, self_attention
from workloads.zoo.builder import Builder


@dataclass(frozen=True)
class Encoder:
    """Sizes of a transformer encoder.

    Attributes
    ----------
    width, layers, heads, hidden : int
    vocabulary, positions, token_types : int
        BERT's tables (0 in a ViT).
    image, patch, channels : int
        A ViT's image and patch, pixels a side, and colours (0 in BERT).
    classes : int
        Outputs of the classifier (0: none).
    head : str
        BERT's: ``pooler``, ``masked_lm`` (tied to the embedding) or ``classifier``.
    """

    name: str
    width: int
    layers: int
    heads: int
    hidden: int
    vocabulary: int = 0
    positions: int = 0
    token_types: int = 0
    image: int = 0
    patch: int = 0
    channels: int = 3
    classes: int = 0
    head: str = "pooler"
    activation: str = "gelu"
    qkv_bias: bool = True


def bert(model: Encoder, phase: Phase, source: str = "") -> Network:
    """Return BERT over `phase.context` tokens; it has no decode.

    Raises
    ------
    CodesignError
        When a decode or a cache is asked for, or more tokens than there are positions.
    """
    if phase.is_decode or phase.kv_format:
        raise CodesignError(f"{model.name}: an encoder has no decode and no key-value cache")
    tokens = phase.context_of(model.name, model.positions)
    b = Builder(model.name, f"{source or model.name} (prefill, context {tokens})", "fp32")
    rows = []
    tables = {"tokens": model.vocabulary, "positions": model.positions, "token_types": model.token_types}
    for name, count in tables.items():
        if count:
            table = b.weight(f"embedding.{name}.weight", count, model.width)
            inputs = table, b.input(name, (tokens,), "int32")
            rows.append(b.emit("embedding", f"embedding.{name}", inputs, (tokens, model.width)))
    x = b.same("add", "embedding", *rows)
    x = b.norm("embedding_norm", x)
    for index in range(model.layers):
        p = f"block.{index}"
        mixed = self_attention(b, f"{p}.attention", x, model.heads, model.qkv_bias)
        out = b.linear(f"{p}.attention.output", mixed, model.width)
        x = b.norm(f"{p}.attention_norm", b.same("add", f"{p}.attention_add", x, out))
        out = feed_forward(b, f"{p}.mlp", x, model.hidden, model.activation)
        x = b.norm(f"{p}.mlp_norm", b.same("add", f"{p}.mlp_add", x, out))
    return b.finish(_bert_head(b, model, x))


def _bert_head(b: Builder, model: Encoder, x: str) -> str:
    if model.head == "masked_lm":
        x = b.same(model.activation, "head.activation", b.linear("head.transform", x, model.width))
        return b.linear("head", b.norm("head.norm", x), model.vocabulary, weight="embedding.tokens.weight")
    first = b.emit("slice", "first_token", (x,), (1, model.width), starts=(0, 0), steps=(1, 1))
    pooled = b.same("tanh", "pooler.activation", b.linear("pooler", first, model.width))
    return b.linear("classifier", pooled, model.classes) if model.head == "classifier" else pooled


def vision_transformer(model: Encoder, source: str = "") -> Network:
    """Return ViT: patches by a strided convolution, a class token, encoder blocks, a classifier of that token."""
    b = Builder(model.name, source, "fp32")
    side = model.image // model.patch
    tokens = side * side + 1
    x = b.input("image", (1, model.channels, model.image, model.image))
    x = b.conv("patches", x, model.width, model.patch, model.patch, pad=0, bias=True)
    x = b.view("patches.flat", x, 1, model.width, side * side)
    x = b.emit("transpose", "patches.rows", (x,), (1, side * side, model.width), permutation=(0, 2, 1))
    x = b.view("patches.tokens", x, side * side, model.width)
    token = b.weight("class_token", 1, model.width)
    x = b.emit("concat", "tokens", (x, token), (tokens, model.width), axis=0)
    x = b.same("add", "embedded", x, b.weight("position.weight", tokens, model.width))
    for index in range(model.layers):
        p = f"block.{index}"
        inner = b.norm(f"{p}.attention_norm", x)
        mixed = self_attention(b, f"{p}.attention", inner, model.heads, model.qkv_bias, joined=True)
        x = b.same("add", f"{p}.attention_add", x, b.linear(f"{p}.attention.output", mixed, model.width))
        out = feed_forward(b, f"{p}.mlp", b.norm(f"{p}.mlp_norm", x), model.hidden, model.activation)
        x = b.same("add", f"{p}.mlp_add", x, out)
    x = b.norm("final_norm", x)
    x = b.emit("slice", "class", (x,), (1, model.width), starts=(0, 0), steps=(1, 1))
    return b.finish(b.linear("classifier", x, model.classes) if model.classes else x)
