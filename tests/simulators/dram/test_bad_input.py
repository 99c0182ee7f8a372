"""Is every fault in a trace, a configuration file or an option told in one line that names its place, and in time?"""

import pytest

from codesign.cli import _outcome
from simulators.dram.ini_files import read_controller, read_ini
from simulators.dram.run import run_dram
from simulators.dram.standards import HBM2_2000
from simulators.dram.trace_files import read_requests
from workloads.errors import CodesignError

TRACES = {
    "operation missing": (b"0x40\n", ":1: no operation after the address; use R or W"),
    "operation unknown": (b"0x0,R\n0x40,RW\n", ":2: 'RW' is not an operation; use R or W"),
    "operation with escapes": (b"0x0,\x1b[31m\n", r":1: '\x1b[31m' is not an operation; use R or W"),
    "address a word": (b"0x0,R\nhere,R\n", ":2: address 'here' is not a number (0x for hexadecimal)"),
    "address long": (b"9" * 6000 + b",R\n", f":1: address '{'9' * 37}...' is not a number (0x for hexadecimal)"),
    "address large": (b"0x100000000000000,R\n", ":1: address 0x100000000000000 is not within 0 and 2^56 - 1"),
    "address negative": (b"0,R\n-1,W\n", ":2: address -1 is not within 0 and 2^56 - 1"),
    "address a fraction": (b"1.5,R\n", ":1: address '1.5' is not a number (0x for hexadecimal)"),
    "hexadecimal not": (b"addr_hex,op\n0xg0,R\n", ":2: address '0xg0' is not a hexadecimal number"),
    "columns swapped": (b"op,address\nR,64\n", ":1: address 'op' is not a number (0x for hexadecimal)"),
    "empty": (b"", ": holds no request; a line is an address and R or W, such as 0x40,R"),
    "header alone": (b"address,op\n", ": holds no request; a line is an address and R or W, such as 0x40,R"),
    "comments alone": (b"# nothing\n\n", ": holds no request; a line is an address and R or W, such as 0x40,R"),
    "no text": (b"\xff\xfe\x00", ": not a text file"),
    "zeros": (b"\x00" * 100, rf":1: address '{chr(92) + 'x00'}"[:14]),
}


@pytest.mark.parametrize("name", TRACES)
def test_a_bad_trace(name, tmp_path, capsys):
    content, message = TRACES[name]
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    assert _outcome(["memory", str(path), "--standard", "hbm2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{path}{message}")
    assert error.count("\n") == 1
    assert len(error) < len(str(path)) + 260


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf0x40,R\r\n0x80,W\r\n", b"ADDRESS;op\n0x40 r\n0x80\tw", b"0x40,R,9,x\n128,W"]
)
def test_a_trace_that_is_good(content, tmp_path):
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    ((addresses, writes),) = read_requests(path)
    assert (addresses.tolist(), writes.tolist()) == ([64, 128], [False, True])


