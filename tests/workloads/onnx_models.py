"""Small ONNX models for the tests: built in memory, run by onnxruntime as the oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def node(kind: str, inputs: str, outputs: str, **attributes) -> onnx.NodeProto:
    """Return a node; names are separated by blanks, ``-`` is a missing input."""
    names = ["" if name == "-" else name for name in inputs.split()]
    attributes.setdefault("name", f"{kind}_{outputs.split()[0]}")
    return helper.make_node(kind, names, outputs.split(), **attributes)


def value(name: str, shape, kind: int = FLOAT) -> onnx.ValueInfoProto:
    """Return the declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, opset: int = 17, **initializers) -> onnx.ModelProto:
    """Return a model; initializers are arrays by name."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in initializers.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def write(folder: Path, made: onnx.ModelProto, name: str = "model.onnx") -> Path:
    """Write a model to a folder; return its path."""
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def run(path: Path, **feeds: np.ndarray) -> list[np.ndarray]:
    """Return what onnxruntime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)
