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

SMALL = replace(NEUPIMS, standard=NEUPIMS.standard.with_ranks(1))


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
    program = random_list(device, 20, 1)
    found = assert_equal(device, program, random_arrivals(len(program), 1))
    assert (found[:, 1] == REF).sum() >= 2


def test_four_states_show_no_unknown_value() -> None:
    """Icarus knows X; one rank, since it is slow."""
    assert_equal(SMALL, random_list(SMALL, 10, 2), simulator="icarus")


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


def test_attention_of_a_request() -> None:
    shape = AttentionShape(512, 4)
    tiles = (tile for kind in (k_tiles, v_tiles) for tile in kind(NEUPIMS, shape, 200))
    assert_equal(NEUPIMS, program_of(NEUPIMS, tiles))


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
