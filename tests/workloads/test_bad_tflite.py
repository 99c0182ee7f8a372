"""Does a bad TFLite file get one line that says what is wrong, whatever is wrong with it?"""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.fuzz import fuzz
from tests.workloads.tflite_models import Graph, T, convolution, operator
from workloads.errors import CodesignError
from workloads.importers.tflite import import_tflite

S = (1, 4, 4, 3)


def conv() -> Graph:
    return convolution(np.random.default_rng(1), S, 2)


def with_tensor(index: int, **changes) -> bytes:
    graph = conv()
    for name, value in changes.items():
        setattr(graph.tensors[index], name, value)
    return graph.write()


def with_operator(inputs=None, outputs=None, **options) -> bytes:
    graph = conv()
    kind, given, written, (name, made) = graph.operators[0]
    for key, value in options.items():
        setattr(made, key, value)
    graph.operators[0] = (
        kind,
        given if inputs is None else inputs,
        written if outputs is None else outputs,
        (name, made),
    )
    return graph.write()


def with_graph(**changes) -> bytes:
    graph = conv()
    for name, value in changes.items():
        setattr(graph, name, value)
    return graph.write()


def cyclic() -> bytes:
    graph = Graph([T(S, 0.1) for _ in range(4)])
    for inputs, output in (([0, 2], 1), ([0, 1], 2), ([0, 2], 3)):
        graph.add("ADD", inputs, output, _class="AddOptions")
    graph.inputs, graph.outputs = [0], [3]
    return graph.write()


def one(kind: str, shapes, output, scales=(0.1, 0.1), zeros=(0, 0), constants=(), **given) -> bytes:
    return operator(kind, shapes, output, list(scales), list(zeros), list(constants), **given).write()


def pool(**given) -> bytes:
    options = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, "padding": 1, **given}
    return one("MAX_POOL_2D", [S], (1, 2, 2, 3), _class="Pool2DOptions", **options)


def int32(*values) -> np.ndarray:
    return np.array(values, np.int32)


