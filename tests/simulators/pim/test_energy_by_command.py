"""Is energy the published split along a bit's path, per command, with what has no source named and not made up?"""

from dataclasses import replace

import pytest

from simulators.dram.energy import command_energy
from simulators.dram.standards import HBM2_2000
from simulators.pim.attention import AttentionShape
from simulators.pim.devices import AIM_GDDR6, ATTACC_BANK, ATTACC_BUFFER, ATTACC_GROUP, DEVICES, NEUPIMS
from simulators.pim.energy import ATTACC_MAC_PJ, PARTS, attention_energy, compute_pj_per_bit, energy_of, table_of
from simulators.pim.run import Traffic, run_attention
from workloads.errors import CodesignError

SMALL = AttentionShape(512, 4)


@pytest.mark.parametrize(("device", "pj_a_bit"), [(ATTACC_BANK, 0.55), (ATTACC_GROUP, 1.56), (ATTACC_BUFFER, 3.29)])
def test_compute_pays_its_path_with_the_row(device, pj_a_bit):
    assert compute_pj_per_bit(device) + table_of(device).row_pj_per_bit == pytest.approx(pj_a_bit)


def test_a_bit_read_off_the_stack_pays_the_whole_split():
    parts = energy_of(NEUPIMS, {"ACT": 1, "RD": 16}, 0, 0).parts_pj  # a row of 1 KB, all of it
    assert (parts["rows"] + parts["reads"]) / 8192 == pytest.approx(3.59)


def test_a_row_of_the_split_is_within_a_tenth_of_that_of_idd():
    assert energy_of(NEUPIMS, {"ACT": 1}, 0, 0).total_pj == pytest.approx(
        command_energy(HBM2_2000).activate_pj, rel=0.1
    )


@pytest.mark.parametrize(
    ("counts", "part", "pj"),
    [
        ({"COMP": 1}, "macs", 32 * 16 * ATTACC_MAC_PJ),
        ({"COMP": 1}, "compute_columns", 32 * 256 * 0.44),
        ({"G_ACT": 1}, "rows", 4 * 8192 * 0.11),
        ({"GWRITE": 1}, "vectors", 8192 * 2.68),
        ({"READRES": 1}, "results", 32 * 32 * 3.04),
        ({"WR": 2}, "writes", 2 * 512 * 3.48),
        ({"REF": 3}, "refresh", 3 * 60_840),
    ],
)
def test_every_command_pays_by_the_table(counts, part, pj):
    energy = energy_of(NEUPIMS, counts, 0, 0)
    assert energy.parts_pj[part] == pytest.approx(pj)
    assert tuple(energy.parts_pj) == PARTS


def test_standby_is_by_rank_and_open_rows():
    assert energy_of(NEUPIMS, {}, 100, 100).parts_pj["standby"] == pytest.approx(2 * 100 * 66)
    assert energy_of(NEUPIMS, {}, 0, 100, channels=3).parts_pj["standby"] == pytest.approx(3 * 2 * 100 * 48)


def test_a_unit_from_gates_takes_the_place_of_the_published_one():
    published, gates = energy_of(NEUPIMS, {"COMP": 10}, 0, 0), energy_of(NEUPIMS, {"COMP": 10}, 0, 0, comp_pj=2.0)
    assert gates.parts_pj["macs"] == 10 * 32 * 2.0 != published.parts_pj["macs"]
    assert "gates" in gates.source
    assert "AttAcc" in published.source


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_attention_has_energy_on_every_device_that_ships(name):
    device = replace(DEVICES[name], channels=2)
    result = run_attention(device, SMALL, [100, 300], [0, 1])
    energy = attention_energy(device, result)
    assert all(energy.parts_pj[part] > 0 for part in ("rows", "compute_columns", "macs", "vectors", "results"))
    for part in ("refresh", "standby"):
        assert (energy.parts_pj[part] == 0) == (part in energy.missing) or result.clocks < 3000
    assert sum(energy.parts_pj.values()) == energy.total_pj


def test_placement_orders_attacc_and_traffic_is_in_it():
    def of(device, **options):
        device = replace(device, channels=1)
        return attention_energy(device, run_attention(device, SMALL, [500], [0], **options))

    assert of(ATTACC_BANK).total_pj < of(ATTACC_GROUP).total_pj < of(ATTACC_BUFFER).total_pj
    assert of(NEUPIMS, traffic=Traffic(6400)).parts_pj["reads"] == pytest.approx(6400 * 8 * 3.48)
    assert of(AIM_GDDR6).missing == ("off-chip drivers",)


def test_a_standard_without_a_table_is_refused_in_one_line():
    strange = replace(NEUPIMS, standard=replace(NEUPIMS.standard, name="ddr9"))
    with pytest.raises(CodesignError, match="energy: not available"):
        energy_of(strange, {}, 0, 0)
