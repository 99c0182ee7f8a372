"""TFLite operators as operators of a `Network`: one reader a kind, its options and shapes checked.

Sources: the operators' definitions in TensorFlow Lite's `schema.fbs` and their int8 specification (tensorflow.org,
"TensorFlow Lite 8-bit quantization specification"): weights symmetric, activations with one scale a tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workloads.errors import CodesignError
from workloads.formats import same_quantization
from workloads.importers.tflite_builder import Builder
from workloads.importers.tflite_file import TfliteOperator, TfliteTensor
from workloads.importers.tflite_windows import conv_window, pool_window
from workloads.integer.tflite_tables import short_multiplier

_ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
_BOUNDS = {"RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0), "RELU_0_TO_1": (0.0, 1.0)}
_IMAGE_AXIS = (0, 2, 3, 1)
#: Steps of the output's scale in one, and its zero point, where TFLite's kernels take no others.
_OUTPUTS = {"softmax": (256, -128), "sigmoid": (256, -128)}


def _finish(
    build: Builder, operator: TfliteOperator, kind: str, inputs: tuple[str, ...], image: bool, **attributes: Any
) -> None:
    """Emit an operator and, where its options fuse one, the activation that follows it."""
    _finish_as(build, operator, kind, inputs, build.write(build.result(operator), image), **attributes)


def _finish_as(
    build: Builder, operator: TfliteOperator, kind: str, inputs: tuple[str, ...], final: str, **attributes: Any
) -> None:
    """Emit an operator that writes the tensor `final`, after the activation that its options fuse."""
    code = operator.options.FusedActivationFunction() if hasattr(operator.options, "FusedActivationFunction") else 0
    activation = _ACTIVATIONS.get(code, f"number {code}")
    if activation == "NONE":
        build.emit(operator, kind, inputs, final, **attributes)
        return
    if activation != "RELU" and activation not in _BOUNDS:
        build.fail(operator, f"fused activation {activation} is not read; use {', '.join(('RELU', *_BOUNDS))}")
    tensor = build.tensors[final]
    before = build.new(f"{final}/unbounded", tensor.shape, tensor.format)
    build.emit(operator, kind, inputs, before, **attributes)
    _bounded(build, operator, activation, before, final)


def _bounded(build: Builder, operator: TfliteOperator, activation: str, before: str, final: str) -> None:
    """Emit relu or clip; the bounds are those that TFLite stores, so that they round to themselves."""
    if activation == "RELU":
        build.emit(operator, "relu", (before,), final)
        return
    kind = build.tensors[final].format
    scale, zero = np.float32(kind.scale), int(np.asarray(kind.zero_point))
    real = []
    for bound in _BOUNDS[activation]:
        steps = float(np.float32(bound) / scale)
        stored = zero + math.floor(abs(steps) + 0.5) * (1 if steps >= 0 else -1)  # C's round: half away from zero
        real.append(float(np.float32(np.clip(stored, kind.low, kind.high) - zero) * scale))
    build.emit(operator, "clip", (before,), final, low=real[0], high=real[1])


def _conv(build: Builder, operator: TfliteOperator) -> None:
    _convolution(build, operator, depthwise=False)


def _depthwise(build: Builder, operator: TfliteOperator) -> None:
    _convolution(build, operator, depthwise=True)


def _convolution(build: Builder, operator: TfliteOperator, depthwise: bool) -> None:
    image, weights, output = build.operand(operator, 0), build.operand(operator, 1), build.result(operator)
    values = build.constant(operator, 1)
    if len(image.shape) != 4 or len(weights.shape) != 4 or len(output.shape) != 4:
        build.fail(operator, f"shapes {_text(image)}, {_text(weights)}; use images N, H, W, C and four axes of weights")
    channels, outputs = image.shape[3], output.shape[3]
    if depthwise:  # 1, H, W, O
        values, axis, per_group = values.transpose(3, 0, 1, 2), 3, 1
        fits = weights.shape[0] == 1 and weights.shape[3] == outputs and outputs % channels == 0
    else:  # O, H, W, I
        values, axis, per_group = values.transpose(0, 3, 1, 2), 0, weights.shape[3]
        fits = weights.shape[0] == outputs and channels % per_group == 0 and outputs % (channels // per_group) == 0
    if not fits:
        build.fail(operator, f"weights {_text(weights)} do not fit {channels} channels and {outputs} outputs")
    if weights.scale.size > 1 and weights.axis != axis:
        build.fail(operator, f"weights have a scale along axis {weights.axis}; use axis {axis}, of the outputs")
    if weights.zero_point.any():
        build.fail(
            operator, f"weights have the zero point {int(weights.zero_point.max())}; those of convolutions have 0"
        )
    window = conv_window(build, operator, image, weights.shape[1:3], output)
    image, window["pads"] = _without_padding(build, image, window["pads"])
    names = (build.read(image, True), build.add_constant((weights.index, False), weights, values))
    groups = channels // per_group
    _finish(build, operator, "conv", names + _bias(build, operator, outputs), True, **window, groups=groups)


def _without_padding(
    build: Builder, image: TfliteTensor, pads: tuple[int, int, int, int]
) -> tuple[TfliteTensor, tuple[int, ...]]:
    """Return what a PAD made an image of, and the pads of both: a convolution pads with the zero point as well."""
    source, more = build.padded.get(image.index, (image, (0, 0, 0, 0)))
    return source, tuple(one + other for one, other in zip(pads, more, strict=True))


def _bias(build: Builder, operator: TfliteOperator, outputs: int) -> tuple[str, ...]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return ()
    values = build.constant(operator, 2, ("INT32",)).reshape(-1)
    if values.size != outputs:
        build.fail(operator, f"a bias of {values.size} values for {outputs} outputs")
    return (build.add_constant((operator.inputs[2], False), build.operand(operator, 2, ("INT32",)), values),)


def _fully_connected(build: Builder, operator: TfliteOperator) -> None:
    data, weights, output = build.operand(operator, 0), build.operand(operator, 1), build.result(operator)
    values = build.constant(operator, 1)
    if len(weights.shape) != 2 or math.prod(data.shape) % weights.shape[1]:
        build.fail(operator, f"weights {_text(weights)} do not fit an input of {_text(data)}")
    if operator.options is not None and operator.options.WeightsFormat() != 0:
        build.fail(operator, "shuffled weights are not read")
    if weights.scale.size > 1 and weights.axis != 0:
        build.fail(operator, f"weights have a scale along axis {weights.axis}; use axis 0, of the outputs")
    outputs, depth = weights.shape
    rows = math.prod(data.shape) // depth
    if math.prod(output.shape) != rows * outputs or output.shape[-1] != outputs:
        build.fail(operator, f"its output is {_text(output)}; {rows}x{outputs} values are computed")
    source = build.read(data)
    if data.shape != (rows, depth):
        flat = build.new(f"{source}/rows", (rows, depth), build.format(data))
        build.emit(operator, "reshape", (source,), flat)
        source = flat
    names = (source, build.add_constant((weights.index, False), weights, values), *_bias(build, operator, outputs))
    if output.shape == (rows, outputs):
        _finish(build, operator, "gemm", names, False, transpose_b=True)
        return
    product = build.new(f"{output.name}/rows", (rows, outputs), build.format(output))
    _finish_as(build, operator, "gemm", names, product, transpose_b=True)
    build.emit(operator, "reshape", (product,), build.write(output))


def _pool(kind: str) -> Callable[[Builder, TfliteOperator], None]:
    def read(build: Builder, operator: TfliteOperator) -> None:
        image, output = build.operand(operator, 0), build.result(operator)
        if len(image.shape) != 4 or len(output.shape) != 4:
            build.fail(operator, f"an input of {_text(image)}; use an image N, H, W, C")
        _check_same_scale(build, operator, image, output)
        attributes = pool_window(build, operator, image, output)
        _finish(build, operator, kind, (build.read(image, True),), True, **attributes)

    return read


def _check_same_scale(build: Builder, operator: TfliteOperator, one: TfliteTensor, other: TfliteTensor) -> None:
    if one.scale.tolist() != other.scale.tolist() or one.zero_point.tolist() != other.zero_point.tolist():
        build.fail(
            operator, f"'{one.name[:80]}' and '{other.name[:80]}' have different scales; TFLite keeps them equal"
        )


def _elementwise(kind: str) -> Callable[[Builder, TfliteOperator], None]:
    def read(build: Builder, operator: TfliteOperator) -> None:
        one, two, output = build.operand(operator, 0), build.operand(operator, 1), build.result(operator)
        try:
            shape = np.broadcast_shapes(one.shape, two.shape)
        except ValueError:
            shape = ()
        if shape != output.shape:
            build.fail(operator, f"operands {_text(one)} and {_text(two)} do not make {_text(output)}")
        image = build.is_image(one) or build.is_image(two)
        names = tuple(_broadcast(build, operator, tensor, output, image) for tensor in (one, two))
        _finish(build, operator, kind, names, image)

    return read


def _broadcast(
    build: Builder, operator: TfliteOperator, tensor: TfliteTensor, output: TfliteTensor, image: bool
) -> str:
    """Return an operand in the output's form; one of fewer axes gets those of one element in front."""
    if len(tensor.shape) == len(output.shape) or not image:
        return build.read(tensor, image)
    if tensor.data is None:
        build.fail(operator, f"'{tensor.name[:80]}' has {len(tensor.shape)} axes, its partner {len(output.shape)}")
    whole = (1,) * (len(output.shape) - len(tensor.shape)) + tensor.shape
    return build.add_constant((tensor.index, False), tensor, tensor.data.reshape(whole).transpose(0, 3, 1, 2))


