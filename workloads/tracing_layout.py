"""How tensors lie in memory: images channels last, all else row-major; which reshapes and transposes are free."""

from __future__ import annotations

import math

from workloads.network import Network, Operator

_SPATIAL = (
    "conv", "conv_transpose", "max_pool", "average_pool", "global_max_pool", "global_average_pool", "batch_norm",
    "scale_shift", "lrn", "resize", "depth_to_space", "space_to_depth", "instance_norm", "group_norm",
)  # fmt: skip
_ROW_MAJOR = ("gemm", "matmul", "layer_norm", "rms_norm", "rotary", "embedding", "gather",
              "split_heads", "merge_heads")


def image_tensors(network: Network) -> set[str]:
    """Return the names of tensors N, C, ... that are stored with their channels last."""
    images: set[str] = set()
    for operator in network.operators:
        if operator.kind in _SPATIAL:
            images.update(operator.inputs[:1], operator.outputs[:1])
    images = {name for name in images if len(network.tensors[name].shape) >= 3}
    changed = True
    while changed:
        before = len(images)
        for operator in network.operators:
            _spread(network, operator, images)
        changed = len(images) > before
    return images


def _spread(network: Network, operator: Operator, images: set[str]) -> None:
    """Carry the layout over one operator."""
    shapes = network.tensors
    names = [name for name in (*operator.inputs, *operator.outputs) if not shapes[name].constant]
    if operator.kind == "reshape":
        before, after = (shapes[name].shape for name in (operator.inputs[0], operator.outputs[0]))
        if operator.inputs[0] in images and len(after) >= 3 and (after[:2] == before[:2] or after[-2:] == before[-2:]):
            images.add(operator.outputs[0])
    elif operator.kind == "transpose":
        order = operator.attributes["permutation"]
        stays = len(order) >= 4 and order[0] == 0 and order[-2:] == (len(order) - 2, len(order) - 1)
        if operator.inputs[0] in images and stays:
            images.add(operator.outputs[0])
    elif operator.kind not in _SPATIAL and operator.kind not in _ROW_MAJOR and images.intersection(names):
        rank = len(shapes[operator.outputs[0]].shape)
        images.update(name for name in names if len(shapes[name].shape) == rank >= 3)


def extents(shape: tuple[int, ...], image: bool) -> tuple[int, int, int, int]:
    """Return (batch, height, width, channels) of a tensor; rows of a matrix are its height."""
    if image and len(shape) == 3:
        return shape[0], 1, shape[2], shape[1]
    if image and len(shape) >= 4:
        return shape[0], shape[-2], shape[-1], math.prod(shape[1:-2])
    return 1, math.prod(shape[:-1]), 1, shape[-1] if shape else 1


def reshape_is_free(before: tuple[int, ...], after: tuple[int, ...], image: bool, image_after: bool) -> bool:
    """Whether a reshape leaves every element where it is."""
    if not image and not image_after:
        return True
    if image and image_after:
        return True  # `image_tensors` carries the layout only over reshapes that keep channels apart from pixels
    shape = before if image else after
    first_pixel = 2 if len(shape) < 5 else len(shape) - 2
    channels, pixels = math.prod(shape[1:first_pixel]), math.prod(shape[first_pixel:])
    return channels == 1 or pixels == 1


def transpose_is_free(shape: tuple[int, ...], order: tuple[int, ...], image: bool, image_after: bool) -> bool:
    """Whether a transpose only says that channels lie last (or first), or moves axes of one element."""
    rank = len(shape)
    stored = (0, *range(2, rank), 1) if image and rank < 5 else tuple(range(rank))
    wanted = (0, *range(2, rank), 1) if image_after and rank < 5 else tuple(range(rank))
    if rank >= 5 and image != image_after:
        return False
    result = [order[axis] for axis in wanted]
    return [axis for axis in stored if shape[axis] > 1] == [axis for axis in result if shape[axis] > 1]
