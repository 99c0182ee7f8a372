"""What does fusion take in, and what must it leave alone?"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

from tests.workloads.onnx_models import model, node, value, write
from workloads.importers.onnx import import_onnx
from workloads.network import Network
from workloads.operators import fused_with
from workloads.transforms.fuse import fuse

X = [value("x", (1, 4, 6, 6))]
W = np.ones((4, 4, 1, 1), np.float32)
ONES = np.ones(4, np.float32)
BATCH_NORM = {"s": ONES, "b": ONES, "m": ONES, "v": ONES}


def _fused(tmp_path, nodes, outputs=("y",), **initializers) -> Network:
    made = model(nodes, X, [value(name, None) for name in outputs], **initializers)
    return fuse(import_onnx(write(tmp_path, made)))


def _kinds(network):
    return [(operator.kind, tuple(kind for kind, _ in fused_with(operator))) for operator in network.operators]


@pytest.mark.parametrize("activation", ["Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "Elu", "Softplus"])
def test_activations_join_their_convolution(tmp_path, activation):
    network = _fused(tmp_path, [node("Conv", "x w", "c"), node(activation, "c", "y")], w=W)
    assert len(network.operators) == 1
    assert network.operators[0].outputs == ("y",)
    assert len(fused_with(network.operators[0])) == 1


def test_the_entries_hold_every_attribute(tmp_path):
    limits = {"lo": np.float32(0), "hi": np.float32(6)}
    network = _fused(tmp_path, [node("Conv", "x w", "c"), node("Clip", "c lo hi", "y")], w=W, **limits)
    assert fused_with(network.operators[0]) == (("clip", {"low": 0.0, "high": 6.0}),)
    network = _fused(tmp_path, [node("Conv", "x w", "c"), node("LeakyRelu", "c", "y")], w=W)
    assert fused_with(network.operators[0]) == (("leaky_relu", {"alpha": 0.01}),)


def test_x_times_its_sigmoid_is_silu(tmp_path):
    network = _fused(tmp_path, [node("Conv", "x w", "c"), node("Sigmoid", "c", "s"), node("Mul", "c s", "y")], w=W)
    assert _kinds(network) == [("conv", ("silu",))]


def test_x_times_its_hard_sigmoid_is_hardswish(tmp_path):
    sigmoid = node("HardSigmoid", "c", "s", alpha=1 / 6, beta=0.5)
    network = _fused(tmp_path, [node("Conv", "x w", "c"), sigmoid, node("Mul", "s c", "y")], w=W)
    assert _kinds(network) == [("conv", ("hardswish",))]
    other = node("HardSigmoid", "c", "s", alpha=0.2, beta=0.5)
    network = _fused(tmp_path, [node("Conv", "x w", "c"), other, node("Mul", "s c", "y")], w=W)
    assert _kinds(network) == [("conv", ()), ("hard_sigmoid", ()), ("mul", ())]


def test_a_result_that_others_read_is_not_fused_away(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Add", "c r", "y")]
    assert _kinds(_fused(tmp_path, nodes, w=W)) == [("conv", ()), ("relu", ()), ("add", ())]
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "y")]
    assert _kinds(_fused(tmp_path, nodes, ("c", "y"), w=W)) == [("conv", ()), ("relu", ())]


def test_batch_norm_stays_apart_where_the_convolution_is_read_twice(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n"), node("Add", "c n", "y")]
    assert _kinds(_fused(tmp_path, nodes, w=W, **BATCH_NORM)) == [("conv", ()), ("scale_shift", ()), ("add", ())]


def test_a_multiply_per_pixel_ends_the_chain(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n"), node("Mul", "n k", "y")]
    pixels = np.ones((6, 6), np.float32)
    assert _kinds(_fused(tmp_path, nodes, w=W, k=pixels, **BATCH_NORM)) == [("conv", ()), ("mul", ())]


def test_dropout_and_identity_leave_nothing(tmp_path):
    nodes = [node("Relu", "x", "a"), node("Identity", "a", "i"), node("Dropout", "i", "d"), node("Tanh", "d", "y")]
    assert _kinds(_fused(tmp_path, nodes)) == [("relu", ()), ("tanh", ())]


def test_fusing_twice_changes_nothing_more(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n"), node("Relu", "n", "y")]
    once = _fused(tmp_path, nodes, w=W, **BATCH_NORM)
    twice = fuse(once)
    assert once.operators == twice.operators


def test_the_given_network_is_not_changed(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n"), node("Relu", "n", "y")]
    network = import_onnx(write(tmp_path, model(nodes, X, [value("y", None)], w=W, **BATCH_NORM)))
    before = deepcopy(network.operators)
    fuse(network)
    after = network.operators
    assert before == after
    assert "n" in network.tensors
