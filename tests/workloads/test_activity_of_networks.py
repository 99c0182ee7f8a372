"""Is a layer's activity that of the tensors which the integer reference computes, read as the layer reads them?"""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import onnx
import pytest

from tests.workloads.quantized_models import Models
from tests.workloads.toggle_twin import Rows, rates, weight_rows, window_rows
from workloads.activity import Activity, default_activity
from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.importers.onnx import import_onnx
from workloads.load import load_network
from workloads.network import Network, Operator, Tensor
from workloads.reference import run_reference
from workloads.trace import Trace
from workloads.trace_files import load_trace, save_trace
from workloads.tracing import trace_network
from workloads.tracing_activity import measure_activity
from workloads.transforms.random_values import random_values
from workloads.transforms.retype import retype
from workloads.zoo.digits import load_digits_network, load_test_images, quantized_inputs

INT8 = Format("int8", np.float32(0.05), np.int64(3))


def digits(images: int) -> tuple[Network, dict[str, np.ndarray]]:
    network = load_digits_network()
    return network, quantized_inputs(network, load_test_images()[0][:images])


def activity_of(trace: Trace, name: str) -> Activity:
    return next(layer.activity for layer in trace.layers if layer.name == name)


def activation_rates(activity: Activity) -> tuple[float, float, float]:
    return activity.activation_over_positions, activity.activation_over_depth, activity.activation_zeros


def weight_rates(activity: Activity) -> tuple[float, float, float]:
    return activity.weight_over_outputs, activity.weight_over_depth, activity.weight_zeros


def matrix_rows(values: np.ndarray) -> Rows:
    return [[row] for row in values.tolist()]


def one_operator(kind: str, shapes: dict[str, tuple[int, ...]], constants: tuple[str, ...] = (), **attributes):
    """Return a network of one quantized operator with random constants, and random values of its inputs."""
    rng = np.random.default_rng(7)
    values = {name: rng.integers(-128, 128, shape).astype(np.int8) for name, shape in shapes.items()}
    flat = Format("int8", np.float32(0.01), np.int64(0))
    tensors = {
        name: Tensor(name, shape, flat if name in constants else INT8, values[name] if name in constants else None,
                     name in constants)
        for name, shape in shapes.items()
    }  # fmt: skip
    inputs = tuple(name for name in shapes if name not in (*constants, "y"))
    operator = Operator("op", kind, tuple(name for name in shapes if name != "y"), ("y",), attributes)
    network = Network("one", [operator], tensors, inputs, ("y",), "real", "dyadic_half_up")
    return network, {name: values[name] for name in inputs}


@pytest.mark.parametrize("batch", [1, 3])
def test_digits(batch):
    network, inputs = digits(6)
    trace = measure_activity(trace_network(network, batch), network, inputs)
    known, passes = run_reference(network, inputs), 6 // batch
    assert trace.activity_inputs == 6
    for layer in trace.layers:
        if layer.engine != "matrix":
            assert layer.activity == default_activity(layer.input_format, layer.weight_format)
            continue
        if layer.operator == "gemm":  # a flattened image, channels last
            source = next(one.inputs[0] for one in trace.layers if one.engine == "view")
            rows = known[source].transpose(0, 2, 3, 1).reshape(6, -1)
            parts = [matrix_rows(part) for part in np.split(rows, passes)]
        else:
            zero = layer.quantization.input_zero_points[0]
            images = np.split(known[layer.inputs[0]], passes)
            parts = [window_rows(layer.window, image.tolist(), zero) for image in images]
        assert activation_rates(layer.activity) == rates(parts, 8)
        assert weight_rates(layer.activity) == rates([weight_rows(trace.arrays[layer.weights].tolist())], 8)
        assert layer.activity.activation_source == layer.activity.weight_source == "measured"


def test_inputs_fill_whole_passes():
    network, inputs = digits(5)
    trace = trace_network(network, 2)
    four = {"image": inputs["image"][:4]}
    found, without_rest = (measure_activity(trace, network, values) for values in (inputs, four))
    assert found.layers == without_rest.layers
    assert found.activity_inputs == 4
    few = measure_activity(trace, network, {"image": inputs["image"][:1]})
    repeated = measure_activity(trace, network, {"image": inputs["image"][[0, 0]]})
    assert few.layers == repeated.layers
    assert few.activity_inputs == 2


def test_it_is_deterministic_saved_and_loaded(tmp_path):
    network, inputs = digits(4)
    for name in "ab":
        save_trace(tmp_path / name, measure_activity(trace_network(network), network, inputs))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = load_trace(tmp_path / "a")
    assert loaded.activity_inputs == 4
    assert loaded.layers == measure_activity(trace_network(network), network, inputs).layers


def test_inputs_move_no_rate_of_constant_weights():
    network, inputs = digits(4)
    trace = trace_network(network)
    mirrored = {"image": inputs["image"][:, :, ::-1, ::-1]}
    one, other = (measure_activity(trace, network, values) for values in (inputs, mirrored))
    for before, after, plain in zip(one.layers, other.layers, trace.layers, strict=True):
        assert weight_rates(before.activity) == weight_rates(after.activity) == weight_rates(plain.activity)
    assert one.layers != other.layers


