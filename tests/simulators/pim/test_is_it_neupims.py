"""Is attention on the device what the NeuPIMs simulator counted and clocked, channel by channel?"""

import csv

import pytest

from simulators.pim.attention import SHAPES, counts_of
from simulators.pim.devices import NEUPIMS
from simulators.pim.run import counts_in_run, run_attention
from tests.shared_data import shared_path

RUN = "pim/neupims_syn32_7B_tp4_sboff_"
STAGE_B_BEGINS = 31_466  # the cycles of stage A in its table: refreshes fall where they fell there
SHAPE = SHAPES["gpt3-7b"]


def rows(name):
    with shared_path(f"{RUN}{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def requests():
    found = rows("requests")
    return [int(r["seq_len"]) for r in found], [int(r["ch_idx"]) for r in found]


@pytest.fixture(scope="module")
def result(requests):
    return run_attention(NEUPIMS, SHAPE, *requests, start=STAGE_B_BEGINS)


def test_foretold_and_issued_counts_are_its_own(requests, result):
    columns = ("gwrite_cmds", "gact_cmds", "pim_precharge_cmds", "comp_cmds", "readres_cmds")
    foretold = {channel: counts_of(NEUPIMS, SHAPE, length) for length, channel in zip(*requests, strict=True)}
    for number, row in enumerate(rows("channels")):
        theirs = tuple(int(row[c]) for c in columns)
        assert tuple(foretold[number])[2:] == theirs
        assert tuple(counts_in_run(result.channels[number]))[2:] == theirs
        assert tuple(foretold[number])[:3] == tuple(int(row[f"pred_{c}"]) for c in ("K_tiles", "V_tiles", "gwrites"))


def test_cycles_of_every_channel_are_within_two_percent_and_of_the_longest_within_one(result):
    theirs = [int(row["pim_cycles"]) for row in rows("channels")]
    ours = [channel.pim_clocks for channel in result.channels]
    assert ours == pytest.approx(theirs, rel=0.02)
    assert max(ours) == pytest.approx(max(theirs), rel=0.01)
    (stage,) = [row for row in rows("stages") if row["Stage"] == "B"]
    assert sum(ours) / len(ours) == pytest.approx(int(stage["pim_cycles"]), rel=0.01)


def test_the_stage_takes_its_cycles_within_three_percent(result):
    (stage,) = [row for row in rows("stages") if row["Stage"] == "B"]
    (logits,) = [row for row in rows("ops") if row["OpName"].endswith("LogitSoftmax")]
    assert result.softmax_done == pytest.approx(int(logits["TotalCycle"]), rel=0.01)
    assert result.clocks == pytest.approx(int(stage["total_cycles"]), rel=0.03)
