"""Bind symbolic dimensions and infer the type and shape of every tensor of an ONNX graph."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import onnx

from workloads.errors import CodesignError, did_you_mean
from workloads.importers.onnx_file import type_name

#: (element type, shape); shape is None while unknown.
Types = dict[str, tuple[int, tuple[int, ...] | None]]

_MAX_DIMENSION = 2**31 - 1
_MAX_ELEMENTS = 2**40
_STAND_INS = {  # operators of com.microsoft by the ONNX operator with the same shapes
    "QLinearAdd": "Add", "QLinearMul": "Mul", "QLinearSigmoid": "Identity", "QLinearLeakyRelu": "Identity",
    "QLinearSoftmax": "Identity", "QLinearGlobalAveragePool": "GlobalAveragePool", "QLinearAveragePool": "AveragePool",
    "QLinearConcat": "Concat", "QGemm": "Gemm", "Gelu": "Identity", "FastGelu": "Identity", "BiasGelu": "Identity",
    "QuickGelu": "Identity", "SkipLayerNormalization": "Identity", "SkipSimplifiedLayerNormalization": "Identity",
    "SimplifiedLayerNormalization": "Identity", "RotaryEmbedding": "Identity", "FusedConv": "Conv",
    "LayerNormalization": "Identity", "RMSNormalization": "Identity", "DequantizeLinear": "DequantizeLinear",
    "QuantizeLinear": "QuantizeLinear", "FusedMatMul": "MatMul",
}  # fmt: skip
_OPERANDS = {"QLinearAdd": (0, 3), "QLinearMul": (0, 3), "QGemm": (0, 3), "FusedMatMul": (0, 1), "FusedConv": (0, 1)}


def bind_dimensions(graph: onnx.GraphProto, dimensions: Mapping[str, int], path: Path) -> None:
    """Give every symbolic dimension of the graph's inputs its number, in place.

    A dimension without a name is called ``<input>.<axis>``.

    Raises
    ------
    CodesignError
        Naming a dimension that is unbound, unknown, or no positive integer.
    """
    for name, size in dimensions.items():
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _MAX_DIMENSION:
            raise CodesignError(f"{path}: dimension '{name}' = {size}: use an integer from 1 to {_MAX_DIMENSION}")
    constants = {tensor.name for tensor in graph.initializer}
    known: list[str] = []
    for value in [*graph.input, *graph.output]:
        is_input = value in graph.input and value.name not in constants
        if value.type.WhichOneof("value") != "tensor_type":
            if is_input:
                raise CodesignError(f"{path}: input '{value.name}' is not a tensor")
            continue
        if is_input:
            _check_element_type(value, path)
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            name = dimension.dim_param or f"{value.name}.{axis}"
            if not dimension.HasField("dim_value"):
                known.append(name)
                if name in dimensions:
                    dimension.dim_value = dimensions[name]
                elif is_input:
                    raise CodesignError(
                        f"{path}: input '{value.name}': dimension '{name}' has no size; bind it, for example {name}=1"
                    )
            elif is_input and not 1 <= dimension.dim_value <= _MAX_DIMENSION:
                raise CodesignError(
                    f"{path}: input '{value.name}': dimension {axis} is {dimension.dim_value}; "
                    f"sizes are 1 to {_MAX_DIMENSION}"
                )
    for name in dimensions:
        if name not in known:
            raise CodesignError(f"{path}: the model has no dimension '{name}'{did_you_mean(name, known)}")


def _check_element_type(value: onnx.ValueInfoProto, path: Path) -> None:
    kind = type_name(value.type.tensor_type.elem_type)
    if kind in ("STRING", "UNDEFINED", "COMPLEX64", "COMPLEX128"):
        raise CodesignError(f"{path}: input '{value.name}': element type {kind} is not supported")
    if not value.type.tensor_type.HasField("shape"):
        raise CodesignError(f"{path}: input '{value.name}' has no shape")


def infer_types(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], folded: list[onnx.TensorProto], path: Path
) -> Types:
    """Return type and shape of every tensor; `folded` are small constants already computed.

    Raises
    ------
    CodesignError
        When the shapes contradict each other (strict inference), or one is absurdly large.
    """
    graph = model.graph
    sketch = onnx.ModelProto()
    sketch.ir_version = max(model.ir_version, 4)
    for opset in model.opset_import:
        sketch.opset_import.add(domain=opset.domain, version=opset.version)
    constants = {tensor.name for tensor in [*graph.initializer, *folded]}
    sketch.graph.name = "sketch"
    sketch.graph.input.extend(value for value in graph.input if value.name not in constants)
    for tensor in graph.initializer:
        if math.prod(tensor.dims) > 1024:  # only small values can matter to a shape
            sketch.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        else:
            sketch.graph.initializer.append(tensor)
    sketch.graph.initializer.extend(folded)
    done = {tensor.name for tensor in folded}
    sketch.graph.node.extend(_stand_in(node) for node in nodes if not done.issuperset(filter(None, node.output)))
    sketch.graph.output.extend(value for value in graph.output if value.name not in done)
    try:
        inferred = onnx.shape_inference.infer_shapes(sketch, strict_mode=True, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError) as fault:
        raise CodesignError(f"{path}: {_one_line(str(fault))}") from None
    types = _types(inferred.graph, path)
    for tensor in [*graph.initializer, *folded]:
        types[tensor.name] = (tensor.data_type, tuple(tensor.dims))
    return types


def _stand_in(node: onnx.NodeProto) -> onnx.NodeProto:
    if node.domain != "com.microsoft" or node.op_type not in _STAND_INS:
        return node
    operands = list(node.input)
    if node.op_type == "QLinearConcat":
        operands = operands[2::3]
    elif node.op_type in _OPERANDS:
        operands = [operands[i] for i in _OPERANDS[node.op_type]]
    elif _STAND_INS[node.op_type] != node.op_type:
        operands = operands[:1]
    kept = onnx.helper.make_node(_STAND_INS[node.op_type], operands, node.output[:1], name=node.name)
    wanted = {attribute.name for attribute in node.attribute} & _shape_attributes(kept.op_type)
    kept.attribute.extend(attribute for attribute in node.attribute if attribute.name in wanted)
    return kept


def _shape_attributes(op_type: str) -> set[str]:
    return set(onnx.defs.get_schema(op_type).attributes)


def _types(graph: onnx.GraphProto, path: Path) -> Types:
    types: Types = {}
    for value in [*graph.output, *graph.value_info, *graph.input]:
        if value.type.WhichOneof("value") != "tensor_type":
            continue
        tensor = value.type.tensor_type
        sizes = [dimension.dim_value if dimension.HasField("dim_value") else None for dimension in tensor.shape.dim]
        known = tensor.HasField("shape") and None not in sizes
        shape = tuple(int(size) for size in sizes if size is not None) if known else None
        if shape is not None and math.prod(shape) > _MAX_ELEMENTS:
            text = "x".join(map(str, shape))
            raise CodesignError(f"{path}: tensor '{value.name}' ({text}) has more than {_MAX_ELEMENTS} elements")
        types[value.name] = (tensor.elem_type, shape)
    return types


def _one_line(message: str) -> str:
    text = " ".join(message.split())
    text = re.sub(r"\[(Shape|Type)InferenceError\] ?|Inference error\(s\): ?", "", text)
    text = re.sub(r"\(op_type: ?([^,)]*)(?:, node name: ([^)]*))?\):", r"node '\2' (\1):", text)
    return "shapes do not fit: " + text[:300]
