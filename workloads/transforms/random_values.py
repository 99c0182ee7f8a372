"""Random weights, scales and inputs for an integer network that has shapes only, so that it can be computed.

Such values exercise a machine's arithmetic and nothing else: accuracy, sparsity and toggling mean nothing.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np

from workloads.errors import CodesignError
from workloads.formats import Format, parse_format
from workloads.network import Network, Operator, Tensor
from workloads.trace import Trace

_MATRIX = ("conv", "conv_transpose", "gemm", "matmul")


def random_values(network: Network, seed: int) -> Network:
    """Return a copy of an integer network in which every tensor has a scale and every weight values.

    Weights and biases of matrix operators are drawn uniformly, other constants only where they have no values.
    Every activation has scale 1; a weight's scale keeps the outputs within their format, so that few saturate.

    Raises
    ------
    CodesignError
        When a tensor is not of an integer format.
    """
    rng = np.random.default_rng(seed)
    drawn = copy(network)
    drawn.weights = "random"
    drawn.tensors = {name: _activation(tensor) for name, tensor in network.tensors.items()}
    for operator in network.operators:
        for position, name in enumerate(operator.inputs):
            tensor = network.tensors[name]
            if not tensor.constant:
                continue
            if operator.kind in _MATRIX:
                draw = _bias if position == 2 else _weights
                drawn.tensors[name] = draw(rng, network, operator, tensor)
            elif drawn.tensors[name].data is None:
                drawn.tensors[name] = replace(drawn.tensors[name], data=_uniform(rng, tensor.format, tensor.shape))
    return drawn


def random_inputs(trace: Trace, seed: int) -> dict[str, np.ndarray]:
    """Return an integer array for every input of a trace, uniform over its format."""
    rng = np.random.default_rng([seed, 1])
    formats = {name: layer.input_format for layer in reversed(trace.layers) for name in layer.inputs}
    read = [name for name in trace.inputs if name in formats]
    return {name: _uniform(rng, parse_format(formats[name]), trace.shapes[name]) for name in read}


def _activation(tensor: Tensor) -> Tensor:
    kind = tensor.format.name
    if not tensor.format.is_integer:
        raise CodesignError(f"random weights: tensor '{tensor.name}' is {kind}; an integer format is needed")
    middle = 0 if tensor.format.is_signed else (tensor.format.high + 1) // 2
    scaled = Format(kind, np.float32(1).reshape(()), np.array(middle, np.int64))
    return replace(tensor, format=scaled)


def _weights(rng: np.random.Generator, network: Network, operator: Operator, tensor: Tensor) -> Tensor:
    """Draw weights; their scale makes the standard deviation of the sums half of the output's reach."""
    output = network.tensors[operator.outputs[0]]
    channels = output.shape[1] if operator.kind.startswith("conv") else output.shape[-1]
    products = max(1, tensor.elements // channels)
    others = [network.tensors[name] for name in operator.inputs[:2] if name != tensor.name]
    deviation = _reach(tensor.format) / np.sqrt(3) * max((_reach(t.format) for t in others), default=1) / np.sqrt(3)
    scale = _reach(output.format) / 2 / (deviation * np.sqrt(products))
    middle = 0 if tensor.format.is_signed else (tensor.format.high + 1) // 2
    kind = Format(tensor.format.name, np.float32(scale).reshape(()), np.array(middle, np.int64))
    return replace(tensor, format=kind, data=_uniform(rng, tensor.format, tensor.shape))


def _bias(rng: np.random.Generator, network: Network, operator: Operator, tensor: Tensor) -> Tensor:
    """Draw a bias of the size of one product; it adds to sums, so its own scale is never used."""
    size = min(tensor.format.high, *(_reach(network.tensors[name].format) ** 2 for name in operator.inputs[:2]))
    data = rng.integers(-size, size, tensor.shape, endpoint=True).astype(_storage(tensor.format))
    kind = Format(tensor.format.name, np.float32(1).reshape(()), np.array(0, np.int64))
    return replace(tensor, format=kind, data=data)


def _reach(number_format: Format) -> int:
    """Return the greatest distance from the zero point that both signs have."""
    return max(1, number_format.high if number_format.is_signed else number_format.high // 2)


def _uniform(rng: np.random.Generator, number_format: Format, shape: tuple[int, ...]) -> np.ndarray:
    low, high = number_format.low, number_format.high
    return rng.integers(low, high, shape, dtype=np.int64, endpoint=True).astype(_storage(number_format))


def _storage(number_format: Format) -> np.dtype:
    """Return the smallest numpy integer type that holds a format."""
    bits = next(width for width in (8, 16, 32, 64) if number_format.bits <= width)
    return np.dtype(f"{'i' if number_format.is_signed else 'u'}{bits // 8}")
