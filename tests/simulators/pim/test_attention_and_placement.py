"""Are requests placed, tiled and refused as the rules say, and do the device's options matter as they must?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import SHAPES, AttentionShape, counts_of, counts_of_all, k_tiles, v_tiles
from simulators.pim.devices import DEVICES, NAIVE, NEUPIMS, NEWTON, device_named
from simulators.pim.placement import place
from simulators.pim.run import counts_in_run, in_order, run_attention
from workloads.errors import CodesignError

SMALL = AttentionShape(512, 4)
FEW = replace(NEUPIMS, channels=2)


def test_round_robin_and_longest_first():
    lengths = [5, 1, 9, 4, 4]
    assert place("round_robin", lengths, 2) == [0, 1, 0, 1, 0]
    assert place("longest_first", lengths, 2) == [1, 1, 0, 1, 0]


def test_longest_first_is_never_worse_than_round_robin():
    lengths = np.random.default_rng(3).integers(1, 2000, 300).tolist()

    def most(name):
        chosen = place(name, lengths, 32)
        return max(sum(n for n, c in zip(lengths, chosen, strict=True) if c == channel) for channel in range(32))

    assert most("longest_first") < most("round_robin")


@pytest.mark.parametrize(
    ("model", "length"), [("gpt3-7b", 1), ("gpt3-13b", 513), ("gpt3-30b", 1024), ("gpt3-175b", 77)]
)
def test_tiles_are_those_of_the_formulas(model, length):
    shape = SHAPES[model]
    k, v = list(k_tiles(NEUPIMS, shape, length)), list(v_tiles(NEUPIMS, shape, length))
    pages, rows = -(-shape.local_embedding // 512), -(-length // 32)
    assert (len(k), sum(t.first for t in k)) == (pages * rows, pages)
    assert len(v) == shape.local_heads * -(-length // 512) * 4
    assert sum(t.dots for t in k) == shape.local_heads * rows  # a page that is not full holds fewer heads
    assert v[-1].comps == -(-((length - 1) % 512 + 1) // 16)
    assert sum(t.comps for t in v) == shape.local_heads * 4 * -(-length // 16)


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES.keys())
def test_foretold_counts_are_issued_with_several_requests_a_channel(device):
    device = replace(device, channels=2)
    lengths = [40, 700, 3, 513]
    result = run_attention(device, SMALL, lengths, [0, 1, 1, 1])
    for number, mine in enumerate([[0], [1, 2, 3]]):
        foretold = counts_of_all(device, SMALL, [lengths[i] for i in mine])
        issued, n = counts_in_run(result.channels[number]), result.channels[number].counts
        closed = issued.pim_precharges + n["PRE"] - n["ACT"]  # a refresh closes the only row buffer with PRE
        again = issued.g_acts - foretold.g_acts  # a tile told in parts opens its row again behind a refresh
        assert again == 0 or device.name == "attacc_buffer"
        assert issued._replace(g_acts=issued.g_acts - again, pim_precharges=closed - again)[2:] == foretold[2:]


def test_options_cost_what_they_must():
    def clocks(device, length=900):
        return run_attention(replace(device, channels=1), SMALL, [length], [0]).clocks

    assert clocks(replace(NEUPIMS, refresh=False)) < clocks(NEUPIMS)
    assert clocks(NEUPIMS) < clocks(replace(NEUPIMS, dot_holds_row=True))
    assert clocks(replace(NEUPIMS, lanes=32)) <= clocks(NEUPIMS)
    assert clocks(NEWTON) > clocks(NAIVE)
    assert clocks(NEUPIMS, 1) < clocks(NEUPIMS, 33)
    assert clocks(NEUPIMS, 300) < clocks(NEUPIMS, 513)


def test_a_tile_that_never_fits_between_refreshes_is_refused_and_does_not_wait_for_ever():
    busy = replace(NEUPIMS.standard, timing=NEUPIMS.standard.timing | {"tREFI": 1400})
    with pytest.raises(CodesignError, match="does not fit in the 700 clocks"):
        run_attention(replace(NEUPIMS, standard=busy), SMALL, [40], [0])
    slower = replace(NEUPIMS.standard, timing=NEUPIMS.standard.timing | {"tREFI": 1480})
    slow = run_attention(replace(NEUPIMS, standard=slower), SMALL, [400], [0])
    assert slow.clocks > run_attention(NEUPIMS, SMALL, [400], [0]).clocks


def test_vector_operations_wait_for_those_before():
    assert in_order([10, 3, 20], [2, 4, 0]) == 20
    assert in_order([10, 3, 12], [2, 4, 1]) == 17


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: place("longest", [1], 4), "longest_first"),
        (lambda: place("round_robin", [1], 0), "channels 0"),
        (lambda: device_named("neupim"), "neupims"),
        (lambda: AttentionShape(100, 3), "do not divide"),
        (lambda: AttentionShape(128, 0), "heads 0"),
        (lambda: counts_of(NEUPIMS, SMALL, 0), "length 0"),
        (lambda: counts_of(NEUPIMS, AttentionShape(1024, 1), 5), "a head of 1024 values"),
        (lambda: run_attention(FEW, SMALL, [5], [2]), "channel 2"),
        (lambda: run_attention(FEW, SMALL, [], []), "0 requests"),
        (lambda: run_attention(FEW, SMALL, [5_000_000], [0]), "rows are needed"),
        (lambda: replace(NEUPIMS, row_buffers=3), "row_buffers 3"),
        (lambda: replace(NEUPIMS, lanes=24), "24 lanes"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, said):
    with pytest.raises(CodesignError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
