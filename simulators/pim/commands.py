"""Commands of a DRAM that computes, and the timing constraints between them: tables that a device chooses from.

The constraints are those of the public NeuPIMs simulator (Heo et al., ASPLOS 2024; its DRAM part extends DRAMsim3).
Two tables exist: a bank with a second row buffer for compute, and a bank whose only row buffer serves both.
"""

from __future__ import annotations

from typing import NamedTuple

from simulators.dram.constraints import (
    AL,
    BURST,
    tCCD_L,
    tCCD_S,
    tFAW,
    tRAS,
    tRCDRD,
    tRFC,
    tRP,
    tRRD_L,
    tRRD_S,
    tRTP,
)
from simulators.dram.formulas import Formula, most

COMMANDS = ("ACT", "PRE", "GWRITE", "HEADER", "G_ACT", "PIM_PRE", "COMP", "READRES", "DOT", "REF")
ACT, PRE, GWRITE, HEADER, G_ACT, PIM_PRE, COMP, READRES, DOT, REF = range(len(COMMANDS))
SPANS = ("bank", "group", "rank", "channel")
ONE_BANK, ONE_GROUP, ONE_RANK, ALL_BANKS = range(len(SPANS))
SPAN_OF = (ONE_BANK, ONE_BANK, ONE_BANK, ALL_BANKS, ONE_GROUP, ONE_BANK, ALL_BANKS, ALL_BANKS, ALL_BANKS, ONE_RANK)
SCOPES = ("banks that took it", "other banks of the group", "other groups of the rank")
SAME, GROUP, RANK = range(len(SCOPES))
STEP = most(BURST, tCCD_S)
ADDER_TREE_STEPS = 6


class PimConstraint(NamedTuple):
    """After `before`, no `after` in `scope` (indices of COMMANDS and SCOPES) for `delay` clocks."""

    scope: int
    before: int
    after: int
    delay: Formula

    def __str__(self) -> str:
        """Return the constraint in words."""
        return f"{COMMANDS[self.before]} to {COMMANDS[self.after]}, {SCOPES[self.scope]}: {self.delay}"


def _rows(scope: int, before: int, afters: tuple[int, ...], delay: Formula) -> list[PimConstraint]:
    return [PimConstraint(scope, before, after, delay) for after in afters]


def _times(formula: Formula, factor: int) -> Formula:
    return Formula(f"{factor} * ({formula})", lambda t: factor * formula.value(t))


GWRITE_CLOCKS = _times(tCCD_S + tCCD_L, 32)


def _shared_rows() -> list[PimConstraint]:
    """Return what holds with one row buffer and with two."""
    rows = [
        *_rows(SAME, ACT, (ACT,), tRAS + tRP),
        *_rows(SAME, ACT, (PRE,), tRAS),
        *_rows(SAME, ACT, (GWRITE,), tRCDRD),
        *_rows(GROUP, ACT, (ACT, G_ACT), tRRD_L),
        *_rows(RANK, ACT, (ACT, G_ACT), tRRD_S),
        *_rows(SAME, PRE, (ACT, REF), tRP),
        *_rows(SAME, PIM_PRE, (G_ACT, REF), tRP),
        *_rows(SAME, REF, (ACT, G_ACT, REF), tRFC),
        *_rows(SAME, G_ACT, (G_ACT,), most(tRAS + tRP, tFAW)),
        *_rows(SAME, G_ACT, (COMP, READRES, DOT), tRCDRD),
        *_rows(SAME, G_ACT, (PIM_PRE,), tRAS),
        *_rows(RANK, G_ACT, (ACT, G_ACT), tFAW),
        *_rows(RANK, G_ACT, (COMP, DOT), tRCDRD),
    ]
    for scope in (SAME, GROUP, RANK):
        rows += _rows(scope, GWRITE, (GWRITE, COMP, READRES, DOT), GWRITE_CLOCKS)
    rows += _rows(SAME, GWRITE, (PRE,), GWRITE_CLOCKS)
    rows += _rows(SAME, COMP, (COMP, GWRITE), STEP) + _rows(SAME, COMP, (READRES,), _times(tCCD_S, ADDER_TREE_STEPS))
    rows += _rows(SAME, READRES, (COMP, READRES, GWRITE), STEP) + _rows(SAME, DOT, (GWRITE,), STEP)
    for command in (COMP, READRES, DOT):
        rows += _rows(SAME, command, (PIM_PRE,), AL + tRTP)
    for command in (READRES, DOT):
        rows += _rows(SAME, command, (G_ACT,), AL + tRTP + tRP)
    return rows


DUAL_ROW_BUFFERS = (
    *_shared_rows(),
    *_rows(SAME, ACT, (G_ACT,), tRRD_L),
    *_rows(SAME, G_ACT, (ACT,), most(tRRD_L, tFAW)),
)
ONE_ROW_BUFFER = (
    *_shared_rows(),
    *_rows(SAME, ACT, (G_ACT,), tRAS + tRP),
    *_rows(SAME, ACT, (PIM_PRE,), tRAS),
    *_rows(SAME, G_ACT, (ACT,), most(tRAS + tRP, tFAW)),
    *_rows(SAME, G_ACT, (PRE,), tRAS),
    *_rows(SAME, GWRITE, (PIM_PRE,), GWRITE_CLOCKS),
    *_rows(SAME, PRE, (G_ACT,), tRP),
    *_rows(SAME, PIM_PRE, (ACT,), tRP),
    *(row for command in (COMP, READRES, DOT) for row in _rows(SAME, command, (PRE,), AL + tRTP)),
    *(row for command in (COMP, READRES, DOT) for row in _rows(SAME, command, (ACT,), AL + tRTP + tRP)),
)
