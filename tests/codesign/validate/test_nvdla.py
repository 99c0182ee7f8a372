"""NVDLA: is the law of three constants the nearest one, and does a layer's roofline have its limits?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign.compat.nvdla import NvdlaLayer, mac_cycles, roofline_cycles
from codesign.validate import table
from codesign.validate.minimax import relative_minimax
from codesign.validate.nvdla import family, layers, three_constants

DOCS = Path(__file__).parents[3] / "docs" / "validation.md"
LAYER = NvdlaLayer(c=40, h=28, w=28, k=100, r=3, s=3, p=28, q=28, weight_bytes=36000, connected=False, stored=784)


def test_a_law_that_is_exact_is_found():
    terms = np.array([[2.0, 1, 1], [4, 3, 1], [8, 2, 1], [16, 9, 1], [32, 5, 1]])
    assert relative_minimax(terms, terms @ [3.0, 0.5, 2.0]) == pytest.approx([3.0, 0.5, 2.0])


def test_no_other_law_is_nearer():
    terms = np.array([[float(row["macs"]), float(row["sram_kib"]), 1.0] for row in family()])
    figures = np.array([float(row["area_mm2"]) for row in family()])
    constants, _ = three_constants("area_mm2")
    least = np.max(np.abs(terms @ constants / figures - 1))
    rng = np.random.default_rng(1)
    for _ in range(2000):
        other = constants * rng.uniform(0.7, 1.3, 3)
        assert np.max(np.abs(terms @ other / figures - 1)) >= least - 1e-9


def test_channels_fill_whole_atoms():
    assert mac_cycles(LAYER) == 48 * 112 * 9 * 784 / 2048
    assert mac_cycles(replace(LAYER, c=3)) == 4 * 112 * 9 * 784 / 2048


def test_the_slowest_resource_decides():
    assert roofline_cycles(LAYER, second_port=False) == mac_cycles(LAYER)
    heavy = replace(LAYER, weight_bytes=1e6)
    assert roofline_cycles(heavy, second_port=False) == (1e6 + 48 * 784 + 112 * 784) / 10.24
    assert roofline_cycles(heavy, second_port=True) == (1e6 + 48 * 784) / 25.6
    connected = replace(heavy, connected=True, h=1, w=1, p=1, q=1, stored=1)
    assert roofline_cycles(connected, second_port=False) == (1e6 / 16 + 48 + 112) / 10.24


def test_outputs_are_those_after_pooling():
    stored = {row["layer"]: layer.stored for row, layer in layers() if row["network"] == "GoogLeNet"}
    assert stored["inception 3b pool proj"] == 14 * 14
    assert stored["inception 3b 5x5"] == 28 * 28


def test_the_gap_of_every_layer_is_explained_with_the_figure_that_the_command_prints():
    ours = {
        one.name.removeprefix("nvdla.machine."): f"{one.ours / one.theirs:.3g}"
        for one in table._comparisons("nvdla")
        if one.name.startswith("nvdla.machine.")
    }
    told = {}
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if line.startswith(("| AlexNet.", "| GoogLeNet.")):
            names, ratios, why = line.strip("| ").split(" | ")
            assert sum(character.isdigit() for character in why) > 2, "explained with numbers"
            told |= dict(zip(names.split(", "), ratios.split(", "), strict=True))
    assert told == ours
