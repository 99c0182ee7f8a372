"""Does every command keep every constraint of its standard's table, and does the checker see one that does not?"""

import numpy as np
import pytest

from simulators.dram.constraints import ACT, COMMANDS, PRE, RD, RDA, REF, WR, WRA
from simulators.dram.legality import first_fault
from simulators.dram.run import run_dram
from simulators.dram.standards import DDR4_3200, GDDR6, HBM2_2000, STANDARDS
from simulators.dram.state import Controller
from tests.simulators.dram.traffic import traffic


def commands_of(standard, seed, requests, row_policy, ranks=0):
    device = standard.with_ranks(ranks) if ranks else standard
    requests_ = traffic(seed, requests, standard.organization.request_bytes, span=1 << 18)
    run = run_dram(device, requests_, channels=2, controller=Controller(row_policy=row_policy), a_clock=4, trace=True)
    return device, run.commands


@pytest.mark.parametrize("name", sorted(STANDARDS))
@pytest.mark.parametrize("row_policy", ["open", "closed"])
def test_random_traffic(name, row_policy):
    for ranks in (1, 2):
        device, commands = commands_of(STANDARDS[name], 11, 3000, row_policy, ranks)
        assert first_fault(device, commands) == ""


@pytest.mark.slow
def test_two_million_commands():
    checked, kinds = 0, set()
    for seed, name in enumerate(sorted(STANDARDS) * 3):
        policy, ranks = ("open", "closed")[seed % 2], (1, 2, 4)[seed % 3]
        device, commands = commands_of(STANDARDS[name], 100 + seed, 60_000, policy, ranks)
        assert first_fault(device, commands) == "", (name, seed)
        checked += len(commands)
        kinds |= set(commands[:, 1].tolist())
    assert checked >= 2_000_000
    assert kinds == set(range(len(COMMANDS)))


def line(clock, command, rank=0, group=0, bank=0, row=0):
    return [clock, command, 0, rank, group, bank, row, 0]


T, H = DDR4_3200.timing, HBM2_2000.timing
OPEN = line(0, ACT)
TURN = T["CL"] + T["BURST"] - T["CWL"] + T["tRTRS"]
PAIRS = [
    ("tRCD", DDR4_3200, [OPEN], lambda at: line(at, RD), T["tRCDRD"]),
    ("tRAS", DDR4_3200, [OPEN], lambda at: line(at, PRE), T["tRAS"]),
    ("tRRD_L", DDR4_3200, [OPEN], lambda at: line(at, ACT, bank=1), T["tRRD_L"]),
    ("tRRD_S", DDR4_3200, [OPEN], lambda at: line(at, ACT, group=1), T["tRRD_S"]),
    ("tCCD_L", DDR4_3200, [OPEN, line(22, RD)], lambda at: line(at, RD), 22 + T["tCCD_L"]),
    ("read to write", DDR4_3200, [OPEN, line(22, RD)], lambda at: line(at, WR), 22 + TURN),
    ("tWTR_L", DDR4_3200, [OPEN, line(22, WR)], lambda at: line(at, RD), 22 + 16 + 4 + T["tWTR_L"]),
    ("tRTP", DDR4_3200, [OPEN, line(60, RD)], lambda at: line(at, PRE), 60 + T["tRTP"]),
    ("tWR", DDR4_3200, [OPEN, line(22, WR)], lambda at: line(at, PRE), 22 + 16 + 4 + T["tWR"]),
    ("tRP", DDR4_3200, [OPEN, line(52, PRE)], lambda at: line(at, ACT), 52 + T["tRP"]),
    ("tRP before REF", DDR4_3200, [OPEN, line(52, PRE)], lambda at: line(at, REF, 0, -1, -1), 52 + T["tRP"]),
    ("tRFC", DDR4_3200, [line(0, REF, 0, -1, -1)], lambda at: line(at, ACT, 0, 3, 3), T["tRFC"]),
    ("RDA", DDR4_3200, [OPEN, line(60, RDA)], lambda at: line(at, ACT), 60 + 4 + 12 + 22),
    ("WRA", DDR4_3200, [OPEN, line(60, WRA)], lambda at: line(at, ACT), 60 + 16 + 4 + 24 + 22),
    ("other rank", DDR4_3200, [OPEN, line(4, ACT, 1), line(60, RD)], lambda at: line(at, RD, 1), 60 + 4 + 1),
    ("tFAW", DDR4_3200, [line(4 * g, ACT, 0, g) for g in range(4)], lambda at: line(at, ACT, 0, 0, 1), T["tFAW"]),
    ("tPPD", GDDR6, [OPEN, line(9, ACT, bank=1), line(70, PRE)], lambda at: line(at, PRE, bank=1), 72),
    ("bus", DDR4_3200, [OPEN, line(0, ACT, 1)][:1], lambda at: line(at, ACT, 1), 1),
]  # fmt: skip


@pytest.mark.parametrize(("standard", "before", "after", "first"), [p[1:] for p in PAIRS], ids=[p[0] for p in PAIRS])
def test_the_checker_takes_the_first_legal_clock_and_no_earlier_one(standard, before, after, first):
    assert first_fault(standard, np.array([*before, after(first)])) == ""
    assert first_fault(standard, np.array([*before, after(first - 1)])) != ""


@pytest.mark.parametrize(
    "commands",
    [
        [line(0, RD)],
        [line(0, PRE)],
        [OPEN, line(100, ACT)],
        [OPEN, line(100, RD, row=1)],
        [OPEN, line(100, REF, 0, -1, -1)],
        [OPEN, line(100, RDA), line(300, RD)],
    ],
)
def test_the_checker_sees_a_bank_in_the_wrong_state(commands):
    assert "not in a state" in first_fault(DDR4_3200, np.array(commands))


def test_two_buses_take_one_command_each():
    rows = [OPEN, line(14, RD), line(14, ACT, group=1)]
    assert first_fault(HBM2_2000, np.array(rows)) == ""
    assert "bus" in first_fault(DDR4_3200, np.array([OPEN, line(22, RD), line(22, ACT, group=1)]))
