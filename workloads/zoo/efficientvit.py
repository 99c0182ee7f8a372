"""EfficientViT-B1 (Cai et al., ICCV 2023) at 224 x 224 pixels: convolutions, and linear attention with ReLU kernels."""

from __future__ import annotations

from workloads.network import Network
from workloads.zoo.builder import Builder
from workloads.zoo.cnn import CLASSES, IMAGE, conv_norm

_WIDTHS, _DEPTHS, _HEAD_SIZE = (16, 32, 64, 128, 256), (1, 2, 3, 3, 4), 16
_ACTIVATION = "hardswish"


def efficientvit_b1() -> Network:
    """Return EfficientViT-B1."""
    b = Builder("efficientvit-b1")
    x = conv_norm(b, "stem", b.input("image", IMAGE), _WIDTHS[0], 3, 2, _ACTIVATION)
    y = conv_norm(b, "stem.depthwise", x, _WIDTHS[0], 3, 1, _ACTIVATION, groups=_WIDTHS[0])
    x = b.same("add", "stem.add", conv_norm(b, "stem.point", y, _WIDTHS[0], 1), x)
    for stage in range(1, 5):
        width, attends = _WIDTHS[stage], stage > 2
        x = _inverted(b, f"stage{stage}.down", x, width, 2, attends)
        for block in range(_DEPTHS[stage] - (0 if attends else 1)):
            p = f"stage{stage}.{block}"
            if attends:
                x = b.same("add", f"{p}.attention_add", _linear_attention(b, f"{p}.attention", x), x)
            x = b.same("add", f"{p}.local_add", _inverted(b, f"{p}.local", x, width, 1, attends), x)
    x = b.global_pool("pool", conv_norm(b, "last", x, 1536, 1, 1, _ACTIVATION))
    x = b.linear("head.hidden", b.view("features", x, 1, 1536), 1600, bias=False)
    x = b.same(_ACTIVATION, "head.activation", b.norm("head.norm", x))
    return b.finish(b.linear("classifier", x, CLASSES))


def _inverted(b: Builder, p: str, x: str, outputs: int, stride: int, biased: bool) -> str:
    """Append an inverted residual of expansion 4; `biased`: only its last convolution has a batch norm."""
    hidden = 4 * b.shape(x)[1]
    for name, kernel, step, groups in (("expand", 1, 1, 1), ("depthwise", 3, stride, hidden)):
        if biased:
            x = b.conv(f"{p}.{name}", x, hidden, kernel, step, groups=groups, bias=True)
            x = b.same(_ACTIVATION, f"{p}.{name}.activation", x)
        else:
            x = conv_norm(b, f"{p}.{name}", x, hidden, kernel, step, _ACTIVATION, groups)
    return conv_norm(b, f"{p}.project", x, outputs, 1)


def _linear_attention(b: Builder, p: str, x: str) -> str:
    """Append multi-scale linear attention: relu(q) (relu(k)^T v), divided by relu(q) (sum of relu(k))."""
    _, channels, height, width = b.shape(x)
    pixels, heads = height * width, 2 * channels // _HEAD_SIZE
    single = b.conv(f"{p}.qkv", x, 3 * channels, 1)
    wide = b.conv(f"{p}.scale.depthwise", single, 3 * channels, 5, groups=3 * channels)
    wide = b.conv(f"{p}.scale.point", wide, 3 * channels, 1, groups=3 * channels // _HEAD_SIZE)
    both = b.emit("concat", f"{p}.scales", (single, wide), (1, 6 * channels, height, width), axis=1)

    def part(index: int, name: str, *shape: int) -> str:
        rows = b.emit(
            "slice", f"{p}.{name}", (both,), (1, 2 * channels, height, width), starts=(0, index * _HEAD_SIZE, 0, 0),
            steps=(1, 1, 1, 1),
        )  # fmt: skip
        rows = rows if name == "value" else b.same("relu", f"{p}.{name}.relu", rows)
        return b.view(f"{p}.{name}.heads", rows, heads, *shape, kind="split_heads")

    query, key = part(0, "query", pixels, _HEAD_SIZE), part(1, "key", pixels, _HEAD_SIZE)
    value = part(2, "value", _HEAD_SIZE, pixels)
    with_ones = b.emit(
        "pad",
        f"{p}.value.ones",
        (value,),
        (heads, _HEAD_SIZE + 1, pixels),
        before=(0, 0, 0),
        after=(0, 1, 0),
        value=1.0,
    )
    state = b.matmul(f"{p}.state", with_ones, key)
    state = b.emit("transpose", f"{p}.state.rows", (state,), (heads, _HEAD_SIZE, _HEAD_SIZE + 1), permutation=(0, 2, 1))
    mixed = b.matmul(f"{p}.mixed", query, state)
    top = b.emit("slice", f"{p}.sum", (mixed,), (heads, pixels, _HEAD_SIZE), starts=(0, 0, 0), steps=(1, 1, 1))
    below = b.emit("slice", f"{p}.total", (mixed,), (heads, pixels, 1), starts=(0, 0, _HEAD_SIZE), steps=(1, 1, 1))
    out = b.same("div", f"{p}.divided", top, below)
    out = b.view(f"{p}.merged", out, 1, 2 * channels, height, width, kind="merge_heads")
    return conv_norm(b, f"{p}.output", out, channels, 1)
