"""The standards that ship: one table each, from DRAMsim3's stock configurations, Ramulator 2 and AttAcc.

Where a DRAMsim3 configuration leaves a parameter out, the table holds the default that DRAMsim3 then takes and says so.
Two published tables of HBM2 disagree on tFAW (30 clocks here, 15 to 16 ns elsewhere): results name the standard.
"""

from __future__ import annotations

import math

from simulators.dram.constraints import FOUR_ACTIVATES, Window
from simulators.dram.formulas import parameter
from simulators.dram.standard import Currents, Organization, Standard
from workloads.errors import unknown_name

_DS3 = "DRAMsim3, stock configuration"
_RAMULATOR = "Ramulator 2, timing preset"


def _ns(nanoseconds: float, clock_ns: float) -> int:
    return math.ceil(nanoseconds / clock_ns - 1e-9)


def _clocks(**given: int) -> dict[str, int]:
    return {"AL": 0, "tPPD": 0, "tRTRS": 1} | given


DDR4_2400 = Standard(
    "ddr4-2400", f"{_DS3} DDR4_8Gb_x8_2400", 0.83, Organization(2, 4, 4, 65536, 1024, 8, 64, 8),
    _clocks(CL=17, CWL=12, BURST=4, tRCDRD=17, tRCDWR=17, tRP=17, tRAS=39, tCCD_S=4, tCCD_L=6, tRRD_S=4, tRRD_L=6,
            tFAW=26, tWR=18, tRTP=9, tWTR_S=3, tWTR_L=9, tREFI=9360, tRFC=420),
    currents=Currents(1.2, 48, 34, 43, 135, 123, 250),
)  # fmt: skip
DDR4_3200 = Standard(
    "ddr4-3200", f"{_DS3} DDR4_8Gb_x8_3200", 0.63, Organization(2, 4, 4, 65536, 1024, 8, 64, 8),
    _clocks(CL=22, CWL=16, BURST=4, tRCDRD=22, tRCDWR=22, tRP=22, tRAS=52, tCCD_S=4, tCCD_L=8, tRRD_S=4, tRRD_L=8,
            tFAW=34, tWR=24, tRTP=12, tWTR_S=4, tWTR_L=12, tREFI=12480, tRFC=560),
    currents=Currents(1.2, 57, 37, 52, 168, 150, 250),
)  # fmt: skip
LPDDR4_2400 = Standard(
    "lpddr4-2400", f"{_DS3} LPDDR4_8Gb_x16_2400", 0.83, Organization(2, 2, 4, 65536, 1024, 16, 64, 16),
    _clocks(CL=17, CWL=14, BURST=8, tRCDRD=15, tRCDWR=15, tRP=15, tRAS=32, tCCD_S=4, tCCD_L=6, tRRD_S=8, tRRD_L=8,
            tFAW=32, tWR=30, tRTP=12, tWTR_S=8, tWTR_L=16, tREFI=8660, tRFC=392, tPPD=2),
    currents=Currents(1.2, 80, 34, 47, 243, 228, 280),
)  # fmt: skip
LPDDR5_6400 = Standard(
    "lpddr5-6400", f"{_RAMULATOR} LPDDR5_6400 (organization: 16 Gb x16; tRTRS and tPPD as LPDDR4)", 1.25,
    Organization(1, 4, 4, 65536, 1024, 16, 16, 16),
    _clocks(CL=17, CWL=9, BURST=2, tRCDRD=15, tRCDWR=15, tRP=15, tRAS=34, tCCD_S=2, tCCD_L=4, tRRD_S=_ns(5, 1.25),
            tRRD_L=_ns(5, 1.25), tFAW=_ns(20, 1.25), tWR=28, tRTP=8, tWTR_S=5, tWTR_L=10,
            tREFI=_ns(3906, 1.25), tRFC=_ns(210, 1.25), tPPD=2),
)  # fmt: skip
# bankgroup_enable = false in the configuration: one group of 16 banks, so the _S parameters hold everywhere.
GDDR6 = Standard(
    "gddr6", f"{_DS3} GDDR6_8Gb_x16 (one bank group of 16; tRTP 5 is DRAMsim3's default)", 0.66,
    Organization(1, 1, 16, 16384, 2048, 16, 128, 16),
    _clocks(CL=24, CWL=16, BURST=1, tRCDRD=24, tRCDWR=20, tRP=24, tRAS=54, tCCD_S=3, tCCD_L=3, tRRD_S=9, tRRD_L=9,
            tFAW=32, tWR=16, tRTP=5, tWTR_S=7, tWTR_L=7, tREFI=11862, tRFC=126, tPPD=2, t32AW=420),
    windows=(FOUR_ACTIVATES, Window(32, parameter("t32AW"))), currents=Currents(1.35, 71, 60, 61, 248, 231, 286),
)  # fmt: skip
HBM2_2000 = Standard(
    "hbm2-2000", f"{_DS3} HBM2_8Gb_x128 (tRTP 5 and tRTRS 2 are DRAMsim3's defaults)", 1.0,
    Organization(1, 4, 4, 32768, 128, 128, 128, 4),
    _clocks(CL=14, CWL=4, BURST=2, tRCDRD=14, tRCDWR=14, tRP=14, tRAS=34, tCCD_S=1, tCCD_L=2, tRRD_S=4, tRRD_L=6,
            tFAW=30, tWR=16, tRTP=5, tWTR_S=6, tWTR_L=8, tREFI=3900, tRFC=260, tRTRS=2),
    mapping="rorabgbachco", channels=8, row_and_column_bus=True, currents=Currents(1.2, 65, 40, 55, 390, 500, 250),
    io_pj_per_bit=0.80,
    io_source="AttAcc (ASPLOS 2024) after O'Connor et al. 2017: TSV 0.50, interposer I/O 0.30 pJ/bit, said of HBM3",
)  # fmt: skip
_HBM3 = Organization(1, 4, 4, 32768, 256, 32, 32, 8)
HBM3_6400 = Standard(
    "hbm3-6400", f"{_RAMULATOR} HBM3_6400 (organization: pseudo channel of 32 bits, rows of 1 KB)", 0.625, _HBM3,
    _clocks(CL=20, CWL=10, BURST=2, tRCDRD=31, tRCDWR=15, tRP=26, tRAS=45, tCCD_S=2, tCCD_L=4, tRRD_S=4, tRRD_L=5,
            tFAW=24, tWR=33, tRTP=9, tWTR_S=7, tWTR_L=10, tREFI=6240, tRFC=_ns(350, 0.625), tRTRS=2),
    mapping="rorabgbachco", channels=16, row_and_column_bus=True,
)  # fmt: skip
HBM3_5200 = Standard(
    "hbm3-5200", "AttAcc (ASPLOS 2024), HBM3 at 5.2 Gb/s a pin (tRTP 8, its same-group value; organization as HBM3)",
    0.769, _HBM3,
    _clocks(CL=19, CWL=6, BURST=2, tRCDRD=19, tRCDWR=19, tRP=19, tRAS=45, tCCD_S=2, tCCD_L=4, tRRD_S=2, tRRD_L=4,
            tFAW=39, tWR=21, tRTP=8, tWTR_S=8, tWTR_L=11, tREFI=5070, tRFC=260, tRTRS=2),
    mapping="rorabgbachco", channels=16, row_and_column_bus=True,
)  # fmt: skip

