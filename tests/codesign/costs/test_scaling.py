"""Do the scaling laws give the published ratios, come back where they started, and refuse what they do not cover?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign.costs.figures import Figure, weakest
from codesign.costs.scaling import LAWS, area_factor, carry_area, carry_energy, energy_factor, nominal_supply_v
from simulators.machine import Technology
from simulators.technology_names import SCALING_LAWS
from workloads.errors import CodesignError


def test_the_machine_knows_the_laws():
    assert tuple(LAWS) == SCALING_LAWS


def test_published_ratios():
    assert 1 / energy_factor("stillmaker_baas_2017", 45, 7, 0.9, 0.7) == pytest.approx(17.7, abs=0.05)
    assert 1 / energy_factor("jouppi_2021", 45, 7) == pytest.approx(2.7, abs=0.3)
    assert area_factor("stillmaker_baas_2017", 45, 7) == 0.059
    assert area_factor("stillmaker_baas_2017", 130, 7) == pytest.approx(0.0092, rel=0.01)
    assert area_factor("jouppi_2021", 40, 7) == pytest.approx(7.7 / 96.3)


@pytest.mark.parametrize("law", LAWS)
@given(data=st.data())
def test_there_and_back_and_by_way_of_another_node(law, data):
    node = st.integers(LAWS[law].low_nm, LAWS[law].high_nm)
    a, b, c = data.draw(node), data.draw(node), data.draw(node)
    assert energy_factor(law, a, b) * energy_factor(law, b, a) == pytest.approx(1)
    assert area_factor(law, a, b) * area_factor(law, b, a) == pytest.approx(1)
    assert energy_factor(law, a, b) * energy_factor(law, b, c) == pytest.approx(energy_factor(law, a, c))
    assert area_factor(law, a, b) * area_factor(law, b, c) == pytest.approx(area_factor(law, a, c))


@pytest.mark.parametrize("law", LAWS)
def test_a_smaller_node_costs_no_more(law):
    nodes = range(LAWS[law].low_nm, LAWS[law].high_nm)
    assert all(energy_factor(law, node + 1, node) <= 1 for node in nodes)
    assert all(area_factor(law, node + 1, node) <= 1 for node in nodes)
    assert all(nominal_supply_v(node) <= nominal_supply_v(node + 1) for node in nodes)


@pytest.mark.parametrize("law", LAWS)
@given(st.sampled_from([7, 10, 14, 16, 20, 22, 28, 32, 40, 45]), st.floats(0.72, 1.3), st.floats(0.001, 0.5))
def test_a_lower_supply_costs_less(law, node, supply, more):
    assert energy_factor(law, 45, node, to_v=supply) < energy_factor(law, 45, node, to_v=supply + more)


def test_a_carried_figure_keeps_its_node_and_names_the_law():
    own = Figure(2.0, "pJ", 45, "a paper", "published")
    assert carry_energy(own, Technology(node_nm=45), 0.9) is own
    carried = carry_energy(own, Technology(node_nm=28), 0.9)
    assert (
        carried.node_nm == 45
        and carried.status == "scaled"
        and carried.law == "stillmaker_baas_2017 energy 45 -> 28 nm at 0.87 V"
    )
    carried = carry_area(own, Technology(node_nm=28, scaling="jouppi_2021"))
    assert carried.law == "transistor density area 45 -> 28 nm" and carried.source == "a paper"


def test_figures_add_only_alike():
    a, b = Figure(1.0, "pJ", 45, "one", "published"), Figure(2.0, "pJ", 45, "two", "assumed", "a law")
    assert a.plus(b) == Figure(3.0, "pJ", 45, "one; two", "assumed", "a law")
    with pytest.raises(ValueError):
        a.plus(Figure(1.0, "pJ", 40, "three", "published"))
    assert weakest([]) == "published" and weakest(["published", "assumed", "scaled"]) == "assumed"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: energy_factor("stilmaker_2017", 45, 22),
            "technology.scaling: 'stilmaker_2017' is not a scaling law; "
            "use jouppi_2021 or stillmaker_baas_2017 (did you mean 'stillmaker_baas_2017'?)",
        ),
        (
            lambda: energy_factor("stillmaker_baas_2017", 45, 5),
            "technology.node_nm: 5 nm is outside the 7 to 130 nm of the scaling law 'stillmaker_baas_2017'",
        ),
        (
            lambda: area_factor("jouppi_2021", 45, 65),
            "technology.node_nm: 65 nm is outside the 7 to 45 nm of the scaling law 'jouppi_2021'",
        ),
        (
            lambda: energy_factor("stillmaker_baas_2017", 45, 65, to_v=0.4),
            "technology.supply_v: 0.4 V is below 0.59 V, the least at 65 nm "
            "for which the scaling law 'stillmaker_baas_2017' holds",
        ),
    ],
)
def test_what_no_law_covers(call, message):
    with pytest.raises(CodesignError) as error:
        call()
    assert str(error.value) == message
