"""Does `exact` refuse a layer whose integers the machine would not compute, instead of computing others?"""

import numpy as np
import pytest

from simulators.machine_files import load_machine
from simulators.npu.simulate import simulate
from workloads.errors import CodesignError
from workloads.integer.layers import run_trace_layer
from workloads.trace import Layer, Quantization, Trace, Window


def exact(function: str, multiplier: float, zeros: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a vector layer's output in `exact`, and the reference's."""
    window = Window(1, 4, 4, 8, 2, 2, 8, 2, 2, 2, 2) if "pool" in function else Window(1, 4, 4, 8, 4, 4, 8)
    layer = Layer(
        "layer", function, "vector", window, ("x",), ("z",), function, input_format="int8", weight_format="int8",
        output_format="int8", quantization=Quantization(zeros[:1], zeros[1], "m", -128, 127),
    )  # fmt: skip
    x = np.random.default_rng(0).integers(-128, 128, (1, 8, 4, 4))
    shapes = {"z": (1, 8, window.out_h, window.out_w)}
    trace = Trace("one", [layer], {"m": np.array([multiplier])}, shapes, ("x",), ("z",), rounding="dyadic_half_up")
    run = simulate(trace, load_machine("small_npu_8x8"), "exact", inputs={"x": x})
    return run.outputs["z"], run_trace_layer(layer, trace.arrays, [x], trace.rounding)


@pytest.mark.parametrize(("multiplier", "zeros"), [(0.5, (0, 0)), (1.0, (3, 4))])
def test_maximum_that_changes_the_scale_is_refused(multiplier, zeros):
    with pytest.raises(CodesignError, match="layer 'layer': a maximum that changes the scale has no integer form"):
        exact("max_pool", multiplier, zeros)


@pytest.mark.parametrize(("function", "multiplier", "zeros"), [("max_pool", 1.0, (3, 3)), ("requantize", 0.5, (7, 3))])
def test_other_scales_and_zero_points_are_computed(function, multiplier, zeros):
    np.testing.assert_array_equal(*exact(function, multiplier, zeros))
