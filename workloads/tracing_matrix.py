"""Layers of the array: convolution, transposed convolution in its stride phases, GEMM and batched products."""

from __future__ import annotations

import math

import numpy as np

from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.network import Operator
from workloads.operators import fused_with
from workloads.requantize import TFLITE
from workloads.trace import Window
from workloads.tracing import Tracer
from workloads.tracing_quantization import Numbers, has_scale, integer_bias, matrix_numbers
from workloads.tracing_tflite import matrix_as_tflite
from workloads.tracing_transposed import write_conv_transpose


def bias_of(tracer: Tracer, operator: Operator, channels: int, beta: float = 1.0) -> str:
    """Keep the operator's bias, one value per output channel; return its key."""
    if len(operator.inputs) < 3:
        return ""
    bias = tracer.tensor(operator.inputs[2])
    inputs, weights = (tracer.tensor(name).format for name in operator.inputs[:2])
    if not bias.constant or bias.elements not in (1, channels):
        shape = "x".join(map(str, bias.shape)) or "scalar"
        raise CodesignError(f"operator '{operator.name}': its bias ({shape}) is not {channels} constants")
    if bias.data is None:
        return ""
    values = bias.data.reshape(-1)
    if has_scale(inputs, weights):
        values = integer_bias(values, bias.format, inputs, weights, beta)
    elif beta != 1.0:
        values = values * np.float32(beta)
    return tracer.store(f"{operator.name}/bias", np.broadcast_to(values, (channels,)))


def numbers_of(tracer: Tracer, operator: Operator, data: str, weights: Format, channels: int) -> Numbers | None:
    """Return the requantization of the operator's sums over input `data`."""
    alpha = operator.attributes.get("alpha", 1.0)
    output = tracer.tensor(operator.outputs[0]).format
    numbers = matrix_numbers(tracer.tensor(data).format, weights, output, channels, alpha, fused_with(operator))
    if numbers is None or tracer.network.rounding != TFLITE:
        return numbers
    return matrix_as_tflite(numbers, operator.kind, tracer.tensor(data).format, weights, output)


def write_conv(tracer: Tracer, operator: Operator) -> None:
    """Add a convolution; weights O, I/groups, R, S."""
    weights, given = tracer.tensor(operator.inputs[1]), operator.attributes
    n, in_h, in_w, in_c = tracer.extents(operator.inputs[0])
    _, out_h, out_w, out_c = tracer.extents(operator.outputs[0])
    kernel = weights.shape[2:] if len(weights.shape) == 4 else (1, *weights.shape[2:])
    window = Window(
        n, in_h, in_w, in_c, out_h, out_w, out_c, *kernel, *given["strides"], *given["dilations"], *given["pads"][:2],
        given["groups"],
    )  # fmt: skip
    data = None if weights.data is None else weights.data.reshape(*weights.shape[:2], *kernel)
    numbers = numbers_of(tracer, operator, operator.inputs[0], weights.format, out_c)
    tracer.add(
        operator, "matrix", window, macs=window.macs, inputs=operator.inputs[: 1 if weights.constant else 2],
        weight_format=weights.format.name, weights=tracer.store(f"{operator.name}/weights", data),
        bias=bias_of(tracer, operator, out_c), weights_are_activations=not weights.constant,
        quantization=tracer.quantization(operator.name, numbers),
    )  # fmt: skip


def write_gemm(tracer: Tracer, operator: Operator) -> None:
    """Add a GEMM; constant weights become N, K, 1, 1."""
    given = operator.attributes
    _write_product(tracer, operator, given["transpose_a"], given["transpose_b"], given["beta"])


def write_matmul(tracer: Tracer, operator: Operator) -> None:
    """Add a product of matrices, `repeat` of them where it is batched."""
    _write_product(tracer, operator, False, False, 1.0)


