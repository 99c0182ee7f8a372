"""Is every row that SCALE-Sim 3.0.0 printed reproduced in `cycle`: cycles, SRAM counts, efficiencies?"""

from __future__ import annotations

import pytest

import codesign as cd
from codesign.compat.scalesim import COLUMNS, scalesim_columns, scalesim_report
from tests.simulators.npu.scalesim_rows import COUNTS, FLOWS, SIZES, differences, recorded_rows, run_topology
from workloads.errors import CodesignError

GROUPS = [(size, flow) for size in SIZES for flow in FLOWS]


def test_the_groups_below_hold_every_row():
    rows = recorded_rows()
    assert {((row.rows, row.cols), row.dataflow) for row in rows} <= {((size, size), flow) for size, flow in GROUPS}
    assert {row.source for row in rows} == {"scalesim_v3_measured_layers", "scalesim_v3_formula_fixtures"}
    assert len(rows) == 63 + 153
    assert sum(row.stall_cycles > 0 for row in rows) >= 5


@pytest.mark.parametrize(("size", "flow"), GROUPS)
@pytest.mark.parametrize("fidelity", ["cycle", "fast"])
def test_every_row_equals(tmp_path, size, flow, fidelity):
    rows = [row for row in recorded_rows() if (row.rows, row.dataflow) == (size, flow)]
    assert rows
    found = run_topology(tmp_path, [row.topology for row in rows], (size, size), flow, fidelity=fidelity)
    assert [line for row in rows for line in differences(row, found[row.topology][1])] == []


def test_stalls_enter_their_overall_utilization():
    stalled = [row for row in recorded_rows() if row.stall_cycles]
    for row in stalled:
        m, n, k = row.topology
        counts = {"cycles": row.cycles, "macs": m * n * k, "folds": 1, "mapped_pes": 1}
        counts |= dict.fromkeys(("scratchpad_read_elements", "weight_read_elements", "accumulator_write_elements"), 0)
        columns = scalesim_columns(counts, row.rows, row.cols, row.dataflow, stall_cycles=row.stall_cycles)
        assert f"{columns['overall_util_pct']:.4f}" == dict(row.recorded)["overall_util_pct"], row


def test_the_os_output_bug_is_a_switch(tmp_path):
    found = run_topology(tmp_path, [(100, 70, 50)], (32, 32), "os")
    result = found[100, 70, 50][0]
    (with_bug,), (without,) = scalesim_report(result), scalesim_report(result, os_output_bug=False)
    assert tuple(with_bug) == ("layer", *COLUMNS)
    assert without["sram_ofmap_writes"] == 100 * 70
    folds = 4 * 3
    assert with_bug["sram_ofmap_writes"] - 100 * 70 == folds * (32 + 32)
    assert {name for name in COLUMNS if with_bug[name] != without[name]} == {"sram_ofmap_writes"}


def test_a_machine_that_loads_is_refused(tmp_path):
    path = tmp_path / "gemm.csv"
    path.write_text("Layer, M, N, K\ng, 8, 8, 8\n")
    result = cd.run(path, "small_npu_8x8")
    with pytest.raises(CodesignError, match=r"small_npu_8x8: SCALE-Sim's columns .* memory\.model: resident"):
        scalesim_report(result)


def test_the_switch_knows_every_column_it_changes():
    assert set(COUNTS) < set(COLUMNS)
