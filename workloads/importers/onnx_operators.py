"""Readers of float ONNX operators: one entry of `READERS` each."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx

from workloads.importers.onnx_builder import Builder
from workloads.importers.onnx_views import VIEWS
from workloads.importers.onnx_windows import attributes, conv_attributes, pool_attributes

Node = onnx.NodeProto
Reader = Callable[[Builder, Node], None]

#: ONNX operator -> (kind, {our attribute: ONNX attribute}); inputs and outputs as they are.
_PLAIN: dict[str, tuple[str, dict[str, str]]] = {
    "Relu": ("relu", {}), "LeakyRelu": ("leaky_relu", {"alpha": "alpha"}), "PRelu": ("prelu", {}),
    "Elu": ("elu", {"alpha": "alpha"}), "Selu": ("selu", {"alpha": "alpha", "gamma": "gamma"}),
    "Gelu": ("gelu", {"approximate": "approximate"}), "Sigmoid": ("sigmoid", {}), "Tanh": ("tanh", {}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": "alpha", "beta": "beta"}), "HardSwish": ("hardswish", {}),
    "Softplus": ("softplus", {}), "Mish": ("mish", {}), "Swish": ("silu", {}),
    "MatMul": ("matmul", {}),
    "GlobalAveragePool": ("global_average_pool", {}), "GlobalMaxPool": ("global_max_pool", {}),
    "LRN": ("lrn", {"size": "size", "alpha": "alpha", "beta": "beta", "bias": "bias"}),
    "InstanceNormalization": ("instance_norm", {"epsilon": "epsilon"}),
    "Add": ("add", {}), "Sum": ("add", {}), "Sub": ("sub", {}), "Mul": ("mul", {}), "Div": ("div", {}),
    "Pow": ("pow", {}), "Mod": ("mod", {}), "Max": ("maximum", {}), "Min": ("minimum", {}), "Exp": ("exp", {}),
    "Log": ("log", {}), "Sqrt": ("sqrt", {}), "Erf": ("erf", {}), "Abs": ("abs", {}), "Neg": ("neg", {}),
    "Reciprocal": ("reciprocal", {}), "Floor": ("floor", {}), "Ceil": ("ceil", {}), "Round": ("round", {}),
    "Sign": ("sign", {}), "Sin": ("sin", {}), "Cos": ("cos", {}), "Equal": ("equal", {}), "Greater": ("greater", {}),
    "GreaterOrEqual": ("greater_equal", {}), "Less": ("less", {}), "LessOrEqual": ("less_equal", {}),
    "And": ("logical_and", {}), "Or": ("logical_or", {}), "Not": ("logical_not", {}), "Where": ("where", {}),
    "CumSum": ("cumulative_sum", {}),
}  # fmt: skip


def _plain(kind: str, names: dict[str, str]) -> Reader:
    def read(build: Builder, node: Node) -> None:
        given = attributes(node)
        chosen = {ours: given[theirs] for ours, theirs in names.items() if theirs in given}
        build.emit(kind, node, list(filter(None, node.input)), **chosen)

    return read


def _read_conv(build: Builder, node: Node) -> None:
    names = list(filter(None, node.input))
    kind = "conv_transpose" if node.op_type == "ConvTranspose" else "conv"
    build.emit(kind, node, names, **conv_attributes(build, node, names[0], names[1], kind == "conv_transpose"))


def _read_gemm(build: Builder, node: Node) -> None:
    given = attributes(node)
    chosen = {"transpose_a": bool(given.get("transA", 0)), "transpose_b": bool(given.get("transB", 0))}
    chosen |= {name: float(given.get(name, 1.0)) for name in ("alpha", "beta")}
    build.emit("gemm", node, list(filter(None, node.input)), **chosen)


def _read_pool(build: Builder, node: Node) -> None:
    kind = "max_pool" if node.op_type == "MaxPool" else "average_pool"
    build.emit(kind, node, [node.input[0]], node.output[:1], **pool_attributes(build, node, node.input[0]))


def _read_batch_norm(build: Builder, node: Node) -> None:
    if attributes(node).get("training_mode", 0):
        build.fail(node, "training_mode is not supported")
    epsilon = float(attributes(node).get("epsilon", 1e-5))
    build.emit("batch_norm", node, list(node.input), node.output[:1], epsilon=epsilon)


def _read_softmax(build: Builder, node: Node) -> None:
    shape = build.tensor(node.input[0]).shape
    old = build.opset < 13
    axis = int(attributes(node).get("axis", 1 if old else -1)) % max(len(shape), 1)
    kind = "softmax" if node.op_type == "Softmax" else "log_softmax"
    build.emit(kind, node, [node.input[0]], axis=axis, flatten=old and math.prod(shape[axis + 1 :]) > 1)


def _norm(kind: str) -> Reader:
    def read(build: Builder, node: Node) -> None:
        shape, given = build.tensor(node.input[0]).shape, attributes(node)
        chosen = {"axis": int(given.get("axis", -1)) % len(shape), "epsilon": float(given.get("epsilon", 1e-5))}
        build.emit(kind, node, list(filter(None, node.input)), node.output[:1], **chosen)

    return read


def _skip_norm(kind: str) -> Reader:
    def read(build: Builder, node: Node) -> None:
        shape = build.tensor(node.input[0]).shape
        output = node.output[3] if len(node.output) > 3 and node.output[3] else ""
        total = output or build.fresh(f"{node.output[0]}@sum", shape, node.input[0])
        parameters = [name for name in node.input[2 : 4 if kind == "layer_norm" else 3] if name]
        terms = [*node.input[:2], *(name for name in node.input[len(parameters) + 2 :] if name)]
        build.emit("add", node, terms, [total])
        chosen = {"axis": len(shape) - 1, "epsilon": float(attributes(node).get("epsilon", 1e-5))}
        build.emit(kind, node, [total, *parameters], node.output[:1], **chosen)

    return read


def _read_group_norm(build: Builder, node: Node) -> None:
    given = attributes(node)
    chosen = {"groups": int(given["num_groups"]), "epsilon": float(given.get("epsilon", 1e-5))}
    build.emit("group_norm", node, list(node.input), **chosen)


def _read_clip(build: Builder, node: Node) -> None:
    given = attributes(node)
    limits = {}
    for position, ours, theirs in ((1, "low", "min"), (2, "high", "max")):
        if len(node.input) > position and node.input[position]:
            value = build.value(node.input[position])
            if value is None or value.size != 1:
                build.fail(node, f"'{theirs}' is not a constant")
            limits[ours] = float(value.reshape(()))
        elif theirs in given:
            limits[ours] = float(given[theirs])
    build.emit("clip", node, [node.input[0]], **limits)


def _read_alias(build: Builder, node: Node) -> None:
    source = build.tensor(node.input[0])
    ends_of_graph = source.constant or source.name in build.inputs or source.name in map(build.resolve, build.outputs)
    if node.output[0] in build.outputs and ends_of_graph:
        build.emit("identity", node, [source.name], node.output[:1])
    else:
        build.alias[node.output[0]] = source.name


def _read_cast(build: Builder, node: Node) -> None:
    if build.tensor(node.input[0]).format.name == build.tensor(node.output[0]).format.name:
        del build.tensors[node.output[0]]
        _read_alias(build, node)
    else:
        build.emit("cast", node, [node.input[0]])


def _reduction(kind: str) -> Reader:
    def read(build: Builder, node: Node) -> None:
        given, shape = attributes(node), build.tensor(node.input[0]).shape
        axes = given.get("axes")
        if len(node.input) > 1 and node.input[1]:
            found = build.value(node.input[1])
            if found is None:
                build.fail(node, "'axes' is not a constant")
            axes = np.atleast_1d(found).tolist()
        if not axes:
            if given.get("noop_with_empty_axes", 0):
                _read_alias(build, node)
                return
            axes = range(len(shape))
        chosen = tuple(sorted(int(axis) % len(shape) for axis in axes))
        build.emit(f"reduce_{kind}", node, [node.input[0]], axes=chosen, keepdims=bool(given.get("keepdims", 1)))

    return read


def _arg(kind: str) -> Reader:
    def read(build: Builder, node: Node) -> None:
        given, shape = attributes(node), build.tensor(node.input[0]).shape
        axis = int(given.get("axis", 0)) % len(shape)
        build.emit(kind, node, [node.input[0]], axis=axis, keepdims=bool(given.get("keepdims", 1)))

    return read


def _read_top_k(build: Builder, node: Node) -> None:
    axis = int(attributes(node).get("axis", -1)) % len(build.tensor(node.input[0]).shape)
    build.emit("top_k", node, [node.input[0]], axis=axis)


def _gelu(with_bias: bool) -> Reader:
    def read(build: Builder, node: Node) -> None:
        source = node.input[0]
        if len(node.input) > 1 and node.input[1]:
            total = build.fresh(f"{node.output[0]}@sum", build.tensor(source).shape, source)
            build.emit("add", node, list(node.input[:2]), [total])
            source = total
        build.emit("gelu", node, [source], node.output[:1], approximate="none" if with_bias else "tanh")

    return read


def _read_fused_conv(build: Builder, node: Node) -> None:
    given, names = attributes(node), list(filter(None, node.input))
    kinds = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSigmoid": "hard_sigmoid"}
    kind = kinds.get(given.get("activation", ""))
    if kind is None or len(names) > 3:
        build.fail(node, "only FusedConv with Relu, Sigmoid, Tanh or HardSigmoid and no residual is supported")
    total = build.fresh(f"{node.output[0]}@conv", build.tensor(node.output[0]).shape, node.input[0])
    build.emit("conv", node, names, [total], **conv_attributes(build, node, names[0], names[1]))
    build.emit(kind, node, [total])


def _read_rotary(build: Builder, node: Node) -> None:
    build.emit("rotary", node, list(filter(None, node.input)), interleaved=bool(attributes(node).get("interleaved", 0)))


#: Readers of nodes by ONNX operator, for the ONNX domain and for com.microsoft where it adds operators.
READERS: dict[str, Reader] = {
    **{name: _plain(kind, names) for name, (kind, names) in _PLAIN.items()},
    **VIEWS,
    **{name: _reduction(kind) for name, kind in {
        "ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "prod",
        "ReduceL2": "l2", "ReduceSumSquare": "sum_square",
    }.items()},
    "Conv": _read_conv, "ConvTranspose": _read_conv, "FusedConv": _read_fused_conv, "Gemm": _read_gemm,
    "MaxPool": _read_pool, "AveragePool": _read_pool, "BatchNormalization": _read_batch_norm,
    "Softmax": _read_softmax, "LogSoftmax": _read_softmax, "LayerNormalization": _norm("layer_norm"),
    "RMSNormalization": _norm("rms_norm"), "SimplifiedLayerNormalization": _norm("rms_norm"),
    "SkipLayerNormalization": _skip_norm("layer_norm"), "SkipSimplifiedLayerNormalization": _skip_norm("rms_norm"),
    "GroupNormalization": _read_group_norm, "Clip": _read_clip, "Identity": _read_alias, "Dropout": _read_alias,
    "Cast": _read_cast, "ArgMax": _arg("arg_max"), "ArgMin": _arg("arg_min"), "TopK": _read_top_k,
    "BiasGelu": _gelu(True), "FastGelu": _gelu(False), "RotaryEmbedding": _read_rotary,
}  # fmt: skip
