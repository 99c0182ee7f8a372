"""Random quantized ONNX models, and onnxruntime set up so that its integer products never saturate."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

Pair = tuple[np.float32, int]


class Models:
    """Build one graph of quantized operators; every activation becomes an output, so every bit is compared.

    Parameters
    ----------
    rng : numpy.random.Generator
    activation, weight : type
        numpy types of activations and weights.
    """

    def __init__(self, rng: np.random.Generator, activation: type, weight: type) -> None:
        self.rng, self.activation, self.weight = rng, activation, weight
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.quantization: dict[str, tuple[str, str]] = {}
        self.inputs: list[str] = []

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def integers(self, shape: tuple[int, ...], kind: type) -> np.ndarray:
        bounds = np.iinfo(kind)
        return self.rng.integers(bounds.min, bounds.max + 1, shape).astype(kind)

    def scale(self, low: float, high: float, size: int | None = None) -> np.ndarray:
        return np.exp(self.rng.uniform(np.log(low), np.log(high), size)).astype(np.float32)

    def activation_quantization(self) -> tuple[str, str]:
        """Return the names of a random scale and an asymmetric zero point."""
        bounds = np.iinfo(self.activation)
        zero_point = self.activation(self.rng.integers(bounds.min, bounds.max + 1))
        return self.constant(self.scale(0.01, 0.1)), self.constant(zero_point)

    def input(self, shape: tuple[int, ...]) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        self.shapes[name], self.quantization[name] = shape, self.activation_quantization()
        return name

    def weights(
        self, shape: tuple[int, ...], fan_in: int, per_channel: bool, axis: int
    ) -> tuple[list[str], np.ndarray]:
        """Return the names of values, scale and zero point, and the scales."""
        size = shape[axis] if per_channel else None
        scale = self.scale(0.2, 1.0, size) / np.float32(75 * np.sqrt(fan_in))
        zero = np.zeros(size or (), self.weight) if per_channel else self.integers((), self.weight)
        if self.weight is np.int8:
            zero = np.zeros_like(zero)  # signed weights are symmetric
        names = [self.constant(part) for part in (self.integers(shape, self.weight), scale.astype(np.float32), zero)]
        return names, scale

    def bias(self, size: int) -> str:
        return self.constant(self.rng.integers(-4000, 4000, size).astype(np.int32))

    def add(self, operator: str, inputs: list[str], shape: tuple[int, ...], quantization=None, domain="", **attributes):
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, domain=domain, **attributes))
        self.shapes[name], self.quantization[name] = shape, quantization
        return name

    def convolution(self, x: str, outputs: int, kernel, strides, pads, dilations, group=1, per_channel=True) -> str:
        batch, channels, *size = self.shapes[x]
        shape = (outputs, channels // group, *kernel)
        weights, _ = self.weights(shape, int(np.prod(shape[1:])), per_channel, 0)
        quantization = self.activation_quantization()
        inputs = [x, *self.quantization[x], *weights, *quantization, self.bias(outputs)]
        out = [
            (n + pads[i] + pads[i + len(size)] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
            for i, n in enumerate(size)
        ]
        return self.add(
            "QLinearConv", inputs, (batch, outputs, *out), quantization, kernel_shape=kernel, strides=strides,
            pads=pads, dilations=dilations, group=group,
        )  # fmt: skip

    def two(self, operator: str, a: str, b: str) -> str:
        quantization = self.activation_quantization()
        if operator == "QLinearMul":
            quantization = self.constant(self.scale(0.2, 0.6)), quantization[1]
        inputs = [a, *self.quantization[a], b, *self.quantization[b], *quantization]
        shape = np.broadcast_shapes(self.shapes[a], self.shapes[b])
        return self.add(operator, inputs, shape, quantization, "com.microsoft")

    def average(self, x: str, kernel, strides, pads, count_include_pad=0) -> str:
        batch, channels, *size = self.shapes[x]
        out = [(n + pads[i] + pads[i + len(size)] - kernel[i]) // strides[i] + 1 for i, n in enumerate(size)]
        quantization = self.activation_quantization()
        return self.add(
            "QLinearAveragePool", [x, *self.quantization[x], *quantization], (batch, channels, *out), quantization,
            "com.microsoft", kernel_shape=kernel, strides=strides, pads=pads, count_include_pad=count_include_pad,
        )  # fmt: skip

    def greatest(self, x: str, kernel, strides, pads) -> str:
        batch, channels, *size = self.shapes[x]
        out = [(n + pads[i] + pads[i + len(size)] - kernel[i]) // strides[i] + 1 for i, n in enumerate(size)]
        shape = (batch, channels, *out)
        return self.add("MaxPool", [x], shape, self.quantization[x], kernel_shape=kernel, strides=strides, pads=pads)

    def global_average(self, x: str) -> str:
        quantization = self.activation_quantization()
        shape = (*self.shapes[x][:2], 1, 1)
        inputs = [x, *self.quantization[x], *quantization]
        return self.add("QLinearGlobalAveragePool", inputs, shape, quantization, "com.microsoft")

    def concat(self, parts: list[str]) -> str:
        quantization = self.activation_quantization()
        inputs = [*quantization, *(name for part in parts for name in (part, *self.quantization[part]))]
        first = self.shapes[parts[0]]
        shape = (first[0], sum(self.shapes[part][1] for part in parts), *first[2:])
        return self.add("QLinearConcat", inputs, shape, quantization, "com.microsoft", axis=1)

    def flatten(self, x: str) -> str:
        shape = (self.shapes[x][0], int(np.prod(self.shapes[x][1:])))
        return self.add("Flatten", [x], shape, self.quantization[x], axis=1)

    def dense(self, x: str, outputs: int, per_channel: bool = True) -> str:
        rows, depth = self.shapes[x]
        weights, _ = self.weights((outputs, depth), depth, per_channel, 0)
        quantization = self.activation_quantization()
        inputs = [x, *self.quantization[x], *weights, self.bias(outputs), *quantization]
        return self.add("QGemm", inputs, (rows, outputs), quantization, "com.microsoft", transB=1)

    def product(self, a: str, b: str) -> str:
        quantization = self.constant(self.scale(0.5, 2.0)), self.activation_quantization()[1]
        inputs = [a, *self.quantization[a], b, *self.quantization[b], *quantization]
        return self.add("QLinearMatMul", inputs, (*self.shapes[a][:-1], self.shapes[b][-1]), quantization)

    def model(self) -> onnx.ModelProto:
        element = helper.np_dtype_to_tensor_dtype(np.dtype(self.activation))
        value = {name: helper.make_tensor_value_info(name, element, shape) for name, shape in self.shapes.items()}
        graph = helper.make_graph(
            self.nodes,
            "random",
            [value[name] for name in self.inputs],
            [value[node.output[0]] for node in self.nodes],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def feeds(self) -> dict[str, np.ndarray]:
        return {name: self.integers(self.shapes[name], self.activation) for name in self.inputs}


def run_onnxruntime(
    model: bytes | str, feeds: dict[str, np.ndarray], optimized: bool, exact_mixed: bool = False
) -> dict[str, np.ndarray]:
    """Return every output of a model by name.

    Optimised, quantize and dequantize pairs of int8 are fused as those of uint8 always are. Without VNNI
    instructions onnxruntime multiplies unsigned activations by signed weights with 16-bit saturation unless
    `exact_mixed`, which needs the optimiser and has no kernel for signed activations.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if optimized else levels.ORT_DISABLE_ALL
    options.add_session_config_entry("session.x64quantprecision", str(int(exact_mixed)))
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))
