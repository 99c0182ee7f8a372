"""Layers of the vector unit: pooling, normalisation, elementwise functions, reductions, changes of scale."""

from __future__ import annotations

import math

import numpy as np

from workloads.errors import CodesignError
from workloads.network import Operator
from workloads.operators import OPERATORS, fused_with
from workloads.requantize import TFLITE
from workloads.trace import Window
from workloads.tracing import Tracer
from workloads.tracing_layout import extents
from workloads.tracing_quantization import has_scale, vector_numbers
from workloads.tracing_tflite import vector_as_tflite

_ONE = np.ones(1)
_MAX_PIXELS = 1 << 24


def _add(
    tracer: Tracer, operator: Operator, window: Window, function: str, counts: np.ndarray = _ONE, rule: str = "",
    **given,
) -> None:  # fmt: skip
    """Add a vector layer; `rule` names the multiplier's rule where it is not the function's."""
    constants = [name for name in operator.inputs if tracer.tensor(name).constant]
    names = [*tracer.activations(operator), *constants]
    operands = names if function in ("add", "sub", "mul", "div", "maximum", "minimum") else names[:1]
    formats = [tracer.tensor(name).format for name in operands]
    output = tracer.tensor(operator.outputs[0]).format
    numbers = vector_numbers(rule or function, formats, output, counts, fused_with(operator))
    if numbers is not None and tracer.network.rounding == TFLITE:
        numbers = vector_as_tflite(numbers, rule or function, formats, output, counts)
    parameters = dict(zip(("weights", "bias"), constants, strict=False))
    for role, name in parameters.items():
        given.setdefault(role, tracer.store(f"{operator.name}/{role}", tracer.tensor(name).data))
    if constants:
        given.setdefault("weight_format", tracer.tensor(constants[0]).format.name)
    tracer.add(
        operator, "vector", window, function=function, quantization=tracer.quantization(operator.name, numbers), **given
    )


def write_elementwise(tracer: Tracer, operator: Operator) -> None:
    """Add a layer that computes each output element from the elements at its place."""
    rule = operator.kind if operator.kind == "quantize" else ""
    _add(tracer, operator, tracer.elementwise(operator.outputs[0]), OPERATORS[operator.kind].function, rule=rule)


def write_dynamic_quantize(tracer: Tracer, operator: Operator) -> None:
    """Add a quantization whose scale is found at run time: all three outputs."""
    window = tracer.elementwise(operator.outputs[0])
    _add(tracer, operator, window, "dynamic_quantize", outputs=operator.outputs)


def write_pool(tracer: Tracer, operator: Operator) -> None:
    """Add a max or average pooling."""
    given = operator.attributes
    n, in_h, in_w, channels = tracer.extents(operator.inputs[0])
    _, out_h, out_w, _ = tracer.extents(operator.outputs[0])
    window = Window(
        n, in_h, in_w, channels, out_h, out_w, channels, *given["kernel"], *given["strides"], *given["dilations"],
        *given["pads"][:2],
    )  # fmt: skip
    counts = _ONE
    if operator.kind == "average_pool" and has_scale(tracer.tensor(operator.outputs[0]).format):
        if out_h * out_w > _MAX_PIXELS:
            pixels = f"{out_h}x{out_w} pixels; at most {_MAX_PIXELS}"
            raise CodesignError(f"operator '{operator.name}': an average pooling to {pixels}")
        counts = _window_counts(window, given["pads"], given["count_include_pad"])
    _add(tracer, operator, window, OPERATORS[operator.kind].function, counts)


def _window_counts(window: Window, pads: tuple[int, ...], with_padding: bool) -> np.ndarray:
    """Return how many elements an average divides by: one number, or one per output pixel where they differ."""
    axes = []
    for size, out, kernel, stride, dilation, before, after in (
        (window.in_h, window.out_h, window.kernel_h, window.stride_h, window.dilation_h, pads[0], pads[2]),
        (window.in_w, window.out_w, window.kernel_w, window.stride_w, window.dilation_w, pads[1], pads[3]),
    ):
        low, high = (-before, size + after) if with_padding else (0, size)
        start = np.arange(out) * stride - before
        first = np.maximum(-((start - low) // dilation), 0)
        last = np.minimum((high - 1 - start) // dilation, kernel - 1)
        axes.append(np.maximum(last - first + 1, 1))
    counts = np.outer(*axes).reshape(-1)
    return counts[:1] if (counts == counts[0]).all() else counts


def write_global_pool(tracer: Tracer, operator: Operator) -> None:
    """Add a pooling over the whole image."""
    function = OPERATORS[operator.kind].function
    n, h, w, channels = tracer.extents(operator.inputs[0])
    window = Window(n, h, w, channels, 1, 1, channels, h, w)
    _add(tracer, operator, window, function, np.array([h * w]), rule=operator.kind)


def write_rows(tracer: Tracer, operator: Operator) -> None:
    """Add a softmax or norm: as many rows as it has groups of elements, each `in_c` long."""
    shape, given = tracer.tensor(operator.inputs[0]).shape, operator.attributes
    if operator.kind == "instance_norm":
        length = math.prod(shape[2:])
    elif operator.kind == "group_norm":
        length = math.prod(shape[1:]) // given["groups"]
    else:
        axis = given["axis"] % len(shape)
        whole_tail = given.get("flatten", False) or operator.kind in ("layer_norm", "rms_norm")
        length = math.prod(shape[axis:]) if whole_tail else shape[axis]
    rows = math.prod(shape) // length * tracer.batch
    _add(tracer, operator, Window(1, rows, 1, length, rows, 1, length), OPERATORS[operator.kind].function)


def write_reduction(tracer: Tracer, operator: Operator) -> None:
    """Add a reduction: a mean over the pixels of an image is an average pooling, else rows of what is reduced."""
    shape, given = tracer.tensor(operator.inputs[0]).shape, operator.attributes
    axes = given["axes"] if "axes" in given else (given["axis"] % len(shape),)
    image = operator.inputs[0] in tracer.images and len(shape) == 4
    if operator.kind in ("reduce_mean", "reduce_max") and image and tuple(axes) == (2, 3):
        n, h, w, channels = extents(shape, True)
        window = Window(n * tracer.batch, h, w, channels, 1, 1, channels, h, w)
        function, rule = ("average_pool", "global_average_pool") if operator.kind == "reduce_mean" else ("max_pool", "")
        _add(tracer, operator, window, function, np.array([h * w]), rule=rule)
        return
    length = math.prod(shape[axis] for axis in axes)
    rows = math.prod(shape) // length * tracer.batch
    rule = "global_average_pool" if operator.kind == "reduce_mean" else ""
    _add(tracer, operator, Window(1, rows, 1, length, rows, 1, length), "reduce", np.array([length]), rule=rule)


#: Writers of layers by operator kind; other vector operators are elementwise.
WRITERS = {
    "max_pool": write_pool,
    "average_pool": write_pool,
    "global_max_pool": write_global_pool,
    "global_average_pool": write_global_pool,
    "dynamic_quantize": write_dynamic_quantize,
    **dict.fromkeys(
        ("softmax", "log_softmax", "layer_norm", "rms_norm", "instance_norm", "group_norm"), write_rows
    ),
    **dict.fromkeys(
        (kind for kind, entry in OPERATORS.items() if entry.function == "reduce"), write_reduction
    ),
}  # fmt: skip
