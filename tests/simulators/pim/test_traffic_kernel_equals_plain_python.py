"""Does the kernel with reads and writes beside PIM equal plain Python, clock by clock, in every command?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import AttentionShape, k_tiles, program_of, v_tiles
from simulators.pim.channel import NO_PROGRAM, PimChannel, TrafficChannel
from simulators.pim.devices import DEVICES, NAIVE, NEUPIMS
from simulators.pim.reference import names_of
from simulators.pim.reference_traffic import ReferenceTrafficChannel
from simulators.pim.run import run_attention, run_beside
from simulators.pim.traffic import Traffic, requests_of
from tests.simulators.pim.test_kernel_equals_plain_python import other_timing
from workloads.errors import CodesignError

SHAPE, SMALL, ONE_HEAD = AttentionShape(512, 4), AttentionShape(256, 2), AttentionShape(128, 1)
NAMES = sorted(DEVICES)


def random_requests(device, seed, count=400, every=12):
    """Return requests to few rows, so that those of tiles and of other buffers are met too; some are writes."""
    r = np.random.default_rng(seed)
    requests = np.empty((count, 4), np.int64)
    requests[:, 0] = np.sort(r.integers(0, count * every, count))
    requests[:, 1] = r.random(count) < 0.3
    requests[:, 2] = r.integers(0, device.banks, count) if seed % 2 else r.integers(0, 3, count)
    requests[:, 3] = r.integers(0, 6, count)
    return requests


def both(device, lengths, requests, shape=SHAPE):
    kernel = TrafficChannel(device, requests, trace=True)
    plain = ReferenceTrafficChannel(device, map(tuple, requests.tolist()))
    for tiles in (k_tiles, v_tiles):
        program = program_of(device, (t for length in lengths for t in tiles(device, shape, length)))
        assert kernel.run(program) == plain.run(program.tolist())
        kernel.idle_until(kernel.clock + 333)
        plain.run([], plain.clock + 333)
    kernel.drain()
    plain.drain()
    assert names_of(map(tuple, kernel.commands.tolist())) == names_of(plain.commands)
    assert (kernel.clock, kernel.last_data, kernel.left) == (plain.clock, plain.last_data, 0)
    return kernel


@pytest.mark.parametrize("name", NAMES)
def test_devices_that_ship_with_random_requests(name):
    both(DEVICES[name], [33], random_requests(DEVICES[name], 1, 150), SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_devices_that_ship_with_more_random_requests(name, seed):
    both(DEVICES[name], [70], random_requests(DEVICES[name], seed))


@pytest.mark.parametrize("name", NAMES)
def test_devices_that_ship_with_a_stream_as_fast_as_it_goes(name):
    device, bytes_each = DEVICES[name], DEVICES[name].standard.organization.request_bytes
    kernel = both(device, [9], requests_of(device, Traffic(110 * bytes_each, 30 * bytes_each - 1)), ONE_HEAD)
    assert (kernel.counts()["RD"], kernel.counts()["WR"]) == (110, 30)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 24))])
def test_any_timing(seed):
    device = other_timing(DEVICES[NAMES[seed % len(NAMES)]], seed)
    t = device.standard.timing | {"tWR": 7 + seed, "tWTR_S": 3, "tWTR_L": 2 + seed, "tRTRS": seed % 3, "tPPD": seed % 4}
    count, shape = (200, SHAPE) if seed else (60, SMALL)
    requests = random_requests(device, seed, count, 30)
    both(replace(device, standard=replace(device.standard, timing=t)), [33], requests, shape)


def test_without_requests_it_is_the_kernel_of_pim_alone():
    alone = PimChannel(NEUPIMS, trace=True)
    beside = TrafficChannel(NEUPIMS, np.zeros((0, 4), np.int64), trace=True)
    program = program_of(NEUPIMS, k_tiles(NEUPIMS, SHAPE, 900))
    assert alone.run(program) == beside.run(program)
    assert (alone.commands == beside.commands).all()


def test_without_pim_a_stream_takes_the_bus_but_for_refreshes():
    channel = TrafficChannel(NEUPIMS, requests_of(NEUPIMS, Traffic(1_000_000)))
    channel.run(NO_PROGRAM)
    channel.drain()
    peak = 32  # bytes a clock
    assert 0.85 * peak < 1_000_000 / channel.last_data < peak


def test_two_row_buffers_serve_the_npu_in_the_slack_and_one_makes_it_wait():
    stream = Traffic(400_000)

    def clocks(device):
        (one,) = run_attention(replace(device, channels=1), SHAPE, [1500], [0], traffic=stream).channels
        return one.pim_clocks, one.traffic_clocks

    alone = TrafficChannel(NEUPIMS, requests_of(NEUPIMS, stream))
    alone.drain()
    dual_pim, dual_traffic = clocks(NEUPIMS)
    naive_pim, naive_traffic = clocks(NAIVE)
    assert dual_traffic < 0.7 * naive_traffic
    assert naive_traffic > naive_pim + 0.5 * alone.last_data  # but for rests before refreshes, one after the other
    assert dual_pim < 1.25 * naive_pim


def test_a_slow_stream_ends_when_it_is_offered_and_slows_pim_less():
    def of(rate):
        (one,) = run_attention(replace(NEUPIMS, channels=1), SHAPE, [900], [0],
                               traffic=Traffic(100_000, bytes_per_clock=rate)).channels  # fmt: skip
        return one

    slow, fast = of(4.0), of(0.0)
    assert slow.traffic_clocks == pytest.approx(100_000 / 4, rel=0.1)
    assert fast.traffic_clocks < 0.6 * slow.traffic_clocks


def test_one_program_beside_traffic_is_what_the_channel_does():
    program = program_of(NEUPIMS, k_tiles(NEUPIMS, SHAPE, 300))
    first, second, idle = run_beside(NEUPIMS, [program, program, NO_PROGRAM], Traffic(50_000), start=500)
    assert first == second
    channel = TrafficChannel(NEUPIMS, requests_of(NEUPIMS, Traffic(50_000, start=500)))
    channel.idle_until(500)
    assert channel.run(program) == first.k_clocks
    assert (idle.k_clocks, idle.counts["RD"]) == (0, 782)
    assert idle.traffic_clocks < first.traffic_clocks


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Traffic(-1), "read_bytes -1"),
        (lambda: Traffic(1, bytes_per_clock=-2.0), "bytes_per_clock"),
        (lambda: TrafficChannel(NEUPIMS, np.array([[5, 0, 0, 0], [4, 0, 0, 0]])), "order"),
        (lambda: TrafficChannel(NEUPIMS, np.array([[5, 0, 32, 0]])), "bank"),
        (lambda: TrafficChannel(NEUPIMS, np.array([[5, 0, 0, -3]])), "row"),
        (lambda: TrafficChannel(NEUPIMS, np.zeros((2, 3), np.int64)), "shape"),
    ],
)
def test_requests_that_cannot_be_are_refused_in_one_line(make, said):
    with pytest.raises(CodesignError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
