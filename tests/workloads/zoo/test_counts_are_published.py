"""Do the networks of the zoo have the parameters and MACs that their authors published, to every digit published?"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from workloads.phase import Phase
from workloads.tracing import trace_network
from workloads.zoo.builder import parameter_count
from workloads.zoo.catalog import zoo_names, zoo_network

with open(Path(__file__).parents[2] / "data" / "published_networks.csv", encoding="utf-8", newline="") as file:
    ROWS = {row["network"]: row for row in csv.DictReader(file)}


def rounded(value: float, digits: int) -> float:
    """Return `value` to so many significant digits."""
    return round(value, digits - 1 - math.floor(math.log10(value)))


def same(ours: int, published: str, digits: str) -> bool:
    """Whether ours, rounded as the published figure is, equals it; a last digit cut off instead passes too."""
    wanted, places = float(published), int(digits)
    unit = 10.0 ** (math.floor(math.log10(wanted)) + 1 - places)
    return math.isclose(rounded(ours, places), wanted, rel_tol=1e-12) or 0 <= ours - wanted < unit


def test_every_network_of_the_zoo_has_a_published_row():
    assert set(ROWS) == set(zoo_names()) - {"fsrcnn-phases"}


@pytest.mark.parametrize("name", ROWS)
def test_parameters(name):
    assert same(parameter_count(zoo_network(name)), ROWS[name]["parameters"], ROWS[name]["parameters_digits"])


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row["macs"] and name != "bert-base"])
def test_macs(name):
    context = int(ROWS[name]["context"]) if ROWS[name]["context"] else None
    trace = trace_network(zoo_network(name, Phase(context=context)))
    windows = [layer.window for layer in trace.layers if layer.function == "layer_norm"]
    norms = sum(window.out_h * window.out_c for window in windows)
    macs = trace.macs + norms * int(ROWS[name]["norm_operations"] or 0)
    assert same(macs, ROWS[name]["macs"], ROWS[name]["macs_digits"])


def test_bert_has_the_published_operations_but_the_vector_units():
    macs = trace_network(zoo_network("bert-base", Phase(context=128))).macs
    assert 0 < float(ROWS["bert-base"]["macs"]) / macs - 1 < 0.01


def test_a_published_figure_is_told_from_its_neighbour():
    assert same(1_814_073_344, "1.814e9", "4")
    assert not same(1_814_073_344, "1.813e9", "4")
    assert not same(1_814_073_344, "1.816e9", "4")


def test_fsrcnn_without_the_inserted_zeros_has_a_quarter_of_its_last_layers_macs():
    whole, phases = (trace_network(zoo_network(name)) for name in ("fsrcnn", "fsrcnn-phases"))
    last = sum(layer.macs for layer in whole.layers if layer.name == "upscale")
    assert parameter_count(zoo_network("fsrcnn-phases")) == parameter_count(zoo_network("fsrcnn"))
    assert whole.macs - phases.macs == last * 3 // 4
    assert round(whole.macs / trace_network(zoo_network("sesr-m5")).macs, 2) == 1.93
