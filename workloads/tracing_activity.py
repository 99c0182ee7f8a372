"""The activity of a trace's layers: of weights when the trace is made, of activations on the reference's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workloads.activity import default_activity
from workloads.errors import CodesignError
from workloads.formats import parse_format
from workloads.network import Network
from workloads.operators import attributes_of
from workloads.toggles import (
    MOST_VALUES,
    Stream,
    ToggleCounts,
    count_toggles,
    matrix_stream,
    patterns,
    weight_stream,
    window_stream,
)
from workloads.trace import Layer, Trace
from workloads.tracing_layout import image_tensors


def with_weight_activity(layer: Layer, weights: np.ndarray | None) -> Layer:
    """Return a layer with the default activity of its formats and, where they are real, the rates of its weights.

    Parameters
    ----------
    weights : numpy.ndarray or None
        O, I/groups, R, S as in `Trace.arrays`; None where values are random or not known.
    """
    layer = replace(layer, activity=default_activity(layer.input_format, layer.weight_format))
    if layer.engine != "matrix" or weights is None:
        return layer
    bits = patterns(weights, layer.weight_format)
    if bits is None:
        return layer
    return _with_weight_rates(layer, count_toggles(weight_stream(bits), parse_format(layer.weight_format).bits))


def measure_activity(trace: Trace, network: Network, inputs: Mapping[str, np.ndarray]) -> Trace:
    """Return `trace` with the activations' rates measured on what the integer reference computes from some inputs.

    A pass takes as many inputs as the trace's batch. The first axis of `inputs` may hold several passes (what is
    left over is not used), or less than one (it is then repeated); values of two passes are never compared. A layer
    whose input the network holds in another format than the trace (a re-typed float) keeps its default.

    Parameters
    ----------
    network : Network
        What the trace was made of, before it was re-typed.
    inputs : mapping of str to numpy.ndarray
        As for `workloads.reference.run_reference`.

    Raises
    ------
    CodesignError
        When an input is missing or has another shape, or the reference cannot run the network.
    """
    from workloads.reference import run_reference

    passes = _passes(trace, inputs)
    operands = _Operands(network, MOST_VALUES // len(passes))
    layers = list(trace.layers)
    matrix = [index for index, layer in enumerate(layers) if layer.engine == "matrix"]
    activations, weights = (dict.fromkeys(matrix, ToggleCounts()) for _ in range(2))
    for values in passes:
        known = run_reference(network, values)
        for layer in layers:
            operands.pass_view(layer, known)
        for index in matrix:
            activations[index] += operands.activations(layers[index], known)
            weights[index] += operands.run_time_weights(layers[index], known)
    for index in matrix:
        if weights[index].values:
            layers[index] = _with_weight_rates(layers[index], weights[index])
        if activations[index].values:
            layers[index] = _with_activation_rates(layers[index], activations[index])
    measured = any(counts.values for counts in activations.values())
    return replace(trace, layers=layers, activity_inputs=len(passes) * trace.batch if measured else 0)


class _Operands:
    """Finds the operands of matrix layers among the tensors of a network's reference, and counts their toggles."""

    def __init__(self, network: Network, most_values: int) -> None:
        self.most_values = most_values
        self.images = image_tensors(network)
        self.operators = {operator.name: operator for operator in network.operators}
        self.formats = {name: tensor.format.name for name, tensor in network.tensors.items()}

    def pass_view(self, layer: Layer, known: dict[str, np.ndarray]) -> None:
        """Put an image that a reshape flattens into the order of memory, channels last."""
        if layer.engine != "view" or layer.operator != "reshape" or layer.inputs[0] not in self.images:
            return
        source, flat = known.get(layer.inputs[0]), known.get(layer.outputs[0])
        if source is not None and flat is not None and flat.ndim == 2 and source.ndim > 2:
            known[layer.outputs[0]] = np.moveaxis(source, 1, -1).reshape(flat.shape)

    def activations(self, layer: Layer, known: Mapping[str, np.ndarray]) -> ToggleCounts:
        """Return the counts of the first operand, none where it has no values of the layer's format."""
        bits, w = self._bits(layer, 0, layer.input_format, known), layer.window
        if bits is None:
            return ToggleCounts()
        if layer.operator.startswith("conv"):
            zero = np.array(layer.quantization.input_zero_points[0] if layer.quantization else 0)
            padding = patterns(zero, layer.input_format)
            assert padding is not None  # the operand has patterns
            stream = window_stream(w, bits.reshape(w.batch, w.in_c, w.in_h, w.in_w), int(padding))
            return self._count([stream], layer.input_format)
        rows = self._rows(layer, bits)
        parts = rows.reshape(-1, *rows.shape[-2:]) if layer.repeat > 1 else rows.reshape(1, -1, w.in_c)
        return self._count([matrix_stream(part) for part in parts], layer.input_format)

    def run_time_weights(self, layer: Layer, known: Mapping[str, np.ndarray]) -> ToggleCounts:
        """Return the counts of a second operand that is computed, none for constant weights."""
        bits = self._bits(layer, 1, layer.weight_format, known) if layer.weights_are_activations else None
        if bits is None:
            return ToggleCounts()
        if layer.operator.startswith("conv"):
            return self._count([weight_stream(bits.reshape(*bits.shape[:2], -1, 1))], layer.weight_format)
        columns = bits.reshape(*bits.shape, 1) if bits.ndim == 1 else bits
        if not attributes_of(self.operators[layer.name]).get("transpose_b", False):
            columns = np.swapaxes(columns, -1, -2)
        parts = columns.reshape(-1, *columns.shape[-2:])
        return self._count([matrix_stream(part) for part in parts], layer.weight_format)

    def _bits(self, layer: Layer, operand: int, format_name: str, known: Mapping[str, np.ndarray]) -> np.ndarray | None:
        name = layer.inputs[operand]
        found = known.get(name)
        if self.formats.get(name) != format_name or found is None or not found.size:
            return None
        return patterns(found, format_name)

    def _rows(self, layer: Layer, bits: np.ndarray) -> np.ndarray:
        """Return a product's streamed operand (..., rows, depth), whichever side it stands on."""
        operator = self.operators[layer.name]
        turned = attributes_of(operator)
        if operator.inputs[0] == layer.inputs[0]:
            bits = np.atleast_2d(bits)
            return np.swapaxes(bits, -1, -2) if turned.get("transpose_a", False) else bits
        bits = bits[:, None] if bits.ndim == 1 else bits
        return bits if turned.get("transpose_b", False) else np.swapaxes(bits, -1, -2)

    def _count(self, streams: list[Stream], format_name: str) -> ToggleCounts:
        most, bits = max(1, self.most_values // len(streams)), parse_format(format_name).bits
        return sum((count_toggles(stream, bits, most) for stream in streams), ToggleCounts())


def _passes(trace: Trace, inputs: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return the inputs of each pass: as many along the first axis as the trace's tensors have."""
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    lengths = {name: trace.shapes[name][0] for name in arrays if trace.shapes.get(name) and arrays[name].ndim}
    for name in lengths:
        if not len(arrays[name]):
            raise CodesignError(f"inputs: '{name}' is empty")
    count = min((max(1, len(arrays[name]) // length) for name, length in lengths.items()), default=1)

    def part(name: str, index: int) -> np.ndarray:
        if name not in lengths:
            return arrays[name]
        return arrays[name][np.arange(index * lengths[name], (index + 1) * lengths[name]) % len(arrays[name])]

    return [{name: part(name, index) for name in arrays} for index in range(count)]


def _with_activation_rates(layer: Layer, counts: ToggleCounts) -> Layer:
    over_positions, over_depth, zeros = counts.rates
    activity = replace(
        layer.activity, activation_over_positions=over_positions, activation_over_depth=over_depth,
        activation_zeros=zeros, activation_source="measured",
    )  # fmt: skip
    return replace(layer, activity=activity)


def _with_weight_rates(layer: Layer, counts: ToggleCounts) -> Layer:
    over_outputs, over_depth, zeros = counts.rates
    activity = replace(
        layer.activity, weight_over_depth=over_depth, weight_over_outputs=over_outputs, weight_zeros=zeros,
        weight_source="measured",
    )  # fmt: skip
    return replace(layer, activity=activity)
