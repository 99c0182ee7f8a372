"""Does the scheduler's RTL take a channel of the shared NeuPIMs run as long as the NeuPIMs simulator does?"""

from __future__ import annotations

import csv

import numpy as np
import pytest

from rtl.pim.scheduler_bench import run_scheduler
from simulators.pim.attention import SHAPES, k_tiles, program_of, v_tiles
from simulators.pim.channel import PimChannel
from simulators.pim.devices import NEUPIMS
from tests.shared_data import shared_path

RUN = "pim/neupims_syn32_7B_tp4_sboff_"
STAGE_B_BEGINS = 31_466  # the cycles of stage A in its table
#: Clocks between the logits' end and S.V: any that the softmax may take.
SOFTMAX_CLOCKS = 1500
SHAPE = SHAPES["gpt3-7b"]


def rows(name: str) -> list[dict[str, str]]:
    with shared_path(f"{RUN}{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 9, 31])
def test_a_channel(number: int) -> None:
    """Every command in the kernel's clock; the clocks of K.q and S.V together within 2 % of the NeuPIMs simulator's."""
    lengths = [int(row["seq_len"]) for row in rows("requests") if int(row["ch_idx"]) == number]
    channel = PimChannel(NEUPIMS, trace=True)
    channel.idle_until(STAGE_B_BEGINS)
    programs, arrivals, clocks, row = [], [], 0, 1
    for tiles in (k_tiles, v_tiles):
        program = program_of(NEUPIMS, (tile for n in lengths for tile in tiles(NEUPIMS, SHAPE, n)), row)
        arrivals.append(np.full(len(program), channel.clock))
        clocks += channel.run(program)
        row = int(program[-1, 1]) + 1
        programs.append(program)
        channel.idle_until(channel.clock + SOFTMAX_CLOCKS)
    found = run_scheduler(NEUPIMS, np.concatenate(programs), np.concatenate(arrivals))
    wanted = channel.commands[: len(found)]  # behind the last item only refreshes
    assert np.array_equal(found[:, :3], wanted[:, :3])
    assert int(rows("channels")[number]["pim_cycles"]) == pytest.approx(clocks, rel=0.02)
    assert found[-1, 0] + 1 == arrivals[1][0] + (clocks - (arrivals[1][0] - SOFTMAX_CLOCKS - STAGE_B_BEGINS))
