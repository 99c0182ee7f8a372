"""Does a whole TFLite network run on the RTL in the simulator's cycles, to the bits of an independent interpreter?

Every operator but a last softmax, which is the host's; the requantizer of the machine is built as TFLite rounds.
"""

from __future__ import annotations

import numpy as np
import pytest

from codesign.runner import prepare
from rtl.check_network import check_network
from simulators.npu.values import on_host
from tests.shared_data import shared_path
from tests.workloads.tflite_cases import ON_THE_MACHINE
from tests.workloads.tflite_interpreter import Interpreted, edge_inputs

MACHINE = "small_npu_8x8"


def run_on_rtl(path, inputs, machine=MACHINE):
    """Compare layer by layer, and the last tensor with the interpreter's; return the check and the trace."""
    ready = prepare(path, machine)
    named = [dict(zip(ready.trace.inputs, values, strict=True)) for values in inputs]
    check = check_network(ready.machine, ready.trace, named)
    assert not check.faults
    interpreted, last = Interpreted(path.read_bytes()), ready.trace.outputs[0]
    for values, output in zip(inputs, check.outputs, strict=True):
        expected = interpreted.run(values)[last]
        np.testing.assert_array_equal(output.reshape(expected.shape), expected)
    return check, ready.trace


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kws_ref_model", "pretrainedResnet_quant"])
def test_a_whole_network(model):
    path = shared_path(f"verbatim/mlperf_tiny/{model}.tflite")
    shape = prepare(path, MACHINE).trace.shapes[prepare(path, MACHINE).trace.inputs[0]]
    inputs = [[np.random.default_rng(8).integers(-128, 128, shape).astype(np.int8)], [edge_inputs(shape)[3]]]
    check, trace = run_on_rtl(path, inputs)
    aside = [layer.name for layer in trace.layers if layer.engine != "view" and on_host(layer, trace.arrays)]
    assert aside == [trace.layers[-1].name]
    assert trace.layers[-1].operator == "softmax"
    assert [layer.verdict for layer in check.layers.values()] == ["equal"] * (len(check.layers) - 1) + [
        "on the host, not in RTL"
    ]
    print(f"{model}: {check.cycles} cycles compared on the RTL")


@pytest.mark.slow
@pytest.mark.parametrize("case", ON_THE_MACHINE)
def test_an_operator(case, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(ON_THE_MACHINE[case]().write())
    trace = prepare(path, MACHINE).trace
    rng = np.random.default_rng(9)
    run_on_rtl(path, [[rng.integers(-128, 128, trace.shapes[name]).astype(np.int8) for name in trace.inputs]])
