"""Does a minute of the suite tell mutants of the RTL from the RTL? A hundred of them, from a list fixed before running.

python -m benchmarks.mutations                 # prints the committed result as a table
python -m benchmarks.mutations --run           # tries all of the list; writes rtl/mutations/results.csv
python -m benchmarks.mutations --run ws-own    # those whose name begins so, reserves too; writes nothing
python -m benchmarks.mutations --draw          # makes the list anew: before running, when the RTL has changed
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rtl.design import Design
from rtl.mutations.machines import MACHINES
from rtl.mutations.mutants import RESULTS, SEED, YOSYS, Mutant, chosen, draw, equivalents, read, write
from rtl.mutations.netlists import base_netlist, digest_of
from rtl.mutations.trial import Verdict, judge
from tests.rtl.mutation_exam import SECONDS, Original

LEAST_CAUGHT = 95


def _originals(mutants: Sequence[Mutant]) -> dict[str, Original]:
    """Return what the mutants are compared with, by machine, when the list is of the present RTL."""
    found = {name: Original.of(name) for name in dict.fromkeys(mutant.machine for mutant in mutants)}
    modules = {mutant.module for mutant in mutants if not mutant.is_of(found[mutant.machine].base)}
    if modules:
        sys.exit(f"mutations: changed since the list was drawn: {', '.join(sorted(modules))}; --draw it anew")
    return found


def run(mutants: Sequence[Mutant], workers: int) -> dict[str, tuple[Verdict, str]]:
    """Return the verdict on each mutant and the program it fell by, by name; the originals must survive."""
    originals = _originals(mutants)
    spent = sum(o.seconds for o in originals.values())
    for name, verdict in judge([o.control() for o in originals.values()], workers):
        if verdict.caught:
            sys.exit(f"{name}: the unmutated design fails: {verdict.what}")
        spent += verdict.run_s
    print(f"the exam takes {spent:.1f} CPU-s on the unmutated designs (of {SECONDS})", file=sys.stderr)
    found: dict[str, tuple[Verdict, str]] = {}
    for o in originals.values():
        for name, verdict in judge(o.trials([m for m in mutants if m.machine == o.name]), workers):
            program = o.exam[verdict.program].name if verdict.program >= 0 else ""
            found[name] = verdict, program
            print(f"{name:12} {verdict.how:10} {verdict.program:4} {program:12} {verdict.what}", file=sys.stderr)
            if verdict.caught and " " in name:
                sys.exit(f"{name}: the unmutated design fails: {verdict.what}")
    return found


def write_results(mutants: Sequence[Mutant], found: Mapping[str, tuple[Verdict, str]], path: Path = RESULTS) -> None:
    """Write one row a mutant."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*Mutant._fields, "verdict", "number_in_exam", "program", "first_difference"))
        for mutant in mutants:
            verdict, program = found[mutant.name]
            writer.writerow((*mutant, verdict.how, verdict.program, program, verdict.what))


def print_table(path: Path = RESULTS) -> int:
    """Print the committed result: caught of tried by source and kind, how, and the survivors; return these's number."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tried, caught, how = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        kind = f"yosys mutate {row['kind']}" if row["source"] == YOSYS else row["kind"]
        tried[kind] += 1
        caught[kind] += row["verdict"] != "survived"
        how[row["verdict"]] += 1
    for kind, count in tried.items():
        print(f"{kind:28} {caught[kind]:4} of {count:3}")
    print(f"{'all':28} {sum(caught.values()):4} of {len(rows):3}   ({dict(how)})")
    first = sum(row["number_in_exam"] in ("0", "1", "2") for row in rows)
    print(f"caught by one of the first three programs: {first}; equivalent, replaced: {len(equivalents())}")
    for row in rows:
        if row["verdict"] == "survived":
            print("survived:", *(row[name] for name in ("name", "kind", "module", "cell", "port", "bit", "variant")))
    bases = {name: base_netlist(Design.of(MACHINES[name]()).verilog) for name in MACHINES}
    old = {row["module"] for row in rows if digest_of(bases[row["machine"]], row["module"]) != row["digest"]}
    print(f"changed since: {', '.join(sorted(old))}" if old else "no module with a mutant has changed since")
    return len(rows) - sum(caught.values())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", type=int, nargs="?", const=SEED, metavar="SEED", help="make the list anew")
    parser.add_argument("--run", nargs="?", const="", metavar="BEGINNING", help="try mutants, all or by name")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    if given.draw is not None:
        bases = {name: base_netlist(Design.of(MACHINES[name]()).verilog) for name in MACHINES}
        write(mutant for name, base in bases.items() for mutant in draw(name, base, given.draw))
    elif given.run is None:
        sys.exit(print_table() > len(read()) - LEAST_CAUGHT)
    else:
        every = read() if given.run else chosen(read(), equivalents())
        mutants = [mutant for mutant in every if mutant.name.startswith(given.run)]
        began = time.monotonic()
        found = run(mutants, given.workers)
        survivors = [mutant.name for mutant in mutants if not found[mutant.name][0].caught]
        print(f"{len(mutants) - len(survivors)} of {len(mutants)} caught in {time.monotonic() - began:.0f} s")
        print(f"survivors: {', '.join(survivors) or 'none'}")
        if not given.run:
            write_results(mutants, found)
            sys.exit(len(survivors) > len(mutants) - LEAST_CAUGHT)


if __name__ == "__main__":
    main()
