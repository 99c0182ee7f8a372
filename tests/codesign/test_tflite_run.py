"""Does a run of a TFLite network compute TFLite's integers, and say where something else had to be done?"""

from __future__ import annotations

import numpy as np
import pytest

import codesign as cd
from tests.shared_data import shared_path
from tests.workloads.tflite_cases import BROADCAST, ELSEWHERE, ON_THE_MACHINE
from tests.workloads.tflite_graphs import random_graph
from tests.workloads.tflite_interpreter import Interpreted

SMALL = "small_npu_8x8"


def run_exactly(path, machine, seed, **given):
    """Return (result, the interpreter's tensors, the network) for one random input."""
    network, rng = cd.load_network(str(path)), np.random.default_rng(seed)
    inputs = {n: rng.integers(-128, 128, network.tensors[n].shape).astype(np.int8) for n in network.inputs}
    expected = Interpreted(path.read_bytes()).run(list(inputs.values()))
    return cd.run(path, machine, fidelity="exact", inputs=inputs, **given), expected, network


@pytest.mark.parametrize("case", [*ON_THE_MACHINE, *BROADCAST, *ELSEWHERE])
def test_an_operator_in_exact_equals_the_interpreter(case, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes({**ON_THE_MACHINE, **BROADCAST, **ELSEWHERE}[case]().write())
    result, expected, network = run_exactly(path, SMALL, 5)
    for name in network.outputs:
        np.testing.assert_array_equal(result.outputs[name].reshape(expected[name].shape), expected[name])
    assert not any("one step off" in note for note in result.notes)
    assert any("host" in note for note in result.notes) == (case in ELSEWHERE and not case.startswith("concat"))


@pytest.mark.parametrize("seeds", [range(12), pytest.param(range(12, 300), marks=pytest.mark.slow)])
def test_random_graphs_in_exact_equal_the_interpreter_or_are_refused(seeds, tmp_path):
    """A machine copies no image in another order: such a layer is refused by name."""
    path, run = tmp_path / "model.tflite", 0
    for seed in seeds:
        path.write_bytes(random_graph(seed, moves=False).write())
        try:
            result, expected, network = run_exactly(path, SMALL, seed, allow_host=True)
        except RuntimeError:  # the interpreter takes no multiplier so large
            continue
        except cd.CodesignError as fault:
            assert "has no integer form on the machine" in str(fault)
            continue
        run += 1
        for name in network.outputs:
            np.testing.assert_array_equal(
                result.outputs[name].reshape(expected[name].shape), expected[name], err_msg=f"seed {seed}: {name}"
            )
    assert run > len(seeds) * 2 // 3


@pytest.mark.parametrize("model", ["ad01_int8", "kws_ref_model", "str_ww_ref_model", "pretrainedResnet_quant"])
def test_a_network_in_exact_equals_the_interpreter(model):
    path = shared_path(f"verbatim/mlperf_tiny/{model}.tflite")
    result, expected, network = run_exactly(path, "edge_npu", 6)
    for name in network.outputs:
        np.testing.assert_array_equal(result.outputs[name].reshape(expected[name].shape), expected[name])
    if model == "ad01_int8":  # fully connected layers alone, which are right in the machine's own mode
        assert result.notes == []
    else:
        assert result.notes[0].startswith("requantizer: tflite_double, as TFLite rounds, instead of dyadic_half_up")
    assert result.cycles == cd.run(path, "edge_npu").cycles
    assert result.weights == "real"


@pytest.mark.slow
@pytest.mark.parametrize("machine", [SMALL, "edge_npu", "gemmini_16x16"])
def test_the_largest_network_in_exact_equals_the_interpreter(machine):
    result, expected, network = run_exactly(shared_path("verbatim/mlperf_tiny/vww_96_int8.tflite"), machine, 7)
    for name, values in result.outputs.items():
        if name in expected and name in (*network.inputs, *network.outputs):
            np.testing.assert_array_equal(values.reshape(expected[name].shape), expected[name])


def test_float_inputs_and_outputs_are_the_hosts(tmp_path):
    from tests.workloads.tflite_models import Graph

    graph = Graph()
    x, stored = (
        graph.tensor(1, 4, 4, 3, type="FLOAT32", name="x"),
        graph.tensor(1, 4, 4, 3, scale=0.05, zero=4, name="q"),
    )
    larger, y = (
        graph.tensor(1, 4, 4, 3, scale=0.07, zero=-4, name="r"),
        graph.tensor(1, 4, 4, 3, type="FLOAT32", name="y"),
    )
    graph.add("QUANTIZE", [x], stored, _class="QuantizeOptions")
    graph.add("QUANTIZE", [stored], larger, _class="QuantizeOptions")
    graph.add("DEQUANTIZE", [larger], y, _class="DequantizeOptions")
    graph.inputs, graph.outputs = [x], [y]
    path = tmp_path / "float.tflite"
    path.write_bytes(graph.write())
    real = np.random.default_rng(1).normal(size=(1, 4, 4, 3)).astype(np.float32)
    expected = Interpreted(path.read_bytes()).run([real])
    result = cd.run(path, SMALL, fidelity="exact", inputs={"q": expected["q"]})
    np.testing.assert_array_equal(result.outputs["r"], expected["r"])
    assert result.notes[0] == "'x' is quantized, 'y' is dequantized on the host"


def test_a_mode_given_by_hand_is_kept_and_said(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(ON_THE_MACHINE["conv 1x1"]().write())
    result, *_ = run_exactly(path, SMALL, 5, set=["vector.requantize=dyadic_half_up"])
    assert result.notes == [
        "requantizer: dyadic_half_up rounds other than TFLite's tflite_double; values may differ by one step",
        "layer 'conv_2d_0': an output may be one step off: the requantizer rounds dyadic_half_up, not tflite_double",
    ]
