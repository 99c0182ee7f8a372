"""Write the quantized digits network as an ONNX model of quantize and dequantize pairs.

A relu needs no operator: the output's zero point is -128, so the clamp of the quantize is the relu.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from workloads.zoo.digits.model import CHANNELS
from workloads.zoo.digits.quantization import READS, QuantizedDigits

OPSET = 17
_CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "stem": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "depthwise": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": CHANNELS},
    "pointwise": {"kernel_shape": [1, 1]},
}


class _Graph:
    """Nodes and initializers as they are added."""

    def __init__(self, network: QuantizedDigits) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def quantized(self, source: str, name: str, kind: str = "") -> str:
        """Quantize `source` as activation `kind` (default `name`) and return the dequantized tensor."""
        kind = kind or name
        scale, zero_point = self.network.activations[kind]
        if name == kind:
            self.constant(f"{kind}.scale", np.asarray(scale))
            self.constant(f"{kind}.zero_point", np.asarray(zero_point))
        parameters = [f"{kind}.scale", f"{kind}.zero_point"]
        stored = self.node("QuantizeLinear", [source, *parameters], f"{name}.int8")
        return self.node("DequantizeLinear", [stored, *parameters], f"{name}.real")

    def parameters(self, layer: str) -> list[str]:
        """Return the dequantized weight and bias of a layer."""
        values, scale = self.network.weights[layer]
        input_scale = self.network.activations[READS[layer]][0]
        real = []
        for part, stored, scales in (
            ("weight", values, scale),
            ("bias", self.network.biases[layer], (input_scale * scale).astype(np.float32)),
        ):
            name = f"{layer}.{part}"
            zero = np.zeros(scales.shape, stored.dtype)
            inputs = [
                self.constant(f"{name}.stored", stored),
                self.constant(f"{name}.scale", scales),
                self.constant(f"{name}.zero_point", zero),
            ]
            real.append(self.node("DequantizeLinear", inputs, f"{name}.real", axis=0))
        return real


def build_onnx(network: QuantizedDigits) -> onnx.ModelProto:
    """Return the model: input ``image`` (1, 1, 8, 8) float 0..16, output ``logits`` (1, 10) float."""
    graph = _Graph(network)
    current = graph.quantized("image", "image")
    reals = {}
    for layer, attributes in _CONVOLUTIONS.items():
        product = graph.node("Conv", [current, *graph.parameters(layer)], f"{layer}.conv", **attributes)
        current = reals[layer] = graph.quantized(product, layer)
    total = graph.node("Add", [reals["pointwise"], reals["stem"]], "residual.add")
    residual = graph.quantized(total, "residual")
    average = graph.node("AveragePool", [residual], "pool.average", kernel_shape=[2, 2], strides=[2, 2])
    flat = graph.node("Flatten", [graph.quantized(average, "pool")], "flat.flatten", axis=1)
    flat = graph.quantized(flat, "flat", "pool")
    product = graph.node("Gemm", [flat, *graph.parameters("dense")], "dense.gemm", transB=1)
    graph.quantized(product, "logits")
    graph.nodes[-1].output[0] = "logits"
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "digits_int8",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="codesign",
    )


def write_onnx(network: QuantizedDigits, path: Path) -> None:
    """Check the model and save it."""
    model = build_onnx(network)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
