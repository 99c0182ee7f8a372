"""Windows of convolution and pooling: ONNX attributes to explicit padding on two spatial axes."""

from __future__ import annotations

from typing import Any

import onnx

from workloads.errors import CodesignError
from workloads.importers.onnx_builder import Builder
from workloads.importers.onnx_graph import node_label

Node = onnx.NodeProto
_LIMIT = 2**31 - 1


def attributes(node: Node) -> dict[str, Any]:
    """Return the attributes of a node as Python values, strings decoded."""
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            for name, value in given.items()}  # fmt: skip


def conv_attributes(build: Builder, node: Node, x: str, weights: str, transposed: bool = False) -> dict[str, Any]:
    """Return pads, strides, dilations and groups of a convolution, checked against its operands."""
    image, kernel = build.tensor(x).shape, build.tensor(weights).shape
    groups = int(attributes(node).get("group", 1))
    if len(image) not in (3, 4) or len(kernel) != len(image):
        build.fail(node, f"a convolution of {_text(image)} by weights {_text(kernel)}; use images N,C,L or N,C,H,W")
    channels = kernel[0] if transposed else kernel[1] * groups
    outputs = kernel[1] * groups if transposed else kernel[0]
    if groups < 1 or channels != image[1] or outputs % groups:
        build.fail(node, f"weights {_text(kernel)} in {groups} groups do not fit {image[1]} channels")
    return {**_window(build, node, image, kernel[2:], transposed), "groups": groups}


def pool_attributes(build: Builder, node: Node, x: str) -> dict[str, Any]:
    """Return kernel, pads, strides and dilations of a pooling, and how an average counts its padding."""
    image, given = build.tensor(x).shape, attributes(node)
    kernel = tuple(given.get("kernel_shape", ()))
    if len(image) not in (3, 4) or len(kernel) != len(image) - 2:
        build.fail(node, f"kernel {list(kernel)} does not fit an input of {_text(image)}")
    pads, dilations = given.get("pads", ()), given.get("dilations") or (1,) * len(kernel)
    reach = [step * (size - 1) + 1 for step, size in zip(dilations, kernel, strict=True)]
    if any(pad >= reach[i % len(reach)] for i, pad in enumerate(pads)):
        build.fail(node, f"pads = {list(pads)} reach past a kernel of {list(kernel)}")
    found: dict[str, Any] = {"kernel": _two(kernel, 1), **_window(build, node, image, kernel, False)}
    if "Average" in node.op_type:
        found["count_include_pad"] = bool(given.get("count_include_pad", 0))
    return found


def check_window(node: Node, path: object) -> None:
    """Refuse window attributes that no window can have, before any shape is inferred from them.

    Raises
    ------
    CodesignError
        Naming the node, the attribute and its values.
    """
    given = attributes(node)
    for name, least in (("kernel_shape", 1), ("strides", 1), ("dilations", 1), ("pads", 0), ("output_padding", 0)):
        values = given.get(name, ())
        if not isinstance(values, list | tuple) or not all(type(v) is int and least <= v <= _LIMIT for v in values):
            raise CodesignError(
                f"{path}: {node_label(node)}: {name} = {values}; use integers from {least} to {_LIMIT}"
            )


def _window(
    build: Builder, node: Node, image: tuple[int, ...], kernel: tuple[int, ...], transposed: bool
) -> dict[str, Any]:
    given, axes = attributes(node), len(kernel)
    strides = tuple(given.get("strides", (1,) * axes))
    dilations = tuple(given.get("dilations", (1,) * axes))
    pads = tuple(given.get("pads", (0,) * 2 * axes))
    for name, values, length in (("strides", strides, axes), ("dilations", dilations, axes), ("pads", pads, 2 * axes)):
        if len(values) != length:
            build.fail(node, f"{name} = {list(values)}; use {length} integers")
    begin, end = _padding(build, node, image[2:], kernel, strides, dilations, pads, transposed)
    return {"pads": (*_two(begin, 0), *_two(end, 0)), "strides": _two(strides, 1), "dilations": _two(dilations, 1)}


def _padding(
    build: Builder, node: Node, image: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, ...],
    dilations: tuple[int, ...], pads: tuple[int, ...], transposed: bool,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    given, axes = attributes(node), len(kernel)
    mode = given.get("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        build.fail(node, f"auto_pad '{mode}' is not known; use NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    if mode == "VALID":
        return (0,) * axes, (0,) * axes
    if mode == "NOTSET" and not (transposed and given.get("output_shape")):
        return pads[:axes], pads[axes:]
    output = build.tensor(node.output[0]).shape[2:]
    extra = given.get("output_padding", (0,) * axes)
    begin, end = [], []
    for i in range(axes):
        reach = dilations[i] * (kernel[i] - 1) + 1
        if transposed:
            total = max(strides[i] * (image[i] - 1) + extra[i] + reach - output[i], 0)
        else:
            total = max((output[i] - 1) * strides[i] + reach - image[i], 0)
        # A transposed convolution of the ONNX standard splits an odd total the other way round.
        first = total // 2 if (mode == "SAME_UPPER") != (transposed and mode == "NOTSET") else total - total // 2
        begin.append(first)
        end.append(total - first)
    return tuple(begin), tuple(end)


def _two(values: tuple[int, ...], fill: int) -> tuple[int, int]:
    """Put a single spatial axis after one of `fill`."""
    return (fill, *map(int, values)) if len(values) == 1 else tuple(map(int, values))  # type: ignore[return-value]


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
