"""Do random values make a network computable, in range, and the same for the same seed?"""

import numpy as np
import pytest

from workloads.errors import CodesignError
from workloads.load import load_network
from workloads.reference import run_reference
from workloads.tracing import trace_network
from workloads.transforms.random_values import random_inputs, random_values
from workloads.transforms.retype import retype


@pytest.fixture(scope="module", params=[("int8", "int8"), ("uint8", "int8"), ("int8", "int4")])
def network(request):
    return retype(load_network("onnx:squeezenet"), *request.param)[0]


def test_every_matrix_layer_gets_weights_and_a_requantizer(network):
    trace = trace_network(random_values(network, 1))
    assert trace.weights == "random"
    for layer in trace.layers:
        if layer.engine == "matrix":
            assert layer.quantization is not None
            weights = trace.arrays[layer.weights]
            assert weights.min() < 0 < weights.max()


def test_the_same_seed_draws_the_same_and_another_does_not(network):
    first, same, other = (trace_network(random_values(network, seed)) for seed in (1, 1, 2))
    key = next(layer.weights for layer in first.layers if layer.weights)
    np.testing.assert_array_equal(first.arrays[key], same.arrays[key])
    assert (first.arrays[key] != other.arrays[key]).any()


def test_the_given_network_is_left_alone(network):
    random_values(network, 1)
    assert all(tensor.data is None for tensor in network.tensors.values() if tensor.constant)


def test_digits_computes_without_drowning_in_saturation():
    network = random_values(load_network("digits"), 3)
    trace = trace_network(network)
    outputs = run_reference(network, random_inputs(trace, 3))
    for operator in network.operators:
        values = outputs[operator.outputs[0]]
        assert np.unique(values).size > 5
        assert (np.abs(values.astype(int)) >= 127).mean() < 0.5


def test_a_float_network_is_refused():
    with pytest.raises(CodesignError, match=r"^random weights: tensor '.*' is fp32; an integer format is needed$"):
        random_values(load_network("onnx:squeezenet"), 1)
