"""Operators of a TFLite network on its stored integers: what `workloads.reference` runs in the rounding ``tflite``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workloads.integer import matrix, pooling, tflite, vector
from workloads.integer.bounds import fused_bounds, stored_bounds
from workloads.integer.call import Call, is_quantized, scalar_scale, scalar_zero_point, to_real
from workloads.integer.products import convolution_sums, matrix_sums
from workloads.integer.tflite_tables import TABLES
from workloads.requantize import double_rounding, requantize, scale

_Shape = tuple[int, ...]


def convolution(call: Call) -> np.ndarray:
    """Run `conv`: rounded twice, the multipliers in float64."""
    place = (call.attributes[name] for name in ("strides", "pads", "dilations", "groups"))
    sums = _with_bias(call, convolution_sums(*matrix.shifted_operands(call), *place), (-1, 1, 1))
    multiplier = _multiplier(call, (-1, 1, 1))
    return requantize(sums, multiplier, scalar_zero_point(call.output.format), *fused_bounds(call), "tflite_double")


def fully_connected(call: Call) -> np.ndarray:
    """Run `gemm` with transposed weights: rounded once, ties away from zero."""
    left, right = matrix.shifted_operands(call)
    sums = _with_bias(call, matrix_sums(left, right.T if call.attributes["transpose_b"] else right), (-1,))
    return _bounded(call, tflite.half_away(sums, _multiplier(call, (-1,))))


def sum_of_two(call: Call) -> np.ndarray:
    """Run `add`."""
    scales = (scalar_scale(call.format(0)), scalar_scale(call.format(1)), scalar_scale(call.output.format))
    zero_points = scalar_zero_point(call.format(0)), scalar_zero_point(call.format(1))
    return _bounded(call, tflite.add((call.value(0), call.value(1)), zero_points, tflite.add_multipliers(*scales)))


def average_pool(call: Call) -> np.ndarray:
    """Run `average_pool`: stored values, as input and output have one scale."""
    image = call.value(0)
    kernel, stride, pads = (call.attributes[name] for name in ("kernel", "strides", "pads"))
    counts = pooling.window_counts(*image.shape[2:], kernel, stride, pads, call.attributes["count_include_pad"])
    values = tflite.average(pooling.window_sums(image, 0, kernel, stride, pads), counts)
    return np.clip(values, *fused_bounds(call))


def mean(call: Call) -> np.ndarray:
    """Run `global_average_pool`, which TFLite's MEAN over rows and columns is."""
    source, output, image = call.format(0), call.output.format, call.value(0)
    sums = (image.astype(np.int64) - scalar_zero_point(source)).sum(axis=(2, 3), keepdims=True)
    count = image.shape[2] * image.shape[3]
    multiplier = tflite.mean_multiplier(count, float(scalar_scale(source)), float(scalar_scale(output)))
    return _bounded(call, double_rounding(sums, *multiplier))


def rectify(call: Call) -> np.ndarray:
    """Run `relu` and `clip`, which keep the scale."""
    return np.clip(call.value(0), *stored_bounds(call.output.format, [(call.operator.kind, call.attributes)]))


def change_scale(call: Call) -> np.ndarray:
    """Run `requantize`, the first half of a RELU that changes the scale: the multiplier is a float32 quotient."""
    source, output = call.format(0), call.output.format
    ratio = float(scalar_scale(source) / scalar_scale(output))
    return _bounded(call, scale(call.value(0).astype(np.int64) - scalar_zero_point(source), ratio, "tflite_double"))


def change_format(call: Call) -> np.ndarray:
    """Run `quantize` and `dequantize`: real values round half away from zero, stored ones twice."""
    source, output = call.format(0), call.output.format
    if not is_quantized(output):
        return to_real(call.value(0), source)
    if not is_quantized(source):
        place = scalar_scale(output), scalar_zero_point(output), output.low, output.high
        return tflite.quantize(call.value(0), *place)
    ratio = float(np.float64(scalar_scale(source)) / np.float64(scalar_scale(output)))
    return _bounded(call, scale(call.value(0).astype(np.int64) - scalar_zero_point(source), ratio, "tflite_double"))


def softmax(call: Call) -> np.ndarray:
    """Run `softmax` over the last axis."""
    return tflite.softmax(call.value(0), scalar_scale(call.format(0)))


def from_table(call: Call) -> np.ndarray:
    """Run what TFLite has a table for."""
    source, output = call.format(0), call.output.format
    scales = float(scalar_scale(source)), float(scalar_scale(output))
    zero_points = scalar_zero_point(source), scalar_zero_point(output)
    table = TABLES[call.operator.kind](scales, zero_points, (output.low, output.high))
    return table[call.value(0).astype(np.int64) + 128]


def _with_bias(call: Call, sums: np.ndarray, shape: _Shape) -> np.ndarray:
    return sums + call.value(2).astype(np.int64).reshape(shape) if call.has(2) else sums


def _multiplier(call: Call, shape: _Shape) -> np.ndarray:
    weights = np.asarray(call.format(1).scale).reshape(-1)
    each = tflite.real_multiplier(scalar_scale(call.format(0)), weights, scalar_scale(call.output.format))
    return each.reshape(shape if each.size > 1 else ())


def _bounded(call: Call, values: np.ndarray) -> np.ndarray:
    return np.clip(values + scalar_zero_point(call.output.format), *fused_bounds(call))


#: What differs from the operators of other networks, by kind.
OPERATORS: dict[str, Callable[[Call], np.ndarray]] = {
    "conv": convolution, "gemm": fully_connected, "add": sum_of_two, "mul": vector.product_of_two,
    "average_pool": average_pool, "global_average_pool": mean, "relu": rectify, "clip": rectify,
    "quantize": change_format, "dequantize": change_format, "requantize": change_scale, "softmax": softmax,
    **dict.fromkeys(TABLES, from_table),
}  # fmt: skip
