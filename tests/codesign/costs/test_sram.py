"""Does the SRAM model give the table back, and how far off is it between the table's points?"""

from __future__ import annotations

import csv
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign.costs import sram_table as table
from codesign.costs.sram import CELL_TYPES, sram, sram_area, sram_energy
from simulators.machine import Technology
from tests.shared_data import shared_path
from workloads.errors import CodesignError

NODES = [3, 5, 7, 10, 16, 22, 28, 32, 40, 45, 65, 90, 130]
PORTS = {
    ("1", "0", "0"): "1rw",
    ("0", "1", "1"): "1r1w",
    ("2", "0", "0"): "2rw",
    ("0", "2", "1"): "2r1w",
    ("0", "4", "2"): "4r2w",
}


def metrics(memory):
    return (
        memory.access_ns, memory.cycle_ns, memory.read_pj / 1e3, memory.write_pj / 1e3,
        memory.leakage_mw, memory.area_um2 / 1e6,
    )  # fmt: skip


def test_exact_at_every_point_of_the_table():
    checked = 0
    for (ports, cell, node, banks), rows in table.points().items():
        for (size, width), values in rows.items():
            memory = sram(size, width, node, cell, ports, banks)
            assert metrics(memory) == pytest.approx(values, rel=1e-12, abs=0), (ports, cell, node, banks, size, width)
            assert memory.status == "published" and memory.node_nm == node
            checked += 1
    assert checked == 1056


def test_shipped_table_equals_the_runs():
    checked = 0
    for row in csv.DictReader(shared_path("costs/sram_cacti7.csv").open()):
        if row["temp_k"] != "350" or row["optimize"] != "ED^2" or int(row["width_bits"]) < table.LEAST_WIDTH:
            continue
        ports = PORTS[row["rw_ports"], row["read_ports"], row["write_ports"]]
        if row["grid"] not in ("main", "regfile", "bank"):
            continue
        memory = sram(
            int(row["size_bytes"]),
            int(row["width_bits"]),
            int(row["node_nm"]),
            row["cell_type"],
            ports,
            int(row["banks"]),
        )
        names = ("access_ns", "cycle_ns", "read_nj", "write_nj", "leak_mw", "area_mm2")
        assert metrics(memory) == pytest.approx([float(row[name]) for name in names], rel=1e-9)
        checked += 1
    assert checked == 1056


def left_out_errors(ports):
    """Relative error of each metric at each point that has neighbours on both sides, when it is left out."""
    errors = {name: [] for name in table.METRICS}
    for key, own in table.points().items():
        if key[0] != ports or key[3] != 1:
            continue
        donors = table._donors(*key[:3])
        for point, values in own.items():
            sizes = [size for size, width in own if width == point[1]]
            if not min(sizes) < point[0] < max(sizes):
                continue
            guess = table.fill({k: v for k, v in own.items() if k != point}, point, donors)
            for name, found, true in zip(table.METRICS, guess, values, strict=True):
                errors[name].append(abs(found / true - 1))
    return errors


