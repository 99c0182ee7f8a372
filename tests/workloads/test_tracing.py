"""Does the trace of a network compute what the network computes? (onnxruntime is the oracle)"""

from __future__ import annotations

import numpy as np
import pytest

from tests.workloads.onnx_models import model, node, run, value, write
from tests.workloads.trace_interpreter import run_trace
from workloads.errors import CodesignError
from workloads.importers.onnx import import_onnx
from workloads.load import load_network
from workloads.tracing import trace_network
from workloads.tracing_transposed import phases


def _compare(tmp_path, made, shape, atol=1e-4):
    """Check one-input, one-output float models; return the trace."""
    path = write(tmp_path, made)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected = run(path, x=x)[0]
    trace = trace_network(import_onnx(path))
    given = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
    found = run_trace(trace, x=given)[trace.outputs[0]]
    if expected.ndim == 4:
        expected = expected.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected.reshape(-1), atol=atol)
    return trace


def _random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _statistics(channels):
    """Parameters of a batch norm."""
    scale, bias, mean, spread = (_random(channels, seed=seed) for seed in range(4))
    return {"s": scale, "b": bias, "m": mean, "v": np.abs(spread) + 0.5}


@pytest.mark.parametrize("seed", range(12))
def test_convolution_with_padding_stride_dilation_and_groups(tmp_path, seed):
    random = np.random.default_rng(seed)
    groups = int(random.choice([1, 2, 4]))
    kernel, strides, dilations = ([int(v) for v in random.integers(1, 4, 2)] for _ in range(3))
    pads = [int(v) for v in random.integers(0, 3, 4)]
    weights = _random(8, 4 // groups, *kernel, seed=seed)
    conv = node("Conv", "x w b", "y", strides=strides, dilations=dilations, pads=pads, group=groups)
    made = model([conv], [value("x", (2, 4, 11, 9))], [value("y", None)], w=weights, b=_random(8))
    (layer,) = _compare(tmp_path, made, (2, 4, 11, 9)).layers
    assert layer.macs == layer.window.out_h * layer.window.out_w * 2 * weights.size


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding(tmp_path, auto_pad):
    conv = node("Conv", "x w", "y", strides=[2, 2], auto_pad=auto_pad)
    made = model([conv], [value("x", (1, 2, 8, 7))], [value("y", None)], w=_random(3, 2, 3, 4))
    _compare(tmp_path, made, (1, 2, 8, 7))


@pytest.mark.parametrize("seed", range(16))
def test_transposed_convolution_is_its_stride_phases(tmp_path, seed):
    random = np.random.default_rng(seed)
    groups = int(random.choice([1, 2]))
    kernel, strides, dilations = ([int(v) for v in random.integers(1, top, 2)] for top in (5, 4, 3))
    pads = [int(v) for v in random.integers(0, 2, 4)]
    extra = [int(random.integers(0, stride)) for stride in strides]
    conv = node("ConvTranspose", "x w b", "y", strides=strides, dilations=dilations, pads=pads, group=groups,
                output_padding=extra)  # fmt: skip
    made = model([conv], [value("x", (1, 4, 5, 6))], [value("y", None)], w=_random(4, 3, *kernel, seed=seed),
                 b=_random(3 * groups))  # fmt: skip
    trace = _compare(tmp_path, made, (1, 4, 5, 6))
    assert trace.macs == sum(layer.window.macs for layer in trace.layers if layer.engine == "matrix")


def test_a_stride_of_billions_is_refused(tmp_path):
    conv = node("ConvTranspose", "x w", "y", strides=[1, 2**31 - 1])
    made = model([conv], [value("x", (1, 4, 5, 6))], [value("y", None)], w=_random(4, 3, 2, 2))
    network = import_onnx(write(tmp_path, made))
    with pytest.raises(CodesignError) as fault:
        trace_network(network)
    message = "operator 'ConvTranspose_y': strides 1x2147483647 make 2147483647 phases; at most 1024"
    assert str(fault.value) == message


def test_phases_share_out_every_tap():
    for stride, dilation, pad, kernel in [(1, 2, 0, 3), (2, 1, 1, 4), (3, 1, 0, 5), (2, 3, 1, 3), (4, 3, 2, 4)]:
        found = phases(stride, dilation, pad, kernel, 40)
        assert sorted(tap for phase in found for tap in phase.taps) == list(range(kernel))
        assert sum(phase.outputs for phase in found) == 40


def test_batch_norm_followed_by_multiply_and_add_folds_into_the_convolution(tmp_path):
    nodes = [
        node("Conv", "x w", "c"), node("BatchNormalization", "c s b m v", "n", epsilon=1e-3), node("Mul", "n k", "p"),
        node("Add", "p a", "q"), node("Relu", "q", "y"),
    ]  # fmt: skip
    made = model(
        nodes, [value("x", (1, 3, 6, 6))], [value("y", None)], w=_random(5, 3, 3, 3), **_statistics(5),
        k=_random(5, 1, 1, seed=4), a=_random(1, 5, 1, 1, seed=5),
    )  # fmt: skip
    (layer,) = _compare(tmp_path, made, (1, 3, 6, 6)).layers
    assert (layer.engine, layer.fused) == ("matrix", ("relu",))


def test_batch_norm_before_a_convolution_is_one_scale_shift(tmp_path):
    nodes = [
        node("BatchNormalization", "x s b m v", "n"), node("Mul", "n k", "p"), node("Relu", "p", "r"),
        node("Conv", "r w", "y"),
    ]  # fmt: skip
    made = model(
        nodes, [value("x", (1, 3, 6, 6))], [value("y", None)], w=_random(5, 3, 1, 1), **_statistics(3),
        k=_random(3, 1, 1, seed=4),
    )  # fmt: skip
    first, second = _compare(tmp_path, made, (1, 3, 6, 6)).layers
    assert (first.function, first.fused, second.engine) == ("scale_shift", ("relu",), "matrix")


def test_a_transposed_convolution_takes_its_batch_norm(tmp_path):
    nodes = [node("ConvTranspose", "x w", "c", strides=[2, 2], group=2), node("BatchNormalization", "c s b m v", "y")]
    made = model(nodes, [value("x", (1, 4, 3, 3))], [value("y", None)], w=_random(4, 3, 2, 2), **_statistics(6))
    _compare(tmp_path, made, (1, 4, 3, 3))


def test_a_flattened_image_is_a_view_because_the_weights_follow_memory(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("Flatten", "c", "f"), node("Gemm", "f g b", "y", transB=1)]
    made = model(
        nodes, [value("x", (2, 3, 6, 6))], [value("y", None)], w=_random(4, 3, 3, 3), g=_random(7, 64), b=_random(7)
    )
    trace = _compare(tmp_path, made, (2, 3, 6, 6))
    assert [layer.engine for layer in trace.layers] == ["matrix", "view", "matrix"]


def test_channel_shuffle_moves_once_between_two_views(tmp_path):
    nodes = [
        node("Conv", "x w", "c"), node("Reshape", "c five", "r"), node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "t four", "u"), node("Conv", "u k", "y", group=2),
    ]  # fmt: skip
    made = model(
        nodes, [value("x", (1, 3, 5, 5))], [value("y", None)], w=_random(6, 3, 1, 1), k=_random(4, 3, 3, 3),
        five=np.array([1, 2, 3, 5, 5]), four=np.array([0, 6, 5, 5]),
    )  # fmt: skip
    trace = _compare(tmp_path, made, (1, 3, 5, 5))
    assert [layer.engine for layer in trace.layers] == ["matrix", "view", "move", "view", "matrix"]


