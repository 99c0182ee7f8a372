"""The devices that ship, each number with its source."""

from __future__ import annotations

from dataclasses import replace

from simulators.dram.standards import HBM2_2000
from simulators.pim.device import PimDevice
from workloads.errors import unknown_name

_TABLE = "NeuPIMs simulator (ASPLOS 2024), HBM2 at 1 GHz: 32 channels of 2 ranks, 1 KB rows, 16 fp16 lanes a bank"
_ORGANIZATION = HBM2_2000.organization._replace(ranks=2, columns=64)
_HBM2 = replace(HBM2_2000, name="hbm2-2000-pim", source=_TABLE, organization=_ORGANIZATION, row_and_column_bus=False)

NEUPIMS = PimDevice("neupims", f"{_TABLE}; PIM rows and composite commands", _HBM2, 32)
NAIVE = PimDevice(
    "naive", f"{_TABLE}; one row buffer, composite commands: NeuPIMs without its row buffer", _HBM2, 32, 1
)
NEWTON = PimDevice(
    "newton", f"{_TABLE}; one row buffer, a slot for each COMP and READRES (its NEWTON mode)", _HBM2, 32, 1,
    composite=False,
)  # fmt: skip

DEVICES = {one.name: one for one in (NEUPIMS, NAIVE, NEWTON)}


def device_named(name: str, where: str = "device") -> PimDevice:
    """Return a device by name.

    Raises
    ------
    CodesignError
        Naming all devices and the nearest one.
    """
    if name.lower() not in DEVICES:
        raise unknown_name(where, "PIM device", name, DEVICES)
    return DEVICES[name.lower()]
