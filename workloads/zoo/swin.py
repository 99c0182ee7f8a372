"""Swin-T: attention in shifted windows of 7 x 7 tokens (Liu et al., ICCV 2021), at 224 x 224 pixels.

A window partition, with its cyclic shift, is a copy, and so is its reverse. The mask of shifted windows is added with
the relative position bias, in one pass over the scores.
"""

from __future__ import annotations

from workloads.network import Network
from workloads.zoo.attention import attend, feed_forward, split_heads
from workloads.zoo.builder import Builder
from workloads.zoo.cnn import CLASSES, IMAGE

WINDOW = 7
_DEPTHS, _HEADS, _WIDTH, _PATCH = (2, 2, 6, 2), (3, 6, 12, 24), 96, 4


def swin_t() -> Network:
    """Return Swin-T."""
    b = Builder("swin-t")
    side = IMAGE[-1] // _PATCH
    x = b.conv("patches", b.input("image", IMAGE), _WIDTH, _PATCH, _PATCH, pad=0, bias=True)
    x = b.view("patches.flat", x, 1, _WIDTH, side * side)
    x = b.emit("transpose", "patches.rows", (x,), (1, side * side, _WIDTH), permutation=(0, 2, 1))
    x = b.norm("patches.norm", b.view("patches.tokens", x, side * side, _WIDTH))
    for stage, (depth, heads) in enumerate(zip(_DEPTHS, _HEADS, strict=True)):
        if stage:
            x, side = _merged(b, f"merge{stage}", x, side), side // 2
        for block in range(depth):
            x = _block(b, f"stage{stage}.{block}", x, side, heads)
    x = b.norm("final_norm", x)
    x = b.emit("reduce_mean", "pool", (x,), (1, b.shape(x)[1]), axes=(0,))
    return b.finish(b.linear("classifier", x, CLASSES))


def _block(b: Builder, p: str, x: str, side: int, heads: int) -> str:
    windows, tokens, area = (side // WINDOW) ** 2, side * side, WINDOW * WINDOW
    inner = _windowed(b, f"{p}.partition", b.norm(f"{p}.attention_norm", x), side, WINDOW, side // WINDOW)
    whole, width = b.linear(f"{p}.attention.qkv", inner, 3 * b.shape(x)[1]), b.shape(x)[1]
    parts = []
    for i, part in enumerate(("query", "key", "value")):
        name = f"{p}.attention.{part}"
        rows = b.emit("slice", name, (whole,), (tokens, width), starts=(0, i * width), steps=(1, 1))
        parts.append(split_heads(b, f"{name}.heads", rows, windows * heads, area, part == "key"))
    bias = b.weight(f"{p}.attention.position_bias", (2 * WINDOW - 1) ** 2, heads)
    mixed = b.linear(f"{p}.attention.output", attend(b, f"{p}.attention", *parts, tokens, bias), width)
    mixed = _windowed(b, f"{p}.reverse", mixed, side, side // WINDOW, WINDOW)
    x = b.same("add", f"{p}.attention_add", x, mixed)
    out = feed_forward(b, f"{p}.mlp", b.norm(f"{p}.mlp_norm", x), 4 * width, "gelu")
    return b.same("add", f"{p}.mlp_add", x, out)


def _windowed(b: Builder, name: str, x: str, side: int, inner: int, outer: int) -> str:
    """Reorder the rows of tokens: each window's together, or back."""
    width = b.shape(x)[1]
    x = b.view(f"{name}.grid", x, outer, inner, side // inner * inner // outer, outer, width)
    shape = b.shape(x)
    moved = (shape[0], shape[2], shape[1], *shape[3:])
    x = b.emit("transpose", name, (x,), moved, permutation=(0, 2, 1, 3, 4))
    return b.view(f"{name}.rows", x, side * side, width)


def _merged(b: Builder, p: str, x: str, side: int) -> str:
    """Append patch merging: 2 x 2 tokens side by side, normalised, projected to twice the width."""
    width, half = b.shape(x)[1], side // 2
    x = b.view(f"{p}.grid", x, half, 2, half, 2 * width)
    x = b.emit("transpose", f"{p}.gather", (x,), (half, half, 2, 2 * width), permutation=(0, 2, 1, 3))
    x = b.norm(f"{p}.norm", b.view(f"{p}.rows", x, half * half, 4 * width))
    return b.linear(f"{p}.reduction", x, 2 * width, bias=False)
