"""Write a network from published shapes: one call an operator, output shapes inferred, weights without values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from workloads.errors import CodesignError
from workloads.formats import Format
from workloads.network import Network, Operator, Tensor


class Builder:
    """A network in the making. Every method returns the name of the tensor that it makes.

    Parameters
    ----------
    name, source : str
        What the network and its report are called.
    number_format : str
        Format of every tensor that is not given another.
    """

    def __init__(self, name: str, source: str = "", number_format: str = "fp32") -> None:
        self.number_format = number_format
        self.network = Network(name, [], {}, (), (), source=source or name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape."""
        return self.network.tensors[name].shape

    def tensor(self, name: str, shape: Sequence[int], *, constant: bool = False, number_format: str = "") -> str:
        """Add a tensor; the name must be new.

        Raises
        ------
        CodesignError
            When the name is taken or an extent is not positive.
        """
        if name in self.network.tensors:
            raise CodesignError(f"{self.network.name}: two tensors are called '{name}'")
        if min(shape, default=1) < 1:
            raise CodesignError(f"{self.network.name}: '{name}' has no elements: {'x'.join(map(str, shape))}")
        kind = Format(number_format or self.number_format)
        self.network.tensors[name] = Tensor(name, tuple(shape), kind, None, constant, bool(number_format))
        return name

    def input(self, name: str, shape: Sequence[int], number_format: str = "") -> str:
        """Add an input of the network."""
        self.network.inputs += (name,)
        return self.tensor(name, shape, number_format=number_format)

    def weight(self, name: str, *shape: int) -> str:
        """Add a constant without values, or return the one of that name (tied weights)."""
        if name in self.network.tensors:
            return name
        return self.tensor(name, shape, constant=True)

    def output(self, *names: str) -> None:
        """Say that tensors leave the network."""
        self.network.outputs += names

    def emit(
        self, kind: str, name: str, inputs: Sequence[str], shape: Sequence[int], number_format: str = "",
        **attributes: Any,
    ) -> str:  # fmt: skip
        """Append an operator whose one output has its name."""
        self.tensor(name, shape, number_format=number_format)
        self.network.operators.append(Operator(name, kind, tuple(inputs), (name,), attributes))
        return name

    def same(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator whose output has the shape of its first input (elementwise functions, softmax)."""
        return self.emit(kind, name, inputs, self.shape(inputs[0]), **attributes)

    def view(self, name: str, source: str, *shape: int, kind: str = "reshape") -> str:
        """Append a view: another shape of the same elements, by address alone."""
        if math.prod(shape) != math.prod(self.shape(source)):
            raise CodesignError(f"{self.network.name}: '{name}': {self.shape(source)} cannot be seen as {shape}")
        return self.emit(kind, name, (source,), shape)

    def linear(self, name: str, source: str, outputs: int, bias: bool = True, weight: str = "") -> str:
        """Append a dense layer over the last axis; `weight` names weights (outputs, inputs) to share."""
        shape = self.shape(source)
        inputs = [source, self.weight(weight or f"{name}.weight", outputs, shape[-1])]
        if bias:
            inputs.append(self.weight(f"{name}.bias", outputs))
        return self.emit("gemm", name, inputs, (*shape[:-1], outputs), transpose_b=True)

    def matmul(self, name: str, left: str, right: str) -> str:
        """Append a batched product of two activations (..., M, K) x (..., K, N)."""
        return self.emit("matmul", name, (left, right), (*self.shape(left)[:-1], self.shape(right)[-1]))

    def conv(
        self, name: str, source: str, outputs: int, kernel: int, stride: int = 1, *, pad: int | None = None,
        groups: int = 1, bias: bool = False,
    ) -> str:  # fmt: skip
        """Append a square convolution (N, C, H, W); padding keeps the size at stride 1 unless given."""
        n, channels, height, width = self.shape(source)
        pad = kernel // 2 if pad is None else pad
        inputs = [source, self.weight(f"{name}.weight", outputs, channels // groups, kernel, kernel)]
        if bias:
            inputs.append(self.weight(f"{name}.bias", outputs))
        extents = [(size + 2 * pad - kernel) // stride + 1 for size in (height, width)]
        return self.emit(
            "conv", name, inputs, (n, outputs, *extents), pads=(pad,) * 4, strides=(stride, stride), groups=groups
        )

    def conv_transpose(self, name: str, source: str, outputs: int, kernel: int, stride: int, bias: bool = True) -> str:
        """Append a transposed convolution that makes the image exactly `stride` times as large."""
        n, channels, height, width = self.shape(source)
        inputs = [source, self.weight(f"{name}.weight", channels, outputs, kernel, kernel)]
        if bias:
            inputs.append(self.weight(f"{name}.bias", outputs))
        before, after = (kernel - stride + 1) // 2, (kernel - stride) // 2
        return self.emit(
            "conv_transpose", name, inputs, (n, outputs, height * stride, width * stride),
            pads=(before, before, after, after), strides=(stride, stride),
        )  # fmt: skip

    def batch_norm(self, name: str, source: str) -> str:
        """Append a batch normalisation by channel."""
        channels = self.shape(source)[1]
        parts = ("weight", "bias", "running_mean", "running_variance")
        return self.same("batch_norm", name, source, *(self.weight(f"{name}.{part}", channels) for part in parts))

    def norm(self, name: str, source: str, kind: str = "layer_norm", epsilon: float = 1e-5, bias: bool = True) -> str:
        """Append a normalisation over the last axis, with its gain and, in `layer_norm`, its shift."""
        size = self.shape(source)[-1]
        inputs = [source, self.weight(f"{name}.weight", size)]
        if kind == "layer_norm" and bias:
            inputs.append(self.weight(f"{name}.bias", size))
        return self.same(kind, name, *inputs, epsilon=epsilon)

    def max_pool(self, name: str, source: str, kernel: int, stride: int, pad: int) -> str:
        """Append a square max pooling."""
        n, channels, height, width = self.shape(source)
        extents = [(size + 2 * pad - kernel) // stride + 1 for size in (height, width)]
        shape = (n, channels, *extents)
        return self.emit(
            "max_pool", name, (source,), shape, kernel=(kernel, kernel), strides=(stride, stride), pads=(pad,) * 4
        )

    def global_pool(self, name: str, source: str) -> str:
        """Append an average over the pixels of an image."""
        return self.emit("global_average_pool", name, (source,), (*self.shape(source)[:2], 1, 1))

    def finish(self, *outputs: str) -> Network:
        """Return the network; `outputs` leave it besides those already said."""
        self.output(*outputs)
        return self.network


def parameter_count(network: Network) -> int:
    """Return the learned parameters: every constant once; batch norm's running statistics are not learned."""
    statistics = {name for op in network.operators if op.kind == "batch_norm" for name in op.inputs[3:]}
    learned = {name for op in network.operators for name in op.inputs if network.tensors[name].constant} - statistics
    return sum(network.tensors[name].elements for name in learned)
