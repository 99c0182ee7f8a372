"""Does `codesign rtl-check` compare the RTL with the simulator, and refuse what it cannot do in a line each?"""

import gc
import re
import warnings

import pytest

from codesign.cli import _outcome

MACHINE = "small_npu_8x8"
#: Half of the PEs, and sums that fit in a probe.
SMALLER = ["--set", "array.cols=4", "--set", "vector.lanes=4", "--set", "accumulator.size_bytes=2048"]


def test_registers_of_random_programs(capsys):
    assert _outcome(["rtl-check", MACHINE, *SMALLER, "--cases", "2", "--seed", "3", "--registers"]) == 0
    expected = (
        r"small_npu_8x8 on verilator: 2 of 2 programs equal the simulator \(seeds 3 to 4; \d with stalls\): "
        r"[\d,]+ cycles, \d+ commands, every start, end, counter and byte, and [\d,]+ registers after every cycle\n"
    )
    assert re.fullmatch(expected, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--registers"],
         "small_npu_8x8: 71,264 bits of registers and sums are more than a probe's 65,536; take fewer sums, such as "
         "--set accumulator.size_bytes=2048"),
        (["--registers", "--backend", "icarus"], "icarus: registers are compared on the back end 'verilator'"),
        (["--waves", "out.png"], "out.png: waveforms are written as .fst or .vcd"),
        (["--network", "digits", "--waves", "out.fst"],
         "--registers and --waves go with random programs, not with --network"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line(arguments, line, capsys):
    assert _outcome(["rtl-check", MACHINE, *arguments]) == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_a_probe_that_is_too_wide_leaves_no_warning_behind():
    with warnings.catch_warnings(record=True) as caught:
        assert _outcome(["rtl-check", MACHINE, "--registers"]) == 2
        gc.collect()
    assert [str(one.message) for one in caught] == []
