"""Is the committed result of the mutants what the list asks for: a hundred tried, half of yosys, 95 caught?"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from rtl.design import Design
from rtl.mutations.machines import MACHINES
from rtl.mutations.mutants import EQUIVALENTS, KINDS, QUOTA, RESULTS, YOSYS, chosen, draw, equivalents, read
from rtl.mutations.netlists import base_netlist
from rtl.mutations.proof import is_proved_equivalent

DOCUMENT = Path(__file__).parents[2] / "docs" / "validation.md"


def rows(path: Path = RESULTS) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def base(machine: str) -> str:
    return base_netlist(Design.of(MACHINES[machine]()).verilog)


def test_the_hundred_of_the_list_were_tried():
    wanted = [mutant.name for mutant in chosen(read(), equivalents())]
    assert [row["name"] for row in rows()] == wanted
    assert len(set(wanted)) == 100


def test_half_are_of_yosys_and_every_kind_is_there():
    sources = Counter(row["source"] for row in rows())
    assert sources == {YOSYS: 50, "own": 50}
    assert set(QUOTA) == set(KINDS) == {row["kind"] for row in rows() if row["source"] == "own"}


def test_ninety_five_are_caught_and_survivors_are_explained():
    survivors = [row["name"] for row in rows() if row["verdict"] == "survived"]
    assert len(survivors) <= 5
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [name for name in survivors if f"`{name}`" not in text]


def test_equivalents_are_of_the_list_and_have_an_argument():
    names = {mutant.name for mutant in read()}
    assert set(equivalents()) <= names
    assert all(len(argument) > 40 for argument in equivalents().values())


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in rows(EQUIVALENTS) if row["proved_within"]], ids=lambda row: row["name"])
def test_yosys_proves_equivalents(row):
    mutant = next(mutant for mutant in read() if mutant.name == row["name"])
    netlist = base(mutant.machine)
    if not mutant.is_of(netlist):
        pytest.skip(f"{mutant.module} has changed since the list was drawn")
    assert is_proved_equivalent(netlist, mutant, row["proved_within"])


@pytest.mark.slow
def test_a_caught_mutant_is_not_proved_equivalent():
    caught = [row for row in rows() if row["verdict"] != "survived"]
    name = next(row["name"] for row in caught if row["module"].startswith(("npu.load", "npu.store")))
    mutant = next(mutant for mutant in read() if mutant.name == name)
    assert not is_proved_equivalent(base(mutant.machine), mutant)


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_the_same_seed_draws_the_same_mutants(machine):
    netlist = base(machine)
    assert draw(machine, netlist) == draw(machine, netlist)
