"""Operators without an integer form: dequantize, compute in float32, quantize the result. The host's share."""

from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np

from workloads.integer.products import windows

Attributes = dict[str, Any]
_erf = np.vectorize(erf, otypes=[np.float32])


def softmax(attributes: Attributes, x: np.ndarray) -> np.ndarray:
    """Softmax along one axis, the greatest value subtracted first (over all axes from it on when flattened)."""
    axis = attributes["axis"]
    rows = x.reshape(*x.shape[:axis], -1) if attributes.get("flatten") else x
    axis = -1 if attributes.get("flatten") else axis
    e = np.exp(rows - rows.max(axis=axis, keepdims=True))
    return (e / e.sum(axis=axis, keepdims=True)).reshape(x.shape)


def gelu(attributes: Attributes, x: np.ndarray) -> np.ndarray:
    """x * Phi(x), exact by erf or by tanh."""
    if attributes.get("approximate", "none") == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / np.sqrt(2)))


def layer_norm(attributes: Attributes, x: np.ndarray, weight: np.ndarray, *bias: np.ndarray) -> np.ndarray:
    """Layer normalisation over the axes from `axis` on."""
    first = attributes["axis"] % x.ndim
    axes = tuple(range(first, x.ndim))
    centred = x - x.mean(axis=axes, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + attributes["epsilon"]) * weight
    return scaled + bias[0] if bias else scaled


def max_pool(attributes: Attributes, x: np.ndarray) -> np.ndarray:
    """Greatest value of each window of an image (N, C, H, W)."""
    place = attributes["kernel"], attributes["strides"], attributes["pads"], attributes["dilations"]
    view = windows(np.asarray(x, np.float32), *place, fill=-np.inf)
    return view.max(axis=(4, 5))


def average_pool(attributes: Attributes, x: np.ndarray) -> np.ndarray:
    """Mean of each window of an image (N, C, H, W), the padding counted or not."""
    place = attributes["kernel"], attributes["strides"], attributes["pads"], attributes["dilations"]
    inside = windows(np.ones_like(x), *place, fill=float(attributes["count_include_pad"]))
    return windows(x, *place).sum(axis=(4, 5)) / inside.sum(axis=(4, 5))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _reduce(function: Callable) -> Callable:
    return lambda a, x: function(x, axis=tuple(a["axes"]) or None, keepdims=bool(a["keepdims"]))


#: Float32 functions by operator kind; each takes the attributes and the real inputs.
FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "softmax": softmax,
    "log_softmax": lambda a, x: np.log(softmax(a, x)),
    "gelu": gelu,
    "layer_norm": layer_norm,
    "max_pool": max_pool,
    "average_pool": average_pool,
    "global_max_pool": lambda a, x: x.max(axis=(2, 3), keepdims=True),
    "global_average_pool": lambda a, x: x.mean(axis=(2, 3), keepdims=True),
    "relu": lambda a, x: np.maximum(x, 0),
    "clip": lambda a, x: np.clip(x, a["low"], a["high"]),
    "leaky_relu": lambda a, x: np.where(x >= 0, x, np.float32(a["alpha"]) * x),
    "elu": lambda a, x: np.where(x >= 0, x, a["alpha"] * np.expm1(x)),
    "silu": lambda a, x: x * _sigmoid(x),
    "sigmoid": lambda a, x: _sigmoid(x),
    "hard_sigmoid": lambda a, x: np.clip(a["alpha"] * x + a["beta"], 0, 1),
    "hardswish": lambda a, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "tanh": lambda a, x: np.tanh(x),
    "erf": lambda a, x: _erf(x),
    "exp": lambda a, x: np.exp(x),
    "log": lambda a, x: np.log(x),
    "sqrt": lambda a, x: np.sqrt(x),
    "abs": lambda a, x: np.abs(x),
    "neg": lambda a, x: -x,
    "add": lambda a, x, y: x + y,
    "sub": lambda a, x, y: x - y,
    "mul": lambda a, x, y: x * y,
    "div": lambda a, x, y: x / y,
    "pow": lambda a, x, y: np.power(x, y),
    "maximum": lambda a, *x: np.maximum.reduce(x),
    "minimum": lambda a, *x: np.minimum.reduce(x),
    "reduce_sum": _reduce(np.sum),
    "reduce_mean": _reduce(np.mean),
    "reduce_max": _reduce(np.max),
    "reduce_min": _reduce(np.min),
    "arg_max": lambda a, x: _argument(x, a),
}


def _argument(x: np.ndarray, attributes: Attributes) -> np.ndarray:
    return np.argmax(x, axis=attributes["axis"], keepdims=bool(attributes["keepdims"]))
