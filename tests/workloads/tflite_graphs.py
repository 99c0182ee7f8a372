"""Random TFLite graphs: branches, residuals, images flattened and images again, tensors with several readers."""

from __future__ import annotations

import numpy as np

from tests.workloads.tflite_models import Graph

Shape = tuple[int, ...]


class _Maker:
    """A graph in the making."""

    def __init__(self, seed: int) -> None:
        self.rng, self.graph = np.random.default_rng(seed), Graph()
        shape = (1, int(self.rng.integers(4, 9)), int(self.rng.integers(4, 9)), int(self.rng.integers(1, 7)))
        self.graph.inputs = [self.tensor(shape)]

    def tensor(self, shape: Shape, like: int | None = None) -> int:
        """Add an activation, quantized by chance or like another."""
        if like is not None:
            source = self.graph.tensors[like]
            return self.graph.tensor(*shape, scale=source.scale, zero=source.zero)
        return self.graph.tensor(
            *shape, scale=float(self.rng.uniform(0.02, 0.2)), zero=int(self.rng.integers(-128, 128))
        )

    def constant(self, *shape: int, bias: bool = False, **given) -> int:
        """Add random weights, or biases."""
        least, kind = (-999, np.int32) if bias else (-127, np.int8)
        return self.graph.constant(self.rng.integers(least, 1 - least, shape).astype(kind), **given)

    def shape(self, index: int) -> Shape:
        """Return a tensor's shape."""
        return self.graph.tensors[index].shape

    def pick(self, rank: int = 0) -> int:
        """Return an activation that is there, of some rank, the newest most often."""
        made = [*self.graph.inputs, *(output for _, _, outputs, _ in self.graph.operators for output in outputs)]
        fitting = [index for index in made if not rank or len(self.shape(index)) == rank]
        return fitting[-1] if self.rng.random() < 0.6 else int(self.rng.choice(fitting))

    def add(self, kind: str, inputs: list[int], output: int, **options) -> int:
        """Add an operator."""
        return self.graph.add(kind, inputs, output, **options)

    def code(self) -> int:
        """Return a fused activation: none, RELU or RELU6."""
        return int(self.rng.choice([0, 1, 3]))

    def convolution(self) -> None:
        x = self.pick(4)
        n, h, w, c = self.shape(x)
        depthwise, kernel = bool(self.rng.integers(2)), self.rng.integers(1, 4, 2).tolist()
        stride, same = int(self.rng.integers(1, 3)), bool(self.rng.integers(2)) or min(h, w) < 3
        outputs = c * int(self.rng.integers(1, 3)) if depthwise else int(self.rng.integers(1, 8))
        out = [-(-size // stride) if same else (size - k) // stride + 1 for size, k in zip((h, w), kernel, strict=True)]
        shape = (1, *kernel, outputs) if depthwise else (outputs, *kernel, c)
        scales = self.rng.uniform(0.001, 0.01, outputs)
        inputs = [x, self.constant(*shape, scale=scales, axis=3 if depthwise else 0),
                  self.constant(outputs, bias=True, scale=scales * self.graph.tensors[x].scale)]  # fmt: skip
        name = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        more = {"depthMultiplier": outputs // c} if depthwise else {}
        self.add(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, self.tensor((n, *out, outputs)), _class=name,
            strideH=stride, strideW=stride, padding=0 if same else 1, dilationHFactor=1, dilationWFactor=1,
            fusedActivationFunction=self.code(), **more,
        )  # fmt: skip

    def pool(self) -> None:
        x = self.pick(4)
        n, h, w, c = self.shape(x)
        size, stride = int(self.rng.integers(1, 1 + min(3, h, w))), int(self.rng.integers(1, 3))
        out = [(each - size) // stride + 1 for each in (h, w)]
        kind = str(self.rng.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
        self.add(
            kind, [x], self.tensor((n, *out, c), x), _class="Pool2DOptions", filterHeight=size, filterWidth=size,
            strideH=stride, strideW=stride, padding=1, fusedActivationFunction=self.code(),
        )  # fmt: skip

    def residual(self) -> None:
        x = self.pick()
        tensors = enumerate(self.graph.tensors)
        alike = [i for i, tensor in tensors if tensor.shape == self.shape(x) and tensor.data is None]
        kind = str(self.rng.choice(["ADD", "MUL"]))
        name = "AddOptions" if kind == "ADD" else "MulOptions"
        other = int(self.rng.choice(alike))
        self.add(kind, [x, other], self.tensor(self.shape(x)), _class=name, fusedActivationFunction=self.code())

    def pad(self) -> None:
        x = self.pick(4)
        widths = self.rng.integers(0, 3, (4, 2)).astype(np.int32)
        widths[0] = 0
        if self.rng.random() < 0.6:
            widths[3] = 0
        shape = tuple(int(n + w.sum()) for n, w in zip(self.shape(x), widths, strict=True))
        self.add("PAD", [x, self.graph.constant(widths)], self.tensor(shape, x), _class="PadOptions")

    def reshape(self) -> None:
        x = self.pick()
        count = int(np.prod(self.shape(x)))
        divisors = [d for d in range(1, 9) if count % d == 0]
        a = int(self.rng.choice(divisors))
        b = int(self.rng.choice([d for d in range(1, 9) if (count // a) % d == 0]))
        shape = [(1, count), (1, a, b, count // a // b), (a, count // a)][int(self.rng.integers(3))]
        wanted = self.graph.constant(np.array(shape, np.int32))
        self.add("RESHAPE", [x, wanted], self.tensor(shape, x), _class="ReshapeOptions")

    def transpose(self) -> None:
        x = self.pick()
        order = self.rng.permutation(len(self.shape(x))).astype(np.int32)
        order[np.argsort(order)[0]], order[0] = order[0], 0  # the batch stays in front
        shape = tuple(self.shape(x)[axis] for axis in order)
        self.add("TRANSPOSE", [x, self.graph.constant(order)], self.tensor(shape, x), _class="TransposeOptions")

    def concatenation(self) -> None:
        x = self.pick()
        shape = self.shape(x)
        axis = int(self.rng.integers(1, len(shape)))
        joined = tuple(2 * n if i == axis else n for i, n in enumerate(shape))
        self.add("CONCATENATION", [x, x], self.tensor(joined, x), _class="ConcatenationOptions", axis=axis)

    def mean(self) -> None:
        x, keep = self.pick(4), bool(self.rng.integers(2))
        n, _, _, c = self.shape(x)
        axes = self.graph.constant(np.array([1, 2], np.int32))
        y = self.tensor((n, 1, 1, c) if keep else (n, c))
        self.add("MEAN", [x, axes], y, _class="ReducerOptions", keepDims=keep)

    def fully_connected(self) -> None:
        x = self.pick()
        depth, outputs = self.shape(x)[-1], int(self.rng.integers(1, 9))
        rows = self.shape(x)[:-1]
        scale = 0.01 * self.graph.tensors[x].scale
        inputs = [x, self.constant(outputs, depth, scale=0.01), self.constant(outputs, bias=True, scale=scale)]
        self.add("FULLY_CONNECTED", inputs, self.tensor((*rows, outputs)), _class="FullyConnectedOptions",
                 keepNumDims=len(rows) > 1, fusedActivationFunction=self.code())  # fmt: skip

    def unary(self) -> None:
        x = self.pick()
        kind = str(self.rng.choice(["RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE"]))
        y = self.tensor(self.shape(x))
        if kind == "LOGISTIC":
            self.graph.tensors[y].scale, self.graph.tensors[y].zero = 1 / 256, -128
        self.add(kind, [x], y, _class="QuantizeOptions" if kind == "QUANTIZE" else "")


def random_graph(seed: int, operators: int = 7, moves: bool = True) -> Graph:
    """Return a model of some operators, with or without PAD and TRANSPOSE; outputs are the last that none reads."""
    maker = _Maker(seed)
    kinds = [maker.convolution, maker.convolution, maker.pool, maker.residual, maker.residual, maker.reshape,
             maker.concatenation, maker.mean, maker.fully_connected, maker.unary]  # fmt: skip
    kinds += [maker.pad, maker.transpose] if moves else []
    while len(maker.graph.operators) < operators:
        chosen = kinds[int(maker.rng.integers(len(kinds)))]
        large = max(int(np.prod(tensor.shape)) for tensor in maker.graph.tensors)
        if large < 4000 or chosen not in (maker.pad, maker.concatenation):
            chosen()
    read = {index for _, inputs, _, _ in maker.graph.operators for index in inputs}
    written = [output for _, _, outputs, _ in maker.graph.operators for output in outputs]
    maker.graph.outputs = [index for index in written if index not in read][-3:]
    return maker.graph
