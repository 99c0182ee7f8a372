"""Train, quantize and save the digits network: ``python -m workloads.zoo.digits.train [folder]``.

Data: the 1797 8x8 digits that scikit-learn bundles (UCI Optical Recognition of Handwritten Digits, CC BY 4.0).
Every fifth image (index 0, 5, 10 ...) is the test split and is never trained on or calibrated with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from workloads.zoo.digits.export import write_onnx
from workloads.zoo.digits.model import Parameters, forward, initial_parameters, loss_and_gradients
from workloads.zoo.digits.quantization import quantize_parameters

SEED = 2024
EPOCHS = 60
BATCH = 64
RATE = 1e-2
DECAY = 0.05


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's images (1797, 1, 8, 8), float32 0..16, and labels (1797,)."""
    from sklearn.datasets import load_digits as bundled

    data = bundled()
    return data.images.astype(np.float32)[:, None], data.target.astype(np.int64)


def split(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training images and labels, test images and labels."""
    test = np.arange(len(images)) % 5 == 0
    return images[~test], labels[~test], images[test], labels[test]


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return images each moved by at most one pixel along one axis, zeros moving in; half stay."""
    moves = rng.integers(0, 8, len(images))
    moved = images.copy()
    for move, (axis, step) in enumerate(((2, 1), (2, -1), (3, 1), (3, -1))):
        chosen = np.flatnonzero(moves == move)
        rolled = np.roll(images[chosen], step, axis=axis)
        edge = [slice(None)] * 4
        edge[axis] = slice(0, 1) if step == 1 else slice(-1, None)
        rolled[tuple(edge)] = 0
        moved[chosen] = rolled
    return moved


def train(images: np.ndarray, labels: np.ndarray, epochs: int = EPOCHS, seed: int = SEED) -> Parameters:
    """Return trained parameters: Adam with decoupled weight decay and a cosine schedule.

    Parameters
    ----------
    images : (N, 1, 8, 8) float32, 0..16
    labels : (N,)
    """
    rng = np.random.default_rng(seed)
    parameters = initial_parameters(rng)
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in parameters.items()}
    steps, step = epochs * (len(images) // BATCH), 0
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            step += 1
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            _, gradients = loss_and_gradients(parameters, shifted(images[chosen], rng) / 16, labels[chosen])
            _adam(parameters, gradients, moments, rate, step)
    # The images enter the network as 0..16; fold the division into the first layer.
    parameters["stem.weight"] = parameters["stem.weight"] / 16
    return parameters


def _adam(parameters: Parameters, gradients: Parameters, moments: dict, rate: float, step: int) -> None:
    for name, gradient in gradients.items():
        first, second = moments[name]
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        direction = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        parameters[name] -= (rate * (direction + DECAY * parameters[name])).astype(np.float32)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows whose greatest logit is the label's (the first of equals wins)."""
    return float((logits.argmax(axis=1) == labels).mean())


def main(folder: Path) -> None:
    """Train, print the float accuracy, write ``digits_int8.onnx`` and ``digits_test.npz`` into `folder`."""
    train_images, train_labels, test_images, test_labels = split(*load_digits())
    parameters = train(train_images, train_labels)
    logits = forward(parameters, test_images)["logits"]
    print(f"float accuracy on {len(test_labels)} test images: {accuracy(logits, test_labels):.4f}")
    write_onnx(quantize_parameters(parameters, forward(parameters, train_images)), folder / "digits_int8.onnx")
    np.savez_compressed(
        folder / "digits_test.npz", images=test_images.astype(np.uint8), labels=test_labels.astype(np.uint8)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
