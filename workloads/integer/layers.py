"""One layer of a trace in plain integers: the golden output that a simulated or a synthesized machine must equal.

Images are N, C, H, W (or N, C, L, of one row). An array of another rank has its channels last (a GEMM's rows M x K, a
softmax's rows) and is seen as an image of the layer's window; an image that a GEMM reads flattened is read in the order
of memory, channels last, as the trace's weights are. A repeated layer (batched matmul) has the repeats as its first
axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from workloads.errors import CodesignError
from workloads.integer import elementwise, pooling, tflite
from workloads.integer.bounds import BOUNDING
from workloads.integer.products import convolution_sums, matrix_sums
from workloads.integer.tflite_tables import TABLES
from workloads.requantize import double_rounding, requantize
from workloads.trace import Layer, Quantization, Window


def run_trace_layer(
    layer: Layer, arrays: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray], rounding: str
) -> np.ndarray:
    """Return the stored integers that a layer writes, int64, as an image (N, C, OH, OW).

    Parameters
    ----------
    arrays : mapping
        `Trace.arrays`: weights (O, I/groups, KH, KW), bias (O,), multipliers.
    inputs : sequence of int arrays
        The layer's activation operands; for a batched matmul (repeat, M, K) and (repeat, K, N), the result
        then is (repeat, M, N).
    rounding : str
        One of `workloads.requantize.ROUNDINGS`.
    """
    if layer.quantization is None:
        raise CodesignError(f"layer '{layer.name}': it has no quantization, so no integer result")
    rounding = layer.quantization.rounding or rounding
    for function in layer.fused:
        if function not in (*BOUNDING, "requantize"):
            raise CodesignError(f"layer '{layer.name}': fused '{function}' has no integer form; use relu or clip")
    if layer.weights_are_activations:
        return _batched_product(layer, arrays, inputs, rounding)
    constants = [arrays[layer.weights]] if layer.weights and layer.engine == "vector" else []
    images = [as_image(np.asarray(values), layer.window) for values in (*inputs, *constants)]
    if layer.engine == "matrix":
        return _matrix(layer, arrays, images[0], rounding)
    if layer.function not in _FUNCTIONS:
        known = ", ".join(sorted(_FUNCTIONS))
        raise CodesignError(f"layer '{layer.name}': function '{layer.function}' has no integer form; use {known}")
    return _FUNCTIONS[layer.function](layer, arrays, images, rounding)


def as_image(values: np.ndarray, window: Window) -> np.ndarray:
    """Return an operand of a layer as an image (N, C, H, W); see the module's rule."""
    if values.ndim == 4 and values.shape[1:] == (window.in_c, window.in_h, window.in_w):
        return values
    if values.ndim == 3 and window.in_h == 1 and values.shape == (window.batch, window.in_c, window.in_w):
        return values[:, :, None]
    if values.size == window.batch * window.in_h * window.in_w * window.in_c:
        flattened = values.ndim == 4 and values[0].size == window.in_c
        rows = values.transpose(0, 2, 3, 1) if flattened else values
        return rows.reshape(window.batch, window.in_h, window.in_w, window.in_c).transpose(0, 3, 1, 2)
    if values.ndim == 4:  # broadcasts as it is, or with its channels last
        limits = zip(values.shape[1:], (window.in_c, window.in_h, window.in_w), strict=True)
        return values if all(size in (1, limit) for size, limit in limits) else values.transpose(0, 3, 1, 2)
    if values.ndim == 3:
        return values[None]
    return values.reshape(1, -1, 1, 1)  # one value, or one per channel


def placement(window: Window) -> tuple[tuple[int, int], tuple[int, int, int, int], tuple[int, int]]:
    """Return stride, pads and dilation; bottom and right pads follow from the output's size (negative: unread)."""
    stride, dilation = (window.stride_h, window.stride_w), (window.dilation_h, window.dilation_w)
    bottom = (window.out_h - 1) * stride[0] + (window.kernel_h - 1) * dilation[0] + 1 - window.pad_top - window.in_h
    right = (window.out_w - 1) * stride[1] + (window.kernel_w - 1) * dilation[1] + 1 - window.pad_left - window.in_w
    return stride, (window.pad_top, window.pad_left, bottom, right), dilation


