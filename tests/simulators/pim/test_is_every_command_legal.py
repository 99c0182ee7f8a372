"""Does every command keep the device's table, over random devices, tiles and requests; would a fault be seen?"""

from dataclasses import replace

import numpy as np
import pytest

from simulators.pim.attention import program_of
from simulators.pim.channel import TrafficChannel
from simulators.pim.commands import COMMANDS, COMP, DOT, G_ACT, PIM_PRE, PRE, RD, REF, WR
from simulators.pim.device import compile_device
from simulators.pim.devices import AIM_GDDR6, ATTACC_GROUP, DEVICES, NEUPIMS, NEWTON
from simulators.pim.legality import first_fault
from tests.simulators.pim.test_kernel_equals_plain_python import other_timing

NAMES = sorted(DEVICES)


def random_tiles(device, r, count):
    """Return tiles of few rows with DOTs and COMPs of any number that a row holds."""
    tiles = np.empty((count, 3), np.int64)
    tiles[:, 0] = r.random(count) < 0.15
    tiles[:, 1] = r.integers(1, 5, count)
    tiles[:, 2] = r.integers(1, device.page_operands // device.lanes // tiles[:, 1] + 1)
    return tiles


def random_requests(device, r, count, every):
    requests = np.empty((count, 4), np.int64)
    requests[:, 0] = np.sort(r.integers(0, count * every + 1, count))
    requests[:, 1] = r.random(count) < r.choice([0.0, 0.3, 1.0])
    requests[:, 2] = r.integers(0, device.banks, count) if r.random() < 0.5 else np.arange(count) // 7 % device.banks
    requests[:, 3] = r.integers(0, 9, count)
    return requests


def random_run(device, seed, tables=None):
    """Return a channel that has run random tiles beside random requests, and the COMPs of its DOTs."""
    r = np.random.default_rng(seed)
    tiles = random_tiles(device, r, 40)
    program = program_of(device, tiles)
    requests = random_requests(device, r, int(r.integers(0, 2500)), int(r.choice([1, 4, 20])))
    channel = TrafficChannel(device, requests, trace=True, tables=tables)
    for part in np.array_split(program, [len(program) // 3]):
        channel.run(np.ascontiguousarray(part))
        channel.idle_until(channel.clock + int(r.integers(0, 900)))
    channel.drain()
    return channel, program[program[:, 0] == DOT, 2]


def random_device(seed):
    device = DEVICES[NAMES[seed % len(NAMES)]]
    if seed % 3 == 0:
        return device
    t = other_timing(device, seed)
    r = np.random.default_rng(seed)
    turn = {name: int(r.integers(0, 25)) for name in ("tWR", "tWTR_S", "tWTR_L", "tRTRS", "tPPD")}
    turn["tREFI"] = t.standard.timing["tREFI"] * (1 + device.unit_banks // 4)  # so that every tile fits between
    return replace(t, standard=replace(t.standard, timing=t.standard.timing | turn))


def check(first_seed, commands):
    done, seed = 0, first_seed
    seen = np.zeros(len(COMMANDS), np.int64)
    while done < commands:
        device = random_device(seed)
        channel, comps = random_run(device, seed)
        assert first_fault(device, channel.commands, comps) == "", f"seed {seed}"
        seen += np.bincount(channel.commands[:, 1], minlength=len(COMMANDS))
        done, seed = done + len(channel.commands), seed + 1
    return seen


def test_some_thousand_commands():
    assert (check(5, 8_000) > 0).all()


@pytest.mark.slow
def test_a_million_commands():
    assert (check(100, 1_000_000) > 1000).all()


SLOW_CLOSING = replace(NEUPIMS, standard=replace(NEUPIMS.standard, timing=NEUPIMS.standard.timing | {"tRP": 60}))


@pytest.mark.parametrize(
    ("device", "before", "after"),
    [(NEUPIMS, G_ACT, G_ACT), (NEUPIMS, G_ACT, DOT), (SLOW_CLOSING, PIM_PRE, G_ACT), (NEUPIMS, RD, RD),
     (NEUPIMS, RD, WR), (NEUPIMS, WR, RD), (NEUPIMS, RD, PRE), (NEUPIMS, REF, G_ACT), (NEUPIMS, G_ACT, PIM_PRE),
     (NEWTON, COMP, COMP), (AIM_GDDR6, PIM_PRE, G_ACT), (ATTACC_GROUP, COMP, COMP), (NEUPIMS, DOT, RD)],
)  # fmt: skip
def test_a_rule_that_the_kernel_forgets_is_seen(device, before, after):
    tables = compile_device(device)
    rules, first = [], [0]
    for command in range(len(COMMANDS)):
        mine = tables.rules[tables.first[command] : tables.first[command + 1]]
        rules += [rule for rule in mine.tolist() if (command, rule[1]) != (before, after)]
        first.append(len(rules))
    forgetful = tables._replace(rules=np.array(rules, np.int64), first=np.array(first, np.int64))
    faults = []
    for seed in range(6):
        channel, comps = random_run(device, seed, forgetful)
        faults.append(first_fault(device, channel.commands, comps))
    assert any(f"{COMMANDS[before]} to {COMMANDS[after]}" in fault for fault in faults), faults


def test_wrong_states_and_lost_commands_are_seen():
    channel, comps = random_run(NEUPIMS, 5)
    legal = channel.commands
    for command, said in ((G_ACT, "state"), (PIM_PRE, "state"), (REF, "refresh waits|state"), (PRE, "state")):
        places = np.flatnonzero(legal[:, 1] == command)
        without = np.delete(legal, places if command == REF else places[2], axis=0)
        assert any(word in first_fault(NEUPIMS, without, comps) for word in said.split("|")), COMMANDS[command]
    twice = legal.copy()
    twice[10, 0] = twice[9, 0]
    assert "bus" in first_fault(NEUPIMS, twice, comps)
    longer = comps.copy()
    longer[:] = 32
    assert "DOT" in first_fault(NEUPIMS, legal, longer)
