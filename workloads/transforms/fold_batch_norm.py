"""Fold batch normalisation, and the per-channel multiply and add that may follow it, into the convolution before."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workloads.errors import CodesignError
from workloads.network import Network, Operator, Tensor
from workloads.operators import FUSED, attributes_of
from workloads.transforms.graph import Graph, copy_network, drop_unused_tensors

_FOLDS_INTO = ("conv", "conv_transpose", "gemm", "matmul")


@dataclass
class _Affine:
    """A chain of operators that computes scale * x + shift per channel; None values when shapes only."""

    operators: list[Operator]
    channels: int
    scale: np.ndarray | None
    shift: np.ndarray | None


def fold_batch_norm(network: Network) -> Network:
    """Return `network` without batch normalisation: folded into weights, else one `scale_shift` per chain.

    Where weights are real the folded ones are computed in float64; where they are shapes only, only shapes change.
    """
    network = copy_network(network)
    graph, gone, rewired = Graph(network), set(), {}
    result: list[Operator] = []
    for operator in network.operators:
        if id(operator) in gone:
            continue
        chain = _chain(graph, operator)
        if chain is None:
            result.append(operator)
            continue
        gone.update(map(id, chain.operators))
        source, last = operator.inputs[_data_input(network, operator)], chain.operators[-1].outputs[0]
        writer = graph.writer.get(source)
        if writer is not None and graph.only_reader(source) is operator and _folds(network, writer):
            _fold_into(network, writer, chain)
            writer.outputs = (last,)
            graph.writer[last] = writer
        else:
            result.append(_scale_shift(network, chain, source, last))
            rewired[last] = result[-1]
    network.operators = result
    drop_unused_tensors(network)
    return network


def _data_input(network: Network, operator: Operator) -> int:
    return 1 if network.tensors[operator.inputs[0]].constant else 0


def _folds(network: Network, writer: Operator) -> bool:
    """Whether the writer is a matrix operator with constant float weights and nothing fused yet."""
    if writer.kind not in _FOLDS_INTO or FUSED in writer.attributes or len(writer.inputs) < 2:
        return False
    tensors = [network.tensors[name] for name in writer.inputs[1:]]
    floats = not any(tensor.format.is_integer for tensor in tensors)
    return floats and all(tensor.constant for tensor in tensors) and len(tensors[0].shape) in (2, 3, 4)


def _chain(graph: Graph, first: Operator) -> _Affine | None:
    """Return the chain that starts with a batch norm at `first`, None when there is none."""
    if first.kind not in ("batch_norm", "scale_shift"):
        return None
    tensors = graph.network.tensors
    parameters = [tensors[name] for name in first.inputs[1:]]
    channels = tensors[first.inputs[0]].shape[1]
    if not all(tensor.constant for tensor in parameters):
        return None
    values = [None if tensor.data is None else tensor.data.astype(np.float64) for tensor in parameters]
    if any(value is None for value in values):
        chain = _Affine([first], channels, None, None)
    elif first.kind == "scale_shift":
        chain = _Affine([first], channels, values[0], values[1])
    elif (values[3] + attributes_of(first)["epsilon"] <= 0).any():
        raise CodesignError(f"operator '{first.name}': its variance is negative")
    else:
        gamma, beta, mean, variance = values
        scale = gamma / np.sqrt(variance + attributes_of(first)["epsilon"])
        chain = _Affine([first], channels, scale, beta - mean * scale)
    while (following := _next(graph, chain)) is not None:
        chain = following
    return chain


def _next(graph: Graph, chain: _Affine) -> _Affine | None:
    """Return the chain with the multiply or add that follows taken in, None when none does."""
    tail = chain.operators[-1]
    if tail.outputs[0] in graph.network.outputs or graph.network.tensors[tail.outputs[0]].format.is_integer:
        return None
    operator = graph.only_reader(tail.outputs[0])
    if operator is None or operator.kind not in ("mul", "add") or len(operator.inputs) != 2:
        return None
    operand = graph.network.tensors[operator.inputs[1 - operator.inputs.index(tail.outputs[0])]]
    rank = len(graph.network.tensors[tail.outputs[0]].shape)
    if not operand.constant or not _is_per_channel(operand.shape, chain.channels, rank):
        return None
    scale = shift = None
    if chain.scale is not None and operand.data is not None:
        value = np.broadcast_to(operand.data.astype(np.float64).reshape(-1), (chain.channels,))
        scale = chain.scale * value if operator.kind == "mul" else chain.scale
        shift = chain.shift * value if operator.kind == "mul" else chain.shift + value
    return _Affine([*chain.operators, operator], chain.channels, scale, shift)


def _is_per_channel(shape: tuple[int, ...], channels: int, rank: int) -> bool:
    """Whether `shape` broadcasts along axis 1 of a tensor of `rank` axes and no other."""
    if all(size == 1 for size in shape):
        return True
    padded = (1,) * (rank - len(shape)) + shape
    return len(shape) <= rank and padded[1] == channels and all(size == 1 for i, size in enumerate(padded) if i != 1)


def _fold_into(network: Network, writer: Operator, chain: _Affine) -> None:
    weights = network.tensors[writer.inputs[1]]
    bias = network.tensors[writer.inputs[2]] if len(writer.inputs) > 2 else None
    real = chain.scale is not None and weights.data is not None and (bias is None or bias.data is not None)
    new_weights = replace(weights, name=f"{weights.name}*{chain.operators[0].name}", data=None)
    new_bias = Tensor(f"{writer.outputs[0]}.bias", (chain.channels,), weights.format, None, constant=True)
    if real:
        data = weights.data.astype(np.float64) * _along_outputs(network, writer, chain.scale)
        new_weights.data = data.astype(weights.data.dtype)
        old = 0.0 if bias is None else bias.data.astype(np.float64).reshape(-1) * _beta(writer)
        new_bias.data = (old * chain.scale + chain.shift).astype(weights.data.dtype)
    if writer.kind == "matmul":
        writer.kind = "gemm"
    if writer.kind == "gemm":
        writer.attributes["beta"] = 1.0
    network.tensors[new_weights.name] = new_weights
    network.tensors[new_bias.name] = new_bias
    writer.inputs = (writer.inputs[0], new_weights.name, new_bias.name)


def _beta(writer: Operator) -> float:
    return attributes_of(writer)["beta"] if writer.kind == "gemm" else 1.0


def _along_outputs(network: Network, writer: Operator, scale: np.ndarray) -> np.ndarray:
    """Return `scale`, one value per output channel, shaped to multiply the writer's weights."""
    shape = network.tensors[writer.inputs[1]].shape
    if writer.kind == "conv":
        return scale.reshape(-1, *(1,) * (len(shape) - 1))
    if writer.kind == "conv_transpose":  # I, O/groups, R, S: an input channel's group decides which outputs
        groups = attributes_of(writer)["groups"]
        each = np.repeat(scale.reshape(groups, -1), shape[0] // groups, axis=0)
        return each.reshape(*each.shape, *(1,) * (len(shape) - 2))
    transposed = writer.kind == "gemm" and attributes_of(writer)["transpose_b"]
    return scale.reshape(-1, 1) if transposed else scale.reshape(1, -1)


def _scale_shift(network: Network, chain: _Affine, source: str, last: str) -> Operator:
    first = chain.operators[0]
    names = []
    for suffix, data in (("scale", chain.scale), ("shift", chain.shift)):
        like = network.tensors[first.inputs[1]]
        name = f"{first.name}.{suffix}"
        values = None if data is None else data.astype(np.float32)
        network.tensors[name] = Tensor(name, (chain.channels,), like.format, values, constant=True)
        names.append(name)
    return Operator(first.name, "scale_shift", (source, *names), (last,))