def _unary(kind: str, activation: str = "") -> Callable[[Builder, TfliteOperator], None]:
    def read(build: Builder, operator: TfliteOperator) -> None:
        source, output = build.operand(operator, 0), build.result(operator)
        _check_shape(build, operator, output, source.shape)
        image = build.is_image(source)
        name = build.read(source, image)
        if activation:
            final = build.write(output, image)
            tensor = build.tensors[final]
            if not same_quantization(build.tensors[name].format, tensor.format):
                rescaled = build.new(f"{final}/unbounded", tensor.shape, tensor.format)
                build.emit(operator, "requantize", (name,), rescaled)
                name = rescaled
            _bounded(build, operator, activation, name, final)
        else:
            if kind in _OUTPUTS:
                _check_output(build, operator, output, *_OUTPUTS[kind])
            build.emit(operator, kind, (name,), build.write(output, image))

    return read


def _check_output(build: Builder, operator: TfliteOperator, output: TfliteTensor, steps: int, zero_point: int) -> None:
    if float(output.scale[0]) != 1 / steps or int(output.zero_point[0]) != zero_point:
        build.fail(operator, f"its output needs the scale 1/{steps} and the zero point {zero_point}")


def _hard_swish(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0), build.result(operator)
    if not -15 <= short_multiplier(float(source.scale[0] * np.float32(1 / 128) / output.scale[0]))[1] <= 0:
        scales = f"{source.scale[0]:.3g} over {output.scale[0]:.3g}"
        build.fail(operator, f"its input's scale over its output's ({scales}) is not from 1/512 to 128")
    _unary("hardswish")(build, operator)


