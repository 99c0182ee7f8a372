"""The list of mutants: drawn by seed, kept as a CSV, applied to a netlist.

Half of the list is of Yosys's `mutate`, half of our own kinds by `QUOTA`; half of each is of each machine. A mutant
that turns out to be equivalent is replaced by the next reserve of the same machine and source.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rtl.mutations import numbers, structural, tokens
from rtl.mutations.netlists import digest_of, has_loop, listed_mutations, mutated_netlist
from rtl.mutations.rtlil import Netlist
from rtl.mutations.structural import Kind, Place
from workloads.errors import CodesignError

KINDS: dict[str, Kind] = {**structural.KINDS, **numbers.KINDS, **tokens.KINDS}
#: Mutants of each machine, by kind: registers, delays, shifts, signs, tokens.
QUOTA = {
    "register removed": 4, "register added": 4, "hold dropped": 2, "condition dropped": 1, "shift changed": 4,
    "sign changed": 3, "comparison off by one": 1, "constant off by one": 1, "token dropped": 2,
    "token of another channel": 2, "token kept": 1,
}  # fmt: skip
EACH = sum(QUOTA.values())
RESERVES = 15
SEED = 1
YOSYS = "yosys"
LIST = Path(__file__).with_name("mutants.csv")
RESULTS = Path(__file__).with_name("results.csv")
EQUIVALENTS = Path(__file__).with_name("equivalents.csv")


class Mutant(NamedTuple):
    """One mutant.

    Attributes
    ----------
    name : str
        Machine, source, number, such as ``ws-yosys-07``.
    machine : str
        One of `rtl.mutations.machines.MACHINES`.
    source : str
        ``yosys`` or ``own``.
    reserve : int
        1 where it takes part only in the place of an equivalent one.
    kind : str
        One of `KINDS`, or a mode of `mutate`.
    module, cell, port, bit, variant
        The place; `variant` of `mutate` is the control bit.
    digest : str
        Of the module's text when it was drawn (`netlists.digest_of`): in another text the place may be another.
    """

    name: str
    machine: str
    source: str
    reserve: int
    kind: str
    module: str
    cell: str
    port: str
    bit: int
    variant: str
    digest: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.module, self.cell, self.port, self.bit, self.variant)

    def netlist(self, base: str) -> str:
        """Return the mutated RTLIL of a base netlist.

        Raises
        ------
        CodesignError
            When the netlist has no such place.
        """
        read = Netlist.read(base)
        self.check(read)
        if self.source == YOSYS:
            return mutated_netlist(base, self.arguments)
        return read.edited(KINDS[self.kind].edit(read, self.place))

    def is_of(self, base: str) -> bool:
        """Whether its module is in this netlist as it was when the mutant was drawn."""
        return digest_of(base, self.module) == self.digest

    def check(self, netlist: Netlist) -> None:
        """Raise a `CodesignError` when a netlist has no such place."""
        if self.module not in netlist.modules or self.cell not in netlist.modules[self.module].cells:
            raise CodesignError(f"mutant {self.name}: the RTL has no cell {self.cell} in {self.module} any more")

    @property
    def arguments(self) -> str:
        """What `mutate` is given."""
        control = f" -ctrlbit {self.variant}" if self.variant else ""
        return (
            f"-mode {self.kind} -module {self.module} -cell {self.cell} -port {self.port} -portbit {self.bit}{control}"
        )


def _of_arguments(name: str, machine: str, reserve: int, arguments: str, base: str) -> Mutant:
    words = arguments.split(" ")
    given = dict(zip(words[::2], words[1::2], strict=True))
    return Mutant(
        name, machine, YOSYS, reserve, given["-mode"], given["-module"], given["-cell"], given["-port"],
        int(given["-portbit"]), given.get("-ctrlbit", ""), digest_of(base, given["-module"]),
    )  # fmt: skip


def _drawn(netlist: Netlist, kind: str, rng: np.random.Generator) -> Iterator[Place]:
    """Yield places of a kind without repetition: a module first, then a place in it."""
    by_module: dict[str, list[Place]] = {}
    for place in KINDS[kind].places(netlist):
        by_module.setdefault(place.module, []).append(place)
    while by_module:
        module = sorted(by_module)[rng.integers(len(by_module))]
        mine = by_module[module]
        yield mine.pop(int(rng.integers(len(mine))))
        if not mine:
            del by_module[module]


def _own(machine: str, base: str, seed: int) -> Iterator[Mutant]:
    """Yield our own mutants of a machine: the quota of each kind, then reserves of each kind in turn."""
    netlist = Netlist.read(base)
    rng = np.random.default_rng((seed, len(machine), *machine.encode()))
    drawn = {kind: _drawn(netlist, kind, rng) for kind in QUOTA}
    order = [kind for kind, count in QUOTA.items() for _ in range(count)]
    reserves = [list(QUOTA)[i % len(QUOTA)] for i in range(RESERVES)]
    for number, kind in enumerate(order + reserves):
        place = next(p for p in drawn[kind] if not _loops(netlist, kind, p))
        yield Mutant(
            f"{machine}-own-{number + 1:02}",
            machine,
            "own",
            int(number >= EACH),
            kind,
            *place,
            digest_of(base, place.module),
        )


def _loops(netlist: Netlist, kind: str, place: Place) -> bool:
    """Whether the mutant would have a combinational loop, which any tool refuses."""
    return kind in ("register removed", "condition dropped") and has_loop(
        netlist.edited(KINDS[kind].edit(netlist, place))
    )


def draw(machine: str, base: str, seed: int = SEED) -> list[Mutant]:
    """Return the mutants of a machine, reserves last."""
    lines = listed_mutations(base, EACH + RESERVES, seed)
    of_yosys = [
        _of_arguments(f"{machine}-yosys-{i + 1:02}", machine, int(i >= EACH), line, base)
        for i, line in enumerate(lines)
    ]
    return [*of_yosys, *_own(machine, base, seed)]


def write(mutants: Iterable[Mutant], path: Path = LIST) -> None:
    """Write a list as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Mutant._fields)
        writer.writerows(mutants)


def read(path: Path = LIST) -> list[Mutant]:
    """Return a list from its CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        types: dict[str, Callable[[str], object]] = {"reserve": int, "bit": int}
        return [
            Mutant(**{key: types.get(key, str)(value) for key, value in row.items()}) for row in csv.DictReader(file)
        ]


def equivalents(path: Path = EQUIVALENTS) -> dict[str, str]:
    """Return why mutants of the list are equivalent, by name."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["argument"] for row in csv.DictReader(file)}


def chosen(mutants: Iterable[Mutant], excluded: Iterable[str]) -> list[Mutant]:
    """Return the mutants that count: for each equivalent one the next reserve of its machine and source."""
    groups: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in mutants:
        groups.setdefault((mutant.machine, mutant.source), []).append(mutant)
    found: list[Mutant] = []
    for group in groups.values():
        wanted, out = sum(not mutant.reserve for mutant in group), set(excluded)
        found += [mutant for mutant in group if mutant.name not in out][:wanted]
    return found
