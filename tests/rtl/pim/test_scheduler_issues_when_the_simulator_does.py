"""Does the scheduler's RTL issue every command in the clock in which the simulator does, and keep the timing table?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtl.pim.scheduler_bench import run_scheduler
from simulators.pim.attention import AttentionShape, k_tiles, program_of, v_tiles
from simulators.pim.commands import COMMANDS, DOT, REF
from simulators.pim.device import PimDevice
from simulators.pim.devices import DEVICES, NAIVE, NEUPIMS, NEWTON
from simulators.pim.reference import ReferenceChannel
from tests.rtl.pim.command_lists import other_timing, random_arrivals, random_list
from tests.rtl.pim.timing_table import violations
from workloads.errors import CodesignError


def small(device: PimDevice, ranks: int = 2) -> PimDevice:
    """Two groups of two banks in each rank: every rule has banks to hold, and the RTL builds in a moment."""
    organization = device.standard.organization._replace(ranks=ranks, bankgroups=2, banks=2)
    return replace(device, standard=replace(device.standard, organization=organization))


def expected(device: PimDevice, program: np.ndarray, arrivals: np.ndarray | None) -> list[tuple[int, int, int, int]]:
    """What the plain simulator issues; until an item is there, it idles."""
    channel = ReferenceChannel(device)
    if arrivals is None:
        channel.run(program.tolist())
        return channel.commands
    for item, arrival in zip(program.tolist(), arrivals.tolist(), strict=True):
        channel.run([], arrival)
        channel.run([item])
    return channel.commands


def assert_equal(
    device: PimDevice, program: np.ndarray, arrivals: np.ndarray | None = None, simulator: str = "verilator"
) -> np.ndarray:
    """Every command, clock, bank and row; and the table. Rows of commands that open none are not compared."""
    found = run_scheduler(device, program, arrivals, simulator)
    wanted = np.array(expected(device, program, arrivals), np.int64)
    length = min(len(found), len(wanted))
    rows = wanted[:length, 3] >= 0
    same = (found[:length, :3] == wanted[:length, :3]).all(axis=1) & ((found[:length, 3] == wanted[:length, 3]) | ~rows)
    first = int(np.argmin(same)) if not same.all() else length
    assert same.all(), f"command {first}: {found[first]}, not {wanted[first]}"
    assert len(found) == len(wanted)
    comps = program[program[:, 0] == DOT, 2].tolist()
    assert violations(device, map(tuple, found.tolist()), comps) == []
    return found


@pytest.mark.parametrize("device", [NEUPIMS, NAIVE, NEWTON], ids=lambda d: d.name)
def test_random_lists(device: PimDevice) -> None:
    program = random_list(small(device), 20, 1)
    found = assert_equal(small(device), program, random_arrivals(len(program), 1))
    assert (found[:, 1] == REF).sum() >= 2


def test_four_states_show_no_unknown_value() -> None:
    """Icarus knows X; one rank, since it is slow."""
    device = small(NEUPIMS, 1)
    assert_equal(device, random_list(device, 6, 2), simulator="icarus")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES.keys())
def test_many_random_lists(device: PimDevice, seed: int) -> None:
    program = random_list(device, 100, seed)
    assert_equal(device, program, random_arrivals(len(program), seed) if seed % 2 else None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_any_timing(seed: int) -> None:
    device = other_timing((NEUPIMS, NAIVE, NEWTON)[seed % 3], seed)
    assert_equal(device, random_list(device, 60, seed))


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_attention_of_a_request(whole: bool) -> None:
    """Of 200 tokens in all of a device's banks, or of some in a few."""
    device, length = (NEUPIMS, 200) if whole else (small(NEUPIMS), 9)
    tiles = (tile for kind in (k_tiles, v_tiles) for tile in kind(device, AttentionShape(256, 2), length))
    assert_equal(device, program_of(device, tiles))


def test_a_table_that_is_broken_is_seen() -> None:
    """The checker of the bench: each command of a legal trace, one clock sooner, breaks some rule or the order."""
    program = random_list(NEUPIMS, 3, 4)
    trace = expected(NEUPIMS, program, None)
    comps = program[program[:, 0] == DOT, 2].tolist()
    assert violations(NEUPIMS, trace, comps) == []
    bound = [name for name in ("G_ACT", "DOT") for c in [COMMANDS.index(name)] if _sooner_breaks(trace, c, comps)]
    assert bound == ["G_ACT", "DOT"]


def _sooner_breaks(trace: list[tuple[int, int, int, int]], command: int, comps: list[int]) -> bool:
    second = [i for i, entry in enumerate(trace) if entry[1] == command][1]
    clock, *rest = trace[second]
    moved = [*trace[:second], (clock - 1, *rest), *trace[second + 1 :]]
    return bool(violations(NEUPIMS, moved, comps))


@pytest.mark.parametrize(
    ("item", "message"),
    [((COMMANDS.index("G_ACT"), 1, 0, 0), "item 0: 4 is none of"), ((DOT, 1, 99, 1), "comps 99 does not fit in 6")],
)
def test_what_a_list_cannot_hold(item: tuple[int, ...], message: str) -> None:
    with pytest.raises(CodesignError, match=message):
        run_scheduler(NEUPIMS, np.array([item]))
