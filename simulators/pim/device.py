"""A memory device that computes: data only; `devices.py` lists those that ship."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulators.dram.constraints import AL, tRCDRD, tRP, tRTP
from simulators.dram.standard import Standard
from simulators.pim.commands import (
    ADDER_TREE_STEPS,
    COMMANDS,
    DOT,
    DUAL_ROW_BUFFERS,
    GWRITE,
    GWRITE_CLOCKS,
    ONE_ROW_BUFFER,
    PIM_PRE,
    STEP,
    PimConstraint,
)
from workloads.errors import CodesignError

CONFIG = (
    "ranks", "groups", "banks_of_group", "banks", "buffers", "refresh_clocks", "activate_clocks",
    "precharge_estimate", "open_estimate", "gwrite_clocks", "step_clocks", "fill_steps", "readres_clocks",
    "trcd_clocks", "trp_clocks", "trcdwr_clocks", "read_clocks", "write_clocks",
)  # fmt: skip
C = {name: i for i, name in enumerate(CONFIG)}


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
        Bytes of a multiplier's operand; multipliers of a bank, so operands of one COMP.
    composite : bool
        One command slot starts n COMPs and their READRES (DOT); else each has a slot.
    dot_holds_row : bool
        PIM_PRE and GWRITE wait until a DOT ends. The NeuPIMs simulator lets PIM_PRE follow AL + tRTP after its slot.
    refresh : bool
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

    def __post_init__(self) -> None:
        if self.row_buffers not in (1, 2):
            raise CodesignError(f"device {self.name}: row_buffers {self.row_buffers} is not 1 or 2")
        for name in ("channels", "operand_bytes", "lanes"):
            if getattr(self, name) < 1:
                raise CodesignError(f"device {self.name}: {name} {getattr(self, name)} is not at least 1")
        if self.page_operands % self.lanes:
            raise CodesignError(
                f"device {self.name}: a row of {self.page_operands} operands is no whole number of {self.lanes} lanes"
            )

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
    def constraints(self) -> tuple[PimConstraint, ...]:
        """Rules between commands."""
        return DUAL_ROW_BUFFERS if self.row_buffers == 2 else ONE_ROW_BUFFER

    def dot_clocks(self, comps: int) -> int:
        """Return the clocks from a DOT of so many COMPs to the next: the adder tree fills, then one READRES."""
        return self.standard.clocks(STEP) * (max(comps, ADDER_TREE_STEPS) + 1)


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
        "open_estimate": s.clocks(tRP + tRCDRD), "gwrite_clocks": s.clocks(GWRITE_CLOCKS),
        "step_clocks": s.clocks(STEP), "fill_steps": ADDER_TREE_STEPS,
        "readres_clocks": max(t["BURST"], t["tCCD_L"]), "trcd_clocks": t["tRCDRD"],
        "trp_clocks": t["tRP"], "trcdwr_clocks": t["tRCDWR"],
        "read_clocks": t["CL"] + t["BURST"], "write_clocks": t["CWL"] + t["BURST"],
    }  # fmt: skip
    most: dict[tuple[int, int, int], int] = {}
    for row in device.constraints:
        key = (row.before, row.scope, row.after)
        most[key] = max(most.get(key, 0), s.clocks(row.delay))
    kept = sorted((*key, delay) for key, delay in most.items() if delay > 1)
    rules = np.array(kept, np.int64).reshape(-1, 4)
    waits = np.zeros(len(COMMANDS), np.int64)
    waits[DOT] = 1
    waits[[PIM_PRE, GWRITE]] = device.dot_holds_row
    return DeviceTables(
        np.array([values[name] for name in CONFIG], np.int64),
        np.ascontiguousarray(rules[:, 1:]),
        np.searchsorted(rules[:, 0], np.arange(len(COMMANDS) + 1)).astype(np.int64),
        waits,
    )


def worst_clocks(device: PimDevice, comps: int, readres: int) -> int:
    """Return the most clocks that a refresh and a GWRITE, or a tile of so many COMPs and READRES, may need.

    An operation that does not fit between two refreshes would wait for ever.
    """
    clocks, t, o = device.standard.clocks, device.standard.timing, device.standard.organization
    closing = device.banks * max(1, clocks(AL + tRTP)) + t["tRP"]
    opening = o.bankgroups * max(t["tFAW"], t["tRAS"] + t["tRP"]) + t["tRCDRD"]
    tile = clocks(STEP) * max(comps, ADDER_TREE_STEPS) + readres * (max(t["BURST"], t["tCCD_L"]) + 2 * clocks(STEP))
    return t["tRFC"] + closing + opening + max(tile, clocks(GWRITE_CLOCKS))
