"""Is the integer reference, in onnxruntime's rounding, equal to onnxruntime bit for bit?"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.workloads.quantized_models import Models, run_onnxruntime
from workloads.importers.onnx import import_onnx
from workloads.reference import run_reference

pytest.importorskip("onnxruntime")
KINDS = {"int8": (np.int8, np.int8), "uint8": (np.uint8, np.uint8), "mixed": (np.uint8, np.int8)}


def image_model(seed: int, kinds: str) -> Models:
    """A residual network in small: convolutions of every sort, a join, both poolings, a dense layer."""
    rng = np.random.default_rng(seed)
    models = Models(rng, *KINDS[kinds])
    x = models.input((2, 6, int(rng.integers(9, 14)), int(rng.integers(9, 14))))
    pads = [int(pad) for pad in rng.integers(0, 3, 4)]
    strides = [int(stride) for stride in rng.integers(1, 3, 2)]
    kernel = [int(size) for size in rng.integers(1, 4, 2)]
    first = models.convolution(x, 12, kernel, strides, pads, [1, 1], group=int(rng.choice([1, 2, 3])))
    depthwise = models.convolution(first, 12, [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], group=12)
    point = models.convolution(depthwise, 12, [1, 1], [1, 1], [0, 0, 0, 0], [1, 1], per_channel=False)
    total = models.two("QLinearAdd", point, first)
    product = models.two("QLinearMul", total, depthwise)
    dilated = models.convolution(product, 5, [3, 2], [1, 1], [2, 1, 2, 0], [2, 1])
    joined = models.concat([dilated, models.convolution(product, 3, [3, 2], [1, 1], [2, 1, 2, 0], [2, 1])])
    greatest = models.greatest(joined, [2, 2], [1, 1], [1, 0, 0, 1])
    averaged = models.average(greatest, [2, 3], [2, 1], [1, 0, 0, 2], count_include_pad=int(rng.integers(2)))
    models.dense(models.flatten(averaged), 11, per_channel=bool(rng.integers(2)))
    models.dense(models.flatten(models.global_average(joined)), 4)
    return models


def line_model(seed: int, kinds: str) -> Models:
    """Convolutions and a pooling of one spatial axis."""
    rng = np.random.default_rng(seed)
    models = Models(rng, *KINDS[kinds])
    x = models.input((2, 6, int(rng.integers(20, 40))))
    first = models.convolution(x, 12, [3], [int(rng.integers(1, 3))], [1, 2], [2], group=int(rng.choice([1, 2])))
    depthwise = models.convolution(first, 12, [3], [1], [1, 1], [1], group=12)
    total = models.two("QLinearAdd", depthwise, first)
    models.dense(models.flatten(models.greatest(total, [2], [2], [0, 0])), 5)
    return models


def matrix_model(seed: int, kinds: str) -> Models:
    """Batched products of two activations, operands that broadcast, and a sum per channel."""
    rng = np.random.default_rng(seed)
    models = Models(rng, *KINDS[kinds])
    a, b = models.input((3, 7, 19)), models.input((3, 19, 10))
    product = models.product(a, b)
    models.two("QLinearAdd", product, models.input((1, 1, 10)))
    models.two("QLinearAdd", product, models.input((1, 7, 1)))
    models.two("QLinearAdd", models.input((3, 7, 1)), product)
    models.two("QLinearMul", product, models.input((1,)))
    return models


@pytest.mark.parametrize(
    ("kinds", "optimized"), [("int8", False), ("int8", True), ("uint8", False), ("uint8", True), ("mixed", True)]
)
@pytest.mark.parametrize("build", [image_model, line_model, matrix_model])
def test_every_tensor_of_random_qlinear_models_is_equal(build, optimized, kinds, tmp_path):
    compared = 0
    for seed in range(12):
        models = build(seed, kinds)
        path = tmp_path / f"{seed}.onnx"
        onnx.save(models.model(), path)
        feeds = models.feeds()
        expected = run_onnxruntime(str(path), feeds, optimized, kinds == "mixed")
        found = run_reference(import_onnx(path), feeds, "float_half_even")
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, err_msg=f"seed {seed}, tensor {name}")
            compared += values.size
    assert compared > 5000


def qdq_model(operator: str, activation: type, inputs: list[tuple[int, ...]], seed: int, **attributes) -> Models:
    """One float operator between dequantized inputs and a quantized output, which the optimiser fuses."""
    models = Models(np.random.default_rng(seed), activation, np.int8)
    real = []
    for shape in inputs:
        x = models.input(shape)
        real.append(f"{x}.real")
        models.nodes.append(helper.make_node("DequantizeLinear", [x, *models.quantization[x]], [real[-1]]))
    if operator in ("Conv", "Gemm"):
        depth = inputs[0][1]
        shape = (8, depth // attributes.get("group", 1), 3, 3) if operator == "Conv" else (8, depth)
        weights, scale = models.weights(shape, int(np.prod(shape[1:])), True, 0)
        models.nodes.append(helper.make_node("DequantizeLinear", weights, ["w"], axis=0))
        input_scale = onnx.numpy_helper.to_array(models.constants[0])
        bias = [models.bias(8), models.constant((input_scale * scale).astype(np.float32))]
        bias.append(models.constant(np.zeros(8, np.int32)))
        models.nodes.append(helper.make_node("DequantizeLinear", bias, ["b"], axis=0))
        real += ["w", "b"]
    models.nodes.append(helper.make_node(operator, real, ["real"], name="op", **attributes))
    scale, zero_point = models.activation_quantization()
    models.nodes.append(helper.make_node("QuantizeLinear", ["real", scale, zero_point], ["y"]))
    return models


def qdq_file(models: Models, path) -> None:
    """Save with the quantized output alone as output."""
    element = helper.np_dtype_to_tensor_dtype(np.dtype(models.activation))
    graph = helper.make_graph(
        models.nodes,
        "qdq",
        [helper.make_tensor_value_info(name, element, models.shapes[name]) for name in models.inputs],
        [helper.make_tensor_value_info("y", element, None)],
        models.constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


QDQ = {
    "Conv": ([(1, 4, 9, 9)], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    "grouped Conv": ([(1, 8, 7, 7)], {"group": 8, "pads": [1, 1, 1, 1]}),
    "Gemm": ([(5, 33)], {"transB": 1}),
    "MatMul": ([(2, 5, 9), (2, 9, 6)], {}),
    "Add": ([(1, 4, 6, 6), (1, 4, 6, 6)], {}),
    "Mul": ([(1, 4, 6, 6), (1, 4, 6, 6)], {}),
    "AveragePool": ([(1, 4, 8, 8)], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]}),
    "GlobalAveragePool": ([(1, 9, 7, 7)], {}),
    "Relu": ([(1, 4, 8, 8)], {}),
}


@pytest.mark.parametrize("name", QDQ)
@pytest.mark.parametrize("activation", [np.int8, np.uint8])
def test_quantize_dequantize_pairs_are_equal_once_optimised(name, activation, tmp_path):
    """Left unoptimised, onnxruntime adds these products in float32, so only the optimised graph has integer bits."""
    shapes, attributes = QDQ[name]
    for seed in range(8):
        models = qdq_model(name.split()[-1], activation, shapes, seed, **attributes)
        path = tmp_path / "qdq.onnx"
        qdq_file(models, path)
        feeds = models.feeds()
        expected = run_onnxruntime(str(path), feeds, True, activation is np.uint8)["y"]
        found = run_reference(import_onnx(path), feeds, "float_half_even")
        np.testing.assert_array_equal(found["y"], expected, err_msg=f"seed {seed}")
