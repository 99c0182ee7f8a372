"""Area, delay and energy of compute beside DRAM banks, from gates: tables that `rtl.pim.tables` wrote.

::

    mac = bank_mac("bf16", lanes=16)
    joules = comps * banks * mac.comp_pj * 1e-12 + clocks * banks * mac.clock_pj * 1e-12

Figures are those of a logic process; that of a DRAM is slower and larger, and nothing here corrects for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from rtl.pim.cost_rows import PimCostRow, read_pim_rows
from simulators.pim.device import PimDevice
from workloads.errors import CodesignError, unknown_name

#: The shipped tables by library.
SHIPPED = {"asap7": "pim_asap7.csv", "sky130hd": "pim_sky130hd.csv"}
#: Format whose gates stand for a device's operands, by their bytes. NeuPIMs has fp16 where the RTL has bf16.
FORM_OF_BYTES = {1: "int8", 2: "bf16"}
#: How operands are drawn: uniform bits, or bell-shaped.
STATISTICS = ("uniform", "normal")


@dataclass(frozen=True)
class BankMacCost:
    """The multipliers, adder tree and accumulator beside one bank.

    Attributes
    ----------
    area_um2, period_ps, leakage_nw : float
        Cell area, least clock period, leakage.
    clock_pj : float
        A clock of the idle unit (flip-flops' clock pins).
    comp_pj, readres_pj : float
        A COMP of all lanes and a READRES, beyond the clocks.
    node_nm, supply_v, source, law
        Library, tool; what carried the figures from a row's number of lanes, empty for a row's own.
    """

    area_um2: float
    period_ps: float
    leakage_nw: float
    clock_pj: float
    comp_pj: float
    readres_pj: float
    node_nm: int
    supply_v: float
    source: str
    law: str = ""


@dataclass(frozen=True)
class SchedulerCost:
    """The command scheduler of a channel.

    Attributes
    ----------
    area_um2, period_ps, leakage_nw, clock_pj : float
        As of a bank MAC.
    command_pj : float
        An issued command, beyond the clocks.
    node_nm, supply_v, source
        Library, tool.
    """

    area_um2: float
    period_ps: float
    leakage_nw: float
    clock_pj: float
    command_pj: float
    node_nm: int
    supply_v: float
    source: str


def bank_mac(form: str, lanes: int = 16, library: str = "asap7", statistics: str = "uniform") -> BankMacCost:
    """Return the costs of a bank MAC.

    Parameters
    ----------
    form : str
        ``int8`` (into int32) or ``bf16`` (into fp32).
    lanes : int
        Other numbers than a row's are carried in proportion: multipliers and adders are, registers nearly.
    library : str
        One of `SHIPPED`, or a CSV that `rtl.pim.tables` wrote.
    statistics : str
        One of `STATISTICS`.

    Raises
    ------
    CodesignError
        For a format, library or statistics that there is not, or less than one lane.
    """
    if statistics not in STATISTICS:
        raise unknown_name("bank MAC", "statistics", statistics, STATISTICS)
    if lanes < 1:
        raise CodesignError(f"bank MAC: {lanes} lanes are not at least 1")
    rows = {row.name: row for row in _rows(library) if row.kind == "bank_mac"}
    if form not in rows:
        raise unknown_name("bank MAC", "format", form, rows)
    row, times = rows[form], lanes / rows[form].size
    comp_fj = row.comp_uniform_fj if statistics == "uniform" else row.comp_normal_fj
    return BankMacCost(
        row.area_um2 * times, row.period_ps, row.leakage_nw * times, row.clock_fj * times / 1e3, comp_fj * times / 1e3,
        row.readres_fj / 1e3, row.node_nm, row.supply_v, _source(row), "" if times == 1 else "in proportion to lanes",
    )  # fmt: skip


def bank_mac_of(device: PimDevice, library: str = "asap7", statistics: str = "uniform") -> BankMacCost:
    """Return the costs of one of a device's units: its lanes, operands of its width (2 bytes: bf16).

    Raises
    ------
    CodesignError
        As of `bank_mac`; when no format has the device's width.
    """
    if device.operand_bytes not in FORM_OF_BYTES:
        raise CodesignError(f"device {device.name}: operands of {device.operand_bytes} bytes have no RTL; use 1 or 2")
    return bank_mac(FORM_OF_BYTES[device.operand_bytes], device.lanes, library, statistics)


def channel_scheduler(device: str, library: str = "asap7") -> SchedulerCost:
    """Return the costs of a device's channel scheduler.

    Raises
    ------
    CodesignError
        When the table has no row for the device, or there is no such library.
    """
    rows = {row.name: row for row in _rows(library) if row.kind == "scheduler"}
    if device not in rows:
        raise unknown_name("channel scheduler", "device", device, rows)
    row = rows[device]
    return SchedulerCost(
        row.area_um2, row.period_ps, row.leakage_nw, row.clock_fj / 1e3, row.command_fj / 1e3, row.node_nm,
        row.supply_v, _source(row),
    )  # fmt: skip


def _source(row: PimCostRow) -> str:
    return f"RTL on {row.library.split('+')[0].split(' ')[0].split('_')[0]}, {row.tool}"


@cache
def _rows(library: str) -> tuple[PimCostRow, ...]:
    if not library.endswith(".csv"):
        if library not in SHIPPED:
            raise unknown_name("PIM costs", "library", library, SHIPPED)
        name = SHIPPED[library]
        text = (files("codesign.costs") / "data" / name).read_text(encoding="utf-8")
        return tuple(read_pim_rows(text, name))
    try:
        return tuple(read_pim_rows(Path(library).read_text(encoding="utf-8"), library))
    except (OSError, UnicodeDecodeError) as error:
        raise CodesignError(f"PIM costs: {library}: {getattr(error, 'strerror', '') or 'not a text file'}") from None
