"""When do two sub-batches in turns win, when does PIM, and what does each mechanism bring?"""

import pytest

from simulators.machine_files import load_machine
from simulators.pim.system.attention import Requests, halves, longest_channel, placed
from simulators.pim.system.model import decode, prefill, system_of
from simulators.pim.system.npu_attention import decode_on_arrays
from workloads.errors import CodesignError
from workloads.zoo.language_models import DECODERS

LENGTHS = [960, 911, 894, 874, 778, 765, 765, 744, 737, 734, 725, 716, 671, 660, 606, 594, 528, 523, 514, 510, 508, 504,
           502, 400, 292, 237, 222, 187, 154, 120, 75, 68]  # fmt: skip


def system(*overrides, model="gpt3-7b", **given):
    return system_of(
        load_machine("neupims", overrides), DECODERS[model], **{"sampled": 1, "longest_only": True, **given}
    )


@pytest.fixture(scope="module")
def whole():
    return system()


@pytest.mark.parametrize(("batch", "wins"), [(32, False), (256, True), pytest.param(512, True, marks=pytest.mark.slow)])
def test_interleaving_loses_at_batch_32_and_wins_from_256_on(whole, batch, wins):
    requests = placed(whole.device, whole.block, (LENGTHS * 16)[:batch], "longest_first")
    turns, serial = whole.interleaved_layer(requests), whole.serial_layer(requests)
    assert (turns.cycles < serial.cycles) is wins
    assert whole.layer(requests).interleaved is wins
    assert turns.read_bytes > 1.9 * 101e6  # all weights twice
    assert serial.read_bytes < 1.7 * 101e6


@pytest.mark.parametrize(("batch", "context", "wins"), [(4, 16, False), (64, 2048, True)])
def test_short_contexts_lose_on_pim_at_small_batch(whole, batch, context, wins):
    on_pim = whole.attention(placed(whole.device, whole.block, [context] * batch, "longest_first"))
    on_arrays = decode_on_arrays(whole.npu, whole.block, [context] * batch)
    assert (whole.npu.cycles(on_pim.clocks) < on_arrays.cycles) is wins


def test_one_row_buffer_keeps_the_npu_waiting(whole):
    requests = placed(whole.device, whole.block, LENGTHS * 8, "longest_first")
    blocked = system("pim.dual_row_buffer=false")
    stage = blocked.interleaved_layer(requests).stages[0]
    assert stage.cycles > sum(row.cycles for row in stage.rows) + 0.8 * stage.pim_cycles
    assert stage.cycles > 1.2 * whole.interleaved_layer(requests).stages[0].cycles
    assert not blocked.layer(requests).interleaved


def test_the_longest_channel_stands_for_all(whole):
    requests = placed(whole.device, whole.block, LENGTHS * 2, "longest_first")
    every = system(longest_only=False).attention(requests).clocks
    assert whole.attention(requests).clocks == pytest.approx(every, rel=0.05)
    mine = longest_channel(whole.device, whole.block, requests)
    assert set(mine.channel_of) == {0}


def test_halves_are_the_batch_and_share_every_channel():
    requests = Requests((5, 9, 7, 3, 8), (0, 0, 1, 1, 2))
    one, two = halves(requests)
    both = sorted(zip(one.lengths + two.lengths, one.channel_of + two.channel_of, strict=True))
    assert both == sorted(zip(requests.lengths, requests.channel_of, strict=True))
    assert {0, 1} <= set(one.channel_of) & set(two.channel_of)
    assert abs(len(one) - len(two)) <= 1


def test_prompts_leave_pim_idle_and_a_group_of_queries_passes_again(whole):
    prompts = prefill(whole, [64, 32])
    assert all(stage.pim_cycles == 0 for stage in prompts.layer.stages)
    assert prompts.tokens == 96
    assert prompts.layer.macs == whole.block.macs(96, 64 * 64 + 32 * 32)
    grouped, single = system(model="llama3-8b"), system(model="llama2-7b")
    assert grouped.block.shape.heads == 8
    one = placed(grouped.device, grouped.block, [512], "longest_first")
    ratio = grouped.attention(one).clocks / single.attention(one).clocks  # four passes, pages of K half full
    assert 1 < ratio < 1.5


def test_an_all_reduce_goes_round_the_ring(whole):
    bytes_each, steps = 4096 * 32 * 2 / 4, 6
    assert whole.npu.reduce_cycles(4096, 32) == pytest.approx(steps * (bytes_each / 300 + 1000), rel=1e-4)
    alone = system("pim.tensor_parallel=1")
    assert alone.npu.reduce_cycles(4096, 32) == 0


@pytest.mark.parametrize(
    ("lengths", "overrides", "said"),
    [
        ([], (), "requests: none"),
        ([0], (), "request 1: 0 tokens"),
        ([1, 4000], (), "request 2: 4000 tokens"),
        ([1], ("pim.tensor_parallel=3",), "heads 32 do not divide"),
        ([1], ("vector=null",), "vector"),
    ],
)
def test_what_does_not_fit_is_refused(lengths, overrides, said):
    with pytest.raises(CodesignError, match=said):
        decode(system(*overrides), lengths)
