"""Names that a machine may give for what the cost tables hold.

The tables themselves lie on a higher floor; a test there keeps these names and their rows equal.
"""

from __future__ import annotations

#: Profiles of arithmetic energy and area by format: from the RTL's synthesis, or published.
ARITHMETIC_PROFILES = ("synthesized", "horowitz_45nm", "aladdin_40nm")

#: Laws that carry a figure from its own node to the machine's.
SCALING_LAWS = ("stillmaker_baas_2017", "jouppi_2021")

#: Off-chip memories with a published energy per bit.
MEMORY_TECHNOLOGIES = (
    "LPDDR4",
    "LPDDR(1/2)",
    "DDR3",
    "GDDR5",
    "HBM2_accelergy",
    "HBM2_hwcomponents",
    "HMC",
    "HBM3_hwcomponents",
    "HBM4_hwcomponents",
    "DDR4",
    "GDDR6",
    "HBM2_jouppi",
    "LPDDR5",
    "DDR5",
)

#: Memories that compute (`simulators.pim.devices`) which a machine may have.
PIM_DEVICES = (
    "neupims", "naive", "newton", "hbm_pim", "aim_gddr6", "attacc_bank", "attacc_group", "attacc_buffer",
)  # fmt: skip
