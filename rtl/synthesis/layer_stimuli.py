"""What the PEs of a ws array see of a real layer: its own activations, its own weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rtl.synthesis.pe_stimuli import PeShape, Stimulus, multiply_stimulus
from rtl.synthesis.toggles import LANES
from workloads.network import Network
from workloads.reference import run_reference
from workloads.toggles import matrix_stream, patterns, window_stream
from workloads.trace import Trace


def layer_stimuli(
    shape: PeShape, trace: Trace, network: Network, inputs: dict[str, np.ndarray], most_steps: int = 512
) -> Iterator[tuple[str, Stimulus]]:
    """Yield the name of every integer layer with constant weights and one group, and what 64 PEs see of it.

    A PE holds the weight of one depth and output; the 64 are the depths of output 0, then of output 1, and so on, from
    the middle of the layer on, so that sums come from above as in a column of the array. Layers with fewer weights are
    left out.

    Parameters
    ----------
    shape : PeShape
        ws, in the layers' formats.
    trace, network
        The network and its trace.
    inputs : dict
        As for `run_reference`.
    most_steps : int
        Output positions, the first of the stream.
    """
    known = run_reference(network, inputs)
    for layer in trace.layers:
        w = layer.window
        if layer.engine != "matrix" or not layer.weights or w.groups > 1 or layer.inputs[0] not in known:
            continue
        bits = patterns(known[layer.inputs[0]], layer.input_format)
        weights = patterns(trace.arrays[layer.weights], layer.weight_format)
        assert bits is not None and weights is not None
        outputs = weights.shape[0]
        held = weights.reshape(outputs, weights.shape[1], -1).transpose(0, 2, 1).reshape(outputs, -1)
        depth = held.shape[1]
        if outputs * depth < LANES:
            continue
        if layer.operator.startswith("conv"):
            zero = np.array(layer.quantization.input_zero_points[0] if layer.quantization else 0)
            padding = patterns(zero, layer.input_format)
            assert padding is not None
            stream = window_stream(w, bits.reshape(-1, w.in_c, w.in_h, w.in_w), int(padding))
        else:
            stream = matrix_stream(bits.reshape(-1, depth))
        rows = stream.rows(np.arange(min(stream.count, most_steps)))[:, 0]
        first = max(0, min(outputs // 2 * depth, outputs * depth - LANES))
        lanes = np.arange(first, first + LANES)
        yield (
            layer.name,
            multiply_stimulus(
                shape, rows[:, lanes % depth].astype(np.uint64), held.reshape(-1)[lanes][None, :].astype(np.uint64)
            ),
        )
