"""Layers that compute nothing: views, which are addresses alone, and moves, which copy through the DMA."""

from __future__ import annotations

import math

import numpy as np

from workloads.formats import same_quantization
from workloads.network import Operator
from workloads.tracing import Tracer
from workloads.tracing_layout import reshape_is_free, transpose_is_free
from workloads.tracing_quantization import has_scale, vector_numbers


def write_move(tracer: Tracer, operator: Operator) -> None:
    """Add a copy of every output element."""
    constants = [name for name in operator.inputs if tracer.tensor(name).constant]
    given = {}
    if operator.kind in ("embedding", "gather") and operator.inputs[0] in constants:
        table = tracer.tensor(operator.inputs[0])
        given = {"weight_format": table.format.name, "weights": tracer.store(f"{operator.name}/weights", table.data)}
    tracer.add(
        operator, "move", tracer.elementwise(operator.outputs[0]), permutation=_permutation(operator), **given
    )


def write_view(tracer: Tracer, operator: Operator, permutation: tuple[int, ...] = ()) -> None:
    """Add a view of all outputs; what changes its scale on the way is requantized first."""
    renamed = tuple(_rescaled(tracer, operator, name) for name in tracer.activations(operator))
    window = tracer.elementwise(operator.outputs[0])
    tracer.add(
        operator, "view", window, inputs=renamed, outputs=operator.outputs,
        permutation=permutation or _permutation(operator),
    )  # fmt: skip


def _permutation(operator: Operator) -> tuple[int, ...]:
    return tuple(operator.attributes.get("permutation", ()))


def _rescaled(tracer: Tracer, operator: Operator, name: str) -> str:
    """Return `name`, or the tensor that a requantization with the output's scale makes of it."""
    before, after = tracer.tensor(name).format, tracer.tensor(operator.outputs[0]).format
    if not has_scale(before, after) or same_quantization(before, after):
        return name
    new = f"{operator.outputs[0]}.from.{name}"
    shape = tracer.tensor(name).shape
    tracer.trace.shapes[new] = (shape[0] * tracer.batch, *shape[1:]) if shape else shape
    numbers = vector_numbers("requantize", [before], after, np.ones(1), ())
    tracer.add(
        operator, "vector", tracer.elementwise(name), name=f"{operator.name}.requantize.{name}", inputs=(name,),
        outputs=(new,), function="requantize", quantization=tracer.quantization(new, numbers),
        input_format=before.name,
    )  # fmt: skip
    return new


def write_reshape(tracer: Tracer, operator: Operator) -> None:
    """Add a reshape: free where memory keeps its order, or where only constant GEMMs read a flattened image."""
    source, output = operator.inputs[0], operator.outputs[0]
    shape, after = tracer.tensor(source).shape, tracer.tensor(output).shape
    if reshape_is_free(shape, after, source in tracer.images, output in tracer.images):
        write_view(tracer, operator)
    elif len(after) == 2 and after[1] == math.prod(shape[1:]) and _only_products_read(tracer, output):
        tracer.flattened[output] = (shape[1], math.prod(shape[2:]))
        write_view(tracer, operator, (0, *range(2, len(shape)), 1))
    else:
        write_move(tracer, operator)


def _only_products_read(tracer: Tracer, name: str) -> bool:
    readers = tracer.readers.get(name, [])
    good = all(
        reader.kind in ("gemm", "matmul") and reader.inputs[0] == name and tracer.tensor(reader.inputs[1]).constant
        and not reader.attributes.get("transpose_a", False)
        for reader in readers
    )  # fmt: skip
    return bool(readers) and good and name not in tracer.network.outputs


def write_transpose(tracer: Tracer, operator: Operator) -> None:
    """Add a transpose: free where it only says that channels lie last or first."""
    source, output = operator.inputs[0], operator.outputs[0]
    layout = source in tracer.images, output in tracer.images
    free = transpose_is_free(tracer.tensor(source).shape, operator.attributes["permutation"], *layout)
    (write_view if free else write_move)(tracer, operator)


def write_slice(tracer: Tracer, operator: Operator) -> None:
    """Add a slice: addresses alone when it skips nothing."""
    contiguous = all(step == 1 for step in operator.attributes["steps"])
    (write_view if contiguous else write_move)(tracer, operator)


def write_expand(tracer: Tracer, operator: Operator) -> None:
    """Add a broadcast: a copy unless it adds no element."""
    same = tracer.tensor(operator.inputs[0]).elements == tracer.tensor(operator.outputs[0]).elements
    (write_view if same else write_move)(tracer, operator)


#: Writers of layers by operator kind; other operators that only move elements are copies.
WRITERS = {
    "reshape": write_reshape,
    "identity": write_view,
    "concat": write_view,
    "split_heads": write_view,
    "merge_heads": write_view,
    "zero_insertion": write_view,
    "split": write_view,
    "slice": write_slice,
    "transpose": write_transpose,
    "expand": write_expand,
}
