"""How much of its multipliers and of its memory's bus a layer uses."""

from __future__ import annotations

from typing import NamedTuple

from simulators.pim.system.attention import Requests
from simulators.pim.system.energy import attention_counts
from simulators.pim.system.layer import Layer, NpuPim


class Utilization(NamedTuple):
    """Shares of a layer's cycles.

    Attributes
    ----------
    array_utilization : float
        Multiply-adds of the arrays over what all their PEs could do.
    bus_utilization : float
        Bytes that the NPU moves over the peak of all channels.
    pim_utilization : float
        Clocks in which the units in the banks take a COMP.
    """

    array_utilization: float
    bus_utilization: float
    pim_utilization: float


def utilization(system: NpuPim, layer: Layer, requests: Requests, on_pim: bool = True) -> Utilization:
    """Return what a layer in the steady state uses of a device.

    Parameters
    ----------
    on_pim : bool
        Whether the device attends.
    """
    arrays, memory = system.npu.arrays, system.npu.memory
    clocks = layer.cycles * system.memory_ratio
    comps = attention_counts(system, requests)["COMP"] if on_pim else 0
    return Utilization(
        layer.macs / (layer.cycles * arrays.rows * arrays.cols * arrays.number),
        (layer.read_bytes + layer.write_bytes) / (clocks * memory.bytes_per_clock),
        comps * system.device.comp_clocks / (clocks * system.device.channels),
    )
