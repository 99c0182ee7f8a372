"""TFLite files for tests, written with the schema's own object classes (`ai-edge-litert` brings them)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert (extra litert)")
flatbuffers = pytest.importorskip("flatbuffers", reason="needs flatbuffers (extra tflite)")

_TYPES = {np.dtype(np.int8): "INT8", np.dtype(np.int32): "INT32", np.dtype(np.float32): "FLOAT32"}


@dataclass
class T:
    """One tensor: shape or values, scales (none: no quantization), zero point, channel axis of several scales."""

    shape: tuple[int, ...] = ()
    scale: Any = None
    zero: int = 0
    data: np.ndarray | None = None
    axis: int = 0
    type: str = "INT8"
    name: str = ""


@dataclass
class Graph:
    """One operator or several in a row; `write` makes the file's bytes."""

    tensors: list[T] = field(default_factory=list)
    operators: list[tuple[str, list[int], list[int], Any]] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def tensor(self, *shape: int, **given: Any) -> int:
        """Add an activation; return its index."""
        self.tensors.append(T(shape, **given))
        return len(self.tensors) - 1

    def constant(self, data: np.ndarray, **given: Any) -> int:
        """Add a constant; return its index."""
        data = np.asarray(data)
        self.tensors.append(T(data.shape, data=data, type=_TYPES[data.dtype], **given))
        return len(self.tensors) - 1

    def add(self, kind: str, inputs: list[int], output: int, **options: Any) -> int:
        """Add an operator; `options` are fields of the schema's class, which `_class` names. Return `output`."""
        name = options.pop("_class", "")
        made = getattr(schema, f"{name}T")() if name else None
        for key, value in options.items():
            setattr(made, key, value)
        self.operators.append((kind, inputs, [output], (name, made)))
        return output

    def write(self) -> bytes:
        """Return the model's bytes."""
        model = schema.ModelT()
        model.version, model.description = 3, b""
        model.buffers = [schema.BufferT()]
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = b"main", [], []
        kinds = list(dict.fromkeys(kind for kind, *_ in self.operators))
        model.operatorCodes = [_code(kind) for kind in kinds]
        for index, tensor in enumerate(self.tensors):
            graph.tensors.append(_tensor(tensor, index, model))
        for kind, inputs, outputs, (name, made) in self.operators:
            one = schema.OperatorT()
            one.opcodeIndex, one.inputs, one.outputs = kinds.index(kind), inputs, outputs
            if made is not None:
                one.builtinOptionsType, one.builtinOptions = getattr(schema.BuiltinOptions, name), made
            graph.operators.append(one)
        graph.inputs, graph.outputs = self.inputs, self.outputs
        model.subgraphs = [graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _code(kind: str) -> Any:
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, kind)
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    return code


def _tensor(tensor: T, index: int, model: Any) -> Any:
    made = schema.TensorT()
    made.name, made.shape = (tensor.name or f"t{index}").encode(), list(tensor.shape)
    made.type = getattr(schema.TensorType, tensor.type)
    if tensor.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
        model.buffers.append(buffer)
        made.buffer = len(model.buffers) - 1
    if tensor.scale is not None:
        scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = scales.tolist()
        made.quantization.zeroPoint = [tensor.zero] * len(scales)
        made.quantization.quantizedDimension = tensor.axis
    return made


def convolution(
    rng: np.random.Generator, image: tuple[int, ...], outputs: int, kernel: tuple[int, int] = (3, 3), stride: int = 1,
    dilation: int = 1, padding: int = 0, depthwise: bool = False, activation: int = 0,
) -> Graph:  # fmt: skip
    """Return a model of one convolution of an image N, H, W, C with random weights and scales per channel."""
    graph, channels = Graph(), image[3]
    x = graph.tensor(*image, scale=rng.uniform(0.01, 0.1), zero=int(rng.integers(-128, 128)))
    shape = (1, *kernel, outputs) if depthwise else (outputs, *kernel, channels)
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    scales = rng.uniform(0.001, 0.01, outputs)
    w = graph.constant(weights, scale=scales, axis=3 if depthwise else 0)
    b = graph.constant(rng.integers(-20000, 20000, outputs).astype(np.int32), scale=scales)
    reach = [(size - 1) * dilation + 1 for size in kernel]
    out = [-(-n // stride) if padding == 0 else (n - r) // stride + 1 for n, r in zip(image[1:3], reach, strict=True)]
    products = kernel[0] * kernel[1] * (1 if depthwise else channels)
    y = graph.tensor(image[0], *out, outputs, scale=0.03 * products**0.5, zero=int(rng.integers(-128, 128)))
    kind, name = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
    given = {"depthMultiplier": outputs // channels} if depthwise else {}
    graph.add(
        kind, [x, w, b], y, _class=name, strideH=stride, strideW=stride, padding=padding, dilationHFactor=dilation,
        dilationWFactor=dilation, fusedActivationFunction=activation, **given,
    )  # fmt: skip
    graph.inputs, graph.outputs = [x], [y]
    return graph


def operator(
    kind: str, shapes: list[tuple[int, ...]], output: tuple[int, ...], scales: list[float], zeros: list[int],
    constants: list[np.ndarray] = (), _class: str = "", **options: Any,
) -> Graph:  # fmt: skip
    """Return a model of one operator; the last scale and zero point are its output's, constants come after inputs."""
    graph = Graph()
    inputs = [graph.tensor(*s, scale=q, zero=z) for s, q, z in zip(shapes, scales, zeros, strict=False)]
    extra = [graph.constant(values) for values in constants]
    y = graph.tensor(*output, scale=scales[-1], zero=zeros[-1])
    graph.add(kind, [*inputs, *extra], y, _class=_class, **options)
    graph.inputs, graph.outputs = inputs, [y]
    return graph