def layer_sums(layer: Layer, arrays: Mapping[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Return what the accumulators of a matrix layer hold at the end, bias included: int64 (N, O, OH, OW)."""
    stride, pads, dilation = placement(layer.window)
    zero_points = _known(layer).input_zero_points
    weights = arrays[layer.weights].astype(np.int64)
    weights = weights - np.array(zero_points[1:] or (0,), np.int64).reshape(-1, *[1] * (weights.ndim - 1))
    weights = weights.reshape(*weights.shape, *[1] * (4 - weights.ndim))
    image, pads = _cropped(image.astype(np.int64) - zero_points[0], pads)
    sums = convolution_sums(image, weights, stride, pads, dilation, layer.window.groups)
    return sums + arrays[layer.bias].astype(np.int64)[:, None, None] if layer.bias else sums


def _matrix(layer: Layer, arrays: Mapping[str, np.ndarray], image: np.ndarray, rounding: str) -> np.ndarray:
    return _requantized(layer, arrays, layer_sums(layer, arrays, image), rounding)


def _batched_product(
    layer: Layer, arrays: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray], rounding: str
) -> np.ndarray:
    known = _known(layer)
    left, right = (x.astype(np.int64) - z for x, z in zip(inputs, known.input_zero_points, strict=True))
    multiplier = arrays[known.multiplier].reshape(-1)
    sums = matrix_sums(left, right)
    return requantize(sums, multiplier, known.output_zero_point, known.low, known.high, rounding)


def _requantized(layer: Layer, arrays: Mapping[str, np.ndarray], sums: np.ndarray, rounding: str) -> np.ndarray:
    """Requantize sums (N, C, OH, OW) with one multiplier, one per channel or, for an average, one per pixel."""
    known = _known(layer)
    multiplier = np.asarray(arrays[known.multiplier], np.float64).reshape(-1)
    if rounding == "tflite_mean":
        total = double_rounding(sums, *multiplier.astype(np.int64)) + known.output_zero_point
        return np.clip(total, known.low, known.high)
    shape = (layer.window.out_h, layer.window.out_w) if layer.function == "average_pool" else (-1, 1, 1)
    spread = multiplier.reshape(shape if multiplier.size > 1 else ())
    if rounding == "half_away":
        return np.clip(tflite.half_away(sums, spread) + known.output_zero_point, known.low, known.high)
    if rounding == "tflite_average":
        return np.clip(tflite.average(sums, np.rint(1 / spread)), known.low, known.high)
    return requantize(sums, spread, known.output_zero_point, known.low, known.high, rounding)


def _known(layer: Layer) -> Quantization:
    assert layer.quantization is not None
    return layer.quantization


def _cropped(image: np.ndarray, pads: tuple[int, int, int, int]) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Cut off what no window reads, so that no padding is negative."""
    top, left, bottom, right = pads
    height, width = image.shape[2] + min(bottom, 0), image.shape[3] + min(right, 0)
    return image[:, :, :height, :width], (top, left, max(bottom, 0), max(right, 0))


def _add(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    known = _known(layer)
    if rounding == "tflite_add":
        total = tflite.add((images[0], images[1]), _two(known.input_zero_points), arrays[known.multiplier])
        return np.clip(total + known.output_zero_point, known.low, known.high)
    first, second = (float(value) for value in np.broadcast_to(arrays[known.multiplier], 2))
    zero_points = _two(known.input_zero_points)
    bounds = known.output_zero_point, known.low, known.high
    return elementwise.add((images[0], images[1]), zero_points, (first, second), *bounds, rounding)


def _sub(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    mirrored = 2 * _known(layer).input_zero_points[1] - images[1].astype(np.int64)
    return _add(layer, arrays, [images[0], mirrored], rounding)


def _mul(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    known = _known(layer)
    multiplier = float(np.asarray(arrays[known.multiplier]).reshape(-1)[0])
    bounds = known.output_zero_point, known.low, known.high
    return elementwise.multiply((images[0], images[1]), _two(known.input_zero_points), multiplier, *bounds, rounding)


def _max_pool(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    stride, pads, dilation = placement(layer.window)
    image, pads = _cropped(images[0].astype(np.int64), pads)
    kernel = layer.window.kernel_h, layer.window.kernel_w
    greatest = pooling.max_pool(image, kernel, stride, pads, dilation)
    return _requantized(layer, arrays, greatest - _known(layer).input_zero_points[0], rounding)


def _average_pool(
    layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str
) -> np.ndarray:
    stride, pads, _ = placement(layer.window)
    image, pads = _cropped(images[0].astype(np.int64), pads)
    kernel = layer.window.kernel_h, layer.window.kernel_w
    sums = pooling.window_sums(image, _known(layer).input_zero_points[0], kernel, stride, pads)
    return _requantized(layer, arrays, sums, rounding)


def _rescale(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    shifted = images[0].astype(np.int64) - _known(layer).input_zero_points[0]
    return _requantized(layer, arrays, shifted, rounding)


def _softmax(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    """TFLite's softmax of rows, which lie along the channels."""
    if rounding != "tflite_softmax":
        raise CodesignError(f"layer '{layer.name}': softmax has an integer form in TFLite networks alone")
    rows = images[0].transpose(0, 2, 3, 1)
    return tflite.softmax(rows, float(arrays[_known(layer).multiplier][0])).transpose(0, 3, 1, 2)


def _by_table(layer: Layer, arrays: Mapping[str, np.ndarray], images: list[np.ndarray], rounding: str) -> np.ndarray:
    known = _known(layer)
    if rounding != f"tflite_{layer.function}":
        raise CodesignError(f"layer '{layer.name}': {layer.function} has an integer form in TFLite networks alone")
    first, second = arrays[known.multiplier]
    zero_points = known.input_zero_points[0], known.output_zero_point
    table = TABLES[layer.function]((first, second), zero_points, (known.low, known.high))
    return table[images[0].astype(np.int64) + 128]


def _two(zero_points: tuple[int, ...]) -> tuple[int, int]:
    return zero_points[0], zero_points[1]


_FUNCTIONS: dict[str, Callable] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "relu": _rescale,
    "clip": _rescale,
    "requantize": _rescale,
    "softmax": _softmax,
    **dict.fromkeys(TABLES, _by_table),
}
