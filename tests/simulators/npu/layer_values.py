"""Random layers of every kind that the machine computes, each with real integers in all its tensors."""

from __future__ import annotations

import math

import numpy as np

from simulators.machine import Machine
from tests.simulators.npu.layer_machines import Draw
from workloads.formats import Format, parse_format
from workloads.trace import Layer, Quantization, Trace, Window

MATRIX_KINDS = ("conv", "conv", "pointwise", "gemm", "gemm", "depthwise", "depthwise", "grouped")
VECTOR_KINDS = ("add", "max_pool", "average_pool", "mul", "requantize")
KINDS = (*MATRIX_KINDS, *VECTOR_KINDS)


def draw_window(draw: Draw, kind: str) -> Window:
    """Return a small loop nest of some kind of layer."""
    if kind == "gemm":
        m, k, n = draw.integer(1, 24), draw.integer(1, 90), draw.integer(1, 20)
        return Window(in_h=m, out_h=m, in_c=k, out_c=n)
    in_h, in_w, channels = draw.integer(1, 11), draw.integer(1, 11), draw.integer(1, 20)
    batch = draw.pick(1, 1, 1, 2, 3)
    if kind in ("add", "mul", "requantize", "pointwise"):
        outputs = draw.integer(1, 18) if kind == "pointwise" else channels
        stride = draw.pick(1, 1, 2) if kind == "pointwise" else 1
        out_h, out_w = -(-in_h // stride), -(-in_w // stride)
        return Window(batch, in_h, in_w, channels, out_h, out_w, outputs, stride_h=stride, stride_w=stride)
    kernel = draw.integer(1, min(4, in_h + 1)), draw.integer(1, min(4, in_w + 1))
    dilated = kind not in ("max_pool", "average_pool") and draw.chance(0.3)
    groups, channels, outputs = _channels(draw, kind, channels)
    axes = [_axis(draw, size, taps, dilated) for size, taps in zip((in_h, in_w), kernel, strict=True)]
    (out_h, stride_h, dilation_h, top), (out_w, stride_w, dilation_w, left) = axes
    return Window(
        batch, in_h, in_w, channels, out_h, out_w, outputs, *kernel, stride_h, stride_w, dilation_h, dilation_w,
        top, left, groups,
    )  # fmt: skip


def _channels(draw: Draw, kind: str, channels: int) -> tuple[int, int, int]:
    """Return (groups, input channels, output channels)."""
    if kind == "grouped":
        groups = draw.pick(2, 3, 4)
        return groups, groups * draw.integer(1, 5), groups * draw.integer(1, 5)
    if kind == "depthwise":
        channels = max(2, channels)
        return channels, channels, channels
    return 1, channels, draw.integer(1, 18) if kind == "conv" else channels


def _axis(draw: Draw, size: int, taps: int, dilated: bool) -> tuple[int, int, int, int]:
    """Return (outputs, stride, dilation, padding before) of an axis."""
    stride, before, after = draw.integer(1, 3), draw.integer(0, taps - 1), draw.integer(0, taps - 1)
    dilation = 2 if dilated and size + before + after > 2 * (taps - 1) else 1
    span = size + before + after - dilation * (taps - 1)
    if span < 1:
        before, after, span = taps - 1, taps - 1, size + (2 - dilation) * (taps - 1)
    return (span - 1) // stride + 1, stride, dilation, before


def draw_layer(draw: Draw, machine: Machine, kind: str, window: Window) -> tuple[Trace, list[np.ndarray]]:
    """Return a trace of one layer with values, and its operands as images."""
    pe = machine.array.pe
    activation, weight = parse_format(pe.activation), parse_format(pe.weight)
    if activation.name == "int8" and draw.chance(0.25):
        activation = parse_format("uint8")
    operands = 2 if kind in ("add", "mul") else 1
    matrix = kind in MATRIX_KINDS
    arrays, zeros, multiplier = _numbers(draw, kind, window, activation, weight)
    bounds = (activation.low, activation.high)
    output_zero = zeros[0] if kind == "max_pool" else draw.integer(*bounds)
    relu = draw.chance(0.3)
    low = output_zero if relu else activation.low
    arrays["m"] = multiplier
    layer = Layer(
        name=kind, operator=kind, engine="matrix" if matrix else "vector", window=window,
        inputs=("x", "y")[:operands], outputs=("z",), function="" if matrix else kind, fused=("relu",) if relu else (),
        operands=operands, macs=window.macs if matrix else 0, input_format=activation.name, weight_format=weight.name,
        output_format=activation.name, weights="w" if matrix else "", bias="b" if "b" in arrays else "",
        quantization=Quantization(zeros, output_zero, "m", low, activation.high),
    )  # fmt: skip
    shape = (window.batch, window.in_c, window.in_h, window.in_w)
    inputs = [draw.rng.integers(activation.low, activation.high + 1, shape) for _ in range(operands)]
    shapes = {"z": (window.batch, window.out_c, window.out_h, window.out_w)}
    trace = Trace(
        kind, [layer], arrays, shapes, inputs=layer.inputs, outputs=layer.outputs, weights="random",
        rounding=machine.vector.requantize,
    )  # fmt: skip
    return trace, inputs


def _numbers(
    draw: Draw, kind: str, window: Window, activation: Format, weight: Format
) -> tuple[dict[str, np.ndarray], tuple[int, ...], np.ndarray]:
    """Return weights and bias, the operands' zero points, and multipliers that use the output's range."""
    low, high = (activation.low, activation.high)
    if kind == "mul" and activation.bits > 8:  # products stay within 32 bits
        low, high = low // 4, high // 4
    zeros = tuple(draw.integer(low, high) for _ in range(2 if kind in ("add", "mul") else 1))
    span, arrays = activation.high - activation.low, {}
    if kind in MATRIX_KINDS:
        depth = window.kernel_h * window.kernel_w * window.in_c // window.groups
        shape = (window.out_c, window.in_c // window.groups, window.kernel_h, window.kernel_w)
        arrays["w"] = draw.rng.integers(weight.low, weight.high + 1, shape)
        reach = span * (weight.high - weight.low) * math.sqrt(depth) / 6
        if draw.chance(0.7):
            arrays["b"] = draw.rng.integers(-int(reach), int(reach) + 1, window.out_c).astype(np.int32)
        return arrays, zeros, draw.rng.uniform(0.3, 1.5, window.out_c) * span / (2 * reach)
    if kind == "add":
        return arrays, zeros, draw.rng.uniform(0.2, 1.2, 2)
    if kind == "mul":
        return arrays, zeros, draw.rng.uniform(0.5, 2, 1) / span
    if kind == "average_pool":
        return arrays, zeros, draw.rng.uniform(0.5, 1.5, 1) / (window.kernel_h * window.kernel_w)
    return arrays, zeros, draw.rng.uniform(0.5, 1.5, 1) if kind == "requantize" else np.ones(1)
