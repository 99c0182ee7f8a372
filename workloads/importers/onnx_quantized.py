"""Quantized ONNX: QDQ pairs, QLinear* and *Integer operators, absorbed into tensors with scale and zero point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from workloads.formats import Format, same_quantization
from workloads.importers.onnx_builder import Builder
from workloads.importers.onnx_windows import conv_attributes, pool_attributes

Node = onnx.NodeProto


def _quantization(
    build: Builder, node: Node, name: str, scale: str, zero_point: str, shape: tuple[int, ...], axis: int
) -> Format | None:
    """Return format `name` with the parameters called `scale` and `zero_point`; None when computed at run time."""
    if scale in build.constants.placeholders:
        return Format(name)
    scales, zeros = build.value(scale), build.value(zero_point) if zero_point else None
    if scales is None or (zero_point and zeros is None):
        return None
    if scales.ndim > 1:
        build.fail(node, "blocked quantization is not supported")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        build.fail(node, f"scale '{scale}' is not positive and finite")
    zeros = np.zeros(scales.shape, np.int64) if zeros is None else zeros.astype(np.int64)
    if scales.size == 1:
        return Format(name, scales.reshape(()), zeros.reshape(()))
    axis = axis + len(shape) if axis < 0 else axis
    if axis >= len(shape) or scales.size != shape[axis] or zeros.size not in (1, scales.size):
        build.fail(node, f"scale '{scale}' has {scales.size} values, which fits no axis of shape {list(shape)}")
    return Format(name, scales, np.broadcast_to(zeros, scales.shape), axis)


def _axis(node: Node) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)


def _set(build: Builder, node: Node, name: str, scale: str, zero_point: str, axis: int = 1) -> str:
    """Give the integer tensor `name` its scale and zero point; return the name of the tensor that has them."""
    tensor = build.tensor(name)
    wanted = _quantization(build, node, tensor.format.name, scale, zero_point, tensor.shape, axis)
    if wanted is None:
        return tensor.name
    if tensor.format.scale is None:
        tensor.format = wanted
    elif not same_quantization(tensor.format, wanted):
        if not tensor.constant:
            build.fail(node, f"tensor '{tensor.name}' is read with another scale than it was written with")
        copy = f"{tensor.name}@{scale}"
        build.tensors[copy] = replace(tensor, name=copy, format=wanted)
        return copy
    return tensor.name


def _read_quantize(build: Builder, node: Node) -> None:
    source, output = build.tensor(node.input[0]), node.output[0]
    storage = build.tensor(output)
    zero_point = node.input[2] if len(node.input) > 2 else ""
    wanted = _quantization(build, node, storage.format.name, node.input[1], zero_point, source.shape, _axis(node))
    readers = build.readers.get(node.input[0], [])
    only_reader = len(readers) == 1 and node.input[0] not in build.outputs
    if wanted is None:
        build.emit("quantize", node, list(filter(None, node.input)))
        return
    if source.format.is_integer:
        if same_quantization(source.format, wanted):
            del build.tensors[output]
            build.alias[output] = source.name
            return
        storage.format = wanted
        build.emit("requantize", node, [source.name])
    elif only_reader and source.name in build.producer and not source.constant:
        build.rename_output(source.name, output, wanted)
    elif only_reader and source.name in build.inputs:
        del build.tensors[output]
        source.format = wanted
        build.alias[output] = source.name
    else:
        storage.format = wanted
        build.emit("quantize", node, [source.name])


def _read_dequantize(build: Builder, node: Node) -> None:
    zero_point = node.input[2] if len(node.input) > 2 else ""
    if node.input[1] not in build.constants:
        build.emit("dequantize", node, list(filter(None, node.input)))
        return
    build.alias[node.output[0]] = _set(build, node, node.input[0], node.input[1], zero_point, _axis(node))


def _read_qlinear_conv(build: Builder, node: Node) -> None:
    i = node.input
    x, w = _set(build, node, i[0], i[1], i[2]), _set(build, node, i[3], i[4], i[5], 0)
    _set(build, node, node.output[0], i[6], i[7])
    bias = [_bias(build, i[8], x, w)] if len(i) > 8 and i[8] else []
    build.emit("conv", node, [x, w, *bias], **conv_attributes(build, node, x, w))


def _bias(build: Builder, name: str, x: str, w: str) -> str:
    """Give an int32 bias the scale of the sums it is added to."""
    tensor, xf, wf = build.tensor(name), build.tensor(x).format, build.tensor(w).format
    if tensor.format.scale is None and xf.scale is not None and wf.scale is not None:
        scale = np.asarray(xf.scale * wf.scale)
        tensor.format = Format(tensor.format.name, scale, np.zeros(scale.shape, np.int64), 0 if scale.ndim else None)
    return tensor.name


def _read_qlinear_matmul(build: Builder, node: Node) -> None:
    i = node.input
    a, b = _set(build, node, i[0], i[1], i[2], -2), _set(build, node, i[3], i[4], i[5], -1)
    _set(build, node, node.output[0], i[6], i[7])
    build.emit("matmul", node, [a, b])


def _read_qgemm(build: Builder, node: Node) -> None:
    i = list(node.input) + [""] * 9
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    transposed = bool(given.get("transB", 0))
    a, b = _set(build, node, i[0], i[1], i[2]), _set(build, node, i[3], i[4], i[5], 0 if transposed else 1)
    if i[7]:
        _set(build, node, node.output[0], i[7], i[8])
    bias = [_bias(build, i[6], a, b)] if i[6] else []
    build.emit(
        "gemm", node, [a, b, *bias], alpha=float(given.get("alpha", 1.0)), transpose_b=transposed,
        transpose_a=bool(given.get("transA", 0)),
    )  # fmt: skip


def _read_qlinear_two(kind: str):
    def read(build: Builder, node: Node) -> None:
        i = node.input
        a, b = _set(build, node, i[0], i[1], i[2]), _set(build, node, i[3], i[4], i[5])
        _set(build, node, node.output[0], i[6], i[7] if len(i) > 7 else "")
        build.emit(kind, node, [a, b])

    return read


def _read_qlinear_one(kind: str):
    def read(build: Builder, node: Node) -> None:
        i = node.input
        x = _set(build, node, i[0], i[1], i[2])
        _set(build, node, node.output[0], i[3], i[4] if len(i) > 4 else "")
        given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if given.get("channels_last", 0):
            build.fail(node, "channels_last is not supported")
        if kind == "average_pool":
            build.emit(kind, node, [x], **pool_attributes(build, node, x))
        elif kind == "softmax":
            build.emit(kind, node, [x], axis=int(given.get("axis", -1)) % len(build.tensor(x).shape))
        elif kind == "leaky_relu":
            build.emit(kind, node, [x], alpha=float(given.get("alpha", 0.01)))
        else:
            build.emit(kind, node, [x])

    return read


def _read_qlinear_concat(build: Builder, node: Node) -> None:
    i = node.input
    parts = [_set(build, node, i[k], i[k + 1], i[k + 2]) for k in range(2, len(i), 3)]
    output = _set(build, node, node.output[0], i[0], i[1])
    build.emit("concat", node, parts, axis=_axis(node) % len(build.tensor(output).shape))


def _read_integer(kind: str):
    def read(build: Builder, node: Node) -> None:
        operands = [build.tensor(name) for name in node.input[:2]]
        for tensor, name in zip(operands, node.input[2:4], strict=False):
            zeros = build.value(name) if name else None
            if zeros is not None and zeros.size == 1:
                tensor.format = replace(tensor.format, zero_point=zeros.astype(np.int64).reshape(()))
        names = [tensor.name for tensor in operands]
        build.emit(kind, node, names, **(conv_attributes(build, node, *names) if kind == "conv" else {}))

    return read


def _read_dynamic_quantize(build: Builder, node: Node) -> None:
    build.emit("dynamic_quantize", node, [node.input[0]])


#: Readers of quantized nodes by ONNX operator.
QUANTIZED = {
    "QuantizeLinear": _read_quantize,
    "DequantizeLinear": _read_dequantize,
    "DynamicQuantizeLinear": _read_dynamic_quantize,
    "QLinearConv": _read_qlinear_conv,
    "QLinearMatMul": _read_qlinear_matmul,
    "QGemm": _read_qgemm,
    "QLinearAdd": _read_qlinear_two("add"),
    "QLinearMul": _read_qlinear_two("mul"),
    "QLinearSigmoid": _read_qlinear_one("sigmoid"),
    "QLinearLeakyRelu": _read_qlinear_one("leaky_relu"),
    "QLinearSoftmax": _read_qlinear_one("softmax"),
    "QLinearGlobalAveragePool": _read_qlinear_one("global_average_pool"),
    "QLinearAveragePool": _read_qlinear_one("average_pool"),
    "QLinearConcat": _read_qlinear_concat,
    "ConvInteger": _read_integer("conv"),
    "MatMulInteger": _read_integer("matmul"),
}
