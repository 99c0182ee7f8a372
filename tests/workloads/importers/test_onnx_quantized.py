"""Do quantized graphs become operators over integer tensors, and do their traces give onnxruntime's integers?"""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from tests.workloads.onnx_models import model, node, run, value, write
from tests.workloads.trace_interpreter import run_trace
from workloads.errors import CodesignError
from workloads.importers.onnx import import_onnx
from workloads.tracing import trace_network

INT8, UINT8 = TensorProto.INT8, TensorProto.UINT8
RANDOM = np.random.default_rng(7)
IMAGE = RANDOM.integers(-128, 128, (1, 4, 7, 7)).astype(np.int8)
WEIGHTS = RANDOM.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8)
BIAS = RANDOM.integers(-2000, 2000, 6).astype(np.int32)
SCALES = {
    "xs": np.float32(0.02), "xz": np.int8(3), "ws": np.linspace(0.001, 0.004, 6, dtype=np.float32),
    "wz": np.zeros(6, np.int8), "ys": np.float32(0.03), "yz": np.int8(-20),
}  # fmt: skip


def _agree(path, x, atol=1):
    """Check the trace's integers against onnxruntime's: almost all equal, none further than `atol`."""
    expected = run(path, x=x)[0]
    trace = trace_network(import_onnx(path))
    found = run_trace(trace, x=x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)[trace.outputs[0]]
    flat = expected.transpose(0, 2, 3, 1).reshape(-1) if expected.ndim == 4 else expected.reshape(-1)
    difference = np.abs(found.astype(int) - flat.astype(int))
    assert difference.max() <= atol
    assert (difference > 0).mean() < 0.01
    return trace


