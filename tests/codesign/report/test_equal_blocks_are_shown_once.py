"""Are equal blocks of a network folded into one in the table, and no others?"""

from __future__ import annotations

import pytest

from codesign.report.repeats import fold_blocks, fold_layers, label_of


def rows(*names: str) -> list[dict[str, str]]:
    """Return a row for each ``name=cycles``."""
    pairs = (name.partition("=") for name in names)
    return [{"layer": name, "cycles": cycles or "1"} for name, _, cycles in pairs]


@pytest.mark.parametrize(("given", "shown", "folds"), [
    ("a b.0.x b.0.y b.1.x b.1.y c", "a b.0-1.x b.0-1.y c", 1),
    ("b.0.x b.1.x b.2.x=7 b.3.x=7 b.4.x", "b.0-1.x b.2-3.x=7 b.4.x", 2),
    ("b.0.x b.0.y b.1.x", "b.0.x b.0.y b.1.x", 0),
    ("b.0.x b.2.x", "b.0.x b.2.x", 0),
    ("b.0.x c.1.x", "b.0.x c.1.x", 0),
    ("b.1.x b.0.x", "b.1.x b.0.x", 0),
    ("b.9.x b.10.x b.11.x", "b.9-11.x", 1),
    ("conv1 conv2", "conv1 conv2", 0),
    ("/l.0/a /l.1/a", "/l.0-1/a", 1),
    ("", "", 0),
])  # fmt: skip
def test_rows(given, shown, folds):
    folded, notes = fold_blocks(rows(*given.split()))
    assert folded == rows(*shown.split())
    assert len(notes) == folds


def test_a_fold_says_what_it_stands_for():
    _, notes = fold_blocks(rows("b.0.x", "b.1.x", "b.2.x"))
    assert notes == ["b.0-2: 3 equal blocks, a row shows one of them"]


def test_layers_fold_by_shape_and_cycles():
    def layer(name: str, cycles: int) -> dict:
        return {"name": name, "operator": "gemm", "shape": "1", "cycles": cycles, "cycle_classes": {"tail": cycles}}

    layers = [layer("b.0.x", 3), layer("b.1.x", 3), layer("b.2.x", 4), layer("head", 9)]
    folded = fold_layers(layers)
    assert [(name, count) for name, _, count in folded] == [("b.0-1.x", 2), ("b.2.x", 1), ("head", 1)]
    assert [row for _, row, _ in folded] == [layers[0], layers[2], layers[3]]
    assert sum(row["cycles"] * count for _, row, count in folded) == 19


@pytest.mark.parametrize(("names", "label"), [
    ("conv1", "conv1"), ("b.0.x b.1.x b.2.x b.9.x", "b.0-2,9.x"), ("/l.3/a /l.5/a", "/l.3,5/a"),
    ("b.9.x b.10.x", "b.9-10.x"),
])  # fmt: skip
def test_one_name_for_a_layer_of_several_blocks(names, label):
    assert label_of(names.split()) == label
