"""Does an exact run say which of its values are real, and compute the same as the reference?"""

import numpy as np
import pytest

import codesign as cd
from workloads.reference import run_reference
from workloads.zoo.digits import load_test_images

MACHINE = "small_npu_8x8"


def test_real_weights_are_called_real_and_inputs_random():
    result = cd.run("digits", MACHINE, fidelity="exact")
    assert result.weights == "real"
    assert result.notes == ["inputs: random (seed 0)"]
    assert result.cycles == cd.run("digits", MACHINE).cycles


def test_given_inputs_give_the_outputs_of_the_reference():
    network = cd.load_network("digits")
    image = load_test_images()[0][:1].astype(np.int8)
    result = cd.run(network, MACHINE, fidelity="exact", inputs={"image": image})
    expected = run_reference(network, {"image": image})
    for name in network.outputs:
        np.testing.assert_array_equal(result.outputs[name].reshape(expected[name].shape), expected[name])
    assert result.notes == []


def test_weights_without_scales_need_a_seed_too(tmp_path):
    from onnx import TensorProto, helper, save

    weights = helper.make_tensor("w", TensorProto.FLOAT, [8, 4], [1.0] * 32)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c]) for n, c in (("x", 8), ("y", 4)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    path = tmp_path / "float.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    with pytest.raises(cd.CodesignError, match="the activations of this network have no scale; give a seed"):
        cd.run(path, MACHINE, fidelity="exact")
    result = cd.run(path, MACHINE)
    assert result.weights == "real"
    assert result.notes[0].startswith("re-typed from fp32: activations int8, weights int8, sums int32")


def test_shapes_only_need_a_seed(tmp_path):
    topology = tmp_path / "one.csv"
    topology.write_text("Layer, M, N, K\nfirst, 20, 10, 30\n")
    with pytest.raises(cd.CodesignError) as fault:
        cd.run(topology, MACHINE, fidelity="exact")
    assert str(fault.value) == (
        f"{topology}: fidelity exact computes values, and this network has shapes only; "
        "give a seed for random ones (--random-weights SEED)"
    )
    result = cd.run(topology, MACHINE, fidelity="exact", random_weights=1)
    assert result.weights == "random (seed 1)"
    assert result.provenance["seed"] == 1
    assert result.notes == ["inputs: random (seed 1)"]
    again, other = (cd.run(topology, MACHINE, fidelity="exact", random_weights=seed) for seed in (1, 2))
    for name, values in result.outputs.items():
        np.testing.assert_array_equal(again.outputs[name], values)
    assert any((other.outputs[name] != values).any() for name, values in result.outputs.items())
