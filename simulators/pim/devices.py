"""The devices that ship, each number with its source.

Beside the command set of NeuPIMs, which all are given here, they differ in data only. What a device's own controller
does otherwise (HBM-PIM's instruction memory, AiM's activation functions, AttAcc's softmax units) is not modelled.
"""

from __future__ import annotations

import math
from dataclasses import replace

from simulators.dram.constraints import tCCD_L, tCCD_S
from simulators.dram.standard import Organization, Standard
from simulators.dram.standards import GDDR6, HBM2_2000, HBM3_5200
from simulators.pim.commands import STEP, constant, times
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


def _at_clock(standard: Standard, clock_ns: float) -> dict[str, int]:
    """Return a standard's timing at another clock: columns and bus in clocks as they are, the array's in ns."""
    kept = ("BURST", "AL", "tCCD_S", "tCCD_L", "tRTRS", "tPPD")
    return {
        name: clocks if name in kept else math.ceil(clocks * standard.clock_ns / clock_ns - 1e-9)
        for name, clocks in standard.timing.items()
    }


_HBM2_2400 = replace(
    HBM2_2000, name="hbm2-2400", clock_ns=1 / 1.2, timing=_at_clock(HBM2_2000, 1 / 1.2),
    organization=Organization(1, 4, 4, 16384, 128, 64, 64, 4), row_and_column_bus=False, currents=None,
)  # fmt: skip
HBM_PIM = PimDevice(
    "hbm_pim",
    "HBM-PIM (Kwon et al., ISSCC 2021): 16 pseudo channels, 8 units of 16 fp16 lanes at 300 MHz for the 16 "
    "banks of each; bus of 64 bits at 2.4 Gb/s a pin; all banks open and close as one; "
    "timing of the array: HBM2-2000 of DRAMsim3 in ns",
    _HBM2_2400, 16, 1, composite=False, unit_banks=2, unit_clock_ghz=0.3, column=tCCD_L, activate="rank",
    precharge="rank", gwrite=times(STEP, 32), vector_in_bank=False,
)  # fmt: skip

_AIM_TIMING = {
    "CL": 50, "CWL": 6, "AL": 0, "BURST": 2, "tRCDRD": 36, "tRCDWR": 28, "tRP": 32, "tRAS": 54, "tCCD_S": 2,
    "tCCD_L": 2, "tRRD_S": 11, "tRRD_L": 11, "tFAW": 42, "tWR": 33, "tRTP": 12, "tWTR_S": 9, "tWTR_L": 11, "tRTRS": 1,
    "tPPD": GDDR6.timing["tPPD"], "tREFI": 3333, "tRFC": 210,
}  # fmt: skip
_AIM_STANDARD = replace(
    GDDR6, name="gddr6-aim", clock_ns=0.5, timing=_AIM_TIMING, windows=GDDR6.windows[:1], currents=None,
    organization=Organization(1, 4, 4, 16384, 1024, 16, 16, 16),
)  # fmt: skip
AIM_GDDR6 = PimDevice(
    "aim_gddr6",
    "GDDR6-AiM (Lee et al., ISSCC 2022): 2 channels a chip of 16 banks, 2 KB rows, 16 lanes a bank at 1 GHz, 16 Gb/s a "
    "pin; 16 chips as on a CENT device; clocks: table GDDR6_AiM_timing of CENT's simulator (ASPLOS 2025, "
    "aim_simulator), 56 from activation to MAC; ACT16 and PREA for all banks, the vector comes over the bus",
    _AIM_STANDARD, 32, 1, composite=False, unit_clock_ghz=1.0, activate="channel", precharge="channel",
    activate_to_comp=constant(56, "tRCDRDMAC"), gwrite=times(STEP, 64), vector_in_bank=False,
)  # fmt: skip

_HBM3 = replace(
    HBM3_5200, name="hbm3-5200-pim", row_and_column_bus=False,
    organization=HBM3_5200.organization._replace(ranks=2),
)  # fmt: skip
_ATTACC = "AttAcc (ASPLOS 2024), its simulator: HBM3 at 5.2 Gb/s a pin, 32 pseudo channels of 2 ranks, 16 fp16 lanes"
_MAC_AB = constant(6, "tCCDAB")
ATTACC_BANK = PimDevice(
    "attacc_bank", f"{_ATTACC}, a unit a bank; MACAB every 6 clocks (power), ACTAB and PREA of a channel", _HBM3, 32, 1,
    composite=False, column=_MAC_AB, activate="channel", precharge="channel", gwrite=times(STEP, 32),
    vector_in_bank=False,
)  # fmt: skip
ATTACC_GROUP = replace(
    ATTACC_BANK, name="attacc_group", unit_banks=4, column=constant(6, "tCCDSB"), placement="group",
    source=f"{_ATTACC}, a unit a bank group; MACSB every 6 clocks (power) takes one of its four banks",
)  # fmt: skip
ATTACC_BUFFER = replace(
    ATTACC_BANK, name="attacc_buffer", unit_banks=32, column=tCCD_S, placement="buffer",
    source=f"{_ATTACC}, a unit a pseudo channel on the buffer die; MACPB every tCCD_S, bank after bank",
)  # fmt: skip

DEVICES = {
    one.name: one
    for one in (NEUPIMS, NAIVE, NEWTON, HBM_PIM, AIM_GDDR6, ATTACC_BANK, ATTACC_GROUP, ATTACC_BUFFER)
}  # fmt: skip


def device_names() -> list[str]:
    """Return the names of the devices that ship."""
    return list(DEVICES)


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
