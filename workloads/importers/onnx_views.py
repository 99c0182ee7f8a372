"""Readers of ONNX operators that move or rename elements without computing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from workloads.formats import Format
from workloads.importers.onnx_builder import Builder
from workloads.importers.onnx_windows import attributes
from workloads.network import Tensor

Node = onnx.NodeProto


def _constant(build: Builder, node: Node, position: int, name: str) -> list[int] | None:
    """Return a constant integer input, or the attribute of that name (older operator sets); None when absent."""
    if len(node.input) > position and node.input[position]:
        values = build.value(node.input[position])
        if values is None:
            build.fail(node, f"'{name}' is not a constant")
        return [int(value) for value in np.atleast_1d(values)]
    values = attributes(node).get(name)
    return None if values is None else [int(value) for value in np.atleast_1d(values)]


def _read_reshape(build: Builder, node: Node) -> None:
    source, output = build.tensor(node.input[0]), build.tensor(node.output[0])
    if source.constant and (source.format.axis is None or source.shape == output.shape):
        data = None if source.data is None else source.data.reshape(output.shape)
        build.tensors[output.name] = Tensor(output.name, output.shape, source.format, data, constant=True)
    else:
        build.emit("reshape", node, [source.name], node.output[:1])


def _read_transpose(build: Builder, node: Node) -> None:
    source, output = build.tensor(node.input[0]), build.tensor(node.output[0])
    permutation = tuple(attributes(node).get("perm", reversed(range(len(source.shape)))))
    if source.constant:
        data = None if source.data is None else source.data.transpose(permutation)
        kind = source.format
        axis = None if kind.axis is None else permutation.index(kind.axis)
        moved = Format(kind.name, kind.scale, kind.zero_point, axis)
        build.tensors[output.name] = Tensor(output.name, output.shape, moved, data, constant=True)
    else:
        build.emit("transpose", node, [source.name], permutation=permutation)


def _read_concat(build: Builder, node: Node) -> None:
    axis = int(attributes(node).get("axis", 1)) % len(build.tensor(node.output[0]).shape)
    build.emit("concat", node, list(node.input), axis=axis)


def _read_split(build: Builder, node: Node) -> None:
    axis = int(attributes(node).get("axis", 0)) % len(build.tensor(node.input[0]).shape)
    build.emit("split", node, [node.input[0]], axis=axis)


def _read_slice(build: Builder, node: Node) -> None:
    shape = build.tensor(node.input[0]).shape
    first, ends = _constant(build, node, 1, "starts"), _constant(build, node, 2, "ends")
    if first is None or ends is None:
        build.fail(node, "'starts' and 'ends' are missing")
    axes = _constant(build, node, 3, "axes") or list(range(len(first)))
    strides = _constant(build, node, 4, "steps") or [1] * len(first)
    starts, steps = [0] * len(shape), [1] * len(shape)
    for axis, begin, end, step in zip(axes, first, ends, strides, strict=True):
        starts[axis], _, steps[axis] = slice(begin, end, step).indices(shape[axis])
    build.emit("slice", node, [node.input[0]], starts=tuple(starts), steps=tuple(steps))


def _read_gather(build: Builder, node: Node) -> None:
    table, axis = build.tensor(node.input[0]), int(attributes(node).get("axis", 0))
    if table.constant and axis == 0 and len(table.shape) == 2:
        build.emit("embedding", node, list(node.input))
    else:
        build.emit("gather", node, list(node.input), axis=axis % len(table.shape))


def _read_gather_elements(build: Builder, node: Node) -> None:
    axis = int(attributes(node).get("axis", 0)) % len(build.tensor(node.input[0]).shape)
    build.emit("gather_elements", node, list(node.input), axis=axis)


def _read_pad(build: Builder, node: Node) -> None:
    given, rank = attributes(node), len(build.tensor(node.input[0]).shape)
    pads = _constant(build, node, 1, "pads")
    if pads is None:
        build.fail(node, "'pads' is missing")
    axes = _constant(build, node, 3, "axes") or list(range(rank))
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = pads[i], pads[i + len(axes)]
    value = build.value(node.input[2]) if len(node.input) > 2 and node.input[2] else given.get("value", 0.0)
    build.emit(
        "pad", node, [node.input[0]], before=tuple(before), after=tuple(after), mode=given.get("mode", "constant"),
        value=float(np.asarray(value).reshape(())) if value is not None else 0.0,
    )  # fmt: skip


def _read_resize(build: Builder, node: Node) -> None:
    build.emit("resize", node, [node.input[0]], mode=attributes(node).get("mode", "nearest"))


def _read_depth_to_space(build: Builder, node: Node) -> None:
    given = attributes(node)
    build.emit("depth_to_space", node, [node.input[0]], block=int(given["blocksize"]), mode=given.get("mode", "DCR"))


def _read_space_to_depth(build: Builder, node: Node) -> None:
    build.emit("space_to_depth", node, [node.input[0]], block=int(attributes(node)["blocksize"]))


def _first_input(kind: str) -> Callable[[Builder, Node], None]:
    def read(build: Builder, node: Node) -> None:
        build.emit(kind, node, [node.input[0]])

    return read


def _all_inputs(kind: str) -> Callable[[Builder, Node], None]:
    def read(build: Builder, node: Node) -> None:
        build.emit(kind, node, list(node.input))

    return read


#: Readers of nodes by ONNX operator.
VIEWS: dict[str, Callable[[Builder, Node], None]] = {
    "Reshape": _read_reshape, "Flatten": _read_reshape, "Squeeze": _read_reshape, "Unsqueeze": _read_reshape,
    "Transpose": _read_transpose, "Concat": _read_concat, "Split": _read_split, "Slice": _read_slice,
    "Gather": _read_gather, "GatherElements": _read_gather_elements, "Pad": _read_pad, "Resize": _read_resize,
    "Upsample": _read_resize, "DepthToSpace": _read_depth_to_space, "SpaceToDepth": _read_space_to_depth,
    "Expand": _first_input("expand"), "Tile": _first_input("tile"), "ScatterND": _all_inputs("scatter"),
    "ScatterElements": _all_inputs("scatter"),
}  # fmt: skip
