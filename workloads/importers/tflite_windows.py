"""Windows of convolution and pooling: TFLite's padding schemes as explicit padding."""

from __future__ import annotations

from typing import Any

from workloads.importers.tflite_builder import Builder
from workloads.importers.tflite_file import TfliteOperator, TfliteTensor

_PADDINGS = ("SAME", "VALID")
_MOST = 1 << 20


def conv_window(
    build: Builder, operator: TfliteOperator, image: TfliteTensor, kernel: tuple[int, ...], output: TfliteTensor
) -> dict[str, Any]:
    """Return pads, strides and dilations of a convolution, its output's size checked."""
    given = operator.options
    if given is None:
        build.fail(operator, "its options are missing")
    strides, dilations = (given.StrideH(), given.StrideW()), (given.DilationHFactor(), given.DilationWFactor())
    pads = _pads(build, operator, image, (kernel[0], kernel[1]), strides, dilations, output)
    return {"pads": pads, "strides": strides, "dilations": dilations}


def pool_window(build: Builder, operator: TfliteOperator, image: TfliteTensor, output: TfliteTensor) -> dict[str, Any]:
    """Return kernel, pads and strides of a pooling, its output's size checked."""
    given = operator.options
    if given is None:
        build.fail(operator, "its options are missing")
    kernel, strides = (given.FilterHeight(), given.FilterWidth()), (given.StrideH(), given.StrideW())
    if output.shape[3] != image.shape[3]:
        build.fail(operator, f"{output.shape[3]} channels out of {image.shape[3]}")
    return {
        "kernel": kernel,
        "strides": strides,
        "pads": _pads(build, operator, image, kernel, strides, (1, 1), output),
    }


def _pads(
    build: Builder, operator: TfliteOperator, image: TfliteTensor, kernel: tuple[int, int], strides: tuple[int, int],
    dilations: tuple[int, int], output: TfliteTensor,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Return top, left, bottom, right; SAME puts the odd element at the bottom and right."""
    for name, pair in (("kernel", kernel), ("strides", strides), ("dilations", dilations)):
        if not all(1 <= size <= _MOST for size in pair):
            build.fail(operator, f"{name} = {list(pair)}; use integers from 1 to {_MOST}")
    code = operator.options.Padding()
    if code not in (0, 1):
        build.fail(operator, f"padding number {code}; use {' or '.join(_PADDINGS)}")
    before, after, sizes = [], [], []
    for axis in (0, 1):
        size, reach = image.shape[1 + axis], (kernel[axis] - 1) * dilations[axis] + 1
        out = -(-size // strides[axis]) if code == 0 else (size - reach) // strides[axis] + 1
        total = max((out - 1) * strides[axis] + reach - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
        sizes.append(out)
    if output.shape[:3] != (image.shape[0], *sizes):
        shape = "x".join(map(str, output.shape[:3]))
        build.fail(operator, f"its output has {shape} pixels; {image.shape[0]}x{sizes[0]}x{sizes[1]} are computed")
    return before[0], before[1], after[0], after[1]
