"""Models of one operator or two, by name: what the importer reads beyond the whole networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.workloads.tflite_models import Graph, convolution, operator

_IMAGE = (1, 8, 8, 16)
_ACTIVATIONS = {"": 0, " relu": 1, " relu_n1_to_1": 2, " relu6": 3}


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def _add(scales: list[float], zeros: list[int], activation: int = 0, second: tuple[int, ...] = _IMAGE) -> Graph:
    return operator(
        "ADD", [_IMAGE, second], _IMAGE, scales, zeros, _class="AddOptions", fusedActivationFunction=activation
    )


def _pool(kind: str, size: int, padding: int, activation: int = 0) -> Graph:
    side = 4 if padding == 0 else (8 - size) // 2 + 1
    return operator(
        kind, [_IMAGE], (1, side, side, 16), [0.05, 0.05], [3, 3], _class="Pool2DOptions", filterHeight=size,
        filterWidth=size, strideH=2, strideW=2, padding=padding, fusedActivationFunction=activation,
    )  # fmt: skip


def _fully_connected(image: tuple[int, ...], scale: float | np.ndarray, output: float, bias: bool = True) -> Graph:
    rng, graph = _rng(), Graph()
    depth = image[-1] if len(image) == 2 else int(np.prod(image[1:]))
    x = graph.tensor(*image, scale=0.05, zero=4)
    inputs = [x, graph.constant(rng.integers(-127, 128, (7, depth)).astype(np.int8), scale=scale)]
    if bias:
        inputs.append(graph.constant(rng.integers(-999, 999, 7).astype(np.int32), scale=0.05 * np.mean(scale)))
    y = graph.tensor(int(np.prod(image)) // depth, 7, scale=output, zero=-9)
    graph.add("FULLY_CONNECTED", inputs, y, _class="FullyConnectedOptions", fusedActivationFunction=1 - bias)
    graph.inputs, graph.outputs = [x], [y]
    return graph


def _rows_of_rows() -> Graph:
    """A fully connected layer of three axes, kept, with an activation."""
    rng, graph = _rng(), Graph()
    x = graph.tensor(2, 3, 40, scale=0.05, zero=4)
    w = graph.constant(rng.integers(-127, 128, (7, 40)).astype(np.int8), scale=0.01)
    y = graph.tensor(2, 3, 7, scale=0.4, zero=-9)
    graph.add("FULLY_CONNECTED", [x, w, -1], y, _class="FullyConnectedOptions", keepNumDims=True,
              fusedActivationFunction=1)  # fmt: skip
    graph.inputs, graph.outputs = [x], [y]
    return graph


def _padded_convolution() -> Graph:
    rng, graph = _rng(), Graph()
    x, padded = graph.tensor(1, 8, 8, 3, scale=0.05, zero=4), graph.tensor(1, 9, 9, 3, scale=0.05, zero=4)
    widths = graph.constant(np.array([[0, 0], [0, 1], [0, 1], [0, 0]], np.int32))
    graph.add("PAD", [x, widths], padded, _class="PadOptions")
    w = graph.constant(rng.integers(-127, 128, (6, 3, 3, 3)).astype(np.int8), scale=rng.uniform(0.005, 0.02, 6))
    b = graph.constant(rng.integers(-999, 999, 6).astype(np.int32), scale=0.0005)
    y = graph.tensor(1, 4, 4, 6, scale=0.4, zero=-9)
    given = {"strideH": 2, "strideW": 2, "padding": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    graph.add("CONV_2D", [padded, w, b], y, _class="Conv2DOptions", **given)
    graph.inputs, graph.outputs = [x], [y]
    return graph


def _flattened() -> Graph:
    """A convolution, its image flattened (H, W, C), a fully connected layer: the order of the elements matters."""
    graph = convolution(_rng(), (1, 4, 3, 5), 6, activation=1)
    image = graph.tensors[graph.outputs[0]]
    flat = graph.tensor(1, 72, scale=image.scale, zero=image.zero)
    graph.add("RESHAPE", [graph.outputs[0], graph.constant(np.array([1, 72], np.int32))], flat, _class="ReshapeOptions")
    w = graph.constant(_rng().integers(-127, 128, (9, 72)).astype(np.int8), scale=0.01)
    y = graph.tensor(1, 9, scale=1.0, zero=2)
    graph.outputs = [graph.add("FULLY_CONNECTED", [flat, w], y, _class="FullyConnectedOptions")]
    return graph


def _joined(axis: int, shape: tuple[int, ...]) -> Graph:
    given = {"_class": "ConcatenationOptions", "axis": axis}
    return operator("CONCATENATION", [_IMAGE, _IMAGE], shape, [0.05, 0.05, 0.05], [3, 3, 3], **given)


def _mean(keep: bool, scales: list[float]) -> Graph:
    shape, axes = (2, 7, 6, 16), np.array([1, 2], np.int32)
    output = (2, 1, 1, 16) if keep else (2, 16)
    return operator("MEAN", [shape], output, scales, [3, -5], [axes], _class="ReducerOptions", keepDims=keep)


def _table(kind: str, scale: float, zero: int) -> Graph:
    output = (1 / 256, -128) if kind == "LOGISTIC" else (1 / 128, 0)
    return operator(kind, [_IMAGE], _IMAGE, [scale, output[0]], [zero, output[1]])


def _softmax(scale: float, zero: int) -> Graph:
    shape = (5, 11)
    return operator("SOFTMAX", [shape], shape, [scale, 1 / 256], [zero, -128], _class="SoftmaxOptions", beta=1.0)


#: What the machine computes itself, in `exact` and in gates.
ON_THE_MACHINE: dict[str, Callable[[], Graph]] = {
    **{
        f"conv{name}": lambda code=code: convolution(_rng(), (1, 9, 7, 5), 6, stride=2, activation=code)
        for name, code in _ACTIVATIONS.items()
    },
    "conv dilated valid": lambda: convolution(_rng(), (2, 9, 9, 3), 4, dilation=2, padding=1),
    "conv 1x1": lambda: convolution(_rng(), (1, 5, 4, 9), 11, kernel=(1, 1)),
    "depthwise stride 2": lambda: convolution(_rng(), (1, 9, 7, 5), 5, depthwise=True, stride=2),
    "depthwise multiplier 2": lambda: convolution(_rng(), (1, 9, 7, 3), 6, depthwise=True),
    "depthwise of one channel": lambda: convolution(_rng(), (1, 9, 7, 1), 6, depthwise=True),
    "padded conv": _padded_convolution,
    "fully connected": lambda: _fully_connected((3, 40), 0.01, 0.4),
    "fully connected per channel": lambda: _fully_connected((3, 40), _rng().uniform(0.005, 0.02, 7), 0.4, bias=False),
    "fully connected of an image, ties": lambda: _fully_connected((1, 2, 5, 4), 0.25, 0.5),
    "fully connected of three axes, relu": _rows_of_rows,
    "flattened image": _flattened,
    **{
        f"add{name}": lambda code=code: _add([0.0512, 0.0307, 0.0633], [3, -20, 7], code)
        for name, code in _ACTIVATIONS.items()
    },
    "add, ties": lambda: _add([0.5, 0.5, 1.0], [0, 0, 0]),
    "add, quarter ties": lambda: _add([0.25, 0.5, 1.0], [-3, 5, 9]),
    "mul": lambda: operator("MUL", [_IMAGE, _IMAGE], _IMAGE, [0.05, 0.03, 0.1], [3, -20, 7], _class="MulOptions"),
    "average, odd": lambda: _pool("AVERAGE_POOL_2D", 3, 1),
    "average, even": lambda: _pool("AVERAGE_POOL_2D", 2, 1, 3),
    "max valid": lambda: _pool("MAX_POOL_2D", 3, 1),
    "max same": lambda: _pool("MAX_POOL_2D", 3, 0, 1),
    "mean kept": lambda: _mean(True, [0.05, 0.04]),
    "mean dropped": lambda: _mean(False, [0.05, 0.05]),
    "relu": lambda: operator("RELU", [_IMAGE], _IMAGE, [0.05, 0.04], [3, -20]),
    "relu6": lambda: operator("RELU6", [_IMAGE], _IMAGE, [0.05, 0.04], [3, -20]),
    "relu 0 to 1": lambda: operator("RELU_0_TO_1", [_IMAGE], _IMAGE, [0.05, 0.04], [3, -20]),
    "quantize": lambda: operator("QUANTIZE", [_IMAGE], _IMAGE, [0.05, 0.04], [3, -20], _class="QuantizeOptions"),
}  # fmt: skip

#: What the host computes, or what only moves values.
ELSEWHERE: dict[str, Callable[[], Graph]] = {
    "average, padding left out": lambda: _pool("AVERAGE_POOL_2D", 3, 0),
    "concat of channels": lambda: _joined(3, (1, 8, 8, 32)),
    "concat of columns": lambda: _joined(-2, (1, 8, 16, 16)),
    "logistic": lambda: _table("LOGISTIC", 0.07, 11),
    "logistic, coarse": lambda: _table("LOGISTIC", 0.19, -90),
    "tanh": lambda: _table("TANH", 0.031, -5),
    **{
        f"hard swish {x:g} to {y:g}": lambda x=x, y=y, z=z: operator("HARD_SWISH", [_IMAGE], _IMAGE, [x, y], [z, -9])
        for x, y, z in ((0.05, 0.04, 3), (0.9, 0.5, -128), (0.011, 0.02, 0), (0.0469, 0.0311, 127), (0.3, 0.0024, 5))
    },
    "softmax": lambda: _softmax(0.14, 14),
    "softmax, coarse": lambda: _softmax(0.9, -128),
    "softmax, fine": lambda: _softmax(0.002, 0),
}
#: Operands of different sizes, which the reference spreads.
BROADCAST: dict[str, Callable[[], Graph]] = {
    "add of a row": lambda: _add([0.0512, 0.0307, 0.0633], [3, -20, 7], 0, (1, 1, 1, 16)),
    "mul of a row": lambda: operator(
        "MUL", [_IMAGE, (1, 1, 1, 16)], _IMAGE, [0.05, 0.03, 0.1], [3, -20, 7], _class="MulOptions"
    ),
}
