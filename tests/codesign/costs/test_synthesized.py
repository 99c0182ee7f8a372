"""Is logic priced by the synthesis of the RTL: the table's figures at its node, carried ones labelled, by activity?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign.costs.actions import COMPONENTS, action_costs, layer_costs
from codesign.costs.area import area
from codesign.costs.energy import energy
from codesign.costs.logic import logic_of
from codesign.costs.sources import cost_table
from codesign.costs.synthesized_tables import tables
from rtl.synthesis.cost_rows import OperandStatistics, write_rows
from simulators.activity import COUNTERS
from simulators.machine_files import load_machine, override_machine
from simulators.machine_presets import machine_names
from tests.codesign.costs.cost_machines import machine
from workloads.activity import Activity
from workloads.errors import CodesignError

LOGIC = ("array", "clock", "vector", "dma")
SEVEN, SKY = tables("synthesized")
UNIFORM = Activity()


def synthesized(node_nm: int = 7, **changes):
    technology = {"node_nm": node_nm, "arithmetic": "synthesized", **changes.pop("technology", {})}
    return machine(technology=technology, **changes)


def array_pj(described, activity: Activity, counter: str = "") -> float:
    costs = layer_costs(described, action_costs(described), activity)
    return sum(c.pj for c in costs if c.component == "array" and counter in ("", c.counter))


@pytest.mark.parametrize("table", [SEVEN, SKY], ids=["asap7", "sky130hd"])
def test_the_shipped_tables_are_whole_and_say_how_far_off_they_are(table):
    pes = {(r.activation, r.weight, r.accumulator, r.dataflow) for r in table.rows if r.kind == "pe"}
    for formats in (("int4", "int4", "int24"), ("int8", "int8", "int32"), ("int8", "int4", "int24"),
                    ("int16", "int16", "int48"), ("bf16", "bf16", "fp32")):  # fmt: skip
        assert {(*formats, dataflow) for dataflow in ("ws", "os")} <= pes
    for row in table.rows:
        assert row.area_um2 > 0 and row.period_ps > 0 and row.library and row.recipe and row.tool
        if row.kind == "pe":
            assert 0 < row.fit_error_mean < 0.13 and row.fit_error_max < 0.3, row


def test_at_the_library_s_node_the_figures_are_the_table_s():
    described = synthesized(7)
    row = next(r for r in SEVEN.rows if (r.kind, r.activation, r.dataflow, r.shadow) == ("pe", "int8", "ws", 1))
    spent = {c.action: c for c in action_costs(described) if c.component == "array"}
    statistics = OperandStatistics(0.5, 0.5, 2.0**-8, 2.0**-8)
    assert spent["multiply-add"].pj == pytest.approx(row.energy_fj("multiply_add", statistics) / 1000, rel=1e-12)
    assert spent["multiply-add"].status == "synthesized" and spent["multiply-add"].node_nm == 7
    assert spent["multiply-add"].law == "" and "asap7" in spent["multiply-add"].source
    parts = {(i.component, i.part): i.figure for i in area(described).items}
    assert parts["array", "PEs"].value == pytest.approx(64 * row.area_um2) and parts["array", "PEs"].law == ""
    assert parts["array", "PEs"].status == "synthesized"


@pytest.mark.parametrize(("node", "status"), [(7, "synthesized"), (16, "scaled"), (45, "scaled"), (130, "synthesized")])
def test_a_carried_figure_is_scaled_and_names_both_nodes_and_the_law(node, status):
    for row in cost_table(synthesized(node)):
        if row["component"] in ("array", "vector") and row["unit"] == "um2":
            assert row["status"] == status and bool(row["law"]) == (status == "scaled")
            if status == "scaled":
                assert f"7 -> {node} nm" in row["law"] and f"130 -> {node} nm" in row["law"]
        if row["item"] == "multiply-add":
            assert row["status"] == status
            assert status == "synthesized" or ("stillmaker" in row["law"] and f"-> {node} nm" in row["law"])


def test_a_supply_of_its_own_is_carried():
    low, own = (synthesized(7, technology=t) for t in ({"supply_v": 0.6}, {}))
    costs = [next(c for c in action_costs(m) if c.action == "multiply-add") for m in (low, own)]
    assert costs[0].pj < costs[1].pj and costs[0].status == "scaled" and "0.60 V" in costs[0].law


def test_a_total_with_a_carried_part_is_not_synthesized():
    counts = {"macs": 100, "mac_slots": 100}
    at_home, carried = (energy(synthesized(node), counts) for node in (7, 28))
    assert at_home.by_component["array"] > 0
    assert [r["status"] for r in at_home.rows() if r["counter"] == "macs"] == ["synthesized"]
    assert carried.status == "scaled"


def test_figures_change_smoothly_from_node_to_node():
    """From 7 to 130 nm without a jump of more than the law's own; area never falls."""
    nodes = [7, 8, 10, 14, 16, 20, 22, 28, 32, 40, 45, 65, 90, 129, 130]
    areas = [area(synthesized(node)).by_component["array"] for node in nodes]
    assert areas == sorted(areas)
    energies = [array_pj(synthesized(node, technology={"supply_v": 0.9}), UNIFORM) for node in nodes]
    steps = [b / a for a, b in pairwise(energies)]
    assert max(steps) < 2.5 and energies[-1] > energies[0]


