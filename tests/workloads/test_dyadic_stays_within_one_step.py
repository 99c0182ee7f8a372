"""In the dyadic mode, how many outputs differ from onnxruntime's rounding, and by how much?"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from tests.workloads.quantized_models import Models
from workloads.importers.onnx import import_onnx
from workloads.network import Network
from workloads.reference import run_reference
from workloads.zoo.digits import load_digits_network, load_test_images, quantized_inputs

SHARE = 0.001


def differences(network: Network, inputs: dict[str, np.ndarray], rounding: str) -> tuple[Counter, Counter]:
    """Return outputs and differing outputs by operator kind, each operator fed with the same stored inputs.

    A difference of two steps or more fails here.
    """
    expected = run_reference(network, inputs, "float_half_even")
    outputs, differing = Counter(), Counter()
    for operator in network.operators:
        fed = tuple(name for name in operator.inputs if name in expected)
        alone = Network("alone", [operator], network.tensors, fed, operator.outputs)
        found = run_reference(alone, {name: expected[name] for name in fed}, rounding)
        for name in operator.outputs:
            gap = np.abs(found[name].astype(np.int64) - expected[name].astype(np.int64))
            assert gap.max() <= 1, f"{operator.name} differs by {gap.max()}"
            outputs[operator.kind] += gap.size
            differing[operator.kind] += int((gap > 0).sum())
    return outputs, differing


def report(title: str, outputs: Counter, differing: Counter) -> None:
    print(f"\n{title}")
    for kind, count in sorted(outputs.items()):
        print(f"  {kind:20} {differing[kind]:6} of {count:8} outputs differ by 1 ({differing[kind] / count:.4%})")


@pytest.mark.parametrize("rounding", ["dyadic_half_up", "dyadic_half_even"])
def test_digits(rounding):
    network = load_digits_network()
    outputs, differing = differences(network, quantized_inputs(network, load_test_images()[0]), rounding)
    report(f"digits, {rounding}", outputs, differing)
    for kind, count in outputs.items():
        assert differing[kind] <= SHARE * count, kind


@pytest.mark.parametrize("rounding", ["dyadic_half_up", "dyadic_half_even"])
def test_digits_end_to_end(rounding):
    network = load_digits_network()
    inputs = quantized_inputs(network, load_test_images()[0])
    expected, found = run_reference(network, inputs, "float_half_even"), run_reference(network, inputs, rounding)
    for name, values in expected.items():
        gap = np.abs(values.astype(np.int64) - found[name].astype(np.int64))
        print(f"{name}: {int((gap > 0).sum())} of {gap.size} differ")
        assert gap.max() <= 1
        assert (gap > 0).sum() <= SHARE * gap.size


def test_random_models(tmp_path):
    outputs, differing = Counter(), Counter()
    for seed in range(8):
        models = Models(np.random.default_rng(seed), np.int8, np.int8)
        x = models.input((4, 8, 12, 12))
        first = models.convolution(x, 16, [3, 3], [1, 2], [1, 1, 1, 1], [1, 1])
        second = models.convolution(first, 16, [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], group=16)
        total = models.two("QLinearMul", models.two("QLinearAdd", first, second), second)
        averages = [models.average(image, [3, 3], [1, 1], [0] * 4) for image in (total, first)]
        models.concat(averages)
        models.dense(models.flatten(models.global_average(total)), 10)
        path = tmp_path / "random.onnx"
        onnx.save(models.model(), path)
        for counter, part in zip(
            (outputs, differing), differences(import_onnx(path), models.feeds(), "dyadic_half_up"), strict=True
        ):
            counter.update(part)
    report("random models, dyadic_half_up", outputs, differing)
    assert sum(differing.values()) <= SHARE * sum(outputs.values())
