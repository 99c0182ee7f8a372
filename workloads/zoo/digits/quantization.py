"""int8 for the digits network: asymmetric activations from their observed range, symmetric weights per channel.

Weights use -64..64 of their int8: two products then fit 16 bits (2 * 255 * 64 < 2^15), so onnxruntime's kernels
for processors without VNNI instructions, which add pairs with 16-bit saturation, are exact on this network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class QuantizedDigits:
    """Integers and scales of the network.

    Attributes
    ----------
    activations : dict of str to (float32, int8)
        Scale and zero point of each activation.
    weights : dict of str to (int8 array, float32 array)
        Values and one scale per output channel.
    biases : dict of str to int32 array
        In units of input scale * weight scale.
    """

    activations: dict[str, tuple[np.float32, np.int8]]
    weights: dict[str, tuple[np.ndarray, np.ndarray]]
    biases: dict[str, np.ndarray]


#: Greatest magnitude of a stored weight.
WEIGHT_RANGE = 64
#: The activation that each layer with weights reads.
READS = {"stem": "image", "depthwise": "stem", "pointwise": "depthwise", "dense": "pool"}


def activation_parameters(values: np.ndarray) -> tuple[np.float32, np.int8]:
    """Return the scale and zero point that map the range of `values`, zero included, to -128..127."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = np.float32((high - low) / 255)
    return scale, np.int8(np.clip(np.rint(-128 - low / float(scale)), -128, 127))


def quantize_parameters(parameters: dict[str, np.ndarray], activations: dict[str, np.ndarray]) -> QuantizedDigits:
    """Return the quantized network.

    Parameters
    ----------
    parameters : dict
        Float weights and biases, `workloads.zoo.digits.model`.
    activations : dict
        Every activation on the calibration images.
    """
    observed = {name: activation_parameters(values) for name, values in activations.items()}
    weights, biases = {}, {}
    for name, source in READS.items():
        weight = parameters[f"{name}.weight"]
        greatest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
        scale = (greatest / WEIGHT_RANGE).astype(np.float32)
        spread = scale.reshape(-1, *[1] * (weight.ndim - 1))
        weights[name] = np.clip(np.rint(weight / spread), -WEIGHT_RANGE, WEIGHT_RANGE).astype(np.int8), scale
        biases[name] = np.rint(parameters[f"{name}.bias"] / (observed[source][0] * scale)).astype(np.int32)
    return QuantizedDigits(observed, weights, biases)
