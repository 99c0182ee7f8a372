"""Commands of a DRAM that computes, and the timing constraints between them: tables that a device chooses from.

The constraints are those of the public NeuPIMs simulator (Heo et al., ASPLOS 2024; its DRAM part extends DRAMsim3).
Two tables exist: a bank with a second row buffer for compute, and a bank whose only row buffer serves both.
"""

from __future__ import annotations

from typing import NamedTuple

from simulators.dram import constraints as dram
from simulators.dram.constraints import (
    AL,
    BURST,
    CWL,
    READ_TO_WRITE,
    READ_TO_WRITE_OTHER_RANK,
    WRITE_TO_PRECHARGE,
    WRITE_TO_READ_OTHER_RANK,
    tCCD_L,
    tCCD_S,
    tFAW,
    tRAS,
    tRCDRD,
    tRCDWR,
    tRFC,
    tRP,
    tRRD_L,
    tRRD_S,
    tRTP,
    tRTRS,
    tWTR_L,
    tWTR_S,
)
from simulators.dram.formulas import Formula, most

COMMANDS = ("ACT", "PRE", "GWRITE", "HEADER", "G_ACT", "PIM_PRE", "COMP", "READRES", "DOT", "REF", "RD", "WR")
ACT, PRE, GWRITE, HEADER, G_ACT, PIM_PRE, COMP, READRES, DOT, REF, RD, WR = range(len(COMMANDS))
SPANS = ("bank", "group", "rank", "channel")
ONE_BANK, ONE_GROUP, ONE_RANK, ALL_BANKS = range(len(SPANS))
SPAN_OF = (
    ONE_BANK, ONE_BANK, ONE_BANK, ALL_BANKS, ONE_GROUP, ONE_BANK, ALL_BANKS, ALL_BANKS, ALL_BANKS, ONE_RANK, ONE_BANK,
    ONE_BANK,
)  # fmt: skip
SCOPES = ("banks that took it", "other banks of the group", "other groups of the rank", "other ranks")
SAME, GROUP, RANK, OTHER_RANKS = range(len(SCOPES))
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


def times(formula: Formula, factor: int) -> Formula:
    """Return a formula so many times."""
    return Formula(f"{factor} * ({formula})", lambda t: factor * formula.value(t))


GWRITE_CLOCKS = times(tCCD_S + tCCD_L, 32)


def constant(clocks: int, name: str) -> Formula:
    """Return a number of clocks as a formula with a name."""
    return Formula(name, lambda _: clocks)


class ComputeTiming(NamedTuple):
    """What a device's table says of compute.

    Attributes
    ----------
    comp : Formula
        From a COMP to the next column command.
    readres : Formula
        From a COMP to READRES: the adder tree.
    activate : Formula
        From G_ACT to COMP.
    close : Formula
        From a COMP or DOT to the closing of its rows.
    gwrite : Formula
        Of a whole GWRITE.
    """

    comp: Formula
    readres: Formula
    activate: Formula
    close: Formula
    gwrite: Formula


NEUPIMS_TIMING = ComputeTiming(STEP, times(tCCD_S, ADDER_TREE_STEPS), tRCDRD, AL + tRTP, GWRITE_CLOCKS)


def _shared_rows(c: ComputeTiming) -> list[PimConstraint]:
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
        *_rows(SAME, G_ACT, (COMP, READRES, DOT), c.activate),
        *_rows(SAME, G_ACT, (PIM_PRE,), tRAS),
        *_rows(RANK, G_ACT, (ACT, G_ACT), tFAW),
        *_rows(RANK, G_ACT, (COMP, DOT), c.activate),
    ]
    for scope in (SAME, GROUP, RANK):
        rows += _rows(scope, GWRITE, (GWRITE, COMP, READRES, DOT), c.gwrite)
    rows += _rows(SAME, GWRITE, (PRE,), c.gwrite)
    rows += _rows(SAME, COMP, (COMP, GWRITE), c.comp) + _rows(SAME, COMP, (READRES,), c.readres)
    rows += _rows(SAME, READRES, (COMP, READRES, GWRITE), STEP) + _rows(SAME, DOT, (GWRITE,), STEP)
    for command, close in ((COMP, c.close), (READRES, AL + tRTP), (DOT, c.close)):
        rows += _rows(SAME, command, (PIM_PRE,), close)
    return rows + _rows(SAME, READRES, (G_ACT,), AL + tRTP + tRP) + _rows(SAME, DOT, (G_ACT,), c.close + tRP)


