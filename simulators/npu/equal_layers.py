"""Which layers are equal to a machine: they are mapped and simulated once."""

from __future__ import annotations

from workloads.trace import Layer


def layer_key(layer: Layer) -> tuple:
    """Return what decides a layer's program and time."""
    q = layer.quantization
    codes = q and (q.input_zero_points, q.output_zero_point, q.low, q.high)
    return layer.engine, layer.function, layer.window, layer.fused, layer.operands, codes
