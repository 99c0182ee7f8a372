"""Re-type a float network to a machine's integer formats."""

from __future__ import annotations

import numpy as np

from workloads.formats import Format, parse_format
from workloads.network import Network, Operator, Tensor
from workloads.operators import attributes_of
from workloads.transforms.fuse import fuse

_NORMS = ("scale_shift", "layer_norm", "rms_norm", "group_norm", "instance_norm")
_MATRIX = ("conv", "conv_transpose", "gemm", "matmul", "expert_gemm")


def retype(
    network: Network, activation: str = "int8", weight: str = "int8", accumulator: str = "int32"
) -> tuple[Network, str]:
    """Return `network` with no float tensor left, and one line that says what was done (empty: nothing).

    Batch norm is folded and activations are fused first. Real weights are quantized for each output channel,
    symmetric, rounded half even; activations have no calibrated scale, so such a network has counts but no values.
    Pinned formats stay.
    """
    floats = [tensor for tensor in network.tensors.values() if not tensor.format.is_integer and not tensor.pinned]
    if not floats:
        return network, ""
    names = sorted({tensor.format.name for tensor in floats})
    chosen = {"activation": activation, "weight": weight, "bias": accumulator}
    formats = {role: parse_format(name) for role, name in chosen.items()}
    network = fuse(network)
    roles = _roles(network)
    quantized = 0
    for name, tensor in network.tensors.items():
        if tensor.format.is_integer or tensor.pinned:
            continue
        role, axis = roles.get(name, ("activation", None))
        target = formats[role]
        if not target.is_integer:
            tensor.format = target
        elif role == "weight" and tensor.data is not None:
            network.tensors[name] = _quantized(tensor, target, axis)
            quantized += 1
        else:
            tensor.format, tensor.data = target, None
    said = f"re-typed from {', '.join(names)}: activations {activation}, weights {weight}, sums {accumulator}"
    if quantized:
        said += f" ({quantized} weight tensors quantized per channel; activation scales are not calibrated)"
    return network, said


def _roles(network: Network) -> dict[str, tuple[str, int | None]]:
    """Return what each constant is: weights (with the axis of output channels), a bias, or an operand."""
    roles: dict[str, tuple[str, int | None]] = {}
    unpacked = {operator.outputs[0] for operator in network.operators if operator.kind == "dequantize"}
    for operator in network.operators:
        if operator.kind == "matmul" and operator.inputs[1] in unpacked:
            roles[operator.inputs[1]] = ("weight", None)  # a cache is unpacked to what the array takes as weights
        constants = [(i, name) for i, name in enumerate(operator.inputs) if network.tensors[name].constant]
        for position, name in constants:
            if operator.kind in _MATRIX:
                roles[name] = ("bias", None) if position == 2 else ("weight", _output_axis(network, operator, position))
            elif position > 0 and operator.kind in _NORMS:
                roles[name] = ("bias", None)
            elif operator.kind == "embedding":
                roles[name] = ("activation", None)
    return roles


def _output_axis(network: Network, operator: Operator, position: int) -> int | None:
    rank = len(network.tensors[operator.inputs[position]].shape)
    if position == 0:
        return rank - 2
    if operator.kind == "conv":
        return 0
    if operator.kind == "conv_transpose":
        return 1 if attributes_of(operator)["groups"] == 1 else None
    if operator.kind == "gemm":
        return 0 if attributes_of(operator)["transpose_b"] else 1
    return 1 if rank == 2 else None


def _quantized(tensor: Tensor, target: Format, axis: int | None) -> Tensor:
    """Return `tensor` as symmetric integers: the greatest magnitude of each channel meets the format's highest."""
    values = tensor.data.astype(np.float64)
    others = tuple(i for i in range(values.ndim) if i != axis)
    greatest = np.abs(values).max(axis=others, keepdims=True) if values.size else np.ones((1,) * values.ndim)
    middle = 0 if target.is_signed else (target.high + 1) // 2
    reach = target.high - middle
    scale = np.where(greatest > 0, greatest / max(reach, 1), 1.0).astype(np.float32)
    stored = np.clip(np.rint(values / scale) + middle, max(target.low, middle - reach), target.high)
    bits = next(width for width in (8, 16, 32, 64) if target.bits <= width)
    storage = np.dtype(f"{'i' if target.is_signed else 'u'}{bits // 8}")
    flat = scale.reshape(-1) if axis is not None else scale.reshape(())
    kind = Format(target.name, flat, np.full(flat.shape, middle, np.int64), axis)
    return Tensor(tensor.name, tensor.shape, kind, stored.astype(storage), constant=True)
