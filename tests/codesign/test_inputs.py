"""Are real inputs read from files and objects, measured in every fidelity alike, and computed by exact?"""

import json

import numpy as np
import pytest

import codesign as cd
from codesign.cli import _outcome
from workloads.reference import run_reference
from workloads.tracing import trace_network
from workloads.zoo.digits import load_test_images, quantized_inputs

MACHINE = "small_npu_8x8"
RATES = ("activation_over_positions", "activation_over_depth", "weight_over_depth", "weight_over_outputs")


@pytest.fixture
def images() -> np.ndarray:
    return quantized_inputs(cd.load_network("digits"), load_test_images()[0][100:104])["image"]


def activities(result: cd.Result) -> list[dict]:
    return [row["activity"] for row in result.layers]


def test_digits_brings_its_own_images():
    result = cd.run("digits", MACHINE)
    assert result.activity == "weights measured, activations measured on 16 inputs"
    assert "activity      weights measured, activations measured on 16 inputs" in str(result)
    for row in result.layers:
        known = set(row["activity"].values()) - {None}
        assert bool(known) == (row["operator"] in ("conv", "gemm"))
        if known:
            assert row["activity"]["activation_source"] == row["activity"]["weight_source"] == "measured"
            assert all(0 < row["activity"][name] < 1 for name in RATES)


def test_every_fidelity_has_the_same_activity(images):
    for given in ({}, {"inputs": {"image": images}}):
        found = [activities(cd.run("digits", MACHINE, fidelity=each, **given)) for each in ("exact", "cycle", "fast")]
        assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("change", [["array.rows=4"], ["array.dataflow=os"], ["clock_hz=1_000_000"]])
def test_the_machine_changes_no_activity(change):
    assert activities(cd.run("digits", MACHINE, set=change)) == activities(cd.run("digits", MACHINE))


def test_files_give_what_arrays_give(images, tmp_path, capsys):
    np.savez(tmp_path / "four.npz", image=images)
    np.save(tmp_path / "four.npy", images)
    expected = activities(cd.run("digits", MACHINE, inputs={"image": images}))
    assert expected != activities(cd.run("digits", MACHINE))
    for name in ("four.npz", "four.npy"):
        result = cd.run("digits", MACHINE, inputs=tmp_path / name)
        assert activities(result) == expected
        assert result.activity.endswith("activations measured on 4 inputs")
    command = ["run", "digits", "--machine", MACHINE, "--inputs", str(tmp_path / "four.npz"), "--format", "json"]
    assert _outcome(command) == 0
    assert [row["activity"] for row in json.loads(capsys.readouterr().out)["layers"]] == expected


def test_real_pixels_give_what_their_stored_integers_give(images):
    network = cd.load_network("digits")
    pixels = load_test_images()[0][100:104].astype(np.float32)
    given, stored = (cd.run(network, MACHINE, inputs={"image": values}) for values in (pixels, images))
    assert activities(given) == activities(stored)


@pytest.mark.parametrize("batch", [1, 2])
def test_exact_computes_the_first_batch(images, batch):
    network = cd.load_network("digits")
    result = cd.run(network, MACHINE, fidelity="exact", inputs={"image": images}, batch=batch)
    expected = run_reference(network, {"image": images[:batch]})["logits"]
    np.testing.assert_array_equal(result.outputs["logits"].reshape(expected.shape), expected)
    assert result.notes == []


def test_the_trace_hash_knows_the_activity(images):
    one, other = (cd.run("digits", MACHINE, **given) for given in ({}, {"inputs": {"image": images}}))
    assert one.provenance["trace_sha256"] != other.provenance["trace_sha256"]
    assert one.cycles == other.cycles


def test_random_weights_measure_nothing():
    result = cd.run("digits", MACHINE, random_weights=1)
    assert result.activity == "default (uniform random bits)"
    assert {row["activity"]["weight_source"] for row in result.layers} == {"default", None}


def test_samples_that_the_reference_cannot_run_are_a_note():
    network = cd.load_network("digits")
    network.samples = {"image": np.zeros((2, 1, 4, 4), np.int8)}
    result = cd.run(network, MACHINE)
    assert result.activity == "weights measured, activations default (uniform random bits)"
    expected = "input 'image' has shape (1, 1, 4, 4); the network takes (1, 1, 8, 8)"
    assert result.notes == [f"activity of the activations not measured: {expected}"]


FAULTS = {
    "two.txt": "inputs: {path}: use a file that ends in .npz or .npy",
    "none.npz": "inputs: {path}: no such file",
    "broken.npz": "inputs: {path}: not an .npz of numbers (ValueError)",
    "pickled.npy": "inputs: {path}: not an .npy of numbers (ValueError)",
    "other.npz": "inputs: the network reads no 'imag'; it reads image (did you mean 'image'?)",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_file(name, tmp_path):
    path = tmp_path / name
    np.savez(tmp_path / "other.npz", imag=np.zeros(3))
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "broken.npz").write_bytes(b"none of it")
    with pytest.raises(cd.CodesignError) as fault:
        cd.run("digits", MACHINE, inputs=path)
    assert str(fault.value) == FAULTS[name].format(path=path)


def test_inputs_that_nothing_can_use(images):
    trace = trace_network(cd.load_network("digits"))
    for network, given, reason in (
        ("onnx:squeezenet", {}, "weights are shapes only"),
        ("digits", {"random_weights": 2}, "weights are random (seed 2)"),
        (trace, {}, "a Trace has its activity already"),
    ):
        inputs = {(trace if network is trace else cd.load_network(network)).inputs[0]: images}
        with pytest.raises(cd.CodesignError) as fault:
            cd.run(network, MACHINE, inputs=inputs, allow_host=True, **given)
        expected = f"inputs: there is nothing to measure on them ({reason}); only fidelity exact takes them"
        assert str(fault.value) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values[:1], "inputs: 'image' holds 1; fidelity exact takes a batch of 2"),
        (lambda values: values * 0.5, "inputs: 'image' holds float64; fidelity exact takes stored integers"),
    ],
)
def test_values_that_exact_cannot_compute(images, change, message):
    with pytest.raises(cd.CodesignError) as fault:
        cd.run("digits", MACHINE, fidelity="exact", batch=2, inputs={"image": change(images)})
    assert str(fault.value) == message
