"""Are a TFLite network's integers those of an independent interpreter, tensor by tensor?

The interpreter is `ai-edge-litert` with its reference kernels, every intermediate tensor preserved.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.shared_data import shared_path
from tests.workloads.tflite_cases import BROADCAST, ELSEWHERE, ON_THE_MACHINE
from tests.workloads.tflite_graphs import random_graph
from tests.workloads.tflite_interpreter import Interpreted, edge_inputs
from workloads.importers.tflite import import_tflite
from workloads.reference import run_reference

MODELS = ("ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8")
CASES = {**ON_THE_MACHINE, **ELSEWHERE, **BROADCAST}


def as_stored_in_the_file(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an image N, C, H, W as N, H, W, C; what has the file's shape already as it is."""
    return values if values.ndim != 4 else values.transpose(0, 2, 3, 1).reshape(shape)


@pytest.mark.parametrize("model", MODELS)
def test_every_tensor_of_a_network(model):
    path = shared_path(f"verbatim/mlperf_tiny/{model}.tflite")
    network, interpreted = import_tflite(path), Interpreted(path.read_bytes())
    assert network.rounding == "tflite"
    (name,) = network.inputs
    shape = network.tensors[name].shape
    rng = np.random.default_rng(20)
    inputs = [*edge_inputs(shape), *(rng.integers(-128, 128, shape).astype(np.int8) for _ in range(4))]
    compared = set()
    for values in inputs:
        expected = interpreted.run([values])
        found = run_reference(network, {name: values})
        for tensor, stored in found.items():
            if tensor in expected and tensor not in network.inputs:
                whole = stored if tensor in network.outputs else as_stored_in_the_file(stored, expected[tensor].shape)
                np.testing.assert_array_equal(whole, expected[tensor], err_msg=tensor)
                compared.add(tensor)
    written = interpreted.written_by_operators()
    assert compared == written, f"not compared: {sorted(written - compared)}"


@pytest.mark.parametrize("case", CASES)
def test_an_operator(case, tmp_path):
    content = CASES[case]().write()
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    network, interpreted = import_tflite(path), Interpreted(content)
    rng = np.random.default_rng(21)
    for _ in range(6):
        given = [rng.integers(-128, 128, network.tensors[name].shape).astype(np.int8) for name in network.inputs]
        expected = interpreted.run(given)
        found = run_reference(network, dict(zip(network.inputs, given, strict=True)))
        (output,) = network.outputs
        np.testing.assert_array_equal(found[output], expected[output])


@pytest.mark.parametrize("seeds", [range(60), pytest.param(range(60, 2000), marks=pytest.mark.slow)])
def test_random_graphs(seeds, tmp_path):
    """Branches, residuals, several readers of a tensor, images flattened and made again."""
    path, compared = tmp_path / "model.tflite", 0
    for seed in seeds:
        content = random_graph(seed).write()
        path.write_bytes(content)
        network, rng = import_tflite(path), np.random.default_rng(seed)
        given = {name: rng.integers(-128, 128, network.tensors[name].shape) for name in network.inputs}
        given = {name: values.astype(np.int8) for name, values in given.items()}
        try:
            expected = Interpreted(content).run(list(given.values()))
        except RuntimeError:  # the interpreter takes no multiplier so large
            continue
        found = run_reference(network, given)
        for output in network.outputs:
            np.testing.assert_array_equal(found[output], expected[output], err_msg=f"seed {seed}: {output}")
            compared += 1
    assert compared > len(seeds)


@pytest.mark.parametrize("rounding", ["tflite_double", "tflite_single"])
def test_one_rounding_for_all_operators_would_differ(rounding):
    """Convolutions round twice and fully connected layers once: no single mode gives both."""
    path = shared_path("verbatim/mlperf_tiny/kws_ref_model.tflite")
    network = import_tflite(path)
    (name,) = network.inputs
    values = np.random.default_rng(3).integers(-128, 128, network.tensors[name].shape).astype(np.int8)
    right, wrong = (run_reference(network, {name: values}, mode) for mode in (None, rounding))
    assert any((right[tensor] != wrong[tensor]).any() for tensor in right)


def test_a_float_input_is_quantized_and_a_float_output_dequantized(tmp_path):
    from tests.workloads.tflite_models import Graph

    graph = Graph()
    x, stored = graph.tensor(1, 4, 4, 3, type="FLOAT32"), graph.tensor(1, 4, 4, 3, scale=0.05, zero=4)
    larger, y = graph.tensor(1, 4, 4, 3, scale=0.07, zero=-4), graph.tensor(1, 4, 4, 3, type="FLOAT32")
    graph.add("QUANTIZE", [x], stored, _class="QuantizeOptions")
    graph.add("QUANTIZE", [stored], larger, _class="QuantizeOptions")
    graph.add("DEQUANTIZE", [larger], y, _class="DequantizeOptions")
    graph.inputs, graph.outputs = [x], [y]
    path = tmp_path / "float.tflite"
    path.write_bytes(graph.write())
    network, interpreted = import_tflite(path), Interpreted(path.read_bytes())
    ties = (np.arange(48) - 24).reshape(1, 4, 4, 3).astype(np.float32) * np.float32(0.025)
    np.testing.assert_array_equal(run_reference(network, {"t0": ties})["t3"], interpreted.run([ties])["t3"])