GOOD = lambda: conv().write()  # noqa: E731
BAD = {
    "empty": (lambda: b"", "the file is empty"),
    "another kind": (
        lambda: b"PK\x03\x04ZIPX" + b"x" * 100,
        "not a TFLite model (bytes 4 to 7 are b'ZIPX', not b'TFL3')",
    ),
    "wrong magic": (lambda: GOOD().replace(b"TFL3", b"TFL2", 1), "not a TFLite model (bytes 4 to 7 are b'TFL2'"),
    "magic alone": (lambda: GOOD()[:8], "not a TFLite model, or truncated"),
    "truncated": (lambda: GOOD()[: len(GOOD()) // 2], "not a TFLite model, or truncated"),
    "unknown operator": (lambda: one("SPARSE_TO_DENSE", [S], S), "operator 0: 'SPARSE_TO_DENSE' is not supported"),
    "operator with a near name": (lambda: one("PRELU", [S], S), "is not supported (did you mean 'RELU"),
    "float model": (
        lambda: Graph(
            [T(S, type="FLOAT32"), T(S, type="FLOAT32")], [("RELU", [0], [1], ("", None))], [0], [1]
        ).write(),
        "operator 0 (RELU): tensor 't0' is FLOAT32; use INT8; the model is not quantized to int8",
    ),
    "int16 activations": (lambda: with_tensor(0, type="INT16"), "tensor 't0' is INT16; use INT8"),
    "no quantization": (
        lambda: with_tensor(0, scale=None),
        "tensor 't0' is INT8 without quantization; it needs a scale",
    ),
    "no quantization of weights": (lambda: with_tensor(1, scale=None), "'t1' is INT8 without quantization"),
    "scale zero": (lambda: with_tensor(0, scale=0.0), "tensor 0 't0': scale 0; use scales from 1e-30 to 1e30"),
    "scale not a number": (lambda: with_tensor(0, scale=np.nan), "scale nan; use scales"),
    "three scales for two channels": (
        lambda: with_tensor(1, scale=[1, 2, 3]),
        "3 scales along axis 0 do not fit shape [2, 3, 3, 3]",
    ),
    "scales along the inputs": (
        lambda: with_tensor(1, scale=[1, 2, 3], axis=3),
        "a scale along axis 3; use axis 0, of the outputs",
    ),
    "weights with a zero point": (
        lambda: with_tensor(1, zero=5),
        "(CONV_2D): weights have the zero point 5; those of convolutions have 0",
    ),
    "logistic of another output": (lambda: one("LOGISTIC", [S], S), "its output needs the scale 1/256"),
    "hard swish of a coarse output": (
        lambda: one("HARD_SWISH", [S], S, (0.1, 60.0)),
        "(HARD_SWISH): its input's scale over its output's (0.1 over 60) is not from 1/512 to 128",
    ),
    "hard swish of a fine output": (lambda: one("HARD_SWISH", [S], S, (1.3, 0.01)), "(1.3 over 0.01) is not from"),
    "buffer too small": (
        lambda: with_tensor(1, shape=(2, 3, 3, 4)),
        "its buffer has 54 bytes; INT8 [2, 3, 3, 4] takes 72",
    ),
    "buffer of a type unknown": (lambda: with_tensor(1, type="FLOAT16"), "constants of type FLOAT16 are not read"),
    "negative size": (lambda: with_tensor(0, shape=(1, -4, 4, 3)), "shape [1, -4, 4, 3]; use sizes from 1"),
    "absurd size": (lambda: with_tensor(0, shape=(1, 1 << 30, 1 << 30, 3)), "at most 2147483648 elements"),
    "nine axes": (lambda: with_tensor(0, shape=(1,) * 9), "truncated (IndexError)"),
    "index out of range": (
        lambda: with_operator(inputs=[0, 1, 99]),
        "operator 0 (CONV_2D): tensor 99; the graph has 4",
    ),
    "index below -1": (lambda: with_operator(inputs=[0, 1, -7]), "tensor -7; the graph has 4"),
    "input left out": (lambda: with_operator(inputs=[-1, 1, 2]), "(CONV_2D): input 0 is missing"),
    "no inputs": (lambda: with_operator(inputs=[]), "(CONV_2D): input 0 is missing"),
    "graph input out of range": (lambda: with_graph(inputs=[42]), "input 42 of the graph; it has 4 tensors"),
    "graph output out of range": (lambda: with_graph(outputs=[-1]), "output -1 of the graph; it has 4 tensors"),
    "no outputs": (lambda: with_graph(outputs=[]), "the graph has no outputs"),
    "no operators": (lambda: with_graph(operators=[]), "the graph has no operators"),
    "cyclic": (cyclic, "operator 0 (ADD): reads tensor 2 't2' before any operator has written it"),
    "writes its input": (lambda: with_operator(outputs=[0]), "writes tensor 0, which has its values already"),
    "two outputs": (lambda: with_operator(outputs=[3, 3]), "writes tensor 3, which has its values already"),
    "input is the output": (lambda: with_graph(outputs=[0]), "the outputs are inputs; there is nothing to run"),
    "constant input": (lambda: with_graph(inputs=[1, 0]), "an input of the graph is a constant"),
    "weights computed": (lambda: with_graph(inputs=[0, 1]), "an input of the graph is a constant"),
    "stride zero": (lambda: with_operator(strideH=0), "strides = [0, 1]; use integers from 1"),
    "padding unknown": (lambda: with_operator(padding=7), "padding number 7; use SAME or VALID"),
    "activation unknown": (lambda: with_operator(fusedActivationFunction=4), "fused activation TANH is not read"),
    "output of another size": (
        lambda: with_tensor(3, shape=(1, 3, 4, 2)),
        "its output has 1x3x4 pixels; 1x4x4 are computed",
    ),
    "output of other channels": (
        lambda: with_tensor(3, shape=(1, 4, 4, 5)),
        "weights 2x3x3x3 do not fit 3 channels and 5 outputs",
    ),
    "bias too short": (
        lambda: with_tensor(2, data=int32(1), shape=(1,), scale=None),
        "a bias of 1 values for 2 outputs",
    ),
    "image of three axes": (lambda: with_tensor(0, shape=(4, 4, 3)), "shapes 4x4x3, 2x3x3x3; use images N, H, W, C"),
    "kernel larger than the image": (lambda: pool(filterHeight=9), "its output has 1x2x2 pixels; 1x-2x2 are computed"),
    "pool of no size": (lambda: pool(filterWidth=0), "kernel = [2, 0]; use integers from 1"),
    "pool that changes the scale": (
        lambda: one("MAX_POOL_2D", [S], S, (0.1, 0.2), _class="Pool2DOptions"),
        "'t0' and 't1' have different scales",
    ),
    "sum of other shapes": (
        lambda: one("ADD", [S, (1, 4, 4, 2)], S, (0.1, 0.1, 0.1), (0, 0, 0), _class="AddOptions"),
        "operands 1x4x4x3 and 1x4x4x2 do not make 1x4x4x3",
    ),
    "reshape loses elements": (
        lambda: one("RESHAPE", [S], (1, 47), constants=[int32(1, 47)], _class="ReshapeOptions"),
        "1x4x4x3 has not as many elements as 1x47",
    ),
    "mean over channels": (
        lambda: one("MEAN", [S], (1, 4, 4, 1), constants=[int32(3)], _class="ReducerOptions", keepDims=True),
        "a mean over the axes [3] of 1x4x4x3; use axes 1 and 2 of an image",
    ),
    "mean over an axis beyond": (
        lambda: one("MEAN", [S], (1, 3), constants=[int32(1, 2, 9)], _class="ReducerOptions"),
        "a mean over the axes [1, 2, 9] of 1x4x4x3; use axes 1 and 2 of an image",
    ),
    "paddings of two axes": (
        lambda: one("PAD", [S], S, constants=[int32([0, 0], [1, 1])], _class="PadOptions"),
        "paddings of shape [2, 2] for 4 axes",
    ),
    "negative paddings": (
        lambda: one("PAD", [S], S, constants=[int32([0, 0], [-1, 1], [0, 0], [0, 0])], _class="PadOptions"),
        "use two counts an axis",
    ),
    "transpose of no order": (
        lambda: one("TRANSPOSE", [S], S, constants=[int32(0, 0, 1, 2)], _class="TransposeOptions"),
        "the order [0, 0, 1, 2] of 4 axes",
    ),
    "softmax of another output": (
        lambda: one("SOFTMAX", [S], S, _class="SoftmaxOptions", beta=1.0),
        "its output needs the scale 1/256",
    ),
    "softmax with beta": (
        lambda: one("SOFTMAX", [S], S, (0.1, 1 / 256), (0, -128), _class="SoftmaxOptions", beta=2.0),
        "beta = 2; use 1",
    ),
    "options of another operator": (
        lambda: one("SOFTMAX", [S], S, (0.1, 1 / 256), (0, -128), _class="AddOptions"),
        "its inputs or options are not those of the operator (AttributeError)",
    ),
    "no options": (lambda: one("MAX_POOL_2D", [S], (1, 2, 2, 3)), "its options are missing"),
    "concat of other shapes": (
        lambda: one("CONCATENATION", [S, S], S, (0.1, 0.1, 0.1), (0, 0, 0), _class="ConcatenationOptions", axis=3),
        "1x4x4x3, 1x4x4x3 along axis 3 make no 1x4x4x3",
    ),
    "concat with an activation": (
        lambda: one("CONCATENATION", [S], S, _class="ConcatenationOptions", axis=3, fusedActivationFunction=1),
        "a fused activation; a concatenation has none",
    ),
    "concat beyond the axes": (
        lambda: one("CONCATENATION", [S], S, _class="ConcatenationOptions", axis=9),
        "axis 9 of 4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_gets_one_clear_line(tmp_path, case):
    make, message = BAD[case]
    path = tmp_path / "bad.tflite"
    path.write_bytes(make())
    with pytest.raises(CodesignError) as fault:
        import_tflite(path)
    text = str(fault.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text
    assert len(text) < 600


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(CodesignError, match="no such file"):
        import_tflite(tmp_path / "none.tflite")
    with pytest.raises(CodesignError, match="is a directory, not a TFLite file"):
        import_tflite(tmp_path)


def test_500_damaged_files_are_read_or_refused_within_five_seconds_each():
    """100,000 by ``python -m benchmarks.fuzz tflite``."""
    seed = random.randrange(1 << 32)
    read, refused, escaped = fuzz("tflite", seed, 500)
    assert not escaped
    assert refused > 20 and read > 20, f"from seed {seed}: {refused} refused, {read} read"
