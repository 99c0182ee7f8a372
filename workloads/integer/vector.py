"""Pooling, addition, multiplication, rectifiers and changes of format of quantized tensors."""

from __future__ import annotations

import numpy as np

from workloads.formats import Format
from workloads.integer import pooling
from workloads.integer.bounds import fused_bounds, stored_bounds
from workloads.integer.call import Call, is_quantized, scalar_scale, scalar_zero_point, to_stored
from workloads.integer.elementwise import add, multiply, rescale
from workloads.requantize import combined_multiplier, requantize


def to_output(call: Call, values: np.ndarray, source: Format) -> np.ndarray:
    """Return stored values of format `source` in the output's format."""
    output = call.output.format
    if not (is_quantized(source) and is_quantized(output)):
        return values
    scales = scalar_scale(source), scalar_scale(output)
    zero_points = scalar_zero_point(source), scalar_zero_point(output)
    return rescale(values, scales, zero_points, output.low, output.high, call.rounding)


def max_pool(call: Call) -> np.ndarray:
    """Run `max_pool` on an image (N, C, H, W)."""
    window = (call.attributes[name] for name in ("kernel", "strides", "pads", "dilations"))
    return to_output(call, pooling.max_pool(call.value(0), *window), call.format(0))


def global_max_pool(call: Call) -> np.ndarray:
    """Run `global_max_pool` on an image (N, C, H, W)."""
    return to_output(call, call.value(0).max(axis=(2, 3), keepdims=True), call.format(0))


def average_pool(call: Call) -> np.ndarray:
    """Run `average_pool` on an image (N, C, H, W)."""
    image, source, output = call.value(0), call.format(0), call.output.format
    kernel, stride, pads, dilation = (call.attributes[name] for name in ("kernel", "strides", "pads", "dilations"))
    if tuple(dilation) != (1, 1):
        raise call.fault("an average over a dilated window has no integer form here; use dilation 1")
    height, width = image.shape[2:]
    counts = pooling.window_counts(height, width, kernel, stride, pads, call.attributes["count_include_pad"])
    scales = scalar_scale(source), scalar_scale(output)
    zero_points = scalar_zero_point(source), scalar_zero_point(output)
    bounds = fused_bounds(call)
    if call.rounding == "float_half_even":
        return pooling.average_pool_in_float(image, scales, zero_points, (kernel, stride, pads), counts, bounds)
    sums = pooling.window_sums(image, zero_points[0], kernel, stride, pads)
    multiplier = float(scales[0] / scales[1])
    return pooling.average_pool(sums, counts, multiplier, zero_points[1], *bounds, call.rounding)


def global_average_pool(call: Call) -> np.ndarray:
    """Run `global_average_pool`: integer sums and one multiplier in every mode, as onnxruntime does."""
    image, source, output = call.value(0), call.format(0), call.output.format
    count = int(np.prod(image.shape[2:]))
    sums = (image.astype(np.int64) - scalar_zero_point(source)).sum(axis=(2, 3), keepdims=True)
    multiplier = float(scalar_scale(source) / (scalar_scale(output) * np.float32(count)))
    return requantize(sums, multiplier, scalar_zero_point(output), *fused_bounds(call), call.rounding)


def sum_of_two(call: Call) -> np.ndarray:
    """Run `add`: each operand has its own scale."""
    output = call.output.format
    first, second = (float(scalar_scale(call.format(index)) / scalar_scale(output)) for index in (0, 1))
    return add(*_operands(call), (first, second), scalar_zero_point(output), *fused_bounds(call), call.rounding)


def difference_of_two(call: Call) -> np.ndarray:
    """Run `sub`: the sum with the second operand mirrored at its zero point .

    onnxruntime has no integer kernel for it, so its rounding works on real values in float32.
    """
    output = call.output.format
    if call.rounding == "float_half_even":
        return np.clip(to_stored(call.real(0) - call.real(1), output), *fused_bounds(call))
    first, second = (float(scalar_scale(call.format(index)) / scalar_scale(output)) for index in (0, 1))
    (left, right), zero_points = _operands(call)
    mirrored = 2 * zero_points[1] - right.astype(np.int64)
    bounds = scalar_zero_point(output), *fused_bounds(call)
    return add((left, mirrored), zero_points, (first, second), *bounds, call.rounding)


def product_of_two(call: Call) -> np.ndarray:
    """Run `mul`: one multiplier, the product of both scales over the output's."""
    output = call.output.format
    multiplier = combined_multiplier(scalar_scale(call.format(0)), scalar_scale(call.format(1)), scalar_scale(output))
    return multiply(*_operands(call), float(multiplier), scalar_zero_point(output), *fused_bounds(call), call.rounding)


def rectify(call: Call) -> np.ndarray:
    """Run `relu` and `clip`: a change of scale with tighter bounds."""
    low, high = stored_bounds(call.output.format, [(call.operator.kind, call.attributes)])
    return np.clip(to_output(call, call.value(0), call.format(0)), low, high)


def change_format(call: Call) -> np.ndarray:
    """Run `quantize`, `dequantize` and `requantize` with constant parameters."""
    source, output = call.format(0), call.output.format
    if len(call.tensors) > 1:
        raise call.fault("a scale computed at run time has no integer form here; use a constant")
    if is_quantized(source) and is_quantized(output):
        return to_output(call, call.value(0), source)
    return to_stored(call.real(0), output)


def _operands(call: Call) -> tuple[tuple[np.ndarray, np.ndarray], tuple[int, int]]:
    pair = call.value(0), call.value(1)
    return pair, (scalar_zero_point(call.format(0)), scalar_zero_point(call.format(1)))
