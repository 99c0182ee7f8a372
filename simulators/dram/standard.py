"""A DRAM standard: organization, timing, windows, currents. Data only; `standards.py` lists those that ship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from simulators.dram.constraints import FOUR_ACTIVATES, JEDEC, PARAMETERS, Constraint, Window
from workloads.errors import CodesignError

MOST_BANKS, MOST_CLOCKS, MOST_CLOCK_NS = 1024, 1_000_000, 1000


class Organization(NamedTuple):
    """Sizes of a channel.

    Attributes
    ----------
    ranks, bankgroups, banks : int
        Ranks of a channel, groups of a rank, banks of a group.
    rows, columns : int
        Rows of a bank; columns of a row, each `device_bits` wide.
    device_bits, bus_bits, burst_length : int
        Width of a device and of the channel; beats of a burst.
    """

    ranks: int
    bankgroups: int
    banks: int
    rows: int
    columns: int
    device_bits: int
    bus_bits: int
    burst_length: int

    @property
    def request_bytes(self) -> int:
        """Bytes of one RD or WR."""
        return self.bus_bits // 8 * self.burst_length

    @property
    def devices(self) -> int:
        """Devices that a rank is made of."""
        return self.bus_bits // self.device_bits

    @property
    def channel_bytes(self) -> int:
        """Capacity of a channel."""
        return self.ranks * self.bankgroups * self.banks * self.rows * self.columns * self.bus_bits // 8


class Currents(NamedTuple):
    """Supply (V) and IDD currents (mA) of one device."""

    vdd: float
    idd0: float
    idd2n: float
    idd3n: float
    idd4r: float
    idd4w: float
    idd5ab: float


@dataclass(frozen=True)
class Standard:
    """A DRAM standard and speed.

    Attributes
    ----------
    name, source : str
        As the command line calls it; where the table comes from.
    clock_ns : float
        tCK.
    organization : Organization
    timing : mapping
        Clocks by name of `constraints.PARAMETERS`.
    mapping : str
        Address mapping used when none is asked for (`mapping.py`).
    channels : int
        Channels of a device or stack, used when none are asked for.
    row_and_column_bus : bool
        Row and column commands have buses of their own (HBM): one of each may go in a clock.
    currents : Currents or None
        None when no IDD is published: then energy is not available.
    io_pj_per_bit, io_source : float, str
        Drivers, termination and what else lies between device and controller, which IDD leaves out; 0 and empty where
        no figure is at hand.
    constraints, windows : tuple
        The rules; all standards here share `constraints.JEDEC`.
    """

    name: str
    source: str
    clock_ns: float
    organization: Organization
    timing: Mapping[str, int] = field(hash=False)
    mapping: str = "rochrababgco"
    channels: int = 1
    row_and_column_bus: bool = False
    currents: Currents | None = None
    io_pj_per_bit: float = 0.0
    io_source: str = ""
    constraints: tuple[Constraint, ...] = JEDEC
    windows: tuple[Window, ...] = (FOUR_ACTIVATES,)

    def __post_init__(self) -> None:
        missing = [name for name in PARAMETERS if name not in self.timing]
        if missing:
            raise CodesignError(f"standard {self.name}: no value for {', '.join(missing)}")
        fault = self._organization_fault() or self._timing_fault()
        if fault:
            raise CodesignError(f"standard {self.name}: {fault}")

    @property
    def step_clocks(self) -> int:
        """Clocks from one column command of a channel to the next, at least."""
        return max(self.timing["BURST"], self.timing["tCCD_S"])

    @property
    def peak_bytes_per_s(self) -> float:
        """What the data bus of a channel moves at most."""
        return self.organization.request_bytes / (self.step_clocks * self.clock_ns * 1e-9)

    def _organization_fault(self) -> str:
        """Return the first fault of the sizes, empty for none."""
        o = self.organization
        for name in ("ranks", "bankgroups", "banks", "rows", "columns", "device_bits", "burst_length", "bus_bits"):
            size = getattr(o, name)
            if size < 1 or size & (size - 1):
                return f"{name} {size} is not a power of two"
        banks = o.ranks * o.bankgroups * o.banks
        if banks > MOST_BANKS:
            return f"{banks} banks of a channel (ranks x bank groups x banks) are more than {MOST_BANKS}"
        if o.bus_bits < 8 or o.device_bits > o.bus_bits:
            return f"bus_bits {o.bus_bits}: at least 8, and no less than device_bits ({o.device_bits})"
        if o.burst_length > o.columns:
            return f"burst_length {o.burst_length} is more than a row's {o.columns} columns"
        return f"a channel of {o.channel_bytes} bytes is larger than 2^56" if o.channel_bytes > 1 << 56 else ""

    def _timing_fault(self) -> str:
        """Return the first fault of the clocks, empty for none."""
        if not 0 < self.clock_ns <= MOST_CLOCK_NS:
            return f"clock of {self.clock_ns} ns is not above 0 and at most {MOST_CLOCK_NS}"
        for name, clocks in self.timing.items():
            if not (0 if name != "BURST" else 1) <= clocks <= MOST_CLOCKS:
                return f"{name} {clocks} is not within {int(name == 'BURST')} and {MOST_CLOCKS} clocks"
        t, o = self.timing, self.organization
        closing = max(t["tRAS"], t["AL"] + t["CWL"] + t["BURST"] + t["tWR"]) + t["tRP"] + o.bankgroups * o.banks
        least = max(closing * o.ranks, closing + t["tRFC"])
        if t["tREFI"] <= least:
            return f"tREFI {t['tREFI']} leaves no time beside refreshes; it must be above {least} clocks"
        return ""

    def clocks(self, formula) -> int:
        """Return a formula's value for this standard, in clocks."""
        return int(formula.value(self.timing))

    def with_ranks(self, ranks: int) -> Standard:
        """Return this standard with another number of ranks on a channel."""
        return replace(self, organization=self.organization._replace(ranks=ranks))
