"""Do registers and values alone give what SCALE-Sim printed, and numpy's sums, on every row below 10^6 cycles?"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.simulators.npu.scalesim_rows import FLOWS, SIZES, differences, recorded_rows, run_topology
from workloads.importers.scalesim import import_scalesim
from workloads.transforms.random_values import random_values

SEED = 20
MOST_CYCLES = 10**6
GROUPS = [(size, flow) for size in SIZES for flow in FLOWS]


def sums(topology: tuple[int, ...], x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return a row's sums by matrix multiplication in doubles, which hold them exactly."""
    assert np.abs(x).max() <= 128 and np.abs(w).max() <= 128 and w.size < 2**38
    if len(topology) == 3:
        return x.astype(float) @ w.astype(float)
    height, width, r, s, stride = *topology[:4], topology[6]
    out_h, out_w = -(-(height - r + stride) // stride), -(-(width - s + stride) // stride)
    need_h, need_w = (out_h - 1) * stride + r, (out_w - 1) * stride + s
    x = np.pad(x, ((0, 0), (0, 0), (0, max(0, need_h - height)), (0, max(0, need_w - width))))
    windows = sliding_window_view(x[0], (r, s), axis=(1, 2))[:, ::stride, ::stride][:, :out_h, :out_w]
    columns = windows.transpose(1, 2, 0, 3, 4).reshape(out_h * out_w, -1).astype(float)
    return (w.reshape(len(w), -1).astype(float) @ columns.T).reshape(1, -1, out_h, out_w)


@cache
def drawn(path: str) -> dict:
    """Return the tensors of a topology file with the weights that a run with SEED draws, as the network has them."""
    return random_values(import_scalesim(path), SEED).tensors


def test_no_row_is_too_long_for_this():
    rows = recorded_rows()
    assert [row for row in rows if row.cycles >= MOST_CYCLES] == []
    assert len({row.point for row in rows}) == 162


@pytest.mark.parametrize(("size", "flow"), GROUPS)
def test_every_row_equals(tmp_path, size, flow):
    chosen = [row for row in recorded_rows() if (row.rows, row.dataflow) == (size, flow) and row.cycles < MOST_CYCLES]
    assert chosen
    topologies = [row.topology for row in chosen]
    found = run_topology(tmp_path, topologies, (size, size), flow, fidelity="exact", random_weights=SEED)
    assert [line for row in chosen for line in differences(row, found[row.topology][1])] == []
    for topology, (result, _, layer) in found.items():
        expected = sums(topology, result.outputs[f"{layer}.input"], drawn(result.network)[f"{layer}.weights"].data)
        assert expected.any()
        np.testing.assert_array_equal(result.outputs[f"{layer}.output"], expected, err_msg=str(topology))
