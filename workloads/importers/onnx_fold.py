"""Evaluate the nodes of an ONNX graph that depend on constants alone: prepared weights, shape arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from workloads.importers.onnx_shapes import Types

_MAX_FOLDED_ELEMENTS = 1 << 26
_NEVER = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}
_GROWING = {"Expand", "Tile", "Range", "OneHot", "Pad", "Resize", "ConstantOfShape"}
_KEPT = {"DequantizeLinear"}  # absorbed by quantization, so that integer weights stay integers


@dataclass
class Constants:
    """Constant tensors by name: values, or only a shape where the file holds a placeholder for its weights.

    Attributes
    ----------
    values : dict
    placeholders : dict
        Shapes of weights whose values are not in the file (a `ConstantOfShape` in a weight's place).
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    placeholders: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values or name in self.placeholders


def initial_constants(graph: onnx.GraphProto) -> Constants:
    """Return the initializers of `graph`."""
    return Constants({tensor.name: as_array(tensor) for tensor in graph.initializer})


def as_array(tensor: onnx.TensorProto) -> np.ndarray:
    """Return a tensor's values in a plain numpy type (small integers widened to 8 bits, bf16 and fp8 to float32)."""
    array = numpy_helper.to_array(tensor)
    if array.dtype.kind in "iufb" and array.dtype.isbuiltin == 1:
        return array
    name = array.dtype.name
    return array.astype({"int4": np.int8, "int2": np.int8, "uint4": np.uint8, "uint2": np.uint8}.get(name, np.float32))


def has_placeholder_weights(nodes: list[onnx.NodeProto]) -> bool:
    """Whether a `ConstantOfShape` stands where a convolution or GEMM has its weights."""
    made = {node.output[0] for node in nodes if node.op_type == "ConstantOfShape" and node.output}
    return any(node.op_type in ("Conv", "Gemm", "MatMul") and made.intersection(node.input[1:2]) for node in nodes)


def fold(
    nodes: list[onnx.NodeProto], types: Types, constants: Constants, opsets: list[onnx.OperatorSetIdProto],
    placeholders: bool,
) -> bool:
    """Add to `constants` all that can be evaluated; return whether anything was."""
    before = len(constants.values) + len(constants.placeholders)
    for node in nodes:
        if all(name in constants for name in node.output) or node.op_type in _KEPT | _NEVER:
            continue
        if node.op_type in ("Shape", "Size") and node.domain == "":
            _fold_shape(node, types, constants)
        elif node.op_type == "ConstantOfShape" and placeholders and node.input[0] in constants.values:
            shape = constants.values[node.input[0]].tolist()
            constants.placeholders[node.output[0]] = tuple(int(size) for size in shape)
        elif all(name in constants for name in node.input if name):
            _fold_node(node, types, constants, opsets)
    return len(constants.values) + len(constants.placeholders) > before


def _fold_shape(node: onnx.NodeProto, types: Types, constants: Constants) -> None:
    shape = types.get(node.input[0], (0, None))[1]
    if shape is None:
        return
    if node.op_type == "Size":
        constants.values[node.output[0]] = np.array(math.prod(shape), np.int64)
        return
    limits = {attribute.name: attribute.i for attribute in node.attribute}
    cut = slice(limits.get("start", 0), limits.get("end", len(shape)))
    constants.values[node.output[0]] = np.array(shape[cut], np.int64)


def _fold_node(
    node: onnx.NodeProto, types: Types, constants: Constants, opsets: list[onnx.OperatorSetIdProto]
) -> None:
    shapes = [types.get(name, (0, None))[1] for name in node.output if name]
    if any(name in constants.placeholders for name in node.input):
        if None not in shapes:
            constants.placeholders.update(zip(filter(None, node.output), shapes, strict=True))
        return
    known = None not in shapes
    if known and sum(math.prod(shape) for shape in shapes) > _MAX_FOLDED_ELEMENTS:
        return
    if not known and (node.op_type in _GROWING or any(constants.values[n].size > 4096 for n in node.input if n)):
        return
    feeds = {name: constants.values[name] for name in node.input if name}
    inputs = [onnx.helper.make_empty_tensor_value_info(name) for name in feeds]
    outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "fold", inputs, outputs), opset_imports=opsets)
    try:
        results = ReferenceEvaluator(model).run(None, feeds)
    except Exception:  # any fault of the evaluator means only: not a constant that we can compute
        return
    for name, result in zip(filter(None, node.output), results, strict=True):
        if isinstance(result, np.ndarray | np.generic):
            constants.values[name] = np.asarray(result)