def test_a_folder_is_no_trace(tmp_path, capsys):
    assert _outcome(["memory", str(tmp_path), "--standard", "hbm2"]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: Is a directory\n"


GOOD = {
    "dram_structure": {"protocol": "DDR4"},
    "timing": {"tREFI": "7800", "tRFC": "420"},
    "system": {"channel_size": "8192"},
}
INIS = {
    "timing.tRP = nan": "[timing] tRP: 'nan' is not a number from 0 to 1e+09",
    "timing.tRP = inf": "[timing] tRP: 'inf' is not a number from 0 to 1e+09",
    "timing.tRP = -3": "[timing] tRP: '-3' is not a number from 0 to 1e+09",
    "timing.tRP = 3.5": "[timing] tRP: 3.5 is not a whole number",
    "timing.tRP = 2000000": "tRP 2000000 is not within 0 and 1000000 clocks",
    "timing.tCK = 0": "clock of 0.0 ns is not above 0 and at most 1000",
    "timing.tREFI = 0": "tREFI 0 leaves no time beside refreshes; it must be above",
    "timing.tREFI = 450": "tREFI 450 leaves no time beside refreshes; it must be above",
    "dram_structure.BL = 0": "burst_length 0 is not a power of two",
    "dram_structure.columns = 0": "is not a power of two",
    "dram_structure.BL = 2048": "burst_length 2048 is more than a row's 1024 columns",
    "dram_structure.device_width = 0": "device_bits 0 is not a power of two",
    "dram_structure.device_width = 128": "bus_bits 64: at least 8, and no less than device_bits (128)",
    "dram_structure.rows = 1000": "ranks 262 is not a power of two",
    "dram_structure.bankgroups = 4096": "banks of a channel (ranks x bank groups x banks) are more than 1024",
    "system.bus_width = 4": "bus_bits 4",
    "system.channel_size = 500000000": "is not a power of two",
    "system.unified_queue = True": "[system] unified_queue: only False is modelled",
    "system.enable_self_refresh = true": "[system] enable_self_refresh: only False is modelled",
    "dram_structure.bankgroup_enable = perhaps": "bankgroup_enable: 'perhaps' is neither true nor false",
    "system.row_buf_policy = OPEN": "'OPEN' is not a row policy; use CLOSE_PAGE or OPEN_PAGE (did you mean 'OPEN_",
    "system.cmd_queue_size = 0": "controller: queue_depth 0 is not within 1 and 4096",
    "system.trans_queue_size = 1e6": "controller: read_depth 1000000 is not within 1 and 4096",
    "system.channels = 3": "channels: 3 is not a power of two",
    "system.channels = 512": "channels: 512 is more than 256",
    "system.address_mapping = rochra": "mapping 'rochra': name each of ch, ra, bg, ba, ro, co once",
}  # fmt: skip


@pytest.mark.parametrize("change", INIS)
def test_a_bad_configuration(change, tmp_path, capsys):
    (section, key), value = change.split(" = ")[0].split("."), change.split(" = ")[1]
    sections = {name: dict(values) for name, values in GOOD.items()}
    sections[section][key] = value
    path, trace = tmp_path / "device.ini", tmp_path / "trace.csv"
    path.write_text("\n".join(f"[{n}]\n" + "\n".join(f"{k} = {v}" for k, v in s.items()) for n, s in sections.items()))
    trace.write_text("0x40,R\n")
    assert _outcome(["memory", str(trace), "--standard", str(path)]) == 2
    error = capsys.readouterr().err
    assert INIS[change] in error
    assert error.count("\n") == 1


def test_queues_and_row_policy_of_a_configuration_are_taken(tmp_path):
    path = tmp_path / "device.ini"
    path.write_text(
        "[dram_structure]\n[system]\ntrans_queue_size = 16\ncmd_queue_size = 4\nrow_buf_policy = CLOSE_PAGE\n"
    )
    controller = read_controller(path)
    assert (controller.read_depth, controller.write_depth, controller.queue_depth) == (16, 16, 4)
    assert controller.row_policy == "closed"
    assert read_ini(path).name == "device"
    path.write_text("[dram_structure]\nprotocol = HBM2\nhbm_dual_cmd = no\n[system]\nbus_width = 128\n")
    assert not read_ini(path).row_and_column_bus


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--channels", "1048576"], "hbm2-2000: channels: 1048576 is more than 256"),
        (["--ranks", "3"], "standard hbm2-2000: ranks 3 is not a power of two"),
        (["--ranks", "128"], "standard hbm2-2000: 2048 banks of a channel"),
        (["--requests-per-clock", "100000"], "requests a clock: 100000 is not within 1 and 4096"),
        (["--mapping", "\x1b[2J"], r"mapping '\x1b[2J': name each of"),
        (["--commands", "no/such/folder/c.csv"], "no/such/folder"),
    ],
)
def test_bad_options(options, message, tmp_path, capsys):
    trace = tmp_path / "trace.csv"
    trace.write_text("0x40,R\n")
    assert _outcome(["memory", str(trace), "--standard", "hbm2", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_run_refuses_what_it_could_not_record():
    with pytest.raises(CodesignError, match="requests a clock: 5000 is not within 1 and 4096"):
        run_dram(HBM2_2000, iter(()), a_clock=5000, record=True)