@pytest.mark.parametrize("ports", ["1rw", "1r1w"])
def test_left_out_points(ports, capsys):
    """At most 9 % on average; the cycle time, which follows the inner organisation, is poorer and prices nothing."""
    errors = left_out_errors(ports)
    with capsys.disabled():
        print(f"\nSRAM {ports}, {len(errors['read_nj'])} points left out one at a time:")
        for name, found in errors.items():
            ordered = sorted(found)
            mean, ninth, worst = statistics.mean(found), ordered[len(found) * 9 // 10], ordered[-1]
            print(f"  {name:11} mean {mean:6.1%}  90 % below {ninth:6.1%}  worst {worst:6.1%}")
    assert len(errors["read_nj"]) > 150
    for name in ("access_ns", "read_nj", "write_nj", "leakage_mw", "area_mm2"):
        assert statistics.mean(errors[name]) < 0.09, name
    assert statistics.mean(errors["cycle_ns"]) < 0.20


@given(
    st.integers(32, 1 << 27),
    st.integers(1, 4096),
    st.sampled_from(NODES),
    st.sampled_from(CELL_TYPES),
    st.sampled_from(["1rw", "1r1w", "2rw", "2r1w", "4r2w"]),
    st.sampled_from([1, 2, 3, 4, 8, 16, 32]),
)
def test_area_and_leakage_never_fall_when_the_size_doubles(size, width, node, cell, ports, banks):
    small, large = (sram(s, width, node, cell, ports, banks) for s in (size, 2 * size))
    assert large.area_um2 >= small.area_um2 and large.leakage_mw >= small.leakage_mw
    for memory in (small, large):
        assert all(math.isfinite(value) and value > 0 for value in metrics(memory))
        assert memory.law or memory.status == "published"


@given(st.integers(1024, 1 << 24), st.sampled_from([32, 64, 128, 256]), st.sampled_from(["1rw", "1r1w"]))
def test_between_two_nodes_lies_between_them(size, width, ports):
    for low, node, high in ((22, 28, 32), (32, 40, 45), (45, 55, 65)):
        figures = [metrics(sram(size, width, n, "itrs-hp", ports)) for n in (low, node, high)]
        for a, between, b in zip(*figures, strict=True):
            assert min(a, b) * (1 - 1e-12) <= between <= max(a, b) * (1 + 1e-12)


def test_nodes_outside_the_table_are_assumed():
    at_22, at_7 = sram(65536, 64, 22), sram(65536, 64, 7)
    cell_22 = 0.127 * (0.074 / 0.127) ** (math.log(22 / 28) / math.log(16 / 28))
    assert at_7.area_um2 / at_22.area_um2 == pytest.approx(0.027 / cell_22)
    assert at_7.read_pj / at_22.read_pj == pytest.approx(math.sqrt(0.027 / cell_22))
    assert at_7.status == "assumed" and "bit-cell ratio 22 -> 7 nm" in at_7.law
    at_90, at_130 = sram(65536, 64, 90), sram(65536, 64, 130)
    assert at_130.area_um2 / at_90.area_um2 == pytest.approx(6.4 / 2.8)
    assert at_130.status == "assumed" and at_130.node_nm == 90


def test_outside_the_grid_says_so():
    two = sram(32 << 20, 64, 45)
    one = sram(16 << 20, 64, 45)
    assert two.area_um2 == pytest.approx(2 * one.area_um2) and two.read_pj == one.read_pj
    assert two.status == "assumed" and "2 macros, one of which is accessed" in two.law
    wide, narrow = sram(65536, 2048, 45), sram(32768, 1024, 45)
    assert wide.read_pj == pytest.approx(2 * narrow.read_pj) and "side by side" in wide.law
    assert "register file" in sram(512, 64, 45).law
    shallow = sram(64, 64, 45)
    assert shallow.area_um2 == sram(256, 64, 45).area_um2 and "32 rows" in shallow.law and shallow.status == "assumed"
    assert "word of 32 bit" in sram(4096, 8, 45).law


def test_a_small_buffer_is_no_flip_flops_and_a_large_one_neither():
    """A 64 KiB buffer charged as flip-flops would be 242 pJ a read."""
    assert sram(65536, 64, 45).read_pj == pytest.approx(28.98, rel=1e-3)


def test_calibration_factors_are_named_and_leave_the_raw_value():
    technology = Technology(node_nm=45, sram_area_factor=2.5, sram_energy_factor=1.5)
    memory = sram(65536, 64, 45)
    read, area = sram_energy(memory, "read_pj", technology), sram_area(memory, technology)
    assert read.value == 1.5 * memory.read_pj and read.raw == memory.read_pj and "x1.5 sram_energy_factor" in read.law
    assert area.value == 2.5 * memory.area_um2 and area.raw == memory.area_um2 and "x2.5 sram_area_factor" in area.law
    plain = sram_energy(memory, "read_pj", Technology(node_nm=45, sram_energy_factor=1.0))
    assert plain.value == plain.raw and plain.status == "published" and not plain.law


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (1024, 32, 45, "itrs-h"),
            "technology.sram_cell: 'itrs-h' is not a cell of the SRAM table; "
            "use itrs-hp or itrs-lstp (did you mean 'itrs-hp'?)",
        ),
        (
            (1024, 32, 45, "itrs-hp", "1rww"),
            "sram: '1rww' is not a kind of ports; use 1r1w, 1rw, 2r1w, 2rw or 4r2w (did you mean '1rw'?)",
        ),
        ((1024, 32, 180), "technology.node_nm: 180 nm is outside the 3 to 130 nm of the SRAM table and its scaling"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(CodesignError) as error:
        sram(*arguments)
    assert str(error.value) == message
