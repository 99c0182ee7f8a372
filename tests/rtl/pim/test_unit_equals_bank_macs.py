"""Do the bank MACs' RTL and the unit around them give the simulator's values, bit for bit, and when they should?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtl.pim.parameters import UnitParameters, unit_parameters
from rtl.pim.unit_bench import run_unit
from simulators.pim.bank_mac import QUIET_NAN, BankMacs
from simulators.pim.commands import READRES
from simulators.pim.device import PimDevice
from simulators.pim.devices import HBM_PIM, NEUPIMS
from tests.rtl.pim.unit_model import expected, random_commands, random_rows
from workloads.errors import CodesignError

DEVICES = {"bf16": NEUPIMS, "int8": replace(NEUPIMS, operand_bytes=1)}
BANKS = 2


def unit_of(form: str) -> UnitParameters:
    """A channel of few banks, else the device's."""
    return replace(unit_parameters(DEVICES[form], form), banks=BANKS)


def assert_equal(form: str, operations: int, seed: int, simulator: str = "verilator") -> None:
    p = unit_of(form)
    rows = random_rows(p, 24, seed)
    commands = random_commands(p, operations, len(rows), seed)
    clocks, found = run_unit(p, commands, rows, simulator)
    wanted = expected(p, commands, rows)
    assert found.shape == wanted.shape
    wrong = np.flatnonzero((found != wanted).any(axis=1))
    assert not len(wrong), f"result {wrong[0]} of {len(found)}: {found[wrong[0]]}, not {wanted[wrong[0]]}"
    assert len(np.unique(wanted)) > len(wanted) / 2
    reads = commands[commands[:, 1] == READRES, 0]
    assert np.isin(reads + 1 + p.mac.latency, clocks).all(), "the data of a READRES takes a clock, the pipeline six"


@pytest.mark.parametrize("form", sorted(DEVICES))
def test_some_hundred_operations(form: str) -> None:
    assert_equal(form, 200, 1)


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(DEVICES))
def test_a_hundred_thousand_operations(form: str) -> None:
    assert_equal(form, 100_000, 2)


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(DEVICES))
def test_four_states_show_no_unknown_value(form: str) -> None:
    assert_equal(form, 60, 3, "icarus")


def test_sums_in_order() -> None:
    """A tree of neighbours, the accumulator last: another order rounds otherwise."""
    macs = BankMacs("bf16", 4)
    one, huge = np.float32(1), np.float32(2.0**24)
    operands = np.array([[huge, one, one, -huge]], np.float32).view(np.uint32) >> 16
    ones = np.full(4, np.float32(1).view(np.uint32) >> 16)
    macs.comp(operands, ones)
    # (2^24 + 1) rounds to 2^24, (1 - 2^24) is exact
    assert macs.readres().view(np.float32)[0] == 1
    assert macs.readres()[0] == 0


def test_invalid_sums_are_one_nan() -> None:
    macs = BankMacs("bf16", 2)
    macs.comp(np.array([[0x7F80, 0xFF80]]), np.array([0x3F80, 0x3F80]))
    assert macs.readres()[0] == QUIET_NAN


def test_integers_wrap() -> None:
    lanes, most = 1 << 14, np.full(1 << 14, 0x80)
    macs = BankMacs("int8", lanes)
    for _ in range(9):
        macs.comp(most[None], most)
    assert int(macs.sums[0]) == 9 * lanes * 128 * 128 - 2**32
    assert macs.readres()[0] == 9 * lanes * 128 * 128


@pytest.mark.parametrize(
    ("device", "form", "message"),
    [
        (NEUPIMS, "int8", "int8 is not of 2 bytes, as operands of neupims are"),
        (NEUPIMS, "bf15", "did you mean 'bf16'"),
        (HBM_PIM, "bf16", "hbm_pim: the compute unit has a MAC a bank"),
        (replace(NEUPIMS, lanes=64), "bf16", "64 lanes need 8 clocks .*; the device gives 6 from COMP to READRES"),
    ],
)
def test_what_has_no_rtl(device: PimDevice, form: str, message: str) -> None:
    with pytest.raises(CodesignError, match=message):
        unit_parameters(device, form)
