"""Are the stages of a layer those of the NeuPIMs simulator, from the machine's own simulators alone?

Its all-reduce is free, so the link is here too; nothing is fitted.
"""

import csv

import pytest

from simulators.machine_files import load_machine
from simulators.pim.system.attention import placed
from simulators.pim.system.model import decode, system_of
from tests.shared_data import shared_path
from workloads.zoo.language_models import DECODERS

RUN = "pim/neupims_syn32_7B_tp4_sboff_"
FREE_LINK = ["pim.link_latency_ns=0", "pim.link_bytes_per_second=1000000000000000", "pim.interleave=off"]


def rows(name):
    with shared_path(f"{RUN}{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=[6, pytest.param(0, marks=pytest.mark.slow)], ids=["6 channels", "all"])
def layer(request):
    requests = rows("requests")
    system = system_of(load_machine("neupims", FREE_LINK), DECODERS["gpt3-7b"], sampled=request.param)
    lengths, channels = ([int(row[name]) for row in requests] for name in ("seq_len", "ch_idx"))
    return system.serial_layer(placed(system.device, system.block, lengths, "longest_first", channels))


@pytest.mark.parametrize(("place", "name"), [(0, "A"), (1, "B"), (2, "E")])
def test_a_stage_takes_its_cycles_within_three_percent(layer, place, name):
    (theirs,) = [int(row["total_cycles"]) for row in rows("stages") if row["Stage"] == name]
    assert layer.stages[place].cycles == pytest.approx(theirs, rel=0.03)


def test_the_npu_reads_what_it_read(layer):
    theirs = sum(int(row["MemoryReads"]) for row in rows("ops") if row["unit_stage"].startswith("SA"))
    assert layer.read_bytes == pytest.approx(theirs, rel=0.01)
    macs = sum(int(row["NumCalculation"]) for row in rows("ops"))
    assert layer.macs == macs


def test_the_machine_places_the_requests_as_it_did():
    requests = rows("requests")
    system = system_of(load_machine("neupims", FREE_LINK), DECODERS["gpt3-7b"], sampled=1, longest_only=True)
    run = decode(system, [int(row["seq_len"]) for row in requests])
    assert sorted(run.requests.channel_of) == sorted(int(row["ch_idx"]) for row in requests)
