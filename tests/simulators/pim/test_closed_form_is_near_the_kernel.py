"""Is the closed form within 3 % of the kernel on average and 10 % at worst, on lists that made nothing of it?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import SHAPES, AttentionShape
from simulators.pim.closed_form import estimate_attention
from simulators.pim.devices import DEVICES, NEUPIMS
from simulators.pim.placement import place
from simulators.pim.run import run_attention
from tests.simulators.pim.test_kernel_equals_plain_python import other_timing
from workloads.errors import CodesignError

NAMES = sorted(DEVICES)
CHANGED = {
    "holds row": replace(NEUPIMS, dot_holds_row=True),
    "packed": replace(NEUPIMS, value_layout="packed"),
    "int8": replace(NEUPIMS, operand_bytes=1, lanes=32),
    "no refresh": replace(NEUPIMS, refresh=False),
    "closes by rank": replace(NEUPIMS, precharge="rank", row_buffers=1),
}


def errors(device, seed, lists, largest=128):
    r = np.random.default_rng(seed)
    stage, busy = [], []
    for _ in range(lists):
        batch, median = int(r.integers(1, largest)), r.choice([40, 200, 600, 1500])
        lengths = np.clip(np.exp(r.normal(np.log(median), 0.8, batch)), 1, 6000).astype(int).tolist()
        shape = list(SHAPES.values())[r.integers(0, len(SHAPES))]
        channel_of = place("longest_first" if r.integers(0, 2) else "round_robin", lengths, device.channels)
        start = int(r.integers(0, 9000))
        exact = run_attention(device, shape, lengths, channel_of, start)
        near = estimate_attention(device, shape, lengths, channel_of, start)
        stage.append(near.clocks / exact.clocks - 1)
        busy.append(sum(c.pim_clocks for c in near.channels) / sum(c.pim_clocks for c in exact.channels) - 1)
    return np.abs(stage), np.abs(busy)


@pytest.mark.parametrize("name", [*NAMES, *CHANGED])
def test_a_few_lists(name):
    for found in errors(DEVICES.get(name) or CHANGED[name], 1, 4, 40):
        assert found.mean() < 0.03
        assert found.max() < 0.10


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *CHANGED])
def test_fifty_lists(name):
    for found in errors(DEVICES.get(name) or CHANGED[name], 50, 50):
        assert found.mean() < 0.03
        assert found.max() < 0.10


@pytest.mark.slow
def test_timings_that_no_device_has():
    stage = []
    for seed in range(60):
        device = replace(other_timing(DEVICES[NAMES[seed % len(NAMES)]], seed), channels=4)
        t = device.standard.timing
        slower = replace(device.standard, timing=t | {"tREFI": t["tREFI"] * max(1, device.unit_banks // 4)})
        stage.append(errors(replace(device, standard=slower, dot_holds_row=False), seed, 3, 12)[0])
    assert np.mean(stage) < 0.03


def test_bad_requests_are_refused_as_by_the_kernel():
    for lengths, channel_of in (([0], [0]), ([5], [99]), ([], [])):
        with pytest.raises(CodesignError):
            estimate_attention(NEUPIMS, AttentionShape(512, 4), lengths, channel_of)
