"""Transposed convolution as its stride phases: each residue of the output's position is an ordinary convolution.

Output o takes tap k of input i where i * stride + k * dilation - pad = o. For outputs o = stride * q + p the taps
with (p + pad - k * dilation) divisible by the stride contribute input q + (p + pad - k * dilation) / stride: a
convolution of stride 1 over q, its taps in descending order of k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workloads.errors import CodesignError
from workloads.network import Operator
from workloads.trace import Quantization, Window
from workloads.tracing import Tracer

_MAX_PHASES = 1024


@dataclass(frozen=True)
class Phase:
    """One axis of one phase: which taps, in the order of their input positions, and where these start."""

    first: int
    taps: tuple[int, ...]
    offset: int
    dilation: int
    outputs: int


def phases(stride: int, dilation: int, pad: int, kernel: int, outputs: int) -> list[Phase]:
    """Return the phases of one axis that have outputs."""
    result = []
    for p in range(min(stride, outputs)):
        taps = [k for k in range(kernel) if (p + pad - k * dilation) % stride == 0]
        offsets = sorted((p + pad - k * dilation) // stride for k in taps)
        step = dilation // math.gcd(stride, dilation)
        count = -(-(outputs - p) // stride)
        result.append(Phase(p, tuple(reversed(taps)), offsets[0] if offsets else 0, step, count))
    return result


def write_conv_transpose(tracer: Tracer, operator: Operator, bias: str, quantization: Quantization | None) -> None:
    """Add one convolution per phase, then the move that interleaves their outputs (none for stride 1)."""
    weights, given = tracer.tensor(operator.inputs[1]), operator.attributes
    n, in_h, in_w, in_c = tracer.extents(operator.inputs[0])
    _, out_h, out_w, out_c = tracer.extents(operator.outputs[0])
    strides = given["strides"]
    if strides[0] * strides[1] > _MAX_PHASES:
        text = f"strides {strides[0]}x{strides[1]} make {strides[0] * strides[1]} phases; at most {_MAX_PHASES}"
        raise CodesignError(f"operator '{operator.name}': {text}")
    kernel = weights.shape[2:] if len(weights.shape) == 4 else (1, *weights.shape[2:])
    data = None if weights.data is None else _as_forward(weights.data, kernel, given["groups"])
    axes = [
        phases(given["strides"][i], given["dilations"][i], given["pads"][i], kernel[i], size)
        for i, size in enumerate((out_h, out_w))
    ]
    single = len(axes[0]) == len(axes[1]) == 1
    parts = []
    for down in axes[0]:
        for across in axes[1]:
            suffix = "" if single else f".phase_{down.first}_{across.first}"
            part = f"{operator.outputs[0]}{suffix}"
            tracer.trace.shapes[part] = (n, out_c, down.outputs, across.outputs)
            parts.append(part)
            if not down.taps or not across.taps:  # nothing but the bias reaches these outputs
                empty = Window(n, down.outputs, across.outputs, out_c, down.outputs, across.outputs, out_c)
                tracer.add(
                    operator, "move", empty, name=operator.name + suffix, inputs=(), outputs=(part,), bias=bias,
                    quantization=quantization,
                )  # fmt: skip
                continue
            window = Window(
                n, in_h, in_w, in_c, down.outputs, across.outputs, out_c, len(down.taps), len(across.taps), 1, 1,
                down.dilation, across.dilation, -down.offset, -across.offset, given["groups"],
            )  # fmt: skip
            chosen = None if data is None else data[:, :, list(down.taps)][:, :, :, list(across.taps)]
            tracer.add(
                operator, "matrix", window, name=operator.name + suffix, inputs=operator.inputs[:1], outputs=(part,),
                macs=window.macs, weight_format=weights.format.name, bias=bias, quantization=quantization,
                weights=tracer.store(f"{operator.name}{suffix}/weights", chosen),
            )  # fmt: skip
    if not single:
        window = tracer.elementwise(operator.outputs[0])
        output_format = tracer.tensor(operator.outputs[0]).format.name
        tracer.add(
            operator, "move", window, name=f"{operator.name}.interleave", inputs=tuple(parts), fused=(),
            input_format=output_format,
        )  # fmt: skip


def _as_forward(weights: np.ndarray, kernel: tuple[int, ...], groups: int) -> np.ndarray:
    """Return weights I, O/groups, R, S as O, I/groups, R, S."""
    inputs, per_group = weights.shape[:2]
    grouped = weights.reshape(groups, inputs // groups, per_group, *kernel)
    return grouped.transpose(0, 2, 1, 3, 4).reshape(groups * per_group, inputs // groups, *kernel)
