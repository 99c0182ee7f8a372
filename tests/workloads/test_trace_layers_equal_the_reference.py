"""Does each layer of a trace, run alone in integers, give the bits that the network's reference gives?"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.workloads.quantized_models import Models
from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.importers.onnx import import_onnx
from workloads.integer.layers import run_trace_layer
from workloads.network import Network, Operator, Tensor
from workloads.reference import run_reference
from workloads.requantize import ROUNDINGS
from workloads.trace import Layer, Window
from workloads.tracing import trace_network
from workloads.zoo.digits import load_digits_network, load_test_images, quantized_inputs


def compare(network: Network, inputs: dict[str, np.ndarray], batch: int, rounding: str) -> list[str]:
    """Run every layer on the reference's own tensors; return the kinds compared."""
    known = run_reference(network, inputs, rounding)
    trace = trace_network(network, batch)
    kinds = []
    for layer in trace.layers:
        if layer.engine == "view":
            known[layer.outputs[0]] = known[layer.inputs[0]]  # a flattened image stays an image
            continue
        found = run_trace_layer(layer, trace.arrays, [known[name] for name in layer.inputs], rounding)
        expected = known[layer.outputs[0]]
        if found.ndim == 4 and found.shape != expected.shape:
            found = found.transpose(0, 2, 3, 1).reshape(expected.shape)
        np.testing.assert_array_equal(found, expected, layer.name)
        kinds.append(layer.operator)
    return kinds


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_digits(rounding):
    network = load_digits_network()
    images, _ = load_test_images()
    kinds = compare(network, quantized_inputs(network, images), len(images), rounding)
    assert kinds == ["conv", "conv", "conv", "add", "average_pool", "gemm"]


@pytest.mark.parametrize("rounding", ["dyadic_half_up", "dyadic_half_even", "tflite_double"])
@pytest.mark.parametrize("activation", [np.int8, np.uint8])
def test_random_layers(rounding, activation, tmp_path):
    for seed in range(6):
        models = Models(np.random.default_rng(seed), activation, activation)
        x = models.input((1, 6, 11, 9))
        first = models.convolution(x, 12, [3, 2], [2, 1], [1, 1, 0, 2], [1, 2], group=3, per_channel=bool(seed % 2))
        depthwise = models.convolution(first, 12, [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], group=12)
        total = models.two("QLinearMul", models.two("QLinearAdd", depthwise, first), first)
        greatest = models.greatest(total, [2, 3], [2, 2], [1, 0, 0, 2])
        models.average(greatest, [2, 2], [1, 2], [1, 1, 0, 0], count_include_pad=seed % 2)
        models.dense(models.flatten(models.global_average(greatest)), 7)
        models.dense(models.flatten(greatest), 5)
        path = tmp_path / "random.onnx"
        onnx.save(models.model(), path)
        network = import_onnx(path)
        network.outputs = tuple(name for name in network.outputs if name not in _flattened(network))
        kinds = compare(network, models.feeds(), 1, rounding)
        assert {"conv", "add", "mul", "max_pool", "average_pool", "global_average_pool", "gemm"} <= set(kinds)


def _flattened(network: Network) -> set[str]:
    return {operator.outputs[0] for operator in network.operators if operator.kind == "reshape"}


def test_a_batched_product_of_activations(tmp_path):
    models = Models(np.random.default_rng(3), np.int8, np.int8)
    models.product(models.input((3, 7, 19)), models.input((3, 19, 10)))
    path = tmp_path / "product.onnx"
    onnx.save(models.model(), path)
    assert compare(import_onnx(path), models.feeds(), 1, "dyadic_half_up") == ["matmul"]


def test_a_float_layer_has_no_integer_result():
    layer = Layer("conv1", "conv", "matrix", Window())
    with pytest.raises(CodesignError) as error:
        run_trace_layer(layer, {}, [np.zeros((1, 1, 1, 1))], "dyadic_half_up")
    assert str(error.value) == "layer 'conv1': it has no quantization, so no integer result"


@pytest.mark.parametrize("rounding", ["dyadic_half_up", "tflite_single"])
def test_a_difference_is_a_sum_with_one_sign_turned(rounding):
    rng = np.random.default_rng(5)
    formats = [Format("int8", np.float32(scale), np.int64(zero)) for scale, zero in ((0.03, 5), (0.05, -7), (0.06, 2))]
    tensors = {name: Tensor(name, (1, 4, 3, 3), kind) for name, kind in zip("aby", formats, strict=True)}
    network = Network("one", [Operator("op1", "sub", ("a", "b"), ("y",))], tensors, ("a", "b"), ("y",))
    inputs = {name: rng.integers(-128, 128, (1, 4, 3, 3)).astype(np.int8) for name in "ab"}
    assert compare(network, inputs, 1, rounding) == ["sub"]
    real = (inputs["a"] - 5.0) * 0.03 - (inputs["b"] + 7.0) * 0.05
    found = run_reference(network, inputs, rounding)["y"]
    assert np.abs(found - np.clip(real / 0.06 + 2, -128, 127)).max() <= 0.51
