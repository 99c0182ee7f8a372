"""Does the kernel that jumps equal the channel in plain Python, clock by clock, in every command?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import AttentionShape, k_tiles, program_of, v_tiles
from simulators.pim.devices import DEVICES, NEUPIMS
from simulators.pim.memo import KEPT
from simulators.pim.reference import ReferenceChannel, names_of
from simulators.pim.run import PimChannel

SHAPE, SMALL = AttentionShape(512, 4), AttentionShape(256, 2)
NAMES = sorted(DEVICES)


def other_timing(device, seed):
    """Return a device with parameters that no shipped one has: rules must follow the table, not the numbers."""
    r = np.random.default_rng(seed)
    t = dict(device.standard.timing)
    for name in ("tRCDRD", "tRP", "tRAS", "tCCD_S", "tCCD_L", "tRRD_S", "tRRD_L", "tFAW", "tRTP", "BURST"):
        t[name] = int(r.integers(1, 60))
    t |= {"tREFI": int(r.integers(30_000, 60_000)), "tRFC": int(r.integers(50, 600))}
    ranks = int(r.choice([1, 2, 4]))
    if device.unit_banks > 1 or device.activate == "channel":
        ranks = device.standard.organization.ranks
    standard = replace(device.standard.with_ranks(ranks), timing=t)
    return replace(device, standard=standard, dot_holds_row=bool(seed % 2), refresh=bool(r.integers(0, 4)))


def both(device, lengths, start, shape=SHAPE):
    kernel, plain = PimChannel(device, trace=True), ReferenceChannel(device)
    kernel.idle_until(start)
    plain.run([], start)
    for tiles in (k_tiles, v_tiles):
        program = program_of(device, (t for length in lengths for t in tiles(device, shape, length)))
        assert kernel.run(program) == plain.run(program.tolist())
        kernel.idle_until(kernel.clock + 777)
        plain.run([], plain.clock + 777)
    assert kernel.clock == plain.clock
    return kernel, plain


@pytest.mark.parametrize("name", NAMES)
def test_devices_that_ship(name):
    kernel, plain = both(DEVICES[name], [40], 1700, SMALL)
    assert names_of(map(tuple, kernel.commands.tolist())) == names_of(plain.commands)
    assert kernel.counts()["REF"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("start", [0, 1949])
def test_longer_runs(name, start):
    kernel, plain = both(DEVICES[name], [300, 33, 513], start)
    assert names_of(map(tuple, kernel.commands.tolist())) == names_of(plain.commands)
    assert kernel.counts()["REF"] > 2


@pytest.mark.parametrize("change", [
    {"activate": "rank"}, {"precharge": "group"}, {"precharge": "channel", "activate": "channel"},
    {"precharge": "rank", "row_buffers": 1, "activate": "rank"}, {"unit_banks": 4, "composite": False},
    {"vector_in_bank": False, "unit_clock_ghz": 0.4}, {"value_layout": "packed", "lanes": 32, "operand_bytes": 1},
])  # fmt: skip
def test_options_of_a_device(change):
    kernel, plain = both(replace(NEUPIMS, **change), [40], 1700, SMALL)
    assert [tuple(c) for c in kernel.commands.tolist()] == plain.commands


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 24))])
def test_any_timing(seed):
    device, lengths = other_timing(DEVICES[NAMES[seed % len(NAMES)]], seed), [33, 70] if seed else [33]
    kernel, plain = both(device, lengths, seed * 977)
    assert [tuple(c) for c in kernel.commands.tolist()] == plain.commands


def state_of(channel):
    """Return what a channel will do next depends on: delays that still run, rows, counts, refresh."""
    rows = channel._rows[: channel.device.row_buffers].tolist()
    running = np.maximum(channel._ready[:KEPT] - channel.clock, 0).tolist()
    return running, rows, channel.counts(), channel.clock, channel._s[:6].tolist()


@pytest.mark.parametrize("seed", range(12))
def test_tiles_that_are_repeated_from_the_memo_do_what_they_would(seed):
    r = np.random.default_rng(seed)
    device = DEVICES[NAMES[seed % len(NAMES)]]
    device = other_timing(device, seed) if seed % 2 else device
    watched, repeated = PimChannel(device, trace=True), PimChannel(device)  # a channel that is traced repeats nothing
    for _ in range(3):
        length, tiles = int(r.integers(1, 900)), (k_tiles, v_tiles)[r.integers(0, 2)]
        program = program_of(device, tiles(device, SHAPE, length), int(r.integers(1, 50)))
        for part in np.array_split(program, np.sort(r.integers(0, len(program), 2))):
            part = np.ascontiguousarray(part)
            assert watched.run(part) == repeated.run(part)
            assert state_of(watched) == state_of(repeated)
            rest = int(r.integers(0, 3000))
            watched.idle_until(watched.clock + rest)
            repeated.idle_until(repeated.clock + rest)
    assert (repeated._memo.outcomes[:, 0] > 0).sum() > 0


def test_a_trace_longer_than_the_room_is_whole():
    program = program_of(NEUPIMS, (t for _ in range(4) for t in k_tiles(NEUPIMS, SHAPE, 800)))
    whole, parts = PimChannel(NEUPIMS, trace=True), PimChannel(NEUPIMS, trace=True)
    whole.run(program)
    kept = []
    for part in np.array_split(program, 3):
        parts.run(np.ascontiguousarray(part))
        kept.append(len(parts.commands))
    assert kept[0] < 4096 < kept[-1]
    assert (whole.commands == parts.commands).all()
    assert (np.diff(whole.commands[:, 0]) > 0).all()
