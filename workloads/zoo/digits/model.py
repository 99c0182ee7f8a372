"""The digits network in floating point: forward, backward, in numpy alone.

::

    image 1x8x8 - conv 3x3 stride 2 pad 1, relu - depthwise 3x3 pad 1, relu - conv 1x1 - add, relu - average 2x2 - dense
                                                 \\____________________________________/
"""

from __future__ import annotations

import numpy as np

from workloads.integer.products import windows

CHANNELS = 24
CLASSES = 10
POOL = 2
Parameters = dict[str, np.ndarray]


def initial_parameters(rng: np.random.Generator) -> Parameters:
    """Return weights of He's scale and biases of zero, float32."""
    shapes = {
        "stem": (CHANNELS, 1, 3, 3),
        "depthwise": (CHANNELS, 1, 3, 3),
        "pointwise": (CHANNELS, CHANNELS, 1, 1),
        "dense": (CLASSES, CHANNELS * 4),
    }
    parameters = {}
    for name, shape in shapes.items():
        spread = np.sqrt(2 / np.prod(shape[1:]))
        parameters[f"{name}.weight"] = rng.normal(0, spread, shape).astype(np.float32)
        parameters[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return parameters


def forward(parameters: Parameters, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return every activation by name.

    Parameters
    ----------
    images : (N, 1, 8, 8) float32
    """
    p = parameters
    a = {"image": images}
    a["stem"] = np.maximum(convolve(images, p["stem.weight"], p["stem.bias"], 2, 1), 0)
    a["depthwise"] = np.maximum(convolve_depthwise(a["stem"], p["depthwise.weight"], p["depthwise.bias"]), 0)
    a["pointwise"] = convolve(a["depthwise"], p["pointwise.weight"], p["pointwise.bias"], 1, 0)
    a["residual"] = np.maximum(a["pointwise"] + a["stem"], 0)
    batch, channels, height, width = a["residual"].shape
    blocks = a["residual"].reshape(batch, channels, height // POOL, POOL, width // POOL, POOL)
    a["pool"] = blocks.mean(axis=(3, 5))
    a["logits"] = a["pool"].reshape(batch, -1) @ p["dense.weight"].T + p["dense.bias"]
    return a


def loss_and_gradients(parameters: Parameters, images: np.ndarray, labels: np.ndarray) -> tuple[float, Parameters]:
    """Return the mean cross entropy and its gradient by every parameter.

    Parameters
    ----------
    images : (N, 1, 8, 8) float32
    labels : (N,) int
    """
    p, a, batch = parameters, forward(parameters, images), len(images)
    logits = a["logits"] - a["logits"].max(axis=1, keepdims=True)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -float(np.log(probability[np.arange(batch), labels]).mean())
    slope = probability
    slope[np.arange(batch), labels] -= 1
    slope /= batch
    flat = a["pool"].reshape(batch, -1)
    g = {"dense.weight": slope.T @ flat, "dense.bias": slope.sum(axis=0)}
    pool = (slope @ p["dense.weight"]).reshape(a["pool"].shape) / POOL**2
    residual = pool.repeat(POOL, axis=2).repeat(POOL, axis=3) * (a["residual"] > 0)
    g["pointwise.bias"] = residual.sum(axis=(0, 2, 3))
    g["pointwise.weight"] = np.einsum("nohw,nchw->oc", residual, a["depthwise"], optimize=True)[:, :, None, None]
    depthwise = np.einsum("nohw,oc->nchw", residual, p["pointwise.weight"][:, :, 0, 0], optimize=True)
    depthwise *= a["depthwise"] > 0
    view = windows(a["stem"], (3, 3), pads=(1, 1, 1, 1))
    g["depthwise.bias"] = depthwise.sum(axis=(0, 2, 3))
    g["depthwise.weight"] = np.einsum("nchw,nchwij->cij", depthwise, view)[:, None]
    turned = p["depthwise.weight"][:, :, ::-1, ::-1]
    stem = (residual + convolve_depthwise(depthwise, turned, np.zeros(CHANNELS, np.float32))) * (a["stem"] > 0)
    g["stem.bias"] = stem.sum(axis=(0, 2, 3))
    view = windows(images, (3, 3), (2, 2), (1, 1, 1, 1))
    g["stem.weight"] = np.einsum("nohw,nhwij->oij", stem, view[:, 0], optimize=True)[:, None]
    return loss, g


def convolve(image: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """Return a dense convolution, (N, O, OH, OW)."""
    kernel = weight.shape[2:]
    view = windows(image, kernel, (stride, stride), (pad,) * 4)
    return np.einsum("nchwij,ocij->nohw", view, weight, optimize=True) + bias[:, None, None]


def convolve_depthwise(image: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return a depthwise 3x3 convolution of stride 1 and padding 1, (N, C, H, W)."""
    view = windows(image, (3, 3), pads=(1, 1, 1, 1))
    return np.einsum("nchwij,cij->nchw", view, weight[:, 0]) + bias[:, None, None]