STANDARDS = {
    one.name: one for one in (DDR4_2400, DDR4_3200, LPDDR4_2400, LPDDR5_6400, GDDR6, HBM2_2000, HBM3_5200, HBM3_6400)
}
ALIASES = {"lpddr4": "lpddr4-2400", "lpddr5": "lpddr5-6400", "hbm2": "hbm2-2000", "hbm3": "hbm3-6400"}


def standard_names() -> list[str]:
    """Return the names of the standards that ship."""
    return list(STANDARDS)


def standard_named(name: str, where: str = "standard") -> Standard:
    """Return a standard by name or alias.

    Raises
    ------
    CodesignError
        Naming all standards and the nearest one.
    """
    found = ALIASES.get(name.lower(), name.lower())
    if found not in STANDARDS:
        raise unknown_name(where, "DRAM standard", name, STANDARDS)
    return STANDARDS[found]


def closed_forms(name: str, channels: int = 0) -> dict[str, int]:
    """Return what closed forms take of a standard: the fields of a machine's memory that follow from it.

    Clock (Hz), peak bytes a clock of all channels, and clocks from a request to data in a closed bank.
    """
    standard = standard_named(name)
    t, o = standard.timing, standard.organization
    bytes_per_cycle = max(1, (channels or standard.channels) * o.request_bytes // standard.step_clocks)
    latency = t["tRCDRD"] + t["CL"] + t["BURST"]
    return {
        "clock_hz": round(1e9 / standard.clock_ns / 1e4) * 10_000,
        "bytes_per_cycle": bytes_per_cycle,
        "latency_cycles": latency,
        "latency_spread_cycles": 0,
    }
