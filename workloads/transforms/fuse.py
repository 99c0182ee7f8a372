"""Fuse what costs a machine nothing: batch norm into weights, activations into the operator that makes their input."""

from __future__ import annotations

from workloads.formats import same_quantization
from workloads.network import Network, Operator
from workloads.operators import FUSED, OPERATORS, attributes_of
from workloads.transforms.fold_batch_norm import fold_batch_norm
from workloads.transforms.graph import Graph, copy_network, drop_unused_tensors

#: Operators whose outputs pass the vector unit one by one, so that an activation can be applied on the way.
HOSTS = ("conv", "conv_transpose", "gemm", "matmul", "expert_gemm", "add", "sub", "mul", "scale_shift", "average_pool",
         "max_pool", "global_average_pool", "requantize")  # fmt: skip
_ACTIVATIONS = tuple(
    name for name, kind in OPERATORS.items() if kind.fusible and name not in ("quantize", "dequantize", "requantize")
)


def fuse(network: Network) -> Network:
    """Return `network` with batch norm folded, gates merged, identities removed and activations fused.

    A fused activation is an entry of the host's attribute ``fused``; the host then writes the activation's output.
    """
    network = fold_batch_norm(network)
    network = _without_identities(network)
    network = _with_silu(network)
    return _with_activations(network)


def _without_identities(network: Network) -> Network:
    network = copy_network(network)
    renamed: dict[str, str] = {}
    kept = []
    for operator in network.operators:
        operator.inputs = tuple(renamed.get(name, name) for name in operator.inputs)
        if operator.kind == "identity" and operator.outputs[0] not in network.outputs:
            renamed[operator.outputs[0]] = operator.inputs[0]
        else:
            kept.append(operator)
    network.operators = kept
    drop_unused_tensors(network)
    return network


def _with_silu(network: Network) -> Network:
    """Merge x * sigmoid(x) into `silu`, x * hard_sigmoid(x) of slope 1/6 into `hardswish`."""
    graph = Graph(network)
    gone: set[int] = set()
    for operator in network.operators:
        if operator.kind not in ("sigmoid", "hard_sigmoid") or network.tensors[operator.outputs[0]].format.is_integer:
            continue
        reader = graph.only_reader(operator.outputs[0])
        if reader is None or reader.kind != "mul" or set(reader.inputs) != {operator.inputs[0], operator.outputs[0]}:
            continue
        slope = attributes_of(operator)
        if operator.kind == "hard_sigmoid" and (abs(slope["alpha"] - 1 / 6) > 1e-6 or slope["beta"] != 0.5):
            continue
        gone.add(id(operator))
        reader.kind = "silu" if operator.kind == "sigmoid" else "hardswish"
        reader.inputs = operator.inputs
    network.operators = [operator for operator in network.operators if id(operator) not in gone]
    drop_unused_tensors(network)
    return network


def _with_activations(network: Network) -> Network:
    graph = Graph(network)
    gone: set[int] = set()
    for operator in network.operators:
        host = _host(graph, operator)
        if host is None:
            continue
        entry = (operator.kind, {name: value for name, value in attributes_of(operator).items() if name != FUSED})
        host.attributes[FUSED] = (*host.attributes.get(FUSED, ()), entry)
        host.outputs = operator.outputs
        graph.writer[operator.outputs[0]] = host
        gone.add(id(operator))
    network.operators = [operator for operator in network.operators if id(operator) not in gone]
    drop_unused_tensors(network)
    return network


def _host(graph: Graph, operator: Operator) -> Operator | None:
    """Return the operator that can apply activation `operator` to its own output, None when none can."""
    if operator.kind not in _ACTIVATIONS or len(operator.inputs) != 1:
        return None
    middle = operator.inputs[0]
    host = graph.writer.get(middle)
    if host is None or host.kind not in HOSTS or graph.only_reader(middle) is not operator:
        return None
    between, after = graph.network.tensors[middle].format, graph.network.tensors[operator.outputs[0]].format
    if between.is_integer and not (same_quantization(between, after) and operator.kind in ("relu", "clip")):
        return None  # already rounded and clamped: only a tighter clamp of the same integers is free
    return host
