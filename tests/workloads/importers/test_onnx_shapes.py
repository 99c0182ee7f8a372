"""Are symbolic sizes bound, shape arithmetic folded and external data read?"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.workloads.onnx_models import model, node, value, write
from workloads.importers.onnx import import_onnx
from workloads.tracing import trace_network

W = np.arange(4 * 3 * 9, dtype=np.float32).reshape(4, 3, 3, 3)


def test_symbolic_dimensions_are_bound_by_name(tmp_path):
    inputs, outputs = [value("x", ("batch", 3, "h", 9))], [value("y", ("batch", 4, None, 7))]
    made = model([node("Conv", "x w", "y")], inputs, outputs, w=W)
    network = import_onnx(write(tmp_path, made), {"batch": 2, "h": 11})
    assert network.tensors["y"].shape == (2, 4, 9, 7)


def test_a_dimension_without_a_name_is_called_by_input_and_axis(tmp_path):
    made = model([node("Relu", "x", "y")], [value("x", (None, 3))], [value("y", None)])
    assert import_onnx(write(tmp_path, made), {"x.0": 5}).tensors["y"].shape == (5, 3)


def test_a_flatten_written_as_shape_arithmetic_leaves_one_reshape(tmp_path):
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n axis", "u"),
        node("Concat", "u minus", "t", axis=0), node("Reshape", "x t", "r"), node("MatMul", "r w", "y"),
    ]  # fmt: skip
    made = model(
        nodes, [value("x", ("n", 3, 4, 4))], [value("y", None)], zero=np.int64(0), axis=np.array([0]),
        minus=np.array([-1]), w=np.ones((48, 5), np.float32),
    )  # fmt: skip
    network = import_onnx(write(tmp_path, made), {"n": 2})
    assert [operator.kind for operator in network.operators] == ["reshape", "matmul"]
    assert network.tensors["y"].shape == (2, 5)


def test_arithmetic_on_weights_is_done_at_import(tmp_path):
    nodes = [node("Mul", "w two", "v"), node("Conv", "x v", "y")]
    made = model(nodes, [value("x", (1, 3, 5, 5))], [value("y", None)], w=W, two=np.float32(2))
    network = import_onnx(write(tmp_path, made))
    np.testing.assert_array_equal(network.tensors["v"].data, W * 2)
    assert network.weights == "real"


def test_a_constant_of_shape_that_is_no_weight_keeps_its_values(tmp_path):
    fill = onnx.helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [3.0])
    nodes = [node("ConstantOfShape", "s", "c", value=fill), node("Add", "x c", "y")]
    made = model(nodes, [value("x", (2, 2))], [value("y", None)], s=np.array([2, 2]))
    network = import_onnx(write(tmp_path, made))
    assert network.tensors["c"].data.tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_external_data_inside_the_folder_is_read(tmp_path):
    made = model([node("Conv", "x w", "y")], [value("x", (1, 3, 5, 5))], [value("y", None)], w=W)
    (tmp_path / "data").mkdir()
    onnx.save_model(made, tmp_path / "model.onnx", save_as_external_data=True, location="data/w.bin", size_threshold=0)
    network = import_onnx(tmp_path / "model.onnx")
    np.testing.assert_array_equal(network.tensors["w"].data, W)


def test_nodes_in_another_order_are_sorted(tmp_path):
    nodes = [node("Tanh", "a", "y"), node("Relu", "x", "a")]
    made = model(nodes, [value("x", (2, 2))], [value("y", None)])
    network = import_onnx(write(tmp_path, made))
    assert [operator.kind for operator in network.operators] == ["relu", "tanh"]


def test_operators_nobody_reads_are_left_out(tmp_path):
    nodes = [node("Relu", "x", "y"), node("Tanh", "x", "unused")]
    network = import_onnx(write(tmp_path, model(nodes, [value("x", (2, 2))], [value("y", None)])))
    assert [operator.kind for operator in network.operators] == ["relu"]
    assert set(network.tensors) == {"x", "y"}


def test_equal_node_names_are_numbered(tmp_path):
    nodes = [node("Relu", "x", "a", name="same"), node("Tanh", "a", "y", name="same")]
    network = import_onnx(write(tmp_path, model(nodes, [value("x", (2, 2))], [value("y", None)])))
    assert [operator.name for operator in network.operators] == ["same", "same#2"]


def test_model_functions_are_inlined(tmp_path):
    made = model([node("Twice", "x", "y", domain="local")], [value("x", (2, 2))], [value("y", None)])
    body = [node("Relu", "a", "b"), node("Tanh", "b", "c")]
    opsets = [onnx.helper.make_opsetid("", 17)]
    made.functions.append(onnx.helper.make_function("local", "Twice", ["a"], ["c"], body, opsets))
    made.opset_import.append(onnx.helper.make_opsetid("local", 1))
    network = import_onnx(write(tmp_path, made))
    assert [operator.kind for operator in network.operators] == ["relu", "tanh"]


@pytest.mark.parametrize(("opset", "rows", "length"), [(9, 2, 60), (13, 24, 5)])
def test_softmax_changed_its_meaning_with_operator_set_13(tmp_path, opset, rows, length):
    made = model([node("Softmax", "x", "y", axis=1)], [value("x", (2, 5, 12))], [value("y", None)], opset=opset)
    (layer,) = trace_network(import_onnx(write(tmp_path, made))).layers
    assert (layer.window.in_h, layer.window.in_c) == (rows, length)
