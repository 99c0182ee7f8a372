"""What does re-typing a float network change, and does it say so?"""

from __future__ import annotations

import numpy as np
import pytest

from tests.workloads.onnx_models import model, node, value, write
from workloads.errors import CodesignError
from workloads.importers.onnx import import_onnx
from workloads.load import load_network
from workloads.tracing import trace_network
from workloads.transforms.retype import retype


def test_shape_only_networks_change_their_formats_alone():
    network, said = retype(load_network("onnx:resnet50"))
    assert said == "re-typed from fp32: activations int8, weights int8, sums int32"
    trace = trace_network(network)
    assert trace.weights == "shapes only"
    assert {layer.input_format for layer in trace.layers} == {"int8"}
    assert {layer.weight_format for layer in trace.layers if layer.engine == "matrix"} == {"int8"}
    assert trace.macs == trace_network(load_network("onnx:resnet50")).macs
    assert not trace.arrays


def test_real_weights_are_quantized_for_each_output_channel(tmp_path):
    weights = np.random.default_rng(0).standard_normal((5, 3, 3, 3)).astype(np.float32)
    weights[2] = 0
    made = model([node("Conv", "x w", "y")], [value("x", (1, 3, 8, 8))], [value("y", None)], w=weights)
    network, said = retype(import_onnx(write(tmp_path, made)))
    assert said.endswith("(1 weight tensors quantized per channel; activation scales are not calibrated)")
    stored = network.tensors["w"]
    assert (stored.format.name, stored.format.axis, stored.data.dtype) == ("int8", 0, np.int8)
    assert np.abs(stored.data[[0, 1, 3, 4]]).reshape(4, -1).max(axis=1).tolist() == [127] * 4
    scale = stored.format.scale.reshape(-1, 1, 1, 1)
    assert (np.abs(stored.data * scale - weights) <= scale * 0.5001).all()
    assert network.weights == "real"


@pytest.mark.parametrize(("weight", "low", "high"), [("int4", -7, 7), ("uint8", 1, 255), ("int16", -32767, 32767)])
def test_other_widths(tmp_path, weight, low, high):
    weights = np.random.default_rng(0).standard_normal((8, 6)).astype(np.float32)
    made = model([node("MatMul", "x w", "y")], [value("x", (2, 8))], [value("y", None)], w=weights)
    network, _ = retype(import_onnx(write(tmp_path, made)), weight=weight)
    stored = network.tensors["w"]
    assert (stored.format.name, stored.format.axis) == (weight, 1)
    assert low <= stored.data.min() < stored.data.max() <= high


def test_bfloat16_machines_keep_the_values_as_floats(tmp_path):
    weights = np.ones((8, 6), np.float32)
    made = model([node("MatMul", "x w", "y")], [value("x", (2, 8))], [value("y", None)], w=weights)
    network, said = retype(import_onnx(write(tmp_path, made)), "bf16", "bf16", "fp32")
    assert network.tensors["w"].data is not None
    assert said == "re-typed from fp32: activations bf16, weights bf16, sums fp32"


def test_integer_networks_are_left_alone():
    network, _ = retype(load_network("onnx:alexnet"))
    again, said = retype(network)
    assert again is network
    assert said == ""


def test_a_format_that_is_none_is_named():
    with pytest.raises(CodesignError, match="'int0' is not a format"):
        retype(load_network("onnx:alexnet"), "int0")
