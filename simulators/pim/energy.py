"""Energy of a run on a PIM device, by command: counts times energy per command, from the device's table.

A row that opens and closes costs its bits; a column costs the path that its bits take, cell by cell and wire by wire:
to a unit beside the bank, behind the bank group's multiplexer, on the buffer die, or out of the memory. A unit adds
its multiplications and additions. Refresh and standby come from IDD (Micron TN-40-07, as `simulators.dram.energy`).
What has no source is not counted, and the result names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from simulators.dram.energy import command_energy
from simulators.dram.standards import GDDR6, HBM2_2000
from simulators.pim.attention import AttentionShape, Counts, counts_of_all
from simulators.pim.device import PimDevice
from simulators.pim.run import AttentionResult
from workloads.errors import CodesignError

PARTS = ("rows", "compute_columns", "macs", "vectors", "results", "reads", "writes", "refresh", "standby")
ATTACC_MAC_PJ = 0.32
ATTACC_MAC = f"{ATTACC_MAC_PJ} pJ a fp16 MAC (AttAcc's simulator)"
RESULT_BITS = 32  # of a unit's sum: fp32 or int32


@dataclass(frozen=True)
class EnergyTable:
    """What a device's events cost.

    Attributes
    ----------
    row_pj_per_bit : float
        A row opened and closed, a bit of the row.
    cell, group, bus, tsv, io : float
        pJ a bit: out of the cells; from the column decoder behind the bank group's multiplexer; to the global lines;
        through the stack; off the chip. 0 where there is none, or no source (`missing`).
    refresh_pj, active_clock_pj, precharged_clock_pj : float or None
        A REF of a rank; a clock of standby of a rank with and without open rows.
    source : str
    missing : tuple of str
        What is not counted.
    """

    row_pj_per_bit: float
    cell: float
    group: float
    bus: float
    tsv: float
    io: float
    refresh_pj: float | None
    active_clock_pj: float | None
    precharged_clock_pj: float | None
    source: str
    missing: tuple[str, ...] = ()


_SPLIT_SOURCE = "HBM split of O'Connor et al. (MICRO 2017)"
# As AttAcc (ASPLOS 2024) takes it: pJ a bit.
_SPLIT = EnergyTable(0.11, 0.44, 1.01, 1.23, 0.50, 0.30, None, None, None, _SPLIT_SOURCE, ("refresh", "standby"))


def _hbm2_table(channels: float) -> EnergyTable:
    """Return the table of a channel that is a part of a 128-bit HBM2 channel."""
    idd = command_energy(HBM2_2000)
    assert idd is not None
    return replace(
        _SPLIT, refresh_pj=idd.refresh_pj * channels, active_clock_pj=idd.active_clock_pj * channels, missing=(),
        precharged_clock_pj=idd.precharged_clock_pj * channels, source=f"{_SPLIT_SOURCE}; IDD of {HBM2_2000.source}",
    )  # fmt: skip


def _gddr6_table() -> EnergyTable:
    """Return the table of a x16 GDDR6 channel: IDD of its own, the path of a read divided as HBM's is."""
    idd, o, t = command_energy(GDDR6), GDDR6.organization, GDDR6.timing
    assert idd is not None
    # IDD4R is drawn with a read every tCCD_S, which is more than the BURST that DRAMsim3 counts.
    read_bit = idd.read_pj * t["tCCD_S"] / t["BURST"] / (o.request_bytes * 8)
    part = read_bit / (_SPLIT.cell + _SPLIT.group + _SPLIT.bus)
    return EnergyTable(
        idd.activate_pj / o.devices / (o.columns * o.device_bits), part * _SPLIT.cell, part * _SPLIT.group,
        part * _SPLIT.bus, 0.0, 0.0, idd.refresh_pj / o.devices, idd.active_clock_pj / o.devices,
        idd.precharged_clock_pj / o.devices,
        f"IDD of {GDDR6.source}, a x16 device; its read divided as the {_SPLIT_SOURCE}", ("off-chip drivers",),
    )  # fmt: skip


TABLES = {
    "hbm2-2000-pim": _hbm2_table(1.0),
    "hbm2-2400": _hbm2_table(0.5),
    "gddr6-aim": _gddr6_table(),
    "hbm3-5200-pim": _SPLIT,
}


@dataclass(frozen=True)
class PimEnergy:
    """Energy of a run in pJ.

    Attributes
    ----------
    parts_pj : dict of str to float
        By `PARTS`; those with no source are 0 and named in `missing`.
    missing : tuple of str
    source : str
    """

    parts_pj: dict[str, float]
    missing: tuple[str, ...]
    source: str

    @property
    def total_pj(self) -> float:
        """Energy of all parts."""
        return sum(self.parts_pj.values())


def table_of(device: PimDevice) -> EnergyTable:
    """Return a device's energy table.

    Raises
    ------
    CodesignError
        When its standard has none.
    """
    if device.standard.name not in TABLES:
        raise CodesignError(f"energy: not available: no table for {device.standard.name} of device {device.name}")
    return TABLES[device.standard.name]


