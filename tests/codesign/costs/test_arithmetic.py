"""Do multipliers and adders cost what the profiles say, and what the laws say between?"""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign.costs.arithmetic import PROFILES, SIGNIFICANDS, add, mac, multiply, supply_v
from simulators.technology_names import ARITHMETIC_PROFILES
from tests.shared_data import shared_path
from workloads.errors import CodesignError

FLOATS = sorted(SIGNIFICANDS, key=SIGNIFICANDS.__getitem__)


def test_the_machine_knows_the_profiles():
    assert ("synthesized", *PROFILES) == ARITHMETIC_PROFILES


def test_the_tables_own_rows_are_given_back():
    checked = 0
    for row in csv.DictReader(shared_path("costs/arith_energy_area.csv").open()):
        profile = {"Horowitz": "horowitz_45nm", "Aladdin": "aladdin_40nm"}.get(row["source"].split()[0])
        if profile is None or row["op"] not in ("add", "mul") or "5 ns" in row["source"]:
            continue
        for metric in ("energy_pj", "area_um2"):
            name = row["format"]
            figure = add(profile, name, metric) if row["op"] == "add" else multiply(profile, name, name, metric)
            assert figure.value == float(row[metric]) and figure.status == "published" and not figure.law
            assert figure.node_nm == int(row["node_nm"])
        checked += 1
    assert checked == 15


def test_int8_mac_of_horowitz():
    figure = mac("horowitz_45nm", "int8", "int8", "int32")
    assert figure.value == pytest.approx(0.2 + 0.1) and figure.status == "published"
    assert mac("horowitz_45nm", "int8", "int8", "int32", "area_um2").value == 282 + 137
    assert supply_v("horowitz_45nm") == 0.9 and supply_v("aladdin_40nm") is None


def test_profiles_disagree_and_are_not_mixed():
    """int32 multiply: 3.1 pJ at 45 nm in one table, 12.68 pJ at 40 nm in the other."""
    one, other = (multiply(profile, "int32", "int32") for profile in PROFILES)
    assert other.value / one.value == pytest.approx(4.09, abs=0.01)
    assert "Aladdin" not in one.source and "Horowitz" not in other.source


def test_a_format_between_is_scaled_and_says_how():
    figure = multiply("horowitz_45nm", "int4", "int8")
    assert figure.status == "scaled" and figure.law == "mul over product of widths 32, log-log through 64, 1024"
    assert figure.value == pytest.approx(0.1, rel=0.02)  # half the product of widths
    assert multiply("aladdin_40nm", "int8", "int8").value == pytest.approx(12.68 / 16)
    assert multiply("horowitz_45nm", "fp16", "int4").status == "assumed"


def test_bf16_against_a_table_that_has_it():
    """Google's 7 nm table: bf16 over fp16 is 0.62 (multiply) and 0.69 (add)."""
    assert multiply("horowitz_45nm", "bf16", "bf16").value / 1.1 == pytest.approx(0.21 / 0.34, rel=0.05)
    assert add("horowitz_45nm", "bf16").value / 0.4 == pytest.approx(0.11 / 0.16, rel=0.06)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("metric", ["energy_pj", "area_um2"])
@given(st.integers(1, 63), st.integers(1, 64))
def test_wider_costs_more(profile, metric, a, b):
    assert (
        multiply(profile, f"int{a}", f"int{b}", metric).value
        < multiply(profile, f"int{a + 1}", f"int{b}", metric).value
    )
    assert (
        multiply(profile, f"int{a}", f"uint{b}", metric).value == multiply(profile, f"uint{b}", f"int{a}", metric).value
    )
    assert 0 < add(profile, f"int{a}", metric).value < add(profile, f"int{a + 1}", metric).value


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("metric", ["energy_pj", "area_um2"])
def test_a_longer_significand_costs_more(profile, metric):
    for kind in (lambda name: multiply(profile, name, name, metric), lambda name: add(profile, name, metric)):
        values = [kind(name).value for name in FLOATS]
        assert values == sorted(values) and values[0] > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mac("horowitz_40nm", "int8", "int8", "int32"),
            "technology.arithmetic: 'horowitz_40nm' is not a profile of arithmetic; "
            "use aladdin_40nm or horowitz_45nm (did you mean 'horowitz_45nm'?)",
        ),
        (
            lambda: mac("horowitz_45nm", "int8", "ints8", "int32"),
            "format: 'ints8' is not a format; use intN or uintN (N 1 to 64), "
            "bf16, fp16, fp32, fp64, fp8_e4m3, fp8_e5m2 (did you mean 'int8'?)",
        ),
    ],
)
def test_unknown_names(call, message):
    with pytest.raises(CodesignError) as error:
        call()
    assert str(error.value) == message
