"""Does the reference run what has no integer form on the host, and say clearly what it cannot run?"""

from __future__ import annotations

import numpy as np
import pytest

from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.network import Network, Operator, Tensor
from workloads.reference import run_reference

INT8 = Format("int8", np.float32(0.05), np.int64(3))


def network(kind: str, output: Format = INT8, shape: tuple[int, ...] = (1, 6), **attributes) -> Network:
    """One operator from ``x`` to ``y``."""
    tensors = {"x": Tensor("x", (1, 6), INT8), "y": Tensor("y", shape, output)}
    return Network("one", [Operator("op1", kind, ("x",), ("y",), attributes)], tensors, ("x",), ("y",))


X = np.array([[-128, -20, 3, 4, 60, 127]], np.int8)


def test_softmax_may_end_in_float():
    found = run_reference(network("softmax", Format("fp32"), axis=1), {"x": X})["y"]
    real = (X.astype(np.float64) - 3) * 0.05
    np.testing.assert_allclose(found, np.exp(real) / np.exp(real).sum(), rtol=1e-5)
    assert found.dtype == np.float32


def test_softmax_may_end_quantized():
    output = Format("uint8", np.float32(1 / 256), np.int64(0))
    found = run_reference(network("softmax", output, axis=1), {"x": X})["y"]
    expected = run_reference(network("softmax", Format("fp32"), axis=1), {"x": X})["y"]
    np.testing.assert_array_equal(found, np.clip(np.rint(expected * 256), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("rounding", ["float_half_even", "dyadic_half_up"])
def test_relu_is_a_clamp_at_the_zero_point(rounding):
    found = run_reference(network("relu"), {"x": X}, rounding)["y"]
    np.testing.assert_array_equal(found, np.maximum(X, 3))


def test_clip_is_a_clamp_at_both_stored_bounds():
    found = run_reference(network("clip", low=0.0, high=2.0), {"x": X})["y"]
    np.testing.assert_array_equal(found, np.clip(X, 3, 43))


def test_real_inputs_are_quantized():
    found = run_reference(network("identity"), {"x": np.array([[0.0, 0.05, -0.1, 99, -99, 1.0]])})
    assert found["x"].tolist() == [[3, 4, 1, 127, -128, 23]]


@pytest.mark.parametrize(
    ("graph", "inputs", "rounding", "message"),
    [
        (network("relu"), {}, None, "input 'x' has no values"),
        (network("relu"), {"x": X[:, :3]}, None, "input 'x' has shape (1, 3); the network takes (1, 6)"),
        (
            network("relu"),
            {"x": X.astype(np.int32) + 1},
            None,
            "input 'x' has values outside -128..127 (int8)",
        ),
        (network("relu"), {"x": X, "z": X}, None, "network 'one': 'z' is not a network input; use x"),
        (
            network("relu"),
            {"x": X},
            "float",
            "rounding: 'float' is not a requantizer rounding; use dyadic_half_even, dyadic_half_up, "
            "float_half_even, tflite, tflite_double or tflite_single",
        ),
        (
            network("lrn", size=3),
            {"x": X},
            None,
            "operator 'op1' (lrn): the integer reference does not run it",
        ),
    ],
)
def test_faults(graph, inputs, rounding, message):
    with pytest.raises(CodesignError) as error:
        run_reference(graph, inputs, rounding)
    assert str(error.value).startswith(message)
