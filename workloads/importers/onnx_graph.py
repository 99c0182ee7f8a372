"""Check that an ONNX graph is one: every name written once, every input produced, no cycle; nodes sorted."""

from __future__ import annotations

from pathlib import Path

import onnx

from workloads.errors import CodesignError, did_you_mean


def node_label(node: onnx.NodeProto) -> str:
    """Return how messages name a node: ``node 'conv1' (Conv)``, by its first output when it has no name."""
    name = node.name or next((output for output in node.output if output), "")
    return f"node '{name}' ({node.op_type})"


def check_graph(graph: onnx.GraphProto, path: Path) -> list[onnx.NodeProto]:
    """Return the nodes of `graph` in topological order.

    Raises
    ------
    CodesignError
        When the graph is empty or cyclic, a name is written twice, or a tensor is produced by nothing.
    """
    if not graph.node:
        raise CodesignError(f"{path}: the graph has no nodes")
    if not graph.output:
        raise CodesignError(f"{path}: the graph has no outputs")
    _check_names(graph, path)
    initial = _initial_names(graph, path)
    producer: dict[str, int] = {}
    for index, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if name in initial or name in producer:
                raise CodesignError(f"{path}: {node_label(node)}: writes '{name}', which exists already")
            producer[name] = index
    known = initial | producer.keys()
    for node in graph.node:
        for name in filter(None, node.input):
            if name not in known:
                raise CodesignError(
                    f"{path}: {node_label(node)}: input '{name}' is produced by nothing{did_you_mean(name, known)}"
                )
    for output in graph.output:
        if output.name not in known:
            raise CodesignError(
                f"{path}: output '{output.name}' is produced by nothing{did_you_mean(output.name, known)}"
            )
    return _sorted_nodes(graph, producer, path)


def _check_names(graph: onnx.GraphProto, path: Path) -> None:
    """Refuse names that cannot be printed in one line."""
    names = [value.name for value in (*graph.input, *graph.output, *graph.initializer)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    for value in graph.input:
        names += [dimension.dim_param for dimension in value.type.tensor_type.shape.dim]
    for name in names:
        if isinstance(name, bytes) or not name.isprintable() or len(name) > 1000:  # bytes: no UTF-8
            raise CodesignError(f"{path}: the name {name[:60]!r} is not printable, or longer than 1000 characters")


def _initial_names(graph: onnx.GraphProto, path: Path) -> set[str]:
    for kind, names in (
        ("input", [value.name for value in graph.input]),
        ("initializer", [tensor.name for tensor in graph.initializer]),
        ("output", [value.name for value in graph.output]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise CodesignError(f"{path}: {kind} '{name}' is declared twice")
            seen.add(name)
    return {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}


def _sorted_nodes(graph: onnx.GraphProto, producer: dict[str, int], path: Path) -> list[onnx.NodeProto]:
    waiting = [len({producer[name] for name in node.input if name in producer}) for node in graph.node]
    readers: dict[int, set[int]] = {}
    for index, node in enumerate(graph.node):
        for name in node.input:
            if name in producer:
                readers.setdefault(producer[name], set()).add(index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        index = ready.pop(0)
        order.append(index)
        for reader in sorted(readers.get(index, ())):
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    if len(order) < len(graph.node):
        stuck = next(node for index, node in enumerate(graph.node) if waiting[index])
        raise CodesignError(f"{path}: {node_label(stuck)}: the graph has a cycle")
    if order != sorted(order) and _is_sorted(graph, producer):
        order = sorted(order)
    return [graph.node[index] for index in order]


def _is_sorted(graph: onnx.GraphProto, producer: dict[str, int]) -> bool:
    return all(producer.get(name, -1) < index for index, node in enumerate(graph.node) for name in node.input)
