"""What every standard here shares: levels, commands, and the timing constraints between commands.

A constraint says: after command `before`, no command `after` in `scope` for `delay` clocks. The formulas are those of
the JEDEC standards as DRAMsim3 writes them (Li et al., IEEE CAL 2020); a standard gives the parameters. A device with
commands of its own adds rows here, and the kernel needs no branch.
"""

from __future__ import annotations

from typing import NamedTuple

from simulators.dram.formulas import Formula, most, parameter

LEVELS = ("channel", "rank", "bankgroup", "bank", "row", "column")
COMMANDS = ("ACT", "PRE", "RD", "WR", "RDA", "WRA", "REF")
ACT, PRE, RD, WR, RDA, WRA, REF = range(len(COMMANDS))
SCOPES = ("same bank", "other banks of the group", "other groups of the rank", "other ranks", "whole rank")
BANK, GROUP, RANK, OTHER_RANKS, WHOLE_RANK = range(len(SCOPES))

PARAMETERS = (
    "CL", "CWL", "AL", "BURST", "tRCDRD", "tRCDWR", "tRP", "tRAS", "tCCD_S", "tCCD_L", "tRRD_S", "tRRD_L", "tFAW",
    "tWR", "tRTP", "tWTR_S", "tWTR_L", "tRTRS", "tPPD", "tREFI", "tRFC",
)  # fmt: skip
(CL, CWL, AL, BURST, tRCDRD, tRCDWR, tRP, tRAS, tCCD_S, tCCD_L, tRRD_S, tRRD_L, tFAW, tWR, tRTP, tWTR_S, tWTR_L,
 tRTRS, tPPD, tREFI, tRFC) = map(parameter, PARAMETERS)  # fmt: skip


class Constraint(NamedTuple):
    """After `before`, no `after` in `scope` (indices of COMMANDS and SCOPES) for `delay` clocks."""

    scope: int
    before: int
    after: int
    delay: Formula

    def __str__(self) -> str:
        """Return the constraint in words."""
        return f"{COMMANDS[self.before]} to {COMMANDS[self.after]}, {SCOPES[self.scope]}: {self.delay}"


class Window(NamedTuple):
    """At most `count` ACTs of a rank in any `span` clocks."""

    count: int  # type: ignore[assignment]  # a field of the name of a method of tuples
    span: Formula


READS, WRITES = (RD, RDA), (WR, WRA)
READ_TO_WRITE = AL + CL + BURST - AL - CWL + tRTRS
READ_TO_WRITE_OTHER_RANK = CL + BURST + BURST + tRTRS - CWL - BURST
WRITE_TO_READ_OTHER_RANK = CWL + BURST + BURST + tRTRS - CL - BURST
WRITE_TO_PRECHARGE = AL + CWL + BURST + tWR


def _rows(scope: int, befores: tuple[int, ...], afters: tuple[int, ...], delay: Formula) -> list[Constraint]:
    return [Constraint(scope, before, after, delay) for before in befores for after in afters]


def _column_rows() -> list[Constraint]:
    """Return the constraints between reads and writes.

    They hold in a bank that closed itself too, for the bus is the group's (DRAMsim3 leaves that out: it matters only
    where a bank could close, open and turn around sooner than the bus).
    """
    rows = []
    for scope, ccd, wtr in ((BANK, tCCD_L, tWTR_L), (GROUP, tCCD_L, tWTR_L), (RANK, tCCD_S, tWTR_S)):
        rows += _rows(scope, READS, READS, most(BURST, ccd)) + _rows(scope, READS, WRITES, READ_TO_WRITE)
        rows += _rows(scope, WRITES, WRITES, most(BURST, ccd))
        rows += _rows(scope, WRITES, READS, AL + CWL + BURST + wtr)
    rows += _rows(OTHER_RANKS, READS, READS, BURST + tRTRS) + _rows(OTHER_RANKS, WRITES, WRITES, BURST)
    rows += _rows(OTHER_RANKS, READS, WRITES, READ_TO_WRITE_OTHER_RANK)
    return rows + _rows(OTHER_RANKS, WRITES, READS, WRITE_TO_READ_OTHER_RANK)


def _row_rows() -> list[Constraint]:
    """Return the constraints with ACT, PRE and REF."""
    return [
        Constraint(BANK, ACT, ACT, tRAS + tRP),
        Constraint(GROUP, ACT, ACT, tRRD_L),
        Constraint(RANK, ACT, ACT, tRRD_S),
        *_rows(BANK, (ACT,), READS, tRCDRD - AL),
        *_rows(BANK, (ACT,), WRITES, tRCDWR - AL),
        Constraint(BANK, ACT, PRE, tRAS),
        Constraint(BANK, RD, PRE, AL + tRTP),
        Constraint(BANK, WR, PRE, WRITE_TO_PRECHARGE),
        *_rows(BANK, (PRE,), (ACT, REF), tRP),
        Constraint(GROUP, PRE, PRE, tPPD),
        Constraint(RANK, PRE, PRE, tPPD),
        Constraint(BANK, RDA, ACT, AL + BURST + tRTP + tRP),
        Constraint(BANK, RDA, REF, AL + tRTP + tRP),
        *_rows(BANK, (WRA,), (ACT, REF), WRITE_TO_PRECHARGE + tRP),
        *_rows(WHOLE_RANK, (REF,), (ACT, REF), tRFC),
    ]


JEDEC = (*_column_rows(), *_row_rows())
FOUR_ACTIVATES = Window(4, tFAW)
