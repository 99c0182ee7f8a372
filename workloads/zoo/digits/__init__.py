"""digits: a small int8 network with real weights that reads 8x8 handwritten digits.

A stride-2 convolution, a depthwise one, a pointwise one with a residual add, an average pool and a dense layer.
The model and its test images are committed; ``python -m workloads.zoo.digits.train`` makes both again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workloads.integer.call import to_stored
from workloads.network import Network

#: The model, for onnxruntime and the importer.
MODEL = Path(__file__).with_name("digits_int8.onnx")
_TEST = Path(__file__).with_name("digits_test.npz")
_SAMPLES = 16


def load_digits_network(rounding: str = "dyadic_half_up") -> Network:
    """Return the network; input ``image`` (1, 1, 8, 8) int8, output (1, 10) int8 logits; 16 test images as samples.

    Parameters
    ----------
    rounding : str
        The requantizer mode that the network carries; it keeps its accuracy in every one.
    """
    from workloads.importers.onnx import import_onnx

    network = import_onnx(MODEL, source="digits")
    network.name, network.rounding = "digits", rounding
    network.samples = quantized_inputs(network, load_test_images()[0][:_SAMPLES])
    return network


def load_test_images() -> tuple[np.ndarray, np.ndarray]:
    """Return the test split: images (360, 1, 8, 8) uint8, 0..16, and labels (360,) uint8."""
    with np.load(_TEST, allow_pickle=False) as data:
        return data["images"], data["labels"]


def quantized_inputs(network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the network's input as int8 for images (N, 1, 8, 8) of values 0..16."""
    name = network.inputs[0]
    number_format = network.tensors[name].format
    return {name: to_stored(images.astype(np.float32), number_format).astype(np.int8)}
