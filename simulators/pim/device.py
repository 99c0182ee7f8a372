"""A memory device that computes: data only; `devices.py` lists those that ship."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.dram.constraints import AL, tRCDRD, tRP, tRTP
from simulators.dram.formulas import Formula
from simulators.dram.standard import Standard
from simulators.pim.commands import (
    ADDER_TREE_STEPS,
    COMMANDS,
    DOT,
    G_ACT,
    GWRITE,
    GWRITE_CLOCKS,
    PIM_PRE,
    PRE,
    SPAN_OF,
    SPANS,
    STEP,
    ComputeTiming,
    PimConstraint,
    constant,
    constraints_of,
)
from workloads.errors import CodesignError, unknown_name

CONFIG = (
    "ranks", "groups", "banks_of_group", "banks", "buffers", "refresh_clocks", "activate_clocks",
    "precharge_estimate", "open_estimate", "gwrite_clocks", "step_clocks", "fill_steps", "readres_clocks",
    "trcd_clocks", "trp_clocks", "trcdwr_clocks", "read_clocks", "write_clocks", "vector_in_bank",
    "groups_of_activate", "banks_of_precharge", "close_estimate", *(f"span_{name}" for name in COMMANDS),
)  # fmt: skip
C = {name: i for i, name in enumerate(CONFIG)}
VALUE_LAYOUTS = ("page", "packed")
PLACEMENTS = ("bank", "group", "buffer")


@dataclass(frozen=True)
class PimDevice:
    """Banks that multiply, on a DRAM standard.

    Attributes
    ----------
    name, source : str
        As the command line calls it; where its numbers come from.
    standard : Standard
        Timing and organization of a channel (ranks included).
    channels : int
    row_buffers : int
        Of a bank: 2 with one for compute, 1 when it serves both.
    operand_bytes, lanes : int
        Bytes of a multiplier's operand; multipliers of a unit, so operands that one COMP takes of every bank.
    composite : bool
        One command slot starts n COMPs and their READRES (DOT); else each has a slot.
    dot_holds_row : bool
        PIM_PRE (of one row buffer PRE, too) and GWRITE wait until a DOT ends. The NeuPIMs simulator lets PIM_PRE
        follow AL + tRTP after its slot.
    refresh : bool
    unit_banks : int
        Banks that share a unit: a COMP takes them one after the other.
    unit_clock_ghz : float
        Of a unit, which takes its lanes once a clock; 0: it keeps up with the columns.
    column : Formula
        Clocks from a column of every unit to the next, as the DRAM's paths and power allow.
    activate, precharge : str
        Banks of one G_ACT and PIM_PRE, of `commands.SPANS`.
    activate_to_comp, gwrite : Formula
        Clocks from G_ACT to COMP; of a GWRITE.
    vector_in_bank : bool
        GWRITE takes a row of bank 0; else the vector comes over the channel's bus.
    value_layout : str
        "page": a row of S.V holds a page of tokens of one column (NeuPIMs); "packed": where tokens fill half of a row
        or less, several columns, one DOT each.
    placement : str
        Of the units: beside a "bank", behind the multiplexer of a bank "group", or on the "buffer" die.
    """

    name: str
    source: str
    standard: Standard
    channels: int
    row_buffers: int = 2
    operand_bytes: int = 2
    lanes: int = 16
    composite: bool = True
    dot_holds_row: bool = False
    refresh: bool = True
    unit_banks: int = 1
    unit_clock_ghz: float = 0.0
    column: Formula = STEP
    activate: str = "group"
    precharge: str = "bank"
    activate_to_comp: Formula = tRCDRD
    gwrite: Formula = GWRITE_CLOCKS
    vector_in_bank: bool = True
    value_layout: str = "page"
    placement: str = "bank"

    def __post_init__(self) -> None:
        if self.row_buffers not in (1, 2):
            raise CodesignError(f"device {self.name}: row_buffers {self.row_buffers} is not 1 or 2")
        for name in ("channels", "operand_bytes", "lanes", "unit_banks"):
            if getattr(self, name) < 1:
                raise CodesignError(f"device {self.name}: {name} {getattr(self, name)} is not at least 1")
        if self.unit_clock_ghz < 0:
            raise CodesignError(f"device {self.name}: unit_clock_ghz {self.unit_clock_ghz} is negative")
        for name, allowed in (("activate", SPANS[1:]), ("precharge", SPANS), ("value_layout", VALUE_LAYOUTS),
                              ("placement", PLACEMENTS)):  # fmt: skip
            if getattr(self, name) not in allowed:
                raise unknown_name(f"device {self.name}: {name}", name, getattr(self, name), allowed)
        if self.activate == "channel" != self.precharge and self.standard.organization.ranks > 1:
            raise CodesignError(
                f"device {self.name}: a G_ACT of all ranks needs a PIM_PRE of all, for one is refreshed"
            )
        if self.banks % self.unit_banks:
            raise CodesignError(f"device {self.name}: {self.unit_banks} banks a unit do not divide {self.banks} banks")
        if self.page_operands % self.lanes:
            raise CodesignError(
                f"device {self.name}: a row of {self.page_operands} operands is no whole number of {self.lanes} lanes"
            )

    def __hash__(self) -> int:
        """Return a hash of what differs most; devices are compared whole."""
        return hash((self.name, self.channels, self.row_buffers, self.lanes, self.unit_banks))

    @property
    def banks(self) -> int:
        """Banks of a channel."""
        o = self.standard.organization
        return o.ranks * o.bankgroups * o.banks

    @property
    def page_operands(self) -> int:
        """Operands that a row of a bank holds."""
        o = self.standard.organization
        return o.columns * o.bus_bits // 8 // self.operand_bytes

    @property
    def comp_clocks(self) -> int:
        """Clocks from a COMP to the next: a unit takes its banks' columns in turn, each in a clock of its own."""
        unit = math.ceil(1 / self.unit_clock_ghz / self.standard.clock_ns - 1e-9) if self.unit_clock_ghz else 1
        return self.unit_banks * max(self.standard.clocks(self.column), unit)

    @property
    def last_column_clocks(self) -> int:
        """Clocks from a COMP to the column of the last of a unit's banks."""
        return self.comp_clocks - self.comp_clocks // self.unit_banks

    @property
    def constraints(self) -> tuple[PimConstraint, ...]:
        """Rules between commands; the adder tree takes steps of tCCD_S (NeuPIMs), and no less than the COMP."""
        last = self.last_column_clocks
        readres = max(self.comp_clocks, last + ADDER_TREE_STEPS * self.standard.timing["tCCD_S"])
        timing = ComputeTiming(
            constant(self.comp_clocks, "comp_clocks"), constant(readres, "adder tree"), self.activate_to_comp,
            AL + tRTP + constant(last, "last_column_clocks"), self.gwrite,
        )  # fmt: skip
        return constraints_of(self.row_buffers, timing)

    @property
    def spans(self) -> tuple[int, ...]:
        """Banks that each command takes, as places in `commands.SPANS`."""
        own = {G_ACT: SPANS.index(self.activate), PIM_PRE: SPANS.index(self.precharge)}
        return tuple(own.get(command, span) for command, span in enumerate(SPAN_OF))

    @property
    def peak_ops_per_s(self) -> float:
        """Multiplications and additions a second of all units."""
        return 2 * self.lanes * self.banks * self.channels / (self.comp_clocks * self.standard.clock_ns * 1e-9)

    @property
    def compute_bytes_per_s(self) -> float:
        """Bytes a second that all units take from their banks."""
        return self.peak_ops_per_s / 2 * self.operand_bytes

    @property
    def bus_bytes_per_s(self) -> float:
        """Peak bytes a second of all channels' buses."""
        t = self.standard.timing
        clocks = max(t["BURST"], t["tCCD_S"])
        return self.channels * self.standard.organization.request_bytes / (clocks * self.standard.clock_ns * 1e-9)

    @property
    def held_by_dot(self) -> tuple[int, ...]:
        """Commands that wait for the end of a DOT: the next one, and what would take its rows or its vector."""
        rows = (PIM_PRE, GWRITE, PRE) if self.row_buffers == 1 else (PIM_PRE, GWRITE)
        return (DOT, *rows) if self.dot_holds_row else (DOT,)

    def dot_clocks(self, comps: int) -> int:
        """Return the clocks from a DOT of so many COMPs to the next: the adder tree fills, then one READRES."""
        return self.comp_clocks * (max(comps, ADDER_TREE_STEPS) + 1)

    def banks_of(self, span: str) -> int:
        """Return the banks that a command of a span takes."""
        o = self.standard.organization
        return {"bank": 1, "group": o.banks, "rank": o.banks * o.bankgroups, "channel": self.banks}[span]


