"""Do layers of one spatial axis compute in `exact` what the reference computes?"""

import numpy as np
import onnx
import pytest

import codesign as cd
from tests.workloads.quantized_models import Models
from workloads.importers.onnx import import_onnx
from workloads.reference import run_reference


@pytest.mark.parametrize("seed", range(3))
def test_a_line_through_convolutions_in_exact(seed, tmp_path):
    rng = np.random.default_rng(seed)
    models = Models(rng, np.int8, np.int8)
    x = models.input((1, 6, 29))
    first = models.convolution(x, 12, [3], [2], [1, 2], [2])
    depthwise = models.convolution(first, 12, [3], [1], [1, 1], [1], group=12)
    greatest = models.greatest(models.two("QLinearAdd", depthwise, first), [2], [2], [0, 0])
    models.convolution(greatest, 5, [1], [1], [0, 0], [1])
    onnx.save(models.model(), tmp_path / "line.onnx")
    network, feeds = import_onnx(tmp_path / "line.onnx"), models.feeds()
    network.rounding = "dyadic_half_up"
    expected = run_reference(network, feeds)
    found = cd.run(network, "small_npu_8x8", fidelity="exact", inputs=feeds).outputs
    assert len(network.operators) == 5
    for name in found.keys() & expected.keys():
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
