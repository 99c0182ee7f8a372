"""Do units, lanes and clocks of the devices give the rates that are published for them, and are bad options refused?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import AttentionShape, k_tile_array, program_of, v_tile_array
from simulators.pim.commands import COMP, HEADER, READRES, constant
from simulators.pim.devices import (
    AIM_GDDR6,
    ATTACC_BANK,
    ATTACC_BUFFER,
    ATTACC_GROUP,
    DEVICES,
    HBM_PIM,
    NEUPIMS,
)
from simulators.pim.run import run_attention
from workloads.errors import CodesignError

SMALL = AttentionShape(512, 4)


def test_hbm_pim_is_1_2_tflops_a_stack_and_four_times_its_bus():
    assert HBM_PIM.peak_ops_per_s == pytest.approx(1.2e12, rel=0.03)
    assert HBM_PIM.compute_bytes_per_s / HBM_PIM.bus_bytes_per_s == pytest.approx(4.0)
    assert HBM_PIM.bus_bytes_per_s == pytest.approx(307.2e9)


def test_aim_is_1_tflops_a_chip_at_16_gbps_a_pin():
    chips = AIM_GDDR6.channels / 2
    assert AIM_GDDR6.peak_ops_per_s / chips == pytest.approx(1e12, rel=0.03)
    assert AIM_GDDR6.bus_bytes_per_s * 8 / AIM_GDDR6.channels / 16 == pytest.approx(16e9)
    assert AIM_GDDR6.standard.organization.channel_bytes * 2 == 2**30  # 8 Gb a chip


@pytest.mark.parametrize(("device", "times_bus"), [(ATTACC_BANK, 9), (ATTACC_GROUP, 3), (ATTACC_BUFFER, 1)])
def test_attacc_takes_what_its_placement_allows(device, times_bus):
    # AttAcc's simulator gives 9, 3 and 1 times the bus of 670 GB/s under its power limit; the clocks give 10.7.
    assert device.bus_bytes_per_s == pytest.approx(670.4e9, rel=0.01)
    assert device.compute_bytes_per_s / device.bus_bytes_per_s == pytest.approx(times_bus, rel=0.2)


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_comps_do_not_outrun_the_units_and_no_device_is_faster_than_its_peak(name):
    device = replace(DEVICES[name], channels=1)
    length = 4 * device.banks
    result = run_attention(device, SMALL, [length], [0])
    values = result.channels[0].counts["COMP"] * device.lanes * device.banks  # operands that units took
    assert values >= 2 * length * 512
    assert 2 * values / (result.channels[0].pim_clocks * device.standard.clock_ns * 1e-9) < device.peak_ops_per_s


def test_placement_of_units_orders_attacc_and_power_costs():
    def clocks(device):
        return run_attention(replace(device, channels=1), SMALL, [2000], [0]).clocks

    free = replace(ATTACC_BANK, column=constant(4, "tCCDAB without power limit"))
    assert clocks(free) < clocks(ATTACC_BANK) < clocks(ATTACC_GROUP) < clocks(ATTACC_BUFFER)


def test_packed_values_need_fewer_rows_when_tokens_are_few_and_the_same_when_they_fill_the_page():
    packed = replace(NEUPIMS, value_layout="packed")
    assert len(v_tile_array(packed, SMALL, 100)) == 4 < len(v_tile_array(NEUPIMS, SMALL, 100)) == 16
    assert v_tile_array(packed, SMALL, 512).tolist() == v_tile_array(NEUPIMS, SMALL, 512).tolist()
    for length in (1, 100, 300, 1000):
        page, dense = v_tile_array(NEUPIMS, SMALL, length), v_tile_array(packed, SMALL, length)
        assert (page[:, 1] * page[:, 2]).sum() == (dense[:, 1] * dense[:, 2]).sum()
        assert (dense[:, 1] * dense[:, 2]).max() * packed.lanes <= packed.page_operands


def test_a_tile_that_does_not_fit_between_refreshes_is_told_in_parts_and_computes_the_same():
    tiles = np.concatenate([k_tile_array(ATTACC_BUFFER, SMALL, 40), v_tile_array(ATTACC_BUFFER, SMALL, 700)])
    program = program_of(ATTACC_BUFFER, tiles)
    assert (program[:, 0] == HEADER).sum() > len(tiles)
    assert (program[:, 0] == COMP).sum() == (tiles[:, 1] * tiles[:, 2]).sum()
    assert (program[:, 0] == READRES).sum() == tiles[:, 1].sum()
    assert len(np.unique(program[program[:, 0] == HEADER, 1])) == len(tiles)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"activate": "bank"}, "group"),
        ({"activate": "grop"}, "did you mean|group"),
        ({"precharge": "row"}, "precharge"),
        ({"value_layout": "dense"}, "packed"),
        ({"unit_banks": 5}, "5 banks a unit"),
        ({"unit_banks": 0}, "unit_banks 0"),
        ({"unit_clock_ghz": -1.0}, "negative"),
        ({"activate": "channel"}, "one is refreshed"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(change, said):
    with pytest.raises(CodesignError, match=said) as caught:
        replace(NEUPIMS, **change)
    assert "\n" not in str(caught.value)
