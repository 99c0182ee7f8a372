"""Does a minute of the suite tell mutants of the RTL from the RTL? A hundred of them, from a list fixed before running.

python -m benchmarks.mutations                 # all of the list, two at a time; writes benchmarks/mutations.csv
python -m benchmarks.mutations --only ws-own   # those whose name begins so; writes nothing
python -m benchmarks.mutations --draw 1        # makes the list anew by a seed: before running, when the RTL changes
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rtl.design import Design
from rtl.mutations.machines import MACHINES
from rtl.mutations.mutants import SEED, Mutant, draw, equivalents, read, write
from rtl.mutations.netlists import base_netlist
from rtl.mutations.trial import Question, Trial, Verdict, exam_of, judge
from tests.rtl.mutation_exam import SECONDS, exam_programs

RESULTS = Path(__file__).with_name("mutations.csv")
LEAST_CAUGHT = 95


class Original(NamedTuple):
    """A machine's design, its netlist, the exam with the simulator's answers, and the CPU seconds of these."""

    design: Design
    base: str
    exam: Sequence[Question]
    seconds: float


def original(name: str) -> Original:
    """Return what the mutants of a machine are compared with."""
    machine = MACHINES[name]()
    design = Design.of(machine)
    base = base_netlist(design.verilog)
    began = time.process_time()
    exam = exam_of(machine, design, exam_programs(name))
    return Original(design, base, exam, time.process_time() - began)


def chosen(mutants: Iterable[Mutant], excluded: Iterable[str]) -> list[Mutant]:
    """Return the mutants that count: for each equivalent one the next reserve of its machine and source."""
    found: list[Mutant] = []
    groups: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in mutants:
        groups.setdefault((mutant.machine, mutant.source), []).append(mutant)
    for group in groups.values():
        wanted = sum(not mutant.reserve for mutant in group)
        found += [mutant for mutant in group if mutant.name not in set(excluded)][:wanted]
    return found


def run(mutants: Sequence[Mutant], workers: int) -> dict[str, Verdict]:
    """Return the verdict of each mutant by name; first that of the originals, which must survive."""
    originals = {name: original(name) for name in sorted({mutant.machine for mutant in mutants})}
    controls = [Trial(name, lambda o=o: o.base, o.design, o.exam) for name, o in originals.items()]
    spent = sum(o.seconds for o in originals.values())
    for name, verdict in judge(controls, workers):
        if verdict.caught:
            sys.exit(f"{name}: the unmutated design fails: {verdict.what}")
        spent += verdict.run_s
    print(f"the exam takes {spent:.1f} CPU-s on the unmutated designs (of {SECONDS})", file=sys.stderr)
    trials = []
    for mutant in mutants:
        o = originals[mutant.machine]
        trials.append(Trial(mutant.name, lambda m=mutant, o=o: m.netlist(o.base), o.design, o.exam))
    verdicts: dict[str, Verdict] = {}
    for name, verdict in judge(trials, workers):
        verdicts[name] = verdict
        print(f"{len(verdicts):3} {name:12} {verdict.how:10} {verdict.program:4} {verdict.what}", file=sys.stderr)
    return verdicts


def write_results(mutants: Sequence[Mutant], verdicts: dict[str, Verdict], path: Path = RESULTS) -> None:
    """Write one row a mutant."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*Mutant._fields, "verdict", "program", "first_difference"))
        for mutant in mutants:
            verdict = verdicts[mutant.name]
            writer.writerow((*mutant, verdict.how, verdict.program, verdict.what))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", type=int, nargs="?", const=SEED, metavar="SEED", help="make the list anew")
    parser.add_argument("--only", default="", metavar="BEGINNING", help="of the mutants' names")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.draw is not None:
        write(
            mutant
            for name in MACHINES
            for mutant in draw(name, base_netlist(Design.of(MACHINES[name]()).verilog), given.draw)
        )
        return
    mutants = [mutant for mutant in chosen(read(), equivalents()) if mutant.name.startswith(given.only)]
    verdicts = run(mutants, given.workers)
    survivors = [mutant.name for mutant in mutants if not verdicts[mutant.name].caught]
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} caught; survivors: {', '.join(survivors) or 'none'}")
    if not given.only:
        write_results(mutants, verdicts)
    sys.exit(not given.only and len(survivors) > len(mutants) - LEAST_CAUGHT)


if __name__ == "__main__":
    main()
