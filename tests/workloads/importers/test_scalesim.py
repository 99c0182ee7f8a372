"""Do SCALE-Sim's own topology rows come in with SCALE-Sim's own GEMM shapes?"""

from __future__ import annotations

import csv

import pytest

from tests.shared_data import shared_path
from workloads.importers.scalesim import import_scalesim
from workloads.tracing import trace_network

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides"
ROW = "Conv1, 224, 224, 7, 7, 3, 64, 2"


def _layers(tmp_path, text):
    path = tmp_path / "topology.csv"
    path.write_text(text)
    return trace_network(import_scalesim(path)).layers


@pytest.mark.parametrize("end", ["\n", ",\n", ",  \r\n", ",,\n"])
def test_the_trailing_comma_may_stand_or_not(tmp_path, end):
    (layer,) = _layers(tmp_path, CONV + end + ROW + end)
    assert (layer.name, layer.window.gemm) == ("Conv1", (110 * 110, 147, 64))
    assert (layer.input_format, layer.weight_format) == ("int8", "int8")


def test_the_last_line_needs_no_end_and_a_byte_order_mark_is_skipped(tmp_path):
    assert len(_layers(tmp_path, "\ufeffLayer,M,N,K\na,1,2,3\nb,4,5,6")) == 2


def test_a_gemm_row_is_m_n_k(tmp_path):
    (layer,) = _layers(tmp_path, "Layer, M, N, K,\ng1, 100, 70, 50,\n")
    assert layer.window.gemm == (100, 50, 70)
    assert layer.macs == 350000


def test_strides_may_differ(tmp_path):
    header = CONV.replace("Strides", "Stride Height, Stride Width")
    (layer,) = _layers(tmp_path, f"{header},\nc, 10, 10, 3, 3, 4, 8, 2, 3,\n")
    assert (layer.window.out_h, layer.window.out_w) == (5, 4)


def test_what_the_last_window_lacks_is_padding_behind(tmp_path):
    (layer,) = _layers(tmp_path, f"{CONV}\nc, 56, 56, 1, 1, 64, 128, 2\n")
    window = layer.window
    assert (window.out_h, window.pad_top, window.in_h) == (29, 0, 56)


def test_repeated_names_are_numbered(tmp_path):
    assert [layer.name for layer in _layers(tmp_path, "Layer, M, N, K\ng, 1, 1, 1\ng, 2, 2, 2\n")] == ["g", "g#2"]


@pytest.mark.parametrize("name", ["scalesim_v3_measured_layers.csv", "scalesim_v3_formula_fixtures.csv"])
def test_every_recorded_row_has_the_recorded_gemm(tmp_path, name):
    with shared_path(f"npu/{name}").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    assert rows
    for dialect, columns in ((CONV, 7), ("Layer, M, N, K", 3)):
        chosen = [row for row in rows if len(row["topology_row"].split()) == columns]
        lines = [f"l{i}, {', '.join(row['topology_row'].split())}," for i, row in enumerate(chosen)]
        if not lines:
            continue
        layers = _layers(tmp_path, "\n".join([dialect + ",", *lines]))
        for row, layer in zip(chosen, layers, strict=True):
            assert layer.window.gemm == (int(row["M"]), int(row["K"]), int(row["N"])), row["topology_row"]