def _write_product(tracer: Tracer, operator: Operator, transpose_a: bool, transpose_b: bool, beta: float) -> None:
    a, b = (tracer.tensor(name) for name in operator.inputs[:2])
    left, right = _matrix(a.shape, transpose_a, True), _matrix(b.shape, transpose_b, False)
    m, k, n = left[-2], left[-1], right[-1]
    if right[-2] != k:
        raise CodesignError(f"operator '{operator.name}': {m}x{k} by {right[-2]}x{n}: the inner sizes differ")
    repeat = math.prod(np.broadcast_shapes(left[:-2], right[:-2]))
    stationary, data, copies, swap = b, operator.inputs[0], math.prod(right[:-2]), not transpose_b
    if a.constant and not b.constant:  # constant on the left: the transposed product
        m, n = n, m
        stationary, data, copies, swap = a, operator.inputs[1], math.prod(left[:-2]), transpose_a
    if stationary.constant:
        m, repeat = (m * repeat, 1) if copies == 1 else (m, repeat)
        m *= tracer.batch
    else:
        repeat *= tracer.batch
    values = stationary.data
    if values is not None:
        values = np.swapaxes(values, -1, -2) if swap and values.ndim > 1 else values
        values = _in_memory_order(tracer, data, values.reshape(-1, k))[:, :, None, None]
    window = Window(1, m, 1, k, m, 1, n)
    tracer.add(
        operator, "matrix", window, macs=window.macs * repeat, repeat=repeat,
        inputs=(data,) if stationary.constant else operator.inputs[:2], weight_format=stationary.format.name,
        weights=tracer.store(f"{operator.name}/weights", values), bias=bias_of(tracer, operator, n, beta),
        weights_are_activations=not stationary.constant,
        quantization=tracer.quantization(operator.name, numbers_of(tracer, operator, data, stationary.format, n)),
    )  # fmt: skip


def _matrix(shape: tuple[int, ...], transposed: bool, is_left: bool) -> tuple[int, ...]:
    """Return the shape as at least a matrix, transposed where the operator says so."""
    if len(shape) == 1:
        shape = (1, *shape) if is_left else (*shape, 1)
    return (*shape[:-2], shape[-1], shape[-2]) if transposed else shape


def _in_memory_order(tracer: Tracer, data_name: str, weights: np.ndarray) -> np.ndarray:
    """Return N x K weights with K in the order in which a flattened image lies in memory (channels last)."""
    if data_name not in tracer.flattened:
        return weights
    channels, pixels = tracer.flattened[data_name]
    return weights.reshape(-1, channels, pixels).transpose(0, 2, 1).reshape(weights.shape)


def _write_transposed(tracer: Tracer, operator: Operator) -> None:
    channels = tracer.extents(operator.outputs[0])[3]
    weights = tracer.tensor(operator.inputs[1]).format
    numbers = numbers_of(tracer, operator, operator.inputs[0], weights, channels)
    quantization = tracer.quantization(operator.name, numbers)
    write_conv_transpose(tracer, operator, bias_of(tracer, operator, channels), quantization)


def write_expert_gemm(tracer: Tracer, operator: Operator) -> None:
    """Add the products of a mixture of experts, its tokens spread over the experts as evenly as they go.

    Which experts a token takes is known only at run time. Spread evenly, every expert has work once there are as many
    assignments as experts: its weights are read once in each layer, for the tokens that take it.
    """
    x, weights = (tracer.tensor(name) for name in operator.inputs[:2])
    experts, n, k = weights.shape
    first = operator.attributes["experts_per_token"]
    assignments = tracer.tensor(operator.outputs[0]).shape[0] * tracer.batch
    if x.shape[-1] != k or not 1 <= first <= experts:
        raise CodesignError(f"operator '{operator.name}': {x.shape[-1]} channels, {first} of {experts} experts of {k}")
    active = min(experts, assignments)
    few, more = divmod(assignments, active)
    for suffix, m, repeat in (("", few + 1, more), (".rest" if more else "", few, active - more)):
        if repeat:
            window = Window(1, m, 1, k, m, 1, n)
            tracer.add(
                operator, "matrix", window, name=operator.name + suffix, macs=window.macs * repeat, repeat=repeat,
                inputs=operator.inputs[:1], weight_format=weights.format.name,
            )  # fmt: skip


#: Writers of layers by operator kind.
WRITERS = {
    "expert_gemm": write_expert_gemm,
    "conv": write_conv,
    "conv_transpose": _write_transposed,
    "gemm": write_gemm,
    "matmul": write_matmul,
}
