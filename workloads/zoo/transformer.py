"""Decoder-only language models (GPT, OPT, Llama, Mistral, Mixtral, Qwen) from their sizes, for prefill and decode."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.errors import CodesignError
from workloads.network import Network
from workloads.phase import Phase
from workloads.zoo.attention import attend, feed_forward, split_heads
from workloads.zoo.builder import Builder


@dataclass(frozen=True)
class Decoder:
    """Sizes and choices of a decoder-only language model.

    Attributes
    ----------
    width, layers, heads, hidden, vocabulary : int
        Of the residual stream, blocks, query heads, the feed-forward layer, tokens.
    kv_heads, head_size : int
        Key-value heads (0: as many as query heads) and elements of one (0: width / heads).
    positions : int
        Longest sequence; with `learned_positions` rows more than 0, the table of positions has so many.
    activation, norm : str
        Operator kinds: ``silu``, ``gelu``, ``relu``; ``rms_norm``, ``layer_norm``.
    gated : bool
        down(activation(gate) * up) instead of down(activation(up)).
    joined : bool
        One product makes query, key and value.
    qkv_bias, output_bias, hidden_bias : bool
        Biases of the projections to heads, from heads, and of the feed-forward layers.
    head_norm : bool
        Queries and keys are normalised head by head (Qwen 3).
    norm_first, final_norm : bool
        Norms stand before each half of a block; a last one before the head.
    embedding_size : int
        Of the token embedding where it differs from `width` (0: the same), with a projection in and out.
    tied : bool
        The head shares the embedding's weights.
    experts, active_experts : int
        Feed-forward experts, and those that a token takes (0: one dense layer).
    window : int
        Tokens that attention reaches back at most in decode (0: all).
    """

    name: str
    width: int
    layers: int
    heads: int
    hidden: int
    vocabulary: int
    positions: int
    kv_heads: int = 0
    head_size: int = 0
    learned_positions: int = 0
    activation: str = "silu"
    norm: str = "rms_norm"
    norm_bias: bool = True
    gated: bool = True
    joined: bool = False
    qkv_bias: bool = False
    output_bias: bool = False
    hidden_bias: bool = False
    head_norm: bool = False
    norm_first: bool = True
    final_norm: bool = True
    embedding_size: int = 0
    tied: bool = False
    experts: int = 0
    active_experts: int = 0
    window: int = 0
    number_format: str = "fp16"

    @property
    def size_of_head(self) -> int:
        """Elements of one head."""
        return self.head_size or self.width // self.heads

    @property
    def groups(self) -> int:
        """Query heads that share a key-value head."""
        return self.heads // (self.kv_heads or self.heads)


def decoder(model: Decoder, phase: Phase, source: str = "") -> Network:
    """Return one forward pass of a language model.

    Prefill computes the logits of the last token alone, as a new token needs no others. In decode the cache is an
    input, the new keys and values are outputs, and `phase.context` counts the new token.

    Raises
    ------
    CodesignError
        When the model has fewer positions than the context.
    """
    context = phase.context_of(model.name, model.positions)
    what = f"{phase.name or 'prefill'}, context {context}" + (f", {phase.kv_format} cache" if phase.kv_format else "")
    b = Builder(model.name, f"{source or model.name} ({what})", model.number_format)
    tokens = 1 if phase.is_decode else context
    if phase.is_decode and model.window:
        context = min(context, model.window)
    x = _embedded(b, model, tokens)
    for index in range(model.layers):
        x = _block(b, model, phase, f"block.{index}", x, context)
    if tokens > 1:
        x = b.emit("slice", "last_token", (x,), (1, model.width), starts=(tokens - 1, 0), steps=(1, 1))
    if model.final_norm:
        x = _norm(b, model, "final_norm", x)
    size = model.embedding_size or model.width
    if size != model.width:
        x = b.linear("project_out", x, size, bias=False)
    weight = "embedding.weight" if model.tied else "head.weight"
    return b.finish(b.linear("head", x, model.vocabulary, bias=False, weight=weight))


def _embedded(b: Builder, model: Decoder, tokens: int) -> str:
    size = model.embedding_size or model.width
    table = b.weight("embedding.weight", model.vocabulary, size)
    x = b.emit("embedding", "embedding", (table, b.input("tokens", (tokens,), "int32")), (tokens, size))
    if size != model.width:
        x = b.linear("project_in", x, model.width, bias=False)
    if model.learned_positions:
        table = b.weight("position.weight", model.learned_positions, model.width)
        rows = b.emit("embedding", "position", (table, b.input("positions", (tokens,), "int32")), (tokens, model.width))
        x = b.same("add", "embedded", x, rows)
    return x


def _norm(b: Builder, model: Decoder, name: str, source: str) -> str:
    return b.norm(name, source, model.norm, bias=model.norm_bias)


def _block(b: Builder, model: Decoder, phase: Phase, prefix: str, x: str, context: int) -> str:
    """Append one block: attention and feed-forward, each with its norm and residual."""

    def half(name: str, inner) -> str:
        source = _norm(b, model, f"{prefix}.{name}_norm", x) if model.norm_first else x
        total = b.same("add", f"{prefix}.{name}_add", x, inner(source))
        return total if model.norm_first else _norm(b, model, f"{prefix}.{name}_norm", total)

    x = half("attention", lambda source: _attention(b, model, phase, f"{prefix}.attention", source, context))
    return half("mlp", lambda source: _feed_forward(b, model, f"{prefix}.mlp", source))


def _attention(b: Builder, model: Decoder, phase: Phase, prefix: str, source: str, context: int) -> str:
    tokens = b.shape(source)[0]
    query, key, value = _projections(b, model, prefix, source)
    kv_heads = model.kv_heads or model.heads
    rows = split_heads(b, f"{prefix}.query.heads", query, kv_heads, tokens * model.groups)
    keys = _cached(b, phase, f"{prefix}.key", key, kv_heads, context, transposed=True)
    values = _cached(b, phase, f"{prefix}.value", value, kv_heads, context, transposed=False)
    mixed = attend(b, prefix, rows, keys, values, tokens)
    return b.linear(f"{prefix}.output", mixed, model.width, model.output_bias)


def _projections(b: Builder, model: Decoder, prefix: str, source: str) -> list[str]:
    """Return query, key and value (tokens, heads * size), normalised and rotated where the model does so."""
    size, tokens = model.size_of_head, b.shape(source)[0]
    heads = {"query": model.heads, "key": model.kv_heads or model.heads, "value": model.kv_heads or model.heads}
    if model.joined:
        whole = b.linear(f"{prefix}.qkv", source, sum(heads.values()) * size, model.qkv_bias)
    made, start = [], 0
    for part, count in heads.items():
        name, width = f"{prefix}.{part}", count * size
        if model.joined:
            x = b.emit("slice", name, (whole,), (tokens, width), starts=(0, start), steps=(1, 1))
        else:
            x = b.linear(name, source, width, model.qkv_bias)
        start += width
        if model.head_norm and part != "value":
            x = b.view(f"{name}.by_head", x, tokens * count, size)
            x = b.view(f"{name}.whole", _norm(b, model, f"{name}_norm", x), tokens, width)
        if not model.learned_positions and part != "value":
            x = b.same("rotary", f"{name}.rotary", x)
        made.append(x)
    return made


def _cached(b: Builder, phase: Phase, name: str, new: str, heads: int, context: int, *, transposed: bool) -> str:
    """Return keys (heads, size, context) or values (heads, context, size): the cache's and the new token's.

    The new ones leave the network in the cache's format. A cache in another format than the machine's activations
    is converted there and back by the vector unit (`quantize`, `dequantize`); in prefill, attention takes the new
    ones as they are.
    """
    tokens, width = b.shape(new)
    kept = new
    if phase.kv_format:
        kept = b.emit("quantize", f"{name}.to_cache", (new,), (tokens, width), phase.kv_format)
    b.output(kept)
    axis, size = (2, width // heads) if transposed else (1, width // heads)
    if not phase.is_decode:
        return split_heads(b, f"{name}.heads", new, heads, tokens, transposed)
    shape = (heads, size, tokens) if transposed else (heads, tokens, size)
    rows = b.emit("split_heads", f"{name}.heads", (kept,), shape, phase.kv_format)
    if context > 1:
        past, whole = list(shape), list(shape)
        past[axis], whole[axis] = context - 1, context
        cache = b.input(f"{name}.cache", past, phase.kv_format)
        rows = b.emit("concat", f"{name}.context", (cache, rows), whole, phase.kv_format, axis=axis)
    return b.emit("dequantize", f"{name}.from_cache", (rows,), b.shape(rows)) if phase.kv_format else rows


def _feed_forward(b: Builder, model: Decoder, prefix: str, source: str) -> str:
    if model.experts:
        return _mixture(b, model, prefix, source)
    return feed_forward(b, prefix, source, model.hidden, model.activation, model.hidden_bias, model.gated)


def _mixture(b: Builder, model: Decoder, prefix: str, source: str) -> str:
    """Return the weighted sum of what each token's experts make of it.

    A router chooses them: a maximum over its scores for each expert that a token takes.
    """
    tokens, width = b.shape(source)
    taken, experts = model.active_experts, model.experts
    scores = b.same("softmax", f"{prefix}.gates", b.linear(f"{prefix}.router", source, experts, bias=False), axis=1)
    best = [b.emit("reduce_max", f"{prefix}.best{i}", (scores,), (tokens, 1), axes=(1,)) for i in range(taken)]
    gates = b.emit("concat", f"{prefix}.chosen", best, (tokens, taken), axis=1)

    def products(name: str, of: str, outputs: int) -> str:
        weight = b.weight(f"{prefix}.{name}.weight", experts, outputs, b.shape(of)[-1])
        return b.emit(
            "expert_gemm", f"{prefix}.{name}", (of, weight), (tokens * taken, outputs), experts_per_token=taken
        )

    gate = b.same(model.activation, f"{prefix}.activation", products("gate", source, model.hidden))
    inner = b.same("mul", f"{prefix}.gated", gate, products("up", source, model.hidden))
    outer = b.same("mul", f"{prefix}.weighted", products("down", inner, width), gates)
    parts = [
        b.emit("slice", f"{prefix}.part{i}", (outer,), (tokens, width), starts=(i * tokens, 0), steps=(1, 1))
        for i in range(taken)
    ]
    return parts[0] if taken == 1 else b.same("add", f"{prefix}.sum", *parts)


def check_decoder(model: Decoder, where: str) -> None:
    """Refuse sizes that do not fit each other.

    Raises
    ------
    CodesignError
        Naming `where` (a file or model), the sizes and what they must satisfy.
    """
    kv_heads = model.kv_heads or model.heads
    if not model.head_size and model.width % model.heads:
        raise CodesignError(f"{where}: {model.heads} attention heads do not divide the hidden size {model.width}")
    if model.heads % kv_heads:
        raise CodesignError(f"{where}: {kv_heads} key-value heads do not divide the {model.heads} attention heads")
    if model.active_experts > model.experts:
        raise CodesignError(
            f"{where}: {model.active_experts} experts a token are more than the {model.experts} there are"
        )