def _softmax(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0), build.result(operator)
    _check_shape(build, operator, output, source.shape)
    beta = operator.options.Beta() if operator.options is not None else 1.0
    if beta != 1.0:
        build.fail(operator, f"beta = {beta:g}; use 1")
    _check_output(build, operator, output, *_OUTPUTS["softmax"])
    build.emit(operator, "softmax", (build.read(source),), build.write(output))


def _reshape(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0), build.result(operator)
    if math.prod(source.shape) != math.prod(output.shape):
        build.fail(operator, f"{_text(source)} has not as many elements as {_text(output)}")
    _check_same_scale(build, operator, source, output)
    build.emit(operator, "reshape", (build.read(source),), build.write(output))


def _quantize(build: Builder, operator: TfliteOperator) -> None:
    source = build.operand(operator, 0, ("INT8", "UINT8", "FLOAT32"))
    output = build.result(operator, ("INT8", "UINT8"))
    _check_shape(build, operator, output, source.shape)
    image = source.type != "FLOAT32" and build.is_image(source)
    build.emit(operator, "quantize", (build.read(source, image),), build.write(output, image))


def _dequantize(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0, ("INT8", "UINT8")), build.result(operator, ("FLOAT32",))
    _check_shape(build, operator, output, source.shape)
    build.emit(operator, "dequantize", (build.read(source),), build.write(output))


def _concatenation(build: Builder, operator: TfliteOperator) -> None:
    output = build.result(operator)
    parts = [build.operand(operator, i) for i in range(len(operator.inputs))]
    rank = len(output.shape)
    axis = operator.options.Axis() if operator.options is not None else 0
    if not parts or not -rank <= axis < rank:
        build.fail(operator, f"axis {axis} of {rank}")
    axis %= rank
    shapes = [tensor.shape for tensor in parts]
    joined = tuple(sum(s[i] for s in shapes) if i == axis else shapes[0][i] for i in range(len(shapes[0])))
    if any(len(s) != rank for s in shapes) or joined != output.shape:
        build.fail(
            operator, f"{', '.join(_text(tensor) for tensor in parts)} along axis {axis} make no {_text(output)}"
        )
    for tensor in parts:
        _check_same_scale(build, operator, tensor, output)
    if operator.options is not None and operator.options.FusedActivationFunction():
        build.fail(operator, "a fused activation; a concatenation has none")
    image = any(build.is_image(tensor) for tensor in parts)
    names = tuple(build.read(tensor, image) for tensor in parts)
    axis = _IMAGE_AXIS[axis] if image and rank == 4 else axis
    build.emit(operator, "concat", names, build.write(output, image), axis=axis)


