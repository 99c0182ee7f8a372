"""Does the committed digits network read digits, fit its limits, and equal onnxruntime?"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.workloads.quantized_models import run_onnxruntime
from workloads.integer.call import to_real
from workloads.network import Network
from workloads.reference import run_reference
from workloads.requantize import ROUNDINGS
from workloads.zoo.digits import MODEL, load_digits_network, load_test_images, quantized_inputs


@pytest.fixture(scope="module")
def network() -> Network:
    return load_digits_network()


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_at_least_96_percent_in_every_rounding(network, rounding):
    images, labels = load_test_images()
    logits = run_reference(network, quantized_inputs(network, images), rounding)[network.outputs[0]]
    accuracy = (logits.argmax(axis=1) == labels).mean()
    print(f"{rounding}: {accuracy:.2%} of {len(labels)}")
    assert len(labels) == 360
    assert accuracy >= 0.96


def test_the_artefact_is_small_and_its_weights_real(network):
    folder = MODEL.parent
    assert sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".onnx", ".npz")) < 200_000
    assert network.weights == "real"
    macs = 0
    for operator in network.operators:
        if operator.kind in ("conv", "gemm"):
            weights = network.tensors[operator.inputs[1]]
            macs += network.tensors[operator.outputs[0]].elements * weights.elements // weights.shape[0]
    assert macs == 17_088


def test_it_has_every_kind_of_layer_and_uses_its_zero_points(network):
    convolutions = [operator for operator in network.operators if operator.kind == "conv"]
    assert any(c.attributes["strides"] == (2, 2) and any(c.attributes["pads"]) for c in convolutions)
    assert any(c.attributes["groups"] == network.tensors[c.inputs[0]].shape[1] > 1 for c in convolutions)
    assert {"add", "average_pool", "gemm"} <= {operator.kind for operator in network.operators}
    activations = [tensor for tensor in network.tensors.values() if not tensor.constant]
    assert all(tensor.format.name == "int8" for tensor in activations)
    assert all(int(tensor.format.zero_point) != 0 for tensor in activations)
    assert len({int(tensor.format.zero_point) for tensor in activations}) > 1


@pytest.mark.parametrize("optimized", [False, True])
def test_its_logits_equal_onnxruntimes(network, optimized):
    pytest.importorskip("onnxruntime")
    images, _ = load_test_images()
    stored = run_reference(network, quantized_inputs(network, images), "float_half_even")[network.outputs[0]]
    found = to_real(stored, network.tensors[network.outputs[0]].format)
    model = onnx.load(MODEL)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = len(images)
    feeds = {"image": images.astype(np.float32)}
    np.testing.assert_array_equal(found, run_onnxruntime(model.SerializeToString(), feeds, optimized)["logits"])


def test_every_tensor_equals_onnxruntimes_integer_kernels(network):
    """Each operator as a QLinear operator, all tensors given out: no float sum anywhere."""
    pytest.importorskip("onnxruntime")
    images, _ = load_test_images()
    inputs = quantized_inputs(network, images)
    found = run_reference(network, inputs, "float_half_even")
    expected = run_onnxruntime(qlinear_model(network, len(images)).SerializeToString(), inputs, optimized=False)
    assert len(expected) == len(network.operators)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def qlinear_model(network: Network, batch: int) -> onnx.ModelProto:
    """The network as QLinear operators."""
    constants, nodes = {}, []

    def quantization(name: str) -> list[str]:
        number_format = network.tensors[name].format
        constants[f"{name}.s"] = np.asarray(number_format.scale, np.float32)
        constants[f"{name}.z"] = np.asarray(number_format.zero_point).astype(np.int8)
        return [f"{name}.s", f"{name}.z"]

    for operator in network.operators:
        (y,), (x, *others), attributes = operator.outputs, operator.inputs, operator.attributes
        for name in others:
            if network.tensors[name].constant:
                constants[name] = network.tensors[name].data
        first, last = [x, *quantization(x)], quantization(y)
        if operator.kind == "conv":
            given = {"strides": attributes["strides"], "pads": attributes["pads"], "group": attributes["groups"]}
            inputs = [*first, others[0], *quantization(others[0]), *last, others[1]]
            nodes.append(helper.make_node("QLinearConv", inputs, [y], **given))
        elif operator.kind == "gemm":
            inputs = [*first, others[0], *quantization(others[0]), others[1], *last]
            nodes.append(helper.make_node("QGemm", inputs, [y], domain="com.microsoft", transB=1))
        elif operator.kind == "add":
            inputs = [*first, others[0], *quantization(others[0]), *last]
            nodes.append(helper.make_node("QLinearAdd", inputs, [y], domain="com.microsoft"))
        elif operator.kind == "average_pool":
            given = {"kernel_shape": attributes["kernel"], "strides": attributes["strides"]}
            nodes.append(
                helper.make_node("QLinearAveragePool", [*first, *last], [y], domain="com.microsoft", **given)
            )
        else:
            nodes.append(helper.make_node("Flatten", [x], [y], axis=1))
    value = {
        name: helper.make_tensor_value_info(name, onnx.TensorProto.INT8, [batch, *network.tensors[name].shape[1:]])
        for name in (*network.inputs, *(operator.outputs[0] for operator in network.operators))
    }
    graph = helper.make_graph(
        nodes,
        "digits",
        [value[name] for name in network.inputs],
        [value[node.output[0]] for node in nodes],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.slow
def test_the_recipe_makes_it_again(tmp_path):
    """Twice the same bytes on one machine, and as accurate; another BLAS may round its sums otherwise."""
    pytest.importorskip("sklearn")
    from workloads.importers.onnx import import_onnx
    from workloads.zoo.digits.train import main

    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        main(folder)
    made = [(tmp_path / folder / "digits_int8.onnx").read_bytes() for folder in ("first", "second")]
    assert made[0] == made[1]
    images, labels = load_test_images()
    again = import_onnx(tmp_path / "first" / "digits_int8.onnx")
    logits = run_reference(again, quantized_inputs(again, images), "dyadic_half_up")[again.outputs[0]]
    assert (logits.argmax(axis=1) == labels).mean() >= 0.96


def test_the_test_split_is_every_fifth_image_of_the_bundled_digits():
    pytest.importorskip("sklearn")
    from workloads.zoo.digits.train import load_digits, split

    images, labels = load_test_images()
    _, _, test_images, test_labels = split(*load_digits())
    np.testing.assert_array_equal(images, test_images)
    np.testing.assert_array_equal(labels, test_labels)