def test_random_weights_and_shapes_alone_keep_the_default():
    drawn = trace_network(random_values(digits(1)[0], 3))
    shapes = trace_network(retype(load_network("onnx:squeezenet"), weight="int4")[0])
    for trace in (drawn, shapes):
        assert trace.activity_inputs == 0
        for layer in trace.layers:
            assert layer.activity == default_activity(layer.input_format, layer.weight_format)
    conv = next(layer for layer in shapes.layers if layer.engine == "matrix")
    assert astuple(conv.activity) == (0.5, 0.5, 0.5, 0.5, 2**-8, 2**-4, "default", "default")


def test_retyped_activations_keep_the_default_and_their_weights_are_measured(tmp_path):
    from onnx import TensorProto, helper

    values = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    weights = helper.make_tensor("w", TensorProto.FLOAT, [8, 4], values.ravel().tolist())
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c]) for n, c in (("x", 8), ("y", 4)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "f.onnx")
    network = import_onnx(tmp_path / "f.onnx")
    trace = trace_network(retype(network)[0])
    found = measure_activity(trace, network, {"x": np.ones((2, 8), np.float32)})
    assert found.activity_inputs == 0
    (layer,) = found.layers
    assert layer.activity.activation_source == "default"
    assert weight_rates(layer.activity) == rates([weight_rows(trace.arrays[layer.weights].tolist())], 8)
    whole = measure_activity(trace_network(network), network, {"x": np.ones((2, 8), np.float32)})  # kept in fp32
    assert activation_rates(whole.layers[0].activity) == (0.0, 0.0, 0.0)
    assert whole.layers[0].activity.activation_source == "measured"


def test_a_batched_product_measures_both_operands(tmp_path):
    models = Models(np.random.default_rng(3), np.int8, np.int8)
    models.product(models.input((3, 7, 19)), models.input((3, 19, 10)))
    onnx.save(models.model(), tmp_path / "product.onnx")
    network, inputs = import_onnx(tmp_path / "product.onnx"), models.feeds()
    (layer,) = measure_activity(trace_network(network), network, inputs).layers
    left, right = inputs.values()
    assert activation_rates(layer.activity) == rates([matrix_rows(part) for part in left], 8)
    assert weight_rates(layer.activity) == rates([matrix_rows(part.T) for part in right], 8)
    assert layer.activity.weight_source == "measured"


@pytest.mark.parametrize("turned", [False, True])
def test_the_depth_of_a_product_is_found_on_either_side(turned):
    given = {"transpose_a": turned, "transpose_b": turned}
    shapes = {"a": (6, 9) if turned else (9, 6), "b": (4, 6) if turned else (6, 4), "y": (9, 4)}
    network, inputs = one_operator("gemm", shapes, ("b",), **given)
    (layer,) = measure_activity(trace_network(network), network, inputs).layers
    rows = inputs["a"].T if turned else inputs["a"]
    assert activation_rates(layer.activity) == rates([matrix_rows(rows)], 8)
    weights = network.tensors["b"].data if turned else network.tensors["b"].data.T
    assert weight_rates(layer.activity) == rates([matrix_rows(weights)], 8)


def test_constants_on_the_left_stream_the_right_operand():
    network, inputs = one_operator("matmul", {"a": (5, 5), "b": (5, 5), "y": (5, 5)}, ("a",))
    (layer,) = measure_activity(trace_network(network), network, inputs).layers
    assert activation_rates(layer.activity) == rates([matrix_rows(inputs["b"].T)], 8)
    assert weight_rates(layer.activity) == rates([matrix_rows(network.tensors["a"].data)], 8)


def test_samples_of_large_tensors_are_near(monkeypatch):
    network, inputs = digits(16)
    whole = measure_activity(trace_network(network), network, inputs)
    monkeypatch.setattr("workloads.tracing_activity.MOST_VALUES", 16 * 1200)
    part = measure_activity(trace_network(network), network, inputs)
    for one, other in zip(whole.layers, part.layers, strict=True):
        assert activation_rates(one.activity) == pytest.approx(activation_rates(other.activity), abs=0.05)
    assert whole.layers != part.layers


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input 'image' has no values"),
        ({"image": np.zeros((0, 1, 8, 8), np.int8)}, "inputs: 'image' is empty"),
        ({"image": np.zeros((2, 1, 8, 9), np.int8)},
         "input 'image' has shape (1, 1, 8, 9); the network takes (1, 1, 8, 8)"),
        ({"image": np.full((1, 1, 8, 8), 200)}, "input 'image' has values outside -128..127 (int8)"),
    ],
)  # fmt: skip
def test_bad_inputs(inputs, message):
    network, _ = digits(1)
    with pytest.raises(CodesignError) as fault:
        measure_activity(trace_network(network), network, inputs)
    assert str(fault.value) == message
