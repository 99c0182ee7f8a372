"""Does the kernel with reads and writes beside PIM equal plain Python, clock by clock, in every command?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import AttentionShape, k_tiles, program_of, v_tiles
from simulators.pim.channel import NO_PROGRAM, PimChannel, TrafficChannel
from simulators.pim.devices import DEVICES, NEUPIMS
from simulators.pim.reference import names_of
from simulators.pim.reference_traffic import ReferenceTrafficChannel
from simulators.pim.traffic import Traffic, requests_of
from tests.simulators.pim.test_kernel_equals_plain_python import other_timing

SHAPE = AttentionShape(512, 4)
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


def both(device, lengths, requests):
    kernel = TrafficChannel(device, requests, trace=True)
    plain = ReferenceTrafficChannel(device, map(tuple, requests.tolist()))
    for tiles in (k_tiles, v_tiles):
        program = program_of(device, (t for length in lengths for t in tiles(device, SHAPE, length)))
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
    both(DEVICES[name], [33], random_requests(DEVICES[name], 1, 150))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_devices_that_ship_with_more_random_requests(name, seed):
    both(DEVICES[name], [70], random_requests(DEVICES[name], seed))


@pytest.mark.parametrize("name", NAMES)
def test_devices_that_ship_with_a_stream_as_fast_as_it_goes(name):
    device, bytes_each = DEVICES[name], DEVICES[name].standard.organization.request_bytes
    kernel = both(device, [33], requests_of(device, Traffic(250 * bytes_each, 60 * bytes_each - 1)))
    assert (kernel.counts()["RD"], kernel.counts()["WR"]) == (250, 60)


@pytest.mark.parametrize("seed", [0, 5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 24))])
def test_any_timing(seed):
    device = other_timing(DEVICES[NAMES[seed % len(NAMES)]], seed)
    t = device.standard.timing | {"tWR": 7 + seed, "tWTR_S": 3, "tWTR_L": 2 + seed, "tRTRS": seed % 3, "tPPD": seed % 4}
    both(replace(device, standard=replace(device.standard, timing=t)), [33], random_requests(device, seed, 200, 30))


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
