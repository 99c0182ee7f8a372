"""Do the costs of compute beside banks come from the tables as they stand, and are these in proportion?"""

from __future__ import annotations

import csv
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from codesign.costs.pim import SHIPPED, bank_mac, bank_mac_of, channel_scheduler
from rtl.pim.cost_rows import read_pim_rows, write_pim_rows
from simulators.pim.devices import NEUPIMS
from workloads.errors import CodesignError

DATA = files("codesign.costs") / "data"


def text_of(library: str) -> str:
    return (DATA / SHIPPED[library]).read_text(encoding="utf-8")


@pytest.mark.parametrize("library", SHIPPED)
def test_rows_are_read_as_they_stand(library: str, tmp_path: Path) -> None:
    text = text_of(library)
    raw = next(row for row in csv.DictReader(text.splitlines()) if (row["kind"], row["name"]) == ("bank_mac", "bf16"))
    cost = bank_mac_of(NEUPIMS, library)
    assert (cost.area_um2, cost.comp_pj * 1e3) == pytest.approx((float(raw["area_um2"]), float(raw["comp_uniform_fj"])))
    assert (cost.law, cost.node_nm) == ("", int(raw["node_nm"]))
    write_pim_rows(read_pim_rows(text, library), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text(encoding="utf-8") == text
    assert bank_mac("bf16", library=str(tmp_path / "again.csv")) == cost


@pytest.mark.parametrize("library", SHIPPED)
def test_a_bank_mac_against_the_pe_of_an_array(library: str) -> None:
    """Sixteen lanes share an accumulator, so they are smaller than sixteen PEs, and larger than two thirds of that."""
    shipped = (DATA / f"synthesized_{library}.csv").read_text(encoding="utf-8")
    for form in ("int8", "bf16"):
        pe = next(
            float(row["area_um2"])
            for row in csv.DictReader(shipped.splitlines())
            if (row["kind"], row["activation"], row["weight"], row["dataflow"]) == ("pe", form, form, "os")
        )
        assert 0.5 < bank_mac(form, library=library).area_um2 / (16 * pe) < 1


def test_lanes_in_proportion() -> None:
    whole, half = bank_mac("int8"), bank_mac("int8", 8)
    assert half.area_um2 == pytest.approx(whole.area_um2 / 2)
    assert half.comp_pj == pytest.approx(whole.comp_pj / 2)
    assert half.law == "in proportion to lanes"
    assert bank_mac("int8", statistics="normal").comp_pj != whole.comp_pj


def test_a_scheduler_is_less_than_a_bank_mac() -> None:
    for device in ("neupims", "naive", "newton"):
        assert 0 < channel_scheduler(device).area_um2 < bank_mac("int8").area_um2


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: bank_mac("int9"), "did you mean 'int8'"),
        (lambda: bank_mac("int8", 0), "0 lanes"),
        (lambda: bank_mac("int8", statistics="norm"), "did you mean 'normal'"),
        (lambda: bank_mac("int8", library="asap"), "did you mean 'asap7'"),
        (lambda: bank_mac("int8", library="/nowhere.csv"), "No such file"),
        (lambda: channel_scheduler("neupim"), "did you mean 'neupims'"),
        (lambda: bank_mac_of(replace(NEUPIMS, operand_bytes=4)), "operands of 4 bytes have no RTL"),
    ],
)
def test_what_has_no_cost(ask, message: str) -> None:
    with pytest.raises(CodesignError, match=message):
        ask()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("comp_uniform_fj", "comp", "no column 'comp_uniform_fj'"),
        ("bank_mac,int8", "bank_max,int8", "t.csv:2: .*did you mean 'bank_mac'"),
        ("int8,16,", "int8,-1,", "size = '-1'"),
    ],
)
def test_a_table_that_is_none(old: str, new: str, message: str) -> None:
    with pytest.raises(CodesignError, match=message):
        read_pim_rows(text_of("asap7").replace(old, new, 1), "t.csv")
