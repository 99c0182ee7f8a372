"""Make the trace of a network: fuse, decide what each operator needs of a machine, write its loop nest and numbers.

Where an operator goes: convolutions and products to `matrix`; what computes element by element or row by row to
`vector`; reshapes, splits, slices and concatenations by address to `view`; transposes, gathers and the like to
`move`. Images are stored with their channels last, all else row-major (`tracing_layout`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from workloads.errors import CodesignError
from workloads.network import Network, Operator, Tensor
from workloads.operators import OPERATORS, attributes_of, fused_with
from workloads.trace import Layer, Quantization, Trace, Window
from workloads.tracing_activity import with_weight_activity
from workloads.tracing_layout import extents, image_tensors
from workloads.tracing_quantization import Numbers
from workloads.transforms.fuse import fuse


class Tracer:
    """A trace in the making: the network, its layout, and helpers that all operators share."""

    def __init__(self, network: Network, batch: int) -> None:
        self.network = network
        self.batch = batch
        self.images = image_tensors(network)
        self.readers: dict[str, list[Operator]] = {}
        for operator in network.operators:
            for name in operator.inputs:
                self.readers.setdefault(name, []).append(operator)
        #: Tensors that are an image flattened in place: (channels, pixels) of the image.
        self.flattened: dict[str, tuple[int, int]] = {}
        self.trace = Trace(
            network.name, [], {}, {}, network.inputs, network.outputs, batch, network.weights, network.rounding,
            network.source,
        )  # fmt: skip

    def tensor(self, name: str) -> Tensor:
        """Return a tensor of the network."""
        return self.network.tensors[name]

    def activations(self, operator: Operator) -> list[str]:
        """Return the inputs that are computed at run time."""
        return [name for name in operator.inputs if not self.tensor(name).constant]

    def extents(self, name: str) -> tuple[int, int, int, int]:
        """Return (batch, height, width, channels) of a tensor, the batch of this trace included."""
        shape, image = self.tensor(name).shape, name in self.images
        n, h, w, c = extents(shape, image)
        if self.tensor(name).constant:
            return n, h, w, c
        return (n * self.batch, h, w, c) if image else (n, h * self.batch, w, c)

    def elementwise(self, name: str) -> Window:
        """Return the window that visits each element of a tensor once."""
        n, h, w, c = self.extents(name)
        return Window(n, h, w, c, h, w, c)

    def store(self, key: str, array: np.ndarray | None) -> str:
        """Keep an array; return its key, empty for None."""
        if array is None:
            return ""
        self.trace.arrays[key] = np.ascontiguousarray(array)
        return key

    def quantization(self, key: str, numbers: Numbers | None) -> Quantization | None:
        """Keep a requantizer's numbers."""
        if numbers is None:
            return None
        multiplier = self.store(f"{key}/multiplier", numbers.multiplier)
        return Quantization(
            numbers.input_zero_points, numbers.output_zero_point, multiplier, numbers.low, numbers.high,
            numbers.rounding,
        )  # fmt: skip

    def add(self, operator: Operator, engine: str, window: Window, **given) -> Layer:
        """Append a layer of `operator`; what is not given follows from its tensors."""
        inputs = given.pop("inputs", tuple(self.activations(operator)))
        outputs = given.pop("outputs", operator.outputs[:1])
        layer = Layer(
            given.pop("name", operator.name), operator.kind, engine, window, inputs, outputs,
            fused=given.pop("fused", tuple(kind for kind, _ in fused_with(operator))),
            operands=given.pop("operands", max(len(inputs), 1)),
            input_format=given.pop("input_format", self._format(inputs, operator)),
            output_format=given.pop("output_format", self.tensor(operator.outputs[0]).format.name),
            **given,
        )  # fmt: skip
        layer = self._with_sparsity(layer)
        real = layer.weights and self.network.weights == "real"
        layer = with_weight_activity(layer, self.trace.arrays[layer.weights] if real else None)
        self.trace.layers.append(layer)
        return layer

    def _with_sparsity(self, layer: Layer) -> Layer:
        """Return the layer with its weights counted, and those that stand for zero."""
        if layer.engine != "matrix" or not layer.weights:
            return layer
        weights = self.trace.arrays[layer.weights]
        zeros = layer.quantization.input_zero_points[1:] if layer.quantization else ()
        zero = np.array(zeros or (0,)).reshape(-1, *[1] * (weights.ndim - 1))
        return replace(layer, weight_count=weights.size, zero_weights=int(np.count_nonzero(weights == zero)))

    def _format(self, inputs: tuple[str, ...], operator: Operator) -> str:
        name = inputs[0] if inputs and inputs[0] in self.network.tensors else operator.inputs[0]
        return self.tensor(name).format.name


def trace_network(network: Network, batch: int = 1) -> Trace:
    """Return the trace of `network` for `batch` inputs at once.

    Raises
    ------
    CodesignError
        When an operator has a shape or attribute that no loop nest can express.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= 1 << 20:
        raise CodesignError(f"batch = {batch}: use an integer from 1 to {1 << 20}")
    from workloads import tracing_conversion, tracing_matrix, tracing_vector, tracing_views

    fused = fuse(network)
    tracer = Tracer(fused, batch)
    writers: dict[str, Callable[[Tracer, Operator], None]] = {
        **tracing_vector.WRITERS, **tracing_views.WRITERS, **tracing_matrix.WRITERS, **tracing_conversion.WRITERS,
    }  # fmt: skip
    for operator in fused.operators:
        attributes = attributes_of(operator)
        complete = Operator(operator.name, operator.kind, operator.inputs, operator.outputs, attributes)
        computes = OPERATORS[operator.kind].engine == "vector"
        default = tracing_vector.write_elementwise if computes else tracing_views.write_move
        writers.get(operator.kind, default)(tracer, complete)
    _record_shapes(tracer)
    return tracer.trace


def _record_shapes(tracer: Tracer) -> None:
    """Keep the shape of every activation, in the graph's order of axes, the leading one times the batch."""
    for name, tensor in tracer.network.tensors.items():
        if not tensor.constant:
            shape = tensor.shape
            tracer.trace.shapes[name] = (shape[0] * tracer.batch, *shape[1:]) if shape else shape
