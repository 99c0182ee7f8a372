"""Convolutional networks for 224 x 224 images: ResNet-18, MobileNetV2, EfficientNet-B0."""

from __future__ import annotations

from workloads.network import Network
from workloads.zoo.builder import Builder

IMAGE = (1, 3, 224, 224)
CLASSES = 1000


def conv_norm(
    b: Builder, name: str, x: str, outputs: int, kernel: int, stride: int = 1, activation: str = "", groups: int = 1
) -> str:
    """Append convolution, batch norm and activation (``relu6`` is a clip to [0, 6])."""
    x = b.batch_norm(f"{name}.norm", b.conv(name, x, outputs, kernel, stride, groups=groups))
    return activated(b, f"{name}.activation", x, activation)


def activated(b: Builder, name: str, x: str, activation: str) -> str:
    """Append an activation, none for an empty name."""
    if activation == "relu6":
        return b.same("clip", name, x, low=0.0, high=6.0)
    return b.same(activation, name, x) if activation else x


def classified(b: Builder, x: str) -> Network:
    """Append the mean over pixels and the classifier."""
    pooled = b.global_pool("pool", x)
    return b.finish(b.linear("classifier", b.view("features", pooled, 1, b.shape(pooled)[1]), CLASSES))


def resnet18() -> Network:
    """Return ResNet-18 (He et al., CVPR 2016), option B: projections where the size changes."""
    b = Builder("resnet18")
    x = conv_norm(b, "stem", b.input("image", IMAGE), 64, 7, 2, "relu")
    x = b.max_pool("stem.pool", x, 3, 2, 1)
    for stage, outputs in enumerate((64, 128, 256, 512)):
        for block in range(2):
            p, stride = f"stage{stage}.{block}", 2 if stage and not block else 1
            y = conv_norm(b, f"{p}.conv1", x, outputs, 3, stride, "relu")
            y = conv_norm(b, f"{p}.conv2", y, outputs, 3)
            if stride != 1:
                x = conv_norm(b, f"{p}.projection", x, outputs, 1, stride)
            x = b.same("relu", f"{p}.relu", b.same("add", f"{p}.add", y, x))
    return classified(b, x)


#: MobileNetV2's rows: expansion, channels, blocks, stride of the first (Sandler et al., CVPR 2018, table 2).
_MOBILENET_V2 = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


def mobilenet_v2() -> Network:
    """Return MobileNetV2 of width 1."""
    b = Builder("mobilenet-v2")
    x = conv_norm(b, "stem", b.input("image", IMAGE), 32, 3, 2, "relu6")
    for row, (expansion, outputs, blocks, first) in enumerate(_MOBILENET_V2):
        for block in range(blocks):
            x = _inverted(b, f"row{row}.{block}", x, outputs, expansion, 3, 1 if block else first, "relu6", 0)
    return classified(b, conv_norm(b, "last", x, 1280, 1, 1, "relu6"))


#: EfficientNet-B0's rows: expansion, kernel, stride, channels, blocks (Tan and Le, ICML 2019, table 1).
_EFFICIENTNET_B0 = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)  # fmt: skip


def efficientnet_b0() -> Network:
    """Return EfficientNet-B0, squeeze and excitation included."""
    b = Builder("efficientnet-b0")
    x = conv_norm(b, "stem", b.input("image", IMAGE), 32, 3, 2, "silu")
    for row, (expansion, kernel, first, outputs, blocks) in enumerate(_EFFICIENTNET_B0):
        for block in range(blocks):
            squeezed = b.shape(x)[1] // 4
            x = _inverted(
                b, f"row{row}.{block}", x, outputs, expansion, kernel, 1 if block else first, "silu", squeezed
            )
    return classified(b, conv_norm(b, "last", x, 1280, 1, 1, "silu"))


def _inverted(
    b: Builder, p: str, x: str, outputs: int, expansion: int, kernel: int, stride: int, activation: str, squeezed: int
) -> str:
    """Append an inverted residual: expand, depthwise, squeeze and excitation (where `squeezed`), project."""
    inputs, y = b.shape(x)[1], x
    hidden = inputs * expansion
    if expansion != 1:
        y = conv_norm(b, f"{p}.expand", y, hidden, 1, 1, activation)
    y = conv_norm(b, f"{p}.depthwise", y, hidden, kernel, stride, activation, groups=hidden)
    if squeezed:
        gate = b.conv(f"{p}.squeeze", b.global_pool(f"{p}.pool", y), squeezed, 1, bias=True)
        gate = b.conv(f"{p}.excite", b.same("silu", f"{p}.squeeze.activation", gate), hidden, 1, bias=True)
        y = b.same("mul", f"{p}.gated", y, b.same("sigmoid", f"{p}.gate", gate))
    y = conv_norm(b, f"{p}.project", y, outputs, 1)
    return b.same("add", f"{p}.add", y, x) if stride == 1 and inputs == outputs else y
