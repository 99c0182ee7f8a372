"""Operators that only move stored values: shapes, axes, slices, joins."""

from __future__ import annotations

import numpy as np

from workloads.integer.call import Call, to_stored
from workloads.integer.vector import to_output


def reshape(call: Call) -> np.ndarray:
    """Run `reshape` (flatten, squeeze, unsqueeze): the batch may differ from the one in the network's shape."""
    values, shape = call.value(0), call.output.shape
    if values.size != call.output.elements and shape:
        shape = (-1, *shape[1:])
    return values.reshape(shape)


def transpose(call: Call) -> np.ndarray:
    """Run `transpose`."""
    return call.value(0).transpose(call.attributes["permutation"])


def join(call: Call) -> np.ndarray:
    """Run `concat`: every input moved to the output's format."""
    parts = [to_output(call, call.value(index), call.format(index)) for index in range(len(call.tensors))]
    return np.concatenate(parts, axis=call.attributes["axis"])


def split(call: Call) -> tuple[np.ndarray, ...]:
    """Run `split`: the sizes are those of the outputs."""
    axis = call.attributes["axis"]
    ends = np.cumsum([output.shape[axis] for output in call.outputs])[:-1]
    return tuple(np.split(call.value(0), ends, axis=axis))


def pad(call: Call) -> np.ndarray:
    """Run `pad` with a constant: a quantized tensor is padded with that constant's stored value."""
    if call.attributes["mode"] != "constant":
        raise call.fault(f"padding mode '{call.attributes['mode']}' has no integer form here; use constant")
    fill = to_stored(np.array(call.attributes["value"], np.float32), call.format(0))
    widths = tuple(zip(call.attributes["before"], call.attributes["after"], strict=True))
    return np.pad(call.value(0), widths, constant_values=fill)


def depth_to_space(call: Call) -> np.ndarray:
    """Run `depth_to_space` on an image (N, C, H, W), in either order of depth and column."""
    values, block = call.value(0), call.attributes["block"]
    batch, channels, height, width = values.shape
    depth = channels // block**2
    if call.attributes["mode"] == "DCR":
        spread = values.reshape(batch, block, block, depth, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        spread = values.reshape(batch, depth, block, block, height, width).transpose(0, 1, 4, 2, 5, 3)
    return spread.reshape(batch, depth, height * block, width * block)
