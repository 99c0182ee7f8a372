"""Do a few dozen programs tell ten mutants of the RTL from the RTL, five of each machine?

The mutants are of the committed list, as far as their modules are what they were; where the RTL has changed, the list
is drawn anew from the same seed, and one of five may be equivalent. All hundred:
``python -m benchmarks.mutations --run``.
"""

from __future__ import annotations

import csv

import pytest

from rtl.mutations.machines import MACHINES
from rtl.mutations.mutants import RESULTS, YOSYS, Mutant, draw, read
from rtl.mutations.trial import judge
from tests.rtl.mutation_exam import Original

PROGRAMS = 24
EACH = 5


def caught_early(machine: str) -> set[str]:
    """Return the mutants of a machine that fell by one of the first programs when all were tried."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["machine"] == machine]
    return {row["name"] for row in rows if 0 <= int(row["number_in_exam"]) < PROGRAMS}


def ten(original: Original) -> tuple[list[Mutant], int]:
    """Return mutants of one machine, some of each source and of several kinds, and how many must be caught."""
    early = caught_early(original.name)
    known = [mutant for mutant in read() if mutant.name in early and mutant.is_of(original.base)]
    found = spread(known)
    if len(found) == EACH:
        return found, EACH
    return spread(draw(original.name, original.base)), EACH - 1


def spread(mutants: list[Mutant]) -> list[Mutant]:
    """Return the first mutant of each of several kinds: two of yosys, the others of our own."""
    kinds: dict[tuple[bool, str], Mutant] = {}
    for mutant in mutants:
        kinds.setdefault((mutant.source == YOSYS, mutant.kind), mutant)
    of_yosys = [mutant for (yosys, _), mutant in kinds.items() if yosys][:2]
    return of_yosys + [mutant for (yosys, _), mutant in kinds.items() if not yosys][: EACH - len(of_yosys)]


@pytest.mark.parametrize("machine", MACHINES)
def test_mutants_differ_and_the_original_does_not(machine):
    original = Original.of(machine, PROGRAMS, layers=0)
    mutants, least = ten(original)
    none, *verdicts = judge(original.trials(mutants))
    assert not none[1].caught, none[1].what
    survivors = [name for name, verdict in verdicts if not verdict.caught]
    assert len(verdicts) == EACH
    assert EACH - len(survivors) >= least, f"survived: {survivors}; the suite has a hole, or see rtl/mutations"
