"""Run a trace in numpy as a machine would: memory with channels last, nothing known but the trace itself."""

from __future__ import annotations

import math

import numpy as np

from workloads.formats import parse_format
from workloads.trace import Layer, Trace, Window


def run_trace(trace: Trace, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return every tensor, flat in memory order; images are given and kept with channels last."""
    memory = {name: np.ascontiguousarray(array).reshape(-1) for name, array in inputs.items()}
    for layer in trace.layers:
        operands = [memory[name].astype(np.float64) for name in layer.inputs]
        if layer.engine == "view":
            result = _view(trace, layer, operands)
        elif layer.engine == "move":
            result = _move(trace, layer, operands)
        else:
            result = _compute(trace, layer, operands)
        memory[layer.outputs[0]] = result.reshape(-1)
    return memory


def _compute(trace: Trace, layer: Layer, operands: list[np.ndarray]) -> np.ndarray:
    window, numbers = layer.window, layer.quantization
    zeros = numbers.input_zero_points if numbers else (0,) * 9
    if layer.engine == "matrix":
        if layer.weights_are_activations:
            total = _products(window, layer.repeat, *operands)
        else:
            weights = trace.arrays[layer.weights].astype(np.float64) - (*zeros, 0)[1]
            total = _convolve(window, operands[0] - zeros[0], weights)
        total = total + (trace.arrays[layer.bias] if layer.bias else 0)
    else:
        total = _vector(trace, layer, [operand - zero for operand, zero in zip(operands, zeros, strict=False)])
    if numbers:
        if layer.function not in ("add", "sub"):
            total = total * trace.arrays[numbers.multiplier]
        return np.clip(np.rint(total) + numbers.output_zero_point, numbers.low, numbers.high)
    assert parse_format(layer.output_format).is_integer is False
    return np.maximum(total, 0) if "relu" in layer.fused else total


def patches(window: Window, image: np.ndarray, fill: float = 0.0) -> np.ndarray:
    """Return (batch, out_h, out_w, kernel_h, kernel_w, in_c): the loop nest, literally."""
    w = window
    image = image.reshape(w.batch, w.in_h, w.in_w, w.in_c)
    rows = np.arange(w.out_h)[:, None] * w.stride_h - w.pad_top + np.arange(w.kernel_h) * w.dilation_h
    cols = np.arange(w.out_w)[:, None] * w.stride_w - w.pad_left + np.arange(w.kernel_w) * w.dilation_w
    inside = ((rows >= 0) & (rows < w.in_h))[:, None, :, None] & ((cols >= 0) & (cols < w.in_w))[None, :, None, :]
    taken = image[:, rows.clip(0, w.in_h - 1)[:, None, :, None], cols.clip(0, w.in_w - 1)[None, :, None, :]]
    return np.where(inside[None, ..., None], taken, fill)


def _convolve(window: Window, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    taken, groups = patches(window, image), window.groups
    parts = np.split(taken, groups, axis=-1)
    pairs = zip(parts, np.split(weights, groups), strict=True)
    return np.concatenate([np.einsum("nhwrsi,oirs->nhwo", part, kernel) for part, kernel in pairs], axis=-1)


def _products(window: Window, repeat: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left.reshape(repeat, window.in_h, window.in_c) @ right.reshape(repeat, window.in_c, window.out_c)


def _vector(trace: Trace, layer: Layer, operands: list[np.ndarray]) -> np.ndarray:
    function = layer.function
    if function == "max_pool":
        return patches(layer.window, operands[0], -np.inf).max(axis=(3, 4))
    if function == "average_pool":
        sums = patches(layer.window, operands[0]).sum(axis=(3, 4))
        return sums if layer.quantization else sums / (layer.window.kernel_h * layer.window.kernel_w)
    if function in ("add", "sub") and layer.quantization:
        ratios = trace.arrays[layer.quantization.multiplier]
        operands = [operand * ratio for operand, ratio in zip(operands, ratios, strict=True)]
    if function == "add":
        return sum(operands[1:], operands[0])
    if function == "scale_shift":
        image = operands[0].reshape(-1, layer.window.in_c)
        return image * trace.arrays[layer.weights] + trace.arrays[layer.bias]
    assert function in ("requantize", "relu"), function
    return operands[0] if function == "requantize" else np.maximum(operands[0], 0)


def _view(trace: Trace, layer: Layer, operands: list[np.ndarray]) -> np.ndarray:
    if layer.operator != "concat":
        return operands[0]
    channels = [trace.shapes[name][1] for name in layer.inputs]
    return np.concatenate([part.reshape(-1, c) for part, c in zip(operands, channels, strict=True)], axis=1)


def _move(trace: Trace, layer: Layer, operands: list[np.ndarray]) -> np.ndarray:
    if not layer.inputs:  # a phase without taps
        shape = (layer.window.batch, layer.window.out_h, layer.window.out_w, layer.window.out_c)
        return np.broadcast_to(trace.arrays[layer.bias], shape)
    if layer.operator == "conv_transpose":
        return _interleave(trace, layer, operands)
    assert layer.operator == "transpose"
    n, *middle, h, w = trace.shapes[layer.inputs[0]]  # the channel shuffle: channels last, their two axes exchanged
    return operands[0].reshape(n, h, w, *middle).swapaxes(-1, -2)


def _interleave(trace: Trace, layer: Layer, operands: list[np.ndarray]) -> np.ndarray:
    n, c, h, w = trace.shapes[layer.outputs[0]]
    image = np.zeros((n, h, w, c))
    firsts = [tuple(map(int, name.rsplit("phase_", 1)[1].split("_"))) for name in layer.inputs]
    strides = [max(first[axis] for first in firsts) + 1 for axis in (0, 1)]
    for (top, left), name, part in zip(firsts, layer.inputs, operands, strict=True):
        shape = trace.shapes[name]
        assert part.size == math.prod(shape)
        image[:, top :: strides[0], left :: strides[1]] = part.reshape(shape[0], *shape[2:], shape[1])
    return image