class DeviceTables(NamedTuple):
    """A device as the kernel takes it, all int64.

    Attributes
    ----------
    cfg : (CONFIG,)
    rules : (rules, 3)
        Scope, command after, delay in clocks; those of a command stand together.
    first : (commands + 1,)
        The first rule of each command.
    waits : (commands,)
        1 where a command waits for the end of a DOT.
    """

    cfg: np.ndarray
    rules: np.ndarray
    first: np.ndarray
    waits: np.ndarray


def compile_device(device: PimDevice) -> DeviceTables:
    """Return a device's tables; a delay of 0 or 1 clock says nothing, for commands issue one a clock."""
    s, o = device.standard, device.standard.organization
    t = s.timing
    values = {
        "ranks": o.ranks, "groups": o.bankgroups, "banks_of_group": o.banks, "banks": device.banks,
        "buffers": device.row_buffers, "refresh_clocks": t["tREFI"] // o.ranks if device.refresh else 0,
        "activate_clocks": t["tFAW"], "precharge_estimate": s.clocks(AL + tRTP),
        "open_estimate": s.clocks(tRP + tRCDRD) if device.vector_in_bank else 0,
        "gwrite_clocks": s.clocks(device.gwrite),
        "step_clocks": device.comp_clocks, "fill_steps": ADDER_TREE_STEPS,
        "readres_clocks": max(t["BURST"], t["tCCD_L"]), "trcd_clocks": s.clocks(device.activate_to_comp),
        "trp_clocks": t["tRP"], "trcdwr_clocks": t["tRCDWR"],
        "read_clocks": t["CL"] + t["BURST"], "write_clocks": t["CWL"] + t["BURST"],
        "vector_in_bank": device.vector_in_bank,
        "groups_of_activate": max(1, device.banks_of(device.activate) // o.banks),
        "banks_of_precharge": device.banks_of(device.precharge), "close_estimate": close_estimate(device),
        **{f"span_{name}": span for name, span in zip(COMMANDS, device.spans, strict=True)},
    }  # fmt: skip
    most: dict[tuple[int, int, int], int] = {}
    for row in device.constraints:
        key = (row.before, row.scope, row.after)
        most[key] = max(most.get(key, 0), s.clocks(row.delay))
    kept = sorted((*key, delay) for key, delay in most.items() if delay > 1)
    rules = np.array(kept, np.int64).reshape(-1, 4)
    waits = np.zeros(len(COMMANDS), np.int64)
    waits[list(device.held_by_dot)] = 1
    return DeviceTables(
        np.array([values[name] for name in CONFIG], np.int64),
        np.ascontiguousarray(rules[:, 1:]),
        np.searchsorted(rules[:, 0], np.arange(len(COMMANDS) + 1)).astype(np.int64),
        waits,
    )


def close_estimate(device: PimDevice) -> int:
    """Return what the controller adds to a tile's clocks when its rows must close first.

    Nothing where banks close one by one (NeuPIMs: their clocks are counted); else the tRTP, tRP and READRES between.
    """
    if device.precharge == "bank":
        return 0
    return device.standard.clocks(AL + tRTP + tRP) + 2 * device.comp_clocks


def worst_clocks(device: PimDevice, comps: int, readres: int) -> int:
    """Return the most clocks that a refresh and a GWRITE, or a tile of so many COMPs and READRES, may need.

    An operation that does not fit between two refreshes would wait for ever.
    """
    clocks, t, o = device.standard.clocks, device.standard.timing, device.standard.organization
    closing = device.banks // device.banks_of(device.precharge) * max(1, clocks(AL + tRTP)) + t["tRP"]
    opened = max(1, o.bankgroups * o.banks // device.banks_of(device.activate))
    opening = opened * max(t["tFAW"], t["tRAS"] + t["tRP"]) + clocks(device.activate_to_comp)
    step = device.comp_clocks
    tile = step * max(comps, ADDER_TREE_STEPS) + readres * (max(t["BURST"], t["tCCD_L"]) + 2 * step)
    return t["tRFC"] + closing + opening + close_estimate(device) + max(tile, clocks(device.gwrite))


@functools.lru_cache(maxsize=4096)
def fits_between_refreshes(device: PimDevice, comps: int, readres: int) -> bool:
    """Return whether a tile of so many COMPs and READRES, or a GWRITE, surely fits between two refreshes."""
    interval = device.standard.timing["tREFI"] // device.standard.organization.ranks
    return not device.refresh or worst_clocks(device, comps, readres) < interval