def _reads_and_writes() -> list[PimConstraint]:
    """Return what a standard's own table asks of reads and writes; ACT and PRE among themselves are above."""
    scopes = {dram.BANK: SAME, dram.GROUP: GROUP, dram.RANK: RANK, dram.OTHER_RANKS: OTHER_RANKS}
    commands = {dram.ACT: ACT, dram.PRE: PRE, dram.RD: RD, dram.WR: WR}
    return [
        PimConstraint(scopes[c.scope], commands[c.before], commands[c.after], c.delay)
        for c in dram.JEDEC
        if c.before in commands and c.after in commands and (c.before, c.after) != (dram.ACT, dram.ACT)
        if {c.before, c.after} & {dram.RD, dram.WR} or (c.before, c.after) == (dram.PRE, dram.PRE)
    ]


def _beside_compute(c: ComputeTiming) -> list[PimConstraint]:
    """Return what holds between reads, writes and compute with one row buffer and with two."""
    write_to_read = AL + CWL + BURST
    rows = []
    for scope, step, turn in ((SAME, tCCD_L, tWTR_L), (GROUP, tCCD_L, tWTR_L), (RANK, tCCD_S, tWTR_S)):
        rows += _rows(scope, RD, (GWRITE,), most(BURST, step)) + _rows(scope, WR, (GWRITE,), write_to_read + turn)
        if scope != SAME:
            rows += _rows(scope, GWRITE, (RD,), most(BURST, step)) + _rows(scope, GWRITE, (WR,), READ_TO_WRITE)
    rows += _rows(SAME, GWRITE, (RD, WR), c.gwrite)
    rows += _rows(RANK, RD, (COMP, READRES, DOT), STEP)
    rows += _rows(RANK, WR, (COMP, READRES, DOT), write_to_read + tWTR_S)
    rows += _rows(OTHER_RANKS, RD, (READRES,), BURST + tRTRS)
    rows += _rows(OTHER_RANKS, WR, (READRES,), WRITE_TO_READ_OTHER_RANK)
    rows += _rows(SAME, COMP, (RD,), c.comp) + _rows(SAME, COMP, (WR,), most(c.comp, READ_TO_WRITE))
    rows += _rows(SAME, READRES, (RD,), most(STEP, BURST + tRTRS))
    rows += _rows(SAME, READRES, (WR,), most(READ_TO_WRITE, READ_TO_WRITE_OTHER_RANK))
    return rows + _rows(SAME, DOT, (RD,), BURST + tRTRS) + _rows(SAME, DOT, (WR,), READ_TO_WRITE_OTHER_RANK)


def _one_row_for_both(c: ComputeTiming) -> list[PimConstraint]:
    """Return what reads and writes add where they use the row buffer that computes."""
    rows = _rows(SAME, G_ACT, (RD,), tRCDRD) + _rows(SAME, G_ACT, (WR,), tRCDWR)
    rows += _rows(SAME, RD, (PIM_PRE,), AL + tRTP) + _rows(SAME, WR, (PIM_PRE,), WRITE_TO_PRECHARGE)
    rows += _rows(SAME, GWRITE, (PIM_PRE,), c.gwrite)
    for scope in (SAME, GROUP):
        rows += _rows(scope, RD, (COMP, READRES, DOT), most(BURST, tCCD_L))
        rows += _rows(scope, WR, (COMP, READRES, DOT), AL + CWL + BURST + tWTR_L)
    return rows


def constraints_of(row_buffers: int, timing: ComputeTiming) -> tuple[PimConstraint, ...]:
    """Return the table of a device with one row buffer a bank, or two."""
    shared = [*_shared_rows(timing), *_reads_and_writes(), *_beside_compute(timing)]
    if row_buffers == 2:
        own = _rows(SAME, ACT, (G_ACT,), tRRD_L) + _rows(SAME, G_ACT, (ACT,), most(tRRD_L, tFAW))
        return (*shared, *own)
    own = [
        *_one_row_for_both(timing),
        *_rows(SAME, ACT, (G_ACT,), tRAS + tRP),
        *_rows(SAME, ACT, (PIM_PRE,), tRAS),
        *_rows(SAME, G_ACT, (ACT,), most(tRAS + tRP, tFAW)),
        *_rows(SAME, G_ACT, (PRE,), tRAS),
        *_rows(SAME, PRE, (G_ACT,), tRP),
        *_rows(SAME, PIM_PRE, (ACT,), tRP),
        *(row for command in (COMP, DOT) for row in _rows(SAME, command, (PRE,), timing.close)),
        *(row for command in (COMP, DOT) for row in _rows(SAME, command, (ACT,), timing.close + tRP)),
        *_rows(SAME, READRES, (PRE,), AL + tRTP),
        *_rows(SAME, READRES, (ACT,), AL + tRTP + tRP),
    ]
    return (*shared, *own)


DUAL_ROW_BUFFERS, ONE_ROW_BUFFER = constraints_of(2, NEUPIMS_TIMING), constraints_of(1, NEUPIMS_TIMING)