def compute_pj_per_bit(device: PimDevice) -> float:
    """Return what a column's bit costs on its way to a unit, the opening of its row apart."""
    t = table_of(device)
    return {"bank": t.cell, "group": t.cell + t.group, "buffer": t.cell + t.group + t.bus + t.tsv}[device.placement]


def energy_of(
    device: PimDevice, counts: Mapping[str, int], busy_clocks: int, clocks: int, comp_pj: float | None = None,
    channels: int = 1,
) -> PimEnergy:  # fmt: skip
    """Return the energy of commands issued.

    Parameters
    ----------
    counts : mapping
        Commands by name (`run.ChannelResult.counts`), of all channels together.
    busy_clocks, clocks : int
        Clocks, summed over channels, with rows open (those of PIM and of the NPU's traffic); clocks of the run, of
        one channel.
    comp_pj : float
        One unit's COMP of all lanes, from synthesis (`codesign.costs.pim`); AttAcc's figure when None.
    channels : int

    Raises
    ------
    CodesignError
        When the device's standard has no energy table.
    """
    t, o = table_of(device), device.standard.organization
    row_bits = device.page_operands * device.operand_bytes * 8
    rows = counts.get("ACT", 0) + counts.get("G_ACT", 0) * device.banks_of(device.activate)
    comps = counts.get("COMP", 0) * device.banks
    out = t.group + t.bus + t.tsv + t.io
    vector = t.cell + t.group + t.bus if device.vector_in_bank else t.bus + t.tsv + t.io
    request_bits = o.request_bytes * 8
    busy, idle = busy_clocks * o.ranks, (clocks * channels - busy_clocks) * o.ranks
    parts = {
        "rows": rows * row_bits * t.row_pj_per_bit,
        "compute_columns": comps * device.lanes * device.operand_bytes * 8 * compute_pj_per_bit(device),
        "macs": comps * (device.lanes * ATTACC_MAC_PJ if comp_pj is None else comp_pj),
        "vectors": counts.get("GWRITE", 0) * row_bits * vector,
        "results": counts.get("READRES", 0) * device.banks * RESULT_BITS * out,
        "reads": counts.get("RD", 0) * request_bits * (t.cell + out),
        "writes": counts.get("WR", 0) * request_bits * (t.cell + out),
        "refresh": counts.get("REF", 0) * (t.refresh_pj or 0.0),
        "standby": busy * (t.active_clock_pj or 0.0) + idle * (t.precharged_clock_pj or 0.0),
    }
    mac = ATTACC_MAC if comp_pj is None else f"{comp_pj:.3g} pJ a COMP of a unit, from gates"
    return PimEnergy(parts, t.missing, f"{t.source}; {mac}")


def attention_energy(
    device: PimDevice, result: AttentionResult, comp_pj: float | None = None, counts: Mapping[str, int] | None = None
) -> PimEnergy:
    """Return the energy of one layer's attention on all channels; traffic beside it is in it.

    Counts are those of the result, or such as `foretold_counts` gives for the closed form.

    Raises
    ------
    CodesignError
        As `energy_of`.
    """
    busy = sum(min(result.clocks, max(channel.pim_clocks, channel.traffic_clocks)) for channel in result.channels)
    counts = total_counts(device, result) if counts is None else counts
    return energy_of(device, counts, busy, result.clocks, comp_pj, len(result.channels))


def foretold_commands(counts: Counts) -> dict[str, int]:
    """Return foretold counts by the names of commands."""
    return {
        "GWRITE": counts.gwrites, "G_ACT": counts.g_acts, "PIM_PRE": counts.pim_precharges, "COMP": counts.comps,
        "READRES": counts.readres,
    }  # fmt: skip


def foretold_counts(
    device: PimDevice, shape: AttentionShape, lengths: Iterable[int], result: AttentionResult
) -> dict[str, int]:
    """Return the commands that the tiles of a batch ask for, and the refreshes due; ACT and PRE of vectors are not."""
    counts = foretold_commands(counts_of_all(device, shape, lengths))
    return counts | {"REF": due_refreshes(device, result.clocks, len(result.channels))}


def total_counts(device: PimDevice, result: AttentionResult) -> dict[str, int]:
    """Return the commands of all channels by name, refreshes those that were due while it ran.

    Each rank has one more after the end, which closes its rows for the counts and belongs to nothing.
    """
    names = result.channels[0].counts
    counts = {name: sum(channel.counts[name] for channel in result.channels) for name in names}
    return counts | {"REF": min(counts["REF"], due_refreshes(device, result.clocks, len(result.channels)))}


def due_refreshes(device: PimDevice, clocks: int, channels: int) -> int:
    """Return the refreshes that fall due in so many clocks."""
    ranks, interval = device.standard.organization.ranks, device.standard.timing["tREFI"]
    return clocks * ranks // interval * channels if device.refresh else 0
