"""Super-resolution by two of a 1080p luminance image: SESR-M5 and FSRCNN.

PReLU is taken as ReLU in both: it has the same MACs, and its slopes are not part of the published parameter counts.
"""

from __future__ import annotations

from workloads.network import Network
from workloads.zoo.builder import Builder

_IMAGE = (1, 1, 1080, 1920)


def sesr_m5() -> Network:
    """Return SESR-M5 as it runs, its linear blocks collapsed (Bhardwaj et al., MLSys 2022).

    5x5 to 16 channels, five 3x3, 5x5 to 2x2 pixels; the input and the first features are added back.
    """
    b = Builder("sesr-m5")
    image = b.input("image", _IMAGE)
    first = x = b.same("relu", "first.relu", b.conv("first", image, 16, 5))
    for i in range(5):
        x = b.same("relu", f"conv{i}.relu", b.conv(f"conv{i}", x, 16, 3))
    x = b.conv("last", b.same("add", "features", x, first), 4, 5)
    x = b.same("add", "residual", x, image)
    return b.finish(_shuffled(b, x))


def _shuffled(b: Builder, x: str) -> str:
    n, _, height, width = b.shape(x)
    return b.emit("depth_to_space", "pixels", (x,), (n, 1, 2 * height, 2 * width), block=2)


def fsrcnn() -> Network:
    """Return FSRCNN(56, 12, 4) (Dong et al., ECCV 2016) with its last layer as its published MACs count it.

    5x5, shrink, four 3x3, expand; then a transposed 9x9 of stride 2 as a convolution over the image with zeros
    inserted, 81 x 56 MACs an output pixel. Loads insert the zeros, and count them as bytes read.
    """
    b, x = _fsrcnn_features("fsrcnn")
    n, channels, height, width = b.shape(x)
    x = b.emit("zero_insertion", "zeros", (x,), (n, channels, 2 * height, 2 * width), strides=(2, 2))
    return b.finish(b.conv("upscale", x, 1, 9))


def fsrcnn_phases() -> Network:
    """Return FSRCNN whose transposed convolution skips the zeros: four phases of 20.25 x 56 MACs an output pixel."""
    b, x = _fsrcnn_features("fsrcnn-phases")
    return b.finish(b.conv_transpose("upscale", x, 1, 9, 2, bias=False))


def _fsrcnn_features(name: str) -> tuple[Builder, str]:
    b = Builder(name)
    x = b.same("relu", "features.relu", b.conv("features", b.input("image", _IMAGE), 56, 5))
    x = b.same("relu", "shrink.relu", b.conv("shrink", x, 12, 1))
    for i in range(4):
        x = b.same("relu", f"map{i}.relu", b.conv(f"map{i}", x, 12, 3))
    return b, b.same("relu", "expand.relu", b.conv("expand", x, 56, 1))
