"""Does the kernel that jumps equal the controller in plain Python, clock by clock, in every command and completion?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.dram.legality import first_fault
from simulators.dram.mapping import KNOWN
from simulators.dram.reference import run_reference
from simulators.dram.run import run_dram
from simulators.dram.standards import DDR4_3200, HBM2_2000, STANDARDS
from simulators.dram.state import Controller
from tests.simulators.dram.traffic import controller, random_mapping, random_standard, traffic

NAMES = sorted(STANDARDS)


def both(standard, addresses, writes, channels, mapping, rules, a_clock):
    options = {"channels": channels, "mapping": mapping, "controller": rules, "a_clock": a_clock}
    ours = run_dram(standard, (addresses, writes), record=True, trace=True, **options)
    return ours, run_reference(standard, addresses, writes, **options)


def assert_equal(ours, plain):
    assert [tuple(c) for c in ours.commands.tolist()] == plain["commands"]
    assert [tuple(c) for c in ours.completions.tolist()] == plain["completions"]
    assert (ours.cycles, ours.counts) == (plain["cycles"], plain["counts"])


@pytest.mark.parametrize("seed", range(24))
def test_random_traffic_controllers_and_standards(seed):
    standard = STANDARDS[NAMES[seed % len(NAMES)]].with_ranks((1, 2, 4)[seed % 3])
    addresses, writes = traffic(seed, 120, standard.organization.request_bytes)
    arguments = (4 >> seed % 3, KNOWN[seed % len(KNOWN)], controller(seed), 1 + seed % 5)
    assert_equal(*both(standard, addresses, writes, *arguments))


def random_case(seed):
    rng = np.random.default_rng(seed)
    standard, mapping = random_standard(rng), random_mapping(rng)
    size_bytes, span = standard.organization.request_bytes, 1 << int(rng.integers(4, 18))
    addresses, writes = traffic(seed, int(rng.integers(50, 250)), size_bytes, span)
    channels, a_clock = int(2 ** rng.integers(0, 3)), int(rng.integers(1, 6))
    ours, plain = both(standard, addresses, writes, channels, mapping, controller(seed), a_clock)
    assert_equal(ours, plain)
    assert first_fault(standard, ours.commands) == ""


@pytest.mark.parametrize("seed", range(6))
def test_standards_that_nobody_makes(seed):
    random_case(seed)


@pytest.mark.slow
def test_hundred_standards_that_nobody_makes():
    for seed in range(1000, 1100):
        random_case(seed)


def test_a_bus_that_turns_more_slowly_than_a_bank_closes_and_opens():
    slow = HBM2_2000.timing | {"CL": 48, "tRCDWR": 15, "tRP": 8, "tRTP": 9, "tRCDRD": 68, "tRAS": 45}
    standard = replace(HBM2_2000.with_ranks(2), timing=slow)
    for seed in range(4):
        addresses, writes = traffic(seed, 200, 64, span=1 << 6)
        both_ways = addresses, writes | (np.arange(200) % 2 == 0)
        assert_equal(*both(standard, *both_ways, 1, "chrarobabgco", Controller(9, 3, 8, 2, row_policy="closed"), 4))


def test_refresh_while_nothing_is_asked_and_under_load():
    standard = replace(HBM2_2000.with_ranks(2), timing=HBM2_2000.timing | {"tREFI": 900})
    addresses, writes = traffic(5, 600, 64, span=1 << 8)
    ours, plain = both(standard, addresses, writes, 1, standard.mapping, Controller(read_depth=4), 1)
    assert ours.counts["REF"] > 2
    assert_equal(ours, plain)


def test_a_drain_that_waits_for_a_read_lets_it_pass():
    # The read is behind a full bank queue when its write arrives; DRAMsim3 would restart the drain for ever.
    one_bank = np.arange(4) << 17
    addresses = np.array([*one_bank, 1 << 20, *(64 * np.arange(2, 12)), 1 << 20, *(64 * np.arange(12, 40))])
    writes = np.array([False] * 5 + [True] * (len(addresses) - 5))
    rules = Controller(read_depth=2, write_depth=2, queue_depth=1, drain_above=0)
    assert_equal(*both(DDR4_3200, addresses, writes, 1, "rochrababgco", rules, 4))


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_of_a_trace_change_nothing(chunk):
    addresses, writes = traffic(4, 500, 64)
    whole = run_dram(DDR4_3200, (addresses, writes), a_clock=3, record=True, trace=True)
    cuts = range(chunk, 500, chunk)
    chunks = list(zip(np.split(addresses, cuts), np.split(writes, cuts), strict=True))
    parts = run_dram(DDR4_3200, chunks, a_clock=3, record=True, trace=True)
    assert (parts.commands == whole.commands).all()
    assert (parts.completions == whole.completions).all()
    assert parts.counts == whole.counts


def test_more_equal_reads_in_flight_than_there_was_room_for():
    addresses, writes = np.zeros(30_000, np.int64), np.zeros(30_000, np.bool_)
    run = run_dram(DDR4_3200, (addresses, writes), a_clock=2000, record=True)
    assert sorted(run.completions[:, 0]) == list(range(30_000))
    assert run.counts["merged_reads"] + run.counts["RD"] == 30_000


def test_no_requests_take_no_time():
    nothing = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    run = run_dram(DDR4_3200, nothing)
    assert (run.cycles, sum(run.counts.values())) == (0, 0)
    assert run_dram(DDR4_3200, iter(())).cycles == 0