def _pad(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0), build.result(operator)
    widths = build.constant(operator, 1, ("INT32", "INT64")).astype(np.int64)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        build.fail(operator, "padding with a value of its own is not read; use the zero point (PAD)")
    rank = len(source.shape)
    if widths.shape != (rank, 2) or (widths < 0).any():
        build.fail(operator, f"paddings of shape {list(widths.shape)} for {rank} axes; use two counts an axis")
    _check_same_scale(build, operator, source, output)
    _check_shape(build, operator, output, tuple(n + int(w.sum()) for n, w in zip(source.shape, widths, strict=True)))
    image = rank == 4
    order = (0, 3, 1, 2) if image else tuple(range(rank))
    before, after = (tuple(int(widths[axis, side]) for axis in order) for side in (0, 1))
    if image and not widths[[0, 3]].any():
        build.padded[output.index] = source, (*before[2:], *after[2:])
    name = build.read(source, image)
    build.emit(operator, "pad", (name,), build.write(output, image), before=before, after=after, value=0.0)


def _mean(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0), build.result(operator)
    rank, keep = len(source.shape), bool(operator.options is not None and operator.options.KeepDims())
    given = build.constant(operator, 1, ("INT32",)).reshape(-1).tolist()
    axes = sorted({axis + rank if axis < 0 else axis for axis in given})
    if rank != 4 or axes != [1, 2]:
        build.fail(
            operator, f"a mean over the axes {sorted(given)[:8]} of {_text(source)}; use axes 1 and 2 of an image"
        )
    kept = [1 if axis in axes else n for axis, n in enumerate(source.shape)]
    _check_shape(build, operator, output, tuple(n for i, n in enumerate(kept) if keep or i not in axes))
    name = build.read(source, True)
    if keep:
        build.emit(operator, "global_average_pool", (name,), build.write(output, True))
        return
    pooled = build.new(f"{output.name}/pooled", (*output.shape, 1, 1), build.format(output))
    build.emit(operator, "global_average_pool", (name,), pooled)
    build.emit(operator, "reshape", (pooled,), build.write(output))


def _transpose(build: Builder, operator: TfliteOperator) -> None:
    source, output = build.operand(operator, 0), build.result(operator)
    order = tuple(int(axis) for axis in build.constant(operator, 1, ("INT32",)).reshape(-1))
    if sorted(order) != list(range(len(source.shape))):
        build.fail(operator, f"the order {list(order)} of {len(source.shape)} axes")
    _check_same_scale(build, operator, source, output)
    _check_shape(build, operator, output, tuple(source.shape[axis] for axis in order))
    build.emit(operator, "transpose", (build.read(source),), build.write(output), permutation=order)


def _shape_arithmetic(build: Builder, operator: TfliteOperator) -> None:
    """Pass over what only computes a shape: the file states every output's shape."""
    if any(build.model.tensors[index].type not in ("INT32", "INT64") for index in operator.outputs):
        raise CodesignError(_unknown(build, operator))


def _unknown(build: Builder, operator: TfliteOperator) -> str:
    return f"{build.model.path}: operator {operator.index}: '{operator.kind}' is not supported"


def _check_shape(build: Builder, operator: TfliteOperator, output: TfliteTensor, shape: tuple[int, ...]) -> None:
    if output.shape != shape:
        build.fail(operator, f"its output is {_text(output)}; {'x'.join(map(str, shape)) or 'a scalar'} is computed")


def _text(tensor: TfliteTensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"


#: Reader of each kind of operator, by TFLite's name.
READERS: dict[str, Callable[[Builder, TfliteOperator], None]] = {
    "CONV_2D": _conv, "DEPTHWISE_CONV_2D": _depthwise, "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool("max_pool"), "AVERAGE_POOL_2D": _pool("average_pool"), "ADD": _elementwise("add"),
    "MUL": _elementwise("mul"), "RELU": _unary("relu", "RELU"), "RELU6": _unary("clip", "RELU6"),
    "RELU_N1_TO_1": _unary("clip", "RELU_N1_TO_1"), "RELU_0_TO_1": _unary("clip", "RELU_0_TO_1"),
    "LOGISTIC": _unary("sigmoid"), "TANH": _unary("tanh"), "HARD_SWISH": _hard_swish,
    "SOFTMAX": _softmax, "RESHAPE": _reshape, "SQUEEZE": _reshape, "EXPAND_DIMS": _reshape, "QUANTIZE": _quantize,
    "DEQUANTIZE": _dequantize, "CONCATENATION": _concatenation, "PAD": _pad, "PADV2": _pad, "MEAN": _mean,
    "TRANSPOSE": _transpose, "SHAPE": _shape_arithmetic, "STRIDED_SLICE": _shape_arithmetic,
    "PACK": _shape_arithmetic,
}  # fmt: skip
