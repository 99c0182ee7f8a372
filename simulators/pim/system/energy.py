"""DRAM energy of a layer on one device: the attention's commands as foretold, and the NPU's reads and writes.

A row is opened for each of its columns' worth of reads and writes, and once for a GWRITE; rows that refreshes close are
left out (1 % of them). All channels are taken to have rows open throughout, and refreshes fall due by the clock.
"""

from __future__ import annotations

from simulators.pim.attention import Counts, counts_of_all
from simulators.pim.energy import PimEnergy, energy_of, foretold_commands
from simulators.pim.system.attention import Requests
from simulators.pim.system.layer import Layer, NpuPim


def attention_counts(system: NpuPim, requests: Requests) -> dict[str, int]:
    """Return the commands of a layer's attention on all channels of one device, as foretold from its tiles."""
    one = foretold_commands(counts_of_all(system.device, system.block.shape, requests.lengths))
    return {name: system.block.decoder.groups * count for name, count in one.items()}


def layer_energy(
    system: NpuPim, layer: Layer, requests: Requests, on_pim: bool = True, comp_pj: float | None = None
) -> PimEnergy:
    """Return the energy of a layer's DRAM by part, in pJ on one device.

    Parameters
    ----------
    on_pim : bool
        Whether the device attends.
    comp_pj : float, optional
        One COMP of a unit, from synthesis; a published figure when absent.

    Raises
    ------
    CodesignError
        When the device has no energy table.
    """
    device, o = system.device, system.device.standard.organization
    counts = attention_counts(system, requests) if on_pim else foretold_commands(Counts())
    counts["RD"], counts["WR"] = -(-layer.read_bytes // o.request_bytes), -(-layer.write_bytes // o.request_bytes)
    columns = o.columns * o.bus_bits // 8 // o.request_bytes
    counts["ACT"] = (counts["RD"] + counts["WR"]) // columns + counts["GWRITE"] * device.vector_in_bank
    clocks = int(layer.cycles * system.memory_ratio)
    interval = device.standard.timing["tREFI"]
    counts["REF"] = device.channels * o.ranks * (clocks // interval) if device.refresh else 0
    return energy_of(device, counts, clocks * device.channels, clocks, comp_pj, device.channels)
