"""TPU v1's applications: do they have the paper's totals, and do shares of cycles add up?"""

import pytest

from codesign.validate.tpu_v1 import APPLICATIONS, counters
from simulators.machine_files import load_machine

#: Table 1: matrix layers, weights in millions, weight reuse (MACs a weight byte).
TABLE_1 = {"MLP0": (5, 20, 200), "LSTM0": (24, 52, 64), "CNN0": (16, 8, 2888)}


@pytest.mark.parametrize("name", TABLE_1)
def test_totals_are_those_of_table_1(name):
    layers, millions, reuse = TABLE_1[name]
    gemms = APPLICATIONS[name].gemms
    assert sum(times for times, _, _ in gemms) == layers
    assert round(sum(times * k * n for times, k, n in gemms) / 1e6) == millions
    assert APPLICATIONS[name].inputs == reuse


def test_shares_of_the_matrix_unit_add_up_to_what_other_work_leaves():
    ours = counters(load_machine("tpu_v1"), APPLICATIONS["MLP0"], 17.5)
    assert ours["active"] + ours["stall"] + ours["shift"] == pytest.approx(82.5, abs=0.5)
    assert ours["useful"] + ours["unused"] == pytest.approx(ours["active"])


def test_half_the_bandwidth_doubles_the_cycles_of_a_memory_bound_application():
    slow = load_machine("tpu_v1", ["memory.bytes_per_cycle=16"])
    rates = [counters(machine, APPLICATIONS["LSTM0"], 0)["tops"] for machine in (load_machine("tpu_v1"), slow)]
    assert rates[0] / rates[1] == pytest.approx(2, rel=0.03)
