"""Numbers of a TFLite network's layers: its multipliers in float64, and which rounding each layer has."""

from __future__ import annotations

import numpy as np

from workloads.formats import Format
from workloads.integer import tflite
from workloads.integer.tflite_tables import TABLES
from workloads.tracing_quantization import Numbers


def _scale(number_format: Format) -> np.float64:
    return np.float64(np.float32(np.ravel(number_format.scale)[0]))


def matrix_as_tflite(numbers: Numbers, kind: str, inputs: Format, weights: Format, output: Format) -> Numbers:
    """Return a convolution's or GEMM's numbers as TFLite has them."""
    each = tflite.real_multiplier(_scale(inputs), np.ravel(weights.scale), _scale(output))
    multiplier = np.ascontiguousarray(np.broadcast_to(each, numbers.multiplier.shape))
    return numbers._replace(multiplier=multiplier, rounding="tflite_double" if kind == "conv" else "half_away")


def vector_as_tflite(
    numbers: Numbers, function: str, inputs: list[Format], output: Format, counts: np.ndarray
) -> Numbers:
    """Return a vector layer's numbers as TFLite has them.

    An average is that of stored values, so it has no zero points; a mean has its multiplier as an integer and a shift;
    a softmax keeps its input's scale, a function by table its input's and its output's.
    """
    scales = [_scale(one) for one in inputs]
    if function == "add":
        return numbers._replace(multiplier=tflite.add_multipliers(*scales, _scale(output)), rounding="tflite_add")
    if function == "average_pool":
        multiplier = 1 / np.atleast_1d(counts).astype(np.float64)
        return numbers._replace(
            multiplier=multiplier, input_zero_points=(0,), output_zero_point=0, rounding="tflite_average"
        )
    if function == "global_average_pool":
        multiplier = np.array(tflite.mean_multiplier(int(counts.flat[0]), scales[0], _scale(output)), np.float64)
        return numbers._replace(multiplier=multiplier, rounding="tflite_mean")
    if function == "quantize":
        return numbers._replace(multiplier=np.atleast_1d(scales[0] / _scale(output)), rounding="tflite_double")
    if function == "softmax":
        return numbers._replace(multiplier=np.atleast_1d(scales[0]), rounding="tflite_softmax")
    if function in TABLES:
        return numbers._replace(multiplier=np.array([scales[0], _scale(output)]), rounding=f"tflite_{function}")
    return numbers._replace(rounding="tflite_double")