def test_zeros_cost_nothing_but_clock():
    zeros = Activity(0.0, 0.0, 0.5, 0.5, 1.0, 2.0**-8)
    for dataflow in ("ws", "os"):
        described = synthesized(array={"dataflow": dataflow})
        assert array_pj(described, zeros, "macs") < 0.5 * array_pj(described, UNIFORM, "macs")
    assert array_pj(synthesized(), zeros, "macs") < 0.05 * array_pj(synthesized(), UNIFORM, "macs")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.sampled_from(["ws", "os", "is"]))
def test_energy_falls_with_density(shares, dataflow):
    convolution = {"convolution": "im2col"} if dataflow == "is" else {}
    described = synthesized(array={"dataflow": dataflow, **convolution})

    def sparse(zeros):
        toggles = 0.5 * (1 - zeros * zeros)
        return Activity(toggles, toggles, 0.5, 0.5, zeros, 2.0**-8)

    spent = [array_pj(described, sparse(zeros)) for zeros in sorted(shares)]
    assert all(a >= b * (1 - 1e-12) for a, b in pairwise(spent))


def test_published_profiles_follow_no_activity():
    described = machine()
    costs = action_costs(described)
    assert layer_costs(described, costs, Activity(0.1, 0.1, 0.1, 0.1)) == costs


@pytest.mark.parametrize("name", machine_names())
def test_the_costs_of_a_preset_are_its_parts(name):
    described = override_machine(load_machine(name), ("technology.arithmetic=synthesized",))
    counts = {counter: 3 * i + 1 for i, counter in enumerate(COUNTERS)}
    report = energy(described, counts)
    assert report.total_pj == pytest.approx(sum(row["energy_pj"] for row in report.rows()))
    assert {row["component"] for row in report.rows()} <= set(COMPONENTS)
    assert all(report.by_component[name] > 0 for name in LOGIC if name != "vector" or described.vector)
    covered = area(described)
    assert covered.total_um2 == pytest.approx(sum(item.figure.value for item in covered.items))


@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_a_format_without_a_row_lies_between_those_around_it(dataflow):
    def figures(bits):
        formats = {"activation": f"int{bits}", "weight": f"int{bits}", "accumulator": "int64"}
        described = synthesized(array={"dataflow": dataflow, "pe": formats})
        return array_pj(described, UNIFORM), area(described).by_component["array"]

    found = [figures(bits) for bits in (2, 4, 6, 8, 12, 16, 24)]
    assert found == sorted(found) and [a for _, a in found] == sorted(a for _, a in found)
    law = next(c.law for c in action_costs(synthesized(array={"pe": {"activation": "int6"}})) if c.counter == "macs")
    assert law == "gates over product of widths 48, log-log through 16, 32, 64, 256; registers by bits"


def test_is_streams_weights():
    """The is array is the ws array with operands exchanged: an int8x4 machine streams its int4 weights."""
    formats = {"activation": "int4", "weight": "int8", "accumulator": "int24"}
    described = synthesized(array={"dataflow": "is", "convolution": "im2col", "pe": formats})
    twin = synthesized(array={"pe": {"activation": "int8", "weight": "int4", "accumulator": "int24"}})
    assert area(described).by_component["array"] == area(twin).by_component["array"]
    still = Activity(0.5, 0.5, 0.5, 0.0)
    assert array_pj(described, still, "macs") < 0.5 * array_pj(described, UNIFORM, "macs")


def test_float_lanes_have_no_rtl_and_say_so():
    formats = {"activation": "bf16", "weight": "bf16", "accumulator": "fp32"}
    described = synthesized(array={"pe": formats})
    costs = {c.action: c for c in action_costs(described)}
    assert "Horowitz" in costs["lane operation"].source and costs["lane operation"].status == "assumed"
    assert costs["multiply-add"].status == "synthesized"


def test_a_table_of_one_s_own(tmp_path):
    path = tmp_path / "costs.csv"
    rows = [replace(row, area_um2=2 * row.area_um2) for row in SEVEN.rows]
    write_rows(rows, path)
    own = synthesized(technology={"arithmetic": str(path)})
    assert area(own).by_component["array"] == pytest.approx(2 * area(synthesized()).by_component["array"], rel=1e-5)
    assert area(own).by_component["scratchpad"] == area(synthesized()).by_component["scratchpad"]


def test_a_table_that_lacks_what_a_machine_needs(tmp_path):
    path = tmp_path / "costs.csv"
    write_rows([row for row in SEVEN.rows if row.kind != "lane"], path)
    with pytest.raises(CodesignError, match="has no row for a vector lane with rounding 'dyadic_half_up'"):
        action_costs(synthesized(technology={"arithmetic": str(path)}))
    with pytest.raises(CodesignError) as error:
        logic_of(synthesized(technology={"arithmetic": "costs_of_nobody.csv"}))
    assert str(error.value) == "technology.arithmetic: costs_of_nobody.csv: No such file or directory"
