"""How do areas compare with published chips? Information, not a fit: printed, and held only to a factor."""

from __future__ import annotations

import csv

from codesign.costs.area import area
from simulators.machine_files import load_machine
from tests.codesign.costs.cost_machines import machine
from tests.shared_data import shared_path

KIB = 1024


def eyeriss():
    """168 int16 PEs with 108 KiB of global buffer; its 0.5 KiB a PE of registers are no part of this description."""
    return machine(
        clock_hz=200_000_000,
        technology={"node_nm": 65},
        array={"rows": 12, "cols": 14, "pe": {"activation": "int16", "weight": "int16", "accumulator": "int48"}},
        scratchpad={"size_bytes": 100 * KIB},
        weight_buffer={"size_bytes": 8 * KIB},
    )


def nvdla_small():
    """512 MACs and 256 KiB of convolution buffer, accumulators and the rest of the core."""
    return machine(
        clock_hz=10**9,
        technology={"node_nm": 16},
        array={"rows": 32, "cols": 16},
        scratchpad={"size_bytes": 128 * KIB},
        weight_buffer={"size_bytes": 128 * KIB},
        accumulator={"size_bytes": 16 * KIB, "banks": 2},
        vector={"lanes": 16},
    )


def test_areas_of_chips(capsys):
    chips = {
        row["chip"]: float(row["area_mm2"] or 0)
        for row in csv.DictReader(shared_path("costs/chip_ground_truth.csv").open())
    }
    core = area(load_machine("gemmini_16x16")).by_component
    rows = [
        ("Gemmini array", sum(core[k] for k in ("array", "skew_registers")) / 1e6, 0.116),
        ("Gemmini scratchpad 256 KiB", (core["scratchpad"] + core["weight_buffer"]) / 1e6, 0.544),
        ("Gemmini accumulator 64 KiB", core["accumulator"] / 1e6, 0.146),
        ("NVDLA 512 MAC", area(nvdla_small()).total_um2 / 1e6, chips["NVDLA 512 MAC"]),
        ("NVDLA 2048 MAC", area(load_machine("nvdla_large")).total_um2 / 1e6, chips["NVDLA 2048 MAC"]),
        ("Eyeriss", area(eyeriss()).total_um2 / 1e6, chips["Eyeriss (ISSCC16/JSSC17)"]),
    ]
    with capsys.disabled():
        print("\ncell area against published area, mm2 (no tuning):")
        for name, ours, published in rows:
            print(f"  {name:28} {ours:7.3f} {published:7.3f}  x{ours / published:.2f}")
    for name, ours, published in rows:
        assert 0.2 < ours / published < 2.5, name
