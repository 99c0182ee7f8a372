"""Collect operators and tensors of a `Network` while an importer walks an ONNX graph."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx

from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.importers.onnx_file import type_name
from workloads.importers.onnx_fold import Constants
from workloads.importers.onnx_graph import node_label
from workloads.importers.onnx_shapes import Types
from workloads.network import Operator, Tensor

_FORMATS = {
    "FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "DOUBLE": "fp64", "FLOAT8E4M3FN": "fp8_e4m3",
    "FLOAT8E5M2": "fp8_e5m2", "INT2": "int2", "UINT2": "uint2", "INT4": "int4", "UINT4": "uint4", "INT8": "int8",
    "UINT8": "uint8", "INT16": "int16", "UINT16": "uint16", "INT32": "int32", "UINT32": "uint32", "INT64": "int64",
    "UINT64": "uint64", "BOOL": "uint1",
}  # fmt: skip


class Builder:
    """Operators and tensors so far, and the names that stand for another tensor (identity, absorbed quantization)."""

    def __init__(
        self, path: Path, types: Types, constants: Constants, nodes: list[onnx.NodeProto], inputs: list[str],
        outputs: list[str], opset: int,
    ) -> None:  # fmt: skip
        self.path = path
        self.types = types
        self.constants = constants
        self.inputs = inputs
        self.outputs = outputs
        self.opset = opset
        self.operators: list[Operator] = []
        self.tensors: dict[str, Tensor] = {}
        self.alias: dict[str, str] = {}
        self.producer: dict[str, Operator] = {}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in nodes:
            for name in filter(None, node.input):
                self.readers.setdefault(name, []).append(node)
        self._names: Counter[str] = Counter()

    def fail(self, node: onnx.NodeProto, message: str) -> NoReturn:
        """Raise the error of one node."""
        raise CodesignError(f"{self.path}: {node_label(node)}: {message}")

    def resolve(self, name: str) -> str:
        """Follow aliases."""
        while name in self.alias:
            name = self.alias[name]
        return name

    def tensor(self, name: str) -> Tensor:
        """Return the tensor that ONNX calls `name`, made on first use."""
        name = self.resolve(name)
        if name not in self.tensors:
            self.tensors[name] = self._new_tensor(name)
        return self.tensors[name]

    def _new_tensor(self, name: str) -> Tensor:
        if name in self.constants.placeholders:
            return Tensor(name, self.constants.placeholders[name], self._format(name), None, constant=True)
        if name in self.constants.values:
            data = self.constants.values[name]
            return Tensor(name, data.shape, self._format(name, data), data, constant=True)
        shape = self.types.get(name, (0, None))[1]
        if shape is None:
            raise CodesignError(f"{self.path}: tensor '{name}': its shape is not known before the network runs")
        if 0 in shape:
            raise CodesignError(f"{self.path}: tensor '{name}': shape {list(shape)} has no elements")
        return Tensor(name, shape, self._format(name))

    def _format(self, name: str, data: np.ndarray | None = None) -> Format:
        code = self.types.get(name, (0, None))[0]
        if not code and data is not None:
            code = onnx.helper.np_dtype_to_tensor_dtype(data.dtype)
        kind = type_name(code)
        if kind == "UNDEFINED":
            kind = "FLOAT"
        if kind not in _FORMATS:
            raise CodesignError(f"{self.path}: tensor '{name}': element type {kind} is not supported")
        return Format(_FORMATS[kind])

    def value(self, name: str) -> np.ndarray | None:
        """Return the values of a constant, None when it has none."""
        return self.constants.values.get(name)

    def emit(
        self, kind: str, node: onnx.NodeProto, inputs: list[str], outputs: list[str] | None = None, **attributes: Any
    ) -> Operator:
        """Append an operator; names are those of ONNX, resolved here; outputs default to the node's own."""
        base = node.name or f"{kind}:{next((o for o in node.output if o), '')}"
        self._names[base] += 1
        name = base if self._names[base] == 1 else f"{base}#{self._names[base]}"
        outputs = [output for output in (node.output if outputs is None else outputs) if output]
        read, written = (tuple(self.tensor(each).name for each in names) for names in (inputs, outputs))
        operator = Operator(name, kind, read, written, attributes)
        self.operators.append(operator)
        self.producer.update(dict.fromkeys(operator.outputs, operator))
        return operator

    def fresh(self, name: str, shape: tuple[int, ...], like: str) -> str:
        """Add an activation that ONNX has no name for; return its name."""
        while name in self.types or name in self.tensors:
            name += "'"
        self.tensors[name] = Tensor(name, shape, self.tensor(like).format)
        return name

    def rename_output(self, old: str, new: str, number_format: Format) -> None:
        """Let the producer of `old` write `new`, in another format, instead."""
        operator = self.producer.pop(old)
        operator.outputs = tuple(new if name == old else name for name in operator.outputs)
        self.tensors[new] = Tensor(new, self.tensors.pop(old).shape, number_format)
        self.producer[new] = operator
        self.alias[old] = new