def test_pools_concat_and_residual(tmp_path):
    nodes = [
        node("MaxPool", "x", "p", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0]),
        node("AveragePool", "x", "q", kernel_shape=[2, 2], strides=[2, 2]), node("Concat", "p q", "c", axis=1),
        node("Sum", "c c c", "s"), node("GlobalAveragePool", "s", "y"),
    ]  # fmt: skip
    made = model(nodes, [value("x", (2, 3, 8, 8))], [value("y", None)])
    trace = _compare(tmp_path, made, (2, 3, 8, 8))
    assert [layer.operands for layer in trace.layers] == [1, 1, 2, 3, 1]


def test_batched_products_are_repeats(tmp_path):
    made = model([node("MatMul", "x z", "y")], [value("x", (2, 3, 4, 5)), value("z", (2, 3, 5, 6))], [value("y", None)])
    path = write(tmp_path, made)
    x, z = _random(2, 3, 4, 5), _random(2, 3, 5, 6, seed=1)
    trace = trace_network(import_onnx(path))
    (layer,) = trace.layers
    assert (layer.repeat, layer.macs, layer.weights_are_activations) == (6, 6 * 4 * 5 * 6, True)
    np.testing.assert_allclose(run_trace(trace, x=x, z=z)["y"], run(path, x=x, z=z)[0].reshape(-1), atol=1e-4)
    assert trace_network(import_onnx(path), 2).layers[0].repeat == 12


def test_batch_multiplies_images_and_rows():
    network = load_network("onnx:resnet50")
    one, four = trace_network(network), trace_network(network, 4)
    assert four.macs == 4 * one.macs
    assert four.layers[0].window.batch == 4
    assert four.layers[-2].window.gemm == (4, 2048, 1000)
    assert four.shapes["gpu_0/data_0"] == (4, 3, 224, 224)


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, 1 << 21])
def test_a_batch_that_is_no_size_is_refused(batch):
    with pytest.raises(CodesignError) as fault:
        trace_network(load_network("onnx:alexnet"), batch)
    assert str(fault.value) == f"batch = {batch}: use an integer from 1 to 1048576"


def test_real_weights_carry_their_density_and_shapes_do_not():
    import numpy as np

    from workloads.load import load_network

    real = trace_network(load_network("digits"))
    for layer in real.layers:
        if layer.weights:
            values = real.arrays[layer.weights]
            assert layer.weight_density == 1 - np.count_nonzero(values == 0) / values.size
    shapes = trace_network(load_network("onnx:squeezenet"))
    assert {layer.weight_density for layer in shapes.layers} == {None}