def _qdq_conv(**changed):
    """x -> Q -> DQ -> Conv -> Relu -> Q -> DQ -> y, float outside."""
    nodes = [
        node("QuantizeLinear", "x xs xz", "xq"), node("DequantizeLinear", "xq xs xz", "xd"),
        node("DequantizeLinear", "w ws wz", "wd", axis=0), node("DequantizeLinear", "b bs", "bd", axis=0),
        node("Conv", "xd wd bd", "c", pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", "c", "r"),
        node("QuantizeLinear", "r ys yz", "yq"), node("DequantizeLinear", "yq ys yz", "y"),
    ]  # fmt: skip
    given = {**SCALES, "bs": SCALES["xs"] * SCALES["ws"], "w": WEIGHTS, "b": BIAS, **changed}
    return model(nodes, [value("x", IMAGE.shape)], [value("y", None)], **given)


def test_a_qdq_convolution_is_one_operator_over_integers(tmp_path):
    network = import_onnx(write(tmp_path, _qdq_conv()))
    assert [operator.kind for operator in network.operators] == ["conv", "relu"]
    assert (network.inputs, network.outputs, network.weights) == (("x",), ("y",), "real")
    x, w, b = (network.tensors[name] for name in network.operators[0].inputs)
    assert (x.format.name, w.format.name, b.format.name) == ("int8", "int8", "int32")
    assert (w.format.axis, w.format.scale.shape, int(x.format.zero_point)) == (0, (6,), 3)
    np.testing.assert_array_equal(w.data, WEIGHTS)
    assert network.tensors["y"].format.name == "int8"


def test_its_trace_has_multipliers_zero_points_and_a_clamp_at_zero(tmp_path):
    (layer,) = (trace := trace_network(import_onnx(write(tmp_path, _qdq_conv())))).layers
    numbers = layer.quantization
    assert (numbers.input_zero_points, numbers.output_zero_point, numbers.low, numbers.high) == ((3, 0), -20, -20, 127)
    expected = SCALES["xs"] * SCALES["ws"] / SCALES["ys"]
    np.testing.assert_allclose(trace.arrays[numbers.multiplier], expected, rtol=1e-6)
    assert trace.arrays[layer.bias].dtype == np.int32


def test_a_float_bias_becomes_int32(tmp_path):
    made = _qdq_conv()
    bias = (BIAS * SCALES["xs"] * SCALES["ws"]).astype(np.float32)
    nodes = [each for each in made.graph.node if list(each.output) != ["bd"]]
    plain = model(nodes, [value("x", IMAGE.shape)], [value("y", None)], **SCALES, w=WEIGHTS, bd=bias)
    trace = trace_network(import_onnx(write(tmp_path, plain)))
    np.testing.assert_array_equal(trace.arrays[trace.layers[0].bias], BIAS)


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_qlinear_conv(tmp_path, kind):
    shift = 128 if kind is np.uint8 else 0
    x = (IMAGE.astype(int) + shift).astype(kind)
    given = {**SCALES, "xz": kind(3 + shift), "yz": kind(shift + 5)}
    qlinear = node("QLinearConv", "x xs xz w ws wz ys yz b", "y", pads=[1, 1, 1, 1])
    code = UINT8 if shift else INT8
    weights = WEIGHTS // 2  # uint8 by int8 saturates at 16 bits in onnxruntime's AVX2 kernels beyond 7 bits
    made = model([qlinear], [value("x", x.shape, code)], [value("y", None, code)], **given, w=weights, b=BIAS)
    trace = _agree(write(tmp_path, made), x)
    assert trace.layers[0].input_format == ("uint8" if shift else "int8")


def test_qlinear_matmul_with_a_weight_zero_point(tmp_path):
    x = RANDOM.integers(0, 256, (5, 8)).astype(np.uint8)
    w = RANDOM.integers(0, 256, (8, 3)).astype(np.uint8)
    made = model(
        [node("QLinearMatMul", "x xs xz w ws wz ys yz", "y")], [value("x", (5, 8), UINT8)], [value("y", None, UINT8)],
        xs=np.float32(0.02), xz=np.uint8(120), w=w, ws=np.float32(0.01), wz=np.uint8(130), ys=np.float32(0.08),
        yz=np.uint8(128),
    )  # fmt: skip
    trace = _agree(write(tmp_path, made), x)
    assert trace.layers[0].quantization.input_zero_points == (120, 130)
    assert trace.arrays[trace.layers[0].weights].shape == (3, 8, 1, 1)


def test_qlinear_add_has_a_multiplier_for_each_operand(tmp_path):
    nodes = [
        node("QLinearConv", "x xs xz w ws wz ys yz", "c", pads=[1, 1, 1, 1]),
        node("QLinearAdd", "x xs xz c ys yz zs zz", "y", domain="com.microsoft"),
    ]  # fmt: skip
    given = {**SCALES, "ws": np.float32(0.002), "wz": np.int8(0), "zs": np.float32(0.05), "zz": np.int8(7)}
    made = model(nodes, [value("x", IMAGE.shape, INT8)], [value("y", None, INT8)], **given, w=WEIGHTS[:4])
    trace = _agree(write(tmp_path, made), IMAGE)
    numbers = trace.layers[1].quantization
    assert numbers.input_zero_points == (3, -20)
    np.testing.assert_allclose(trace.arrays[numbers.multiplier], [0.4, 0.6], rtol=1e-6)


def test_qlinear_global_average_pool_and_qgemm(tmp_path):
    nodes = [
        node("QLinearGlobalAveragePool", "x xs xz ys yz", "p", domain="com.microsoft"), node("Flatten", "p", "f"),
        node("QGemm", "f ys yz w ws wz b zs zz", "y", transB=1, domain="com.microsoft"),
    ]  # fmt: skip
    given = {**SCALES, "ys": np.float32(0.004), "w": WEIGHTS[:, :, 0, 0], "b": BIAS // 50, "zs": np.float32(0.004),
             "zz": np.int8(1)}  # fmt: skip
    made = model(nodes, [value("x", IMAGE.shape, INT8)], [value("y", None, INT8)], **given)
    trace = _agree(write(tmp_path, made), IMAGE)
    assert [layer.engine for layer in trace.layers] == ["vector", "view", "matrix"]
    assert trace.arrays[trace.layers[0].quantization.multiplier] == pytest.approx(0.02 / (0.004 * 49))


def test_concat_of_other_scales_is_requantized_first(tmp_path):
    concat = node("QLinearConcat", "ys yz x xs xz x xs xz", "y", axis=1, domain="com.microsoft")
    made = model([concat], [value("x", IMAGE.shape, INT8)], [value("y", None, INT8)], **SCALES)
    trace = _agree(write(tmp_path, made), IMAGE)
    assert [layer.function for layer in trace.layers] == ["requantize", "requantize", ""]


def test_average_pool_keeps_its_divisor_in_the_multiplier(tmp_path):
    nodes = [
        node("DequantizeLinear", "x xs xz", "d"),
        node("AveragePool", "d", "p", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("QuantizeLinear", "p ys yz", "y"),
    ]  # fmt: skip
    made = model(nodes, [value("x", IMAGE.shape, INT8)], [value("y", None, INT8)], **SCALES)
    trace = trace_network(import_onnx(write(tmp_path, made)))
    multiplier = trace.arrays[trace.layers[0].quantization.multiplier].reshape(4, 4)
    assert multiplier[1, 1] == pytest.approx(0.02 / 0.03 / 9)
    assert multiplier[0, 0] == pytest.approx(0.02 / 0.03 / 4)


def test_dynamic_quantization_keeps_integer_products(tmp_path):
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w z", "m"),
        node("Cast", "m", "f", to=TensorProto.FLOAT), node("Mul", "f s", "y"),
    ]  # fmt: skip
    made = model(nodes, [value("x", (4, 8))], [value("y", None)], w=WEIGHTS[0].reshape(-1)[:24].reshape(8, 3))
    network = import_onnx(write(tmp_path, made))
    assert [operator.kind for operator in network.operators] == ["dynamic_quantize", "matmul", "cast", "mul"]
    layer = trace_network(network).layers[1]
    assert (layer.input_format, layer.weight_format, layer.output_format, layer.macs) == ("uint8", "int8", "int32", 96)


def test_integer_weights_stay_integers_through_a_transpose(tmp_path):
    nodes = [
        node("DequantizeLinear", "w ws", "d", axis=0), node("Transpose", "d", "t", perm=[1, 0]),
        node("MatMul", "x t", "y"),
    ]  # fmt: skip
    made = model(nodes, [value("x", (2, 4))], [value("y", None)], w=WEIGHTS[:, :, 0, 0], ws=SCALES["ws"])
    network = import_onnx(write(tmp_path, made))
    weights = network.tensors[network.operators[0].inputs[1]]
    assert (weights.format.name, weights.format.axis, weights.shape) == ("int8", 1, (4, 6))


@pytest.mark.parametrize(("name", "array", "message"), [
    ("ws", np.zeros(6, np.float32), "scale 'ws' is not positive and finite"),
    ("ws", np.full(5, 0.1, np.float32), "scale 'ws' has 5 values, which fits no axis of shape [6, 4, 3, 3]"),
])  # fmt: skip
def test_scales_that_cannot_be_are_refused(tmp_path, name, array, message):
    zeros = np.zeros(array.shape, np.int8)
    path = write(tmp_path, _qdq_conv(**{name: array, "wz": zeros}))
    with pytest.raises(CodesignError) as fault:
        import_onnx(path)
    assert str(fault.value) == f"{path}: node 'DequantizeLinear_wd' (DequantizeLinear): {message}"
