"""Are trace files read as they say, bad lines named, addresses mapped as the mapping's name says?"""

import numpy as np
import pytest

from simulators.dram.run import run_dram
from simulators.dram.standards import DDR4_3200, HBM2_2000
from simulators.dram.state import Controller
from simulators.dram.trace_files import read_requests
from workloads.errors import CodesignError


def read(tmp_path, text, chunk=2):
    path = tmp_path / "trace.csv"
    path.write_text(text)
    chunks = list(read_requests(path, chunk))
    return [int(a) for c in chunks for a in c[0]], [bool(w) for c in chunks for w in c[1]], [len(c[0]) for c in chunks]


@pytest.mark.parametrize(
    "text",
    [
        "addr_hex,op\n0x40,R\n80,W\n0xc0,R\n",
        "addr_hex,op\n40,read\n80,WRITE\nc0,r",
        "0x40 READ 0\n0x80 WRITE 4\n0xc0 READ 9\n",
        "# a comment\n64,R\n\n128,W\n192,R\n",
        "address,op\n64,R\n128,W\n192,R\n",
    ],
)
def test_forms_of_a_trace(tmp_path, text):
    assert read(tmp_path, text) == ([0x40, 0x80, 0xC0], [False, True, False], [2, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0x40,R\n0x80,X\n", ":2: 'X' is not an operation; use R or W"),
        ("0x40\n", ":1: no operation after the address; use R or W"),
        ("addr_hex,op\nzz,R\n", ":2: address 'zz' is not a hexadecimal number"),
        ("fourty,R\n", r":1: address 'fourty' is not a number \(0x for hexadecimal\)"),
        ("-64,R\n", r":1: address -64 is not within 0 and 2\^56 - 1"),
        ("addr_hex,op\n", ": holds no request"),
        ("", ": holds no request"),
    ],
)
def test_bad_traces_name_the_line(tmp_path, text, message):
    with pytest.raises(CodesignError, match=message):
        read(tmp_path, text)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(CodesignError, match=r"none\.csv: No such file"):
        list(read_requests(tmp_path / "none.csv"))


def places(standard, mapping, channels, address):
    run = run_dram(standard, (np.array([address]), np.array([False])), channels, mapping, trace=True)
    return tuple(run.commands[0, 2:].tolist())


@pytest.mark.parametrize(
    ("mapping", "address", "place"),
    [  # 64-byte requests; channel, rank, group, bank, row, column
        ("rochrababgco", 1 << 6, (0, 0, 0, 0, 0, 1)),
        ("rochrababgco", 1 << 13, (0, 0, 1, 0, 0, 0)),
        ("rochrababgco", 1 << 15, (0, 0, 0, 1, 0, 0)),
        ("rochrababgco", 1 << 17, (0, 1, 0, 0, 0, 0)),
        ("rochrababgco", 1 << 18, (1, 0, 0, 0, 0, 0)),
        ("rochrababgco", 1 << 19, (0, 0, 0, 0, 1, 0)),
        ("rocorababgch", 1 << 6, (1, 0, 0, 0, 0, 0)),
        ("chrobabgraco", 1 << 13, (0, 1, 0, 0, 0, 0)),
        ("rochrababgco", (1 << 35) + 63, (0, 0, 0, 0, 0, 0)),  # beyond the capacity: wraps
    ],
)
def test_fields_lie_where_the_mapping_says(mapping, address, place):
    assert places(DDR4_3200, mapping, 2, address) == place


@pytest.mark.parametrize("mapping", ["rochrababg", "rochrababgcoco", "rorochrababg", "abcdefghijkl", ""])
def test_a_mapping_names_each_field_once(mapping):
    with pytest.raises(CodesignError, match="name each of ch"):
        places(DDR4_3200, mapping or "x", 1, 0)


def test_commands_given_away_are_those_that_are_kept():
    requests, given = (np.arange(20_000) * 7919 % 65536 * 64, np.arange(20_000) % 3 == 0), []
    kept = run_dram(DDR4_3200, requests, trace=True).commands
    assert run_dram(DDR4_3200, requests, trace=given.append).commands.size == 0
    assert len(given) > 1
    np.testing.assert_array_equal(np.concatenate(given), kept)


def test_channels_are_a_power_of_two():
    with pytest.raises(CodesignError, match="hbm2-2000: channels: 3 is not a power of two"):
        places(HBM2_2000, None, 3, 0)


def test_negative_addresses_and_bad_policies_are_refused():
    with pytest.raises(CodesignError, match="address -64 is negative"):
        run_dram(DDR4_3200, (np.array([0, -64]), np.zeros(2, np.bool_)))
    with pytest.raises(CodesignError, match="'close' is not a row policy; use closed or open"):
        Controller(row_policy="close")


def test_queues_are_no_longer_than_the_filter_counts():
    deep = Controller(queue_depth=4096)
    with pytest.raises(CodesignError, match="controller: 131104 requests may wait in a channel; at most 65535"):
        run_dram(DDR4_3200, (np.zeros(1, np.int64), np.zeros(1, np.bool_)), controller=deep)
    one_bucket = (np.arange(3000) << 33) * 64  # beyond all fields: one bank, one row, addresses that hash alike
    run = run_dram(HBM2_2000, (one_bucket, np.zeros(3000, np.bool_)), 1, controller=Controller(queue_depth=4000))
    assert run.counts["reads"] == run.counts["RD"] == 3000


def test_more_channels_are_faster_and_a_closed_row_costs():
    addresses = np.arange(4000) * 64
    reads = np.zeros(4000, np.bool_)
    one, two = (run_dram(DDR4_3200, (addresses, reads), n, "rocorababgch", a_clock=4).cycles for n in (1, 2))
    assert 1.8 < one / two < 2.2
    closed = run_dram(DDR4_3200, (addresses, reads), controller=Controller(row_policy="closed"))
    assert closed.counts["RDA"] == 4000
    assert closed.counts["ACT"] == 4000 + closed.counts["PRE"]  # a refresh closes what was opened for a read
    assert closed.cycles > run_dram(DDR4_3200, (addresses, reads)).cycles
