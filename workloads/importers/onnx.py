"""Import an ONNX model: float, QDQ, QLinear and integer operators become one `Network` (see `onnx_quantized`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnx.inliner
import onnx.shape_inference

from workloads.errors import CodesignError, did_you_mean
from workloads.importers.onnx_builder import Builder
from workloads.importers.onnx_file import read_model
from workloads.importers.onnx_fold import Constants, fold, has_placeholder_weights, initial_constants
from workloads.importers.onnx_graph import check_graph, node_label
from workloads.importers.onnx_operators import READERS
from workloads.importers.onnx_quantized import QUANTIZED
from workloads.importers.onnx_schema import check_schema
from workloads.importers.onnx_shapes import Types, bind_dimensions, infer_types
from workloads.importers.onnx_windows import check_window
from workloads.network import Network

_DOMAINS = ("", "ai.onnx", "com.microsoft")
_ALL_READERS = {**READERS, **QUANTIZED}
_SMALL = 1 << 16  # folded constants up to this size take part in shape inference


def import_onnx(path: str | Path, dimensions: Mapping[str, int] | None = None, source: str = "") -> Network:
    """Return the network in an ONNX file.

    Parameters
    ----------
    path : str or Path
    dimensions : mapping, optional
        Sizes of symbolic dimensions by name.
    source : str
        What the report calls it; the path by default.

    Raises
    ------
    CodesignError
        When the file is not a valid model of supported operators: one line with file, node and reason.
    """
    path = Path(path)
    model = read_model(path)
    if model.functions:
        model = _inlined(model, path)
    nodes = check_graph(model.graph, path)
    for node in nodes:
        _check_known(node, path)
        check_schema(node, _opset(model), path)
        if "Conv" in node.op_type or "Pool" in node.op_type:
            check_window(node, path)
    bind_dimensions(model.graph, dimensions or {}, path)
    types, constants, placeholder = _types_and_constants(model, nodes, path)
    inputs = [value.name for value in model.graph.input if value.name not in constants]
    outputs = [value.name for value in model.graph.output]
    build = Builder(path, types, constants, nodes, inputs, outputs, _opset(model))
    for name in inputs:
        build.tensor(name)
    for node in nodes:
        if all(name in constants for name in node.output if name) and node.op_type != "DequantizeLinear":
            continue
        if node.op_type not in _ALL_READERS:
            raise _unknown(node, path)
        _read_node(build, node)
    return _network(build, placeholder, path.stem, source or str(path))


def _read_node(build: Builder, node: onnx.NodeProto) -> None:
    try:
        _ALL_READERS[node.op_type](build, node)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError, AttributeError) as fault:
        build.fail(node, f"its inputs or attributes are not those of the operator ({type(fault).__name__})")


def _inlined(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception as fault:
        raise CodesignError(f"{path}: its functions cannot be inlined: {' '.join(str(fault).split())[:200]}") from None


def _opset(model: onnx.ModelProto) -> int:
    return max(opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx"))


def _check_known(node: onnx.NodeProto, path: Path) -> None:
    """Refuse an operator that is neither ours nor ONNX's (ONNX's may still be evaluated with constant inputs)."""
    if node.domain not in _DOMAINS:
        raise CodesignError(f"{path}: {node_label(node)}: domain '{node.domain}' is not supported")
    if node.op_type in _ALL_READERS:
        return
    if node.domain == "com.microsoft" or not onnx.defs.has(node.op_type):
        raise _unknown(node, path)


def _unknown(node: onnx.NodeProto, path: Path) -> CodesignError:
    nearest = did_you_mean(node.op_type, _ALL_READERS)
    return CodesignError(f"{path}: {node_label(node)}: operator '{node.op_type}' is not supported{nearest}")


def _types_and_constants(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], path: Path
) -> tuple[Types, Constants, bool]:
    """Alternate shape inference and constant folding until neither adds anything."""
    constants = initial_constants(model.graph)
    placeholder = has_placeholder_weights(nodes)
    types = infer_types(model, nodes, [], path)
    while fold(nodes, types, constants, list(model.opset_import), placeholder):
        if all(types.get(name, (0, None))[1] is not None for node in nodes for name in node.output if name):
            continue
        folded = [
            onnx.numpy_helper.from_array(constants.values[name], name)
            for node in nodes
            for name in node.output
            if name in constants.values and constants.values[name].size <= _SMALL
        ]
        types = infer_types(model, nodes, folded, path)
    return types, constants, placeholder


def _network(build: Builder, placeholder: bool, name: str, source: str) -> Network:
    outputs = [build.tensor(output).name for output in build.outputs]
    live, operators = set(outputs), []
    for operator in reversed(build.operators):
        if live.intersection(operator.outputs):
            operators.append(operator)
            live.update(operator.inputs)
    operators.reverse()
    if not operators:
        raise CodesignError(f"{build.path}: the outputs are constants; there is nothing to run")
    renamed = {}
    for wanted, found in zip(build.outputs, outputs, strict=True):
        if found != wanted and found not in (*build.inputs, *build.outputs, *renamed):
            renamed[found] = wanted
    tensors = {}
    for key in [*build.inputs, *(n for operator in operators for n in (*operator.inputs, *operator.outputs))]:
        tensor = build.tensors[key]
        tensor.name = renamed.get(key, key)
        tensors[tensor.name] = tensor
    for operator in operators:
        operator.inputs = tuple(renamed.get(key, key) for key in operator.inputs)
        operator.outputs = tuple(renamed.get(key, key) for key in operator.outputs)
    return Network(
        name, operators, tensors, tuple(build.inputs), tuple(renamed.get(key, key) for key in outputs),
        weights="shapes only" if placeholder else "real", source=source,
    )  # fmt: skip
