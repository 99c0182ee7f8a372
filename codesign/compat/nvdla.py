"""NVDLA's performance estimator, rebuilt: a layer takes its slowest of multiplying, DRAM and the second memory port.

It is a roofline, not a machine: nothing overlaps badly, fills or drains. What it counts, found from its rows:

- multiplies with input and output channels in whole atoms of 16; an image of at most four channels in pixels of four;
- activations in atoms of 16 channels; outputs after the pooling that follows; DRAM at 10.24 bytes a cycle ("10 GB/s" of
  1024 x 10^6 bytes at 1 GHz), the second port at 25.6 each way;
- weights of fully connected layers per frame at batch 16; with the second port, those of convolutions on maps of less
  than 14 x 14 too.
"""

from __future__ import annotations

from dataclasses import dataclass

MACS = 2048
ATOM, IMAGE_CHANNELS = 16, 4
DRAM_BYTES, PORT_BYTES = 10.24, 25.6
BATCH, BATCHED_PIXELS = 16, 14 * 14


@dataclass(frozen=True)
class NvdlaLayer:
    """A layer of the estimator: C x H x W inputs, K filters of R x S, P x Q outputs, pooled to `stored` pixels."""

    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    p: int
    q: int
    weight_bytes: float
    connected: bool
    stored: int


def _atoms(channels: int) -> int:
    return -(-channels // ATOM) * ATOM


def mac_cycles(layer: NvdlaLayer) -> float:
    """Return the cycles of 2048 multipliers, direct convolution."""
    channels = IMAGE_CHANNELS if layer.c <= IMAGE_CHANNELS else _atoms(layer.c)
    return channels * _atoms(layer.k) * layer.r * layer.s * layer.p * layer.q / MACS


def roofline_cycles(layer: NvdlaLayer, second_port: bool) -> float:
    """Return the cycles of a layer.

    Parameters
    ----------
    second_port : bool
        Whether activations (and weights of convolutions) lie behind the second memory port.
    """
    channels = layer.c if layer.c <= IMAGE_CHANNELS else _atoms(layer.c)
    inputs, outputs = channels * layer.h * layer.w, _atoms(layer.k) * layer.stored
    small = layer.p * layer.q < BATCHED_PIXELS
    weights = layer.weight_bytes / (BATCH if layer.connected or (second_port and small) else 1)
    multiply = mac_cycles(layer)
    if not second_port:
        return max(multiply, (weights + inputs + outputs) / DRAM_BYTES)
    if layer.connected:
        return max(multiply, (weights + inputs) / DRAM_BYTES, outputs / PORT_BYTES)
    if small:
        return max(multiply, weights / DRAM_BYTES, inputs / PORT_BYTES, outputs / PORT_BYTES)
    return max(multiply, (weights + inputs) / PORT_BYTES, outputs / PORT_BYTES)
