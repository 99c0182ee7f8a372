"""Does every figure say where it comes from?"""

from __future__ import annotations

import pytest

from codesign.costs.dram import dram_energy, dram_technologies
from codesign.costs.figures import STATUSES
from codesign.costs.sources import COLUMNS, cost_table
from codesign.costs.wires import WIRE_PJ_PER_BIT_MM, wire_energy
from simulators.machine import Technology
from simulators.machine_files import load_machine
from simulators.technology_names import MEMORY_TECHNOLOGIES
from tests.codesign.costs.cost_machines import machine
from workloads.errors import CodesignError

PRESETS = [
    "small_npu_8x8",
    "gemmini_16x16",
    "edge_npu",
    "nvdla_large",
    "tpu_v1",
    "scalesim_32x32_ws",
    "scalesim_32x32_os",
    "scalesim_32x32_is",
]


@pytest.mark.parametrize("name", PRESETS)
def test_every_figure_has_source_status_and_node(name):
    described = load_machine(name)
    rows = cost_table(described)
    assert {row["kind"] for row in rows} == {"energy", "area"} and len(rows) > 30
    for row in rows:
        assert tuple(row) == COLUMNS
        assert row["value"] > 0 and row["raw_value"] > 0 and row["source"] and row["status"] in STATUSES
        assert row["unit"] == ("pJ" if row["kind"] == "energy" else "um2")
        assert (row["node_nm"] is None) == (row["component"] == "dram")
        if row["status"] == "scaled" or row["value"] != row["raw_value"]:
            assert row["law"], row


def test_a_carried_figure_is_never_published():
    for row in cost_table(machine(technology={"node_nm": 28})):
        assert row["component"] == "dram" or row["status"] != "published", row


def test_another_profile_leaves_none_of_the_first():
    sources = " ".join(row["source"] for row in cost_table(machine(technology={"arithmetic": "aladdin_40nm"})))
    assert "Horowitz" not in sources


def test_the_machine_knows_the_memory_technologies():
    assert sorted(dram_technologies()) == sorted(MEMORY_TECHNOLOGIES)


def test_dram_figures():
    assert dram_energy("LPDDR4").value == 8 and dram_energy("LPDDR4").status == "published"
    assert dram_energy("DDR4").status == "assumed"
    assert all(dram_energy(name).value > 0 and dram_energy(name).source for name in dram_technologies())


def test_an_unknown_memory_technology():
    with pytest.raises(CodesignError) as error:
        dram_energy("LPDDR3")
    assert str(error.value) == (
        "memory.technology: 'LPDDR3' is not a memory technology; use DDR3, DDR4, DDR5, GDDR5, GDDR6, "
        "HBM2_accelergy, HBM2_hwcomponents, HBM2_jouppi, "
        "HBM3_hwcomponents, HBM4_hwcomponents, HMC, LPDDR(1/2), LPDDR4 or LPDDR5 (did you mean 'LPDDR5'?)"
    )


def test_wires_within_the_usual_range_at_0_8_volt():
    figure = wire_energy(Technology(node_nm=16), 8, 2.0)
    assert figure.value == pytest.approx(8 * 2 * WIRE_PJ_PER_BIT_MM) and 0.08 <= WIRE_PJ_PER_BIT_MM <= 0.12
    assert wire_energy(Technology(node_nm=16, supply_v=0.4), 8, 2.0).value == pytest.approx(figure.value / 4)
    assert figure.status == "assumed"
