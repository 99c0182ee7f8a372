"""Do toggle rates follow their definition and its laws, for every format, order and size?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.workloads.toggle_twin import rates, weight_rows, window_rows
from workloads.activity import Activity, activity_text, default_activity
from workloads.formats import parse_format
from workloads.toggles import Stream, count_toggles, matrix_stream, patterns, weight_stream, window_stream
from workloads.trace import Window

FORMATS = ("int4", "int8", "int16", "uint8")
#: What a window can be: plain, strided, dilated, padded, cropped (negative padding), grouped, depthwise, one pixel.
WINDOWS = (
    Window(1, 5, 4, 3, 3, 2, 2, 3, 3),
    Window(2, 7, 6, 2, 3, 3, 4, 3, 2, 2, 2, 1, 1, 1, 1),
    Window(1, 6, 6, 4, 4, 2, 4, 2, 3, 1, 1, 2, 2, 0, 0, 2),
    Window(1, 5, 5, 3, 5, 5, 3, 3, 3, 1, 1, 1, 1, 1, 1, 3),
    Window(1, 6, 5, 2, 3, 3, 1, 2, 2, 1, 1, 1, 1, -1, -2),
    Window(1, 3, 3, 2, 4, 5, 2, 2, 1, 1, 1, 1, 1, 2, 1),
    Window(1, 7, 1, 5, 7, 1, 6),
    Window(1, 1, 1, 6, 1, 1, 2),
    Window(3, 4, 4, 1, 4, 4, 1),
    Window(1, 1, 1, 1, 1, 1, 1),
)


def draw(format_name: str, shape: tuple[int, ...], seed: int = 0, zeros: float = 0.0) -> np.ndarray:
    """Return uniform values of a format, a share of them set to zero."""
    kind, rng = parse_format(format_name), np.random.default_rng(seed)
    values = rng.integers(kind.low, kind.high, shape, endpoint=True)
    return np.where(rng.random(shape) < zeros, 0, values)


def measured(values: np.ndarray, format_name: str = "int8", most_values: int = 1 << 24) -> tuple[float, float, float]:
    """Return the rates of a matrix (rows, depth)."""
    return count_toggles(
        matrix_stream(patterns(values, format_name)), parse_format(format_name).bits, most_values
    ).rates


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("format_name", FORMATS)
def test_activations_equal_the_definition(window, format_name):
    bits = parse_format(format_name).bits
    image = draw(format_name, (window.batch, window.in_c, window.in_h, window.in_w), zeros=0.3)
    padding = 3
    stream = window_stream(window, patterns(image, format_name), padding)
    assert count_toggles(stream, bits).rates == rates([window_rows(window, image.tolist(), padding)], bits)


@pytest.mark.parametrize("shape", [(5, 3, 2, 3), (1, 4, 1, 1), (6, 1, 1, 1), (7, 1, 3, 3), (1, 1, 1, 1)])
@pytest.mark.parametrize("format_name", FORMATS)
def test_weights_equal_the_definition(shape, format_name):
    bits = parse_format(format_name).bits
    weights = draw(format_name, shape, zeros=0.3)
    counts = count_toggles(weight_stream(patterns(weights, format_name)), bits)
    assert counts.rates == rates([weight_rows(weights.tolist())], bits)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("value", [0, 1, 7])
def test_a_constant_toggles_nothing(format_name, value):
    assert measured(np.full((9, 11), value), format_name) == (0.0, 0.0, float(value == 0))


@pytest.mark.parametrize("format_name", ["int4", "int8", "int16"])
def test_all_bits_toggle_between_0_and_minus_1(format_name):
    alternating = np.indices((8, 10)).sum(axis=0) % 2 * -1
    assert measured(alternating, format_name) == (1.0, 1.0, 0.5)
    stripes = np.indices((8, 10))[0] % 2 * -1
    assert measured(stripes, format_name) == (1.0, 0.0, 0.5)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("seed", range(3))
def test_uniform_values_are_the_default(format_name, seed):
    rows, depth = 400, 300
    found = measured(draw(format_name, (rows, depth), seed), format_name)
    bits, default = parse_format(format_name).bits, default_activity(format_name, format_name)
    # Neighbouring pairs share a value, but the bits of a and b, and of b and c, still differ independently.
    error = 5 * 0.5 / np.sqrt(rows * (depth - 1) * bits)
    assert found[:2] == pytest.approx((default.activation_over_positions, default.weight_over_depth), abs=error)
    assert found[2] == pytest.approx(default.activation_zeros, abs=5 * np.sqrt(2.0**-bits / (rows * depth)))


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_sparser_tensor_toggles_less(format_name):
    found = [measured(draw(format_name, (200, 100), zeros=zeros), format_name) for zeros in (0, 0.25, 0.5, 0.75, 0.95)]
    for denser, sparser in pairwise(found):
        assert sparser[0] < denser[0]
        assert sparser[1] < denser[1]
        assert sparser[2] > denser[2]


def test_the_order_of_rows_leaves_the_rate_along_depth():
    values = np.cumsum(draw("int8", (40, 30), 1) % 3, axis=0) % 100  # rows that resemble their neighbours
    shuffled = values[np.random.default_rng(2).permutation(40)]
    assert measured(shuffled)[1:] == measured(values)[1:]
    assert measured(shuffled)[0] > measured(values)[0]


def test_narrow_values_in_a_wide_format_toggle_their_sign_extension():
    values = draw("int4", (50, 60))
    narrow, wide = measured(values, "int4"), measured(values, "int8")
    assert wide[0] > narrow[0] / 2  # the four upper bits follow the sign
    assert measured(values & 0xF, "uint8")[0] == pytest.approx(narrow[0] / 2)


@pytest.mark.parametrize("most", [1, 37, 500, 5_000])
def test_a_sample_is_the_rows_at_an_even_distance(most):
    window = Window(2, 9, 6, 3, 9, 6, 4, 3, 3, 1, 1, 1, 1, 1, 1)
    image = draw("int8", (2, 3, 9, 6), 4)
    counts = count_toggles(window_stream(window, patterns(image, "int8"), 0), 8, most)
    rows = window_rows(window, image.tolist(), 0)
    step = max(1, -(-len(rows) * 27 // most))
    while np.gcd(step, 6) > 1:
        step += 1
    pairs = [rows[index : index + 2] for index in range(0, len(rows), step)]
    taken = [[row] for (row, *_) in pairs]
    assert counts.rates == (rates(pairs, 8)[0] if counts.across_bits else rates(taken, 8)[1], *rates(taken, 8)[1:])
    assert counts.values == len(taken) * 27
    assert counts.values < most + 27


def test_a_sample_is_near_the_whole():
    values = draw("int8", (3000, 64), 5, zeros=0.4)
    assert measured(values, most_values=20_000) == pytest.approx(measured(values), abs=0.01)


def test_counting_in_pieces_changes_nothing(monkeypatch):
    values = draw("int8", (300, 40), 6)
    whole = count_toggles(matrix_stream(patterns(values, "int8")), 8)
    monkeypatch.setattr("workloads.toggles._CHUNK_VALUES", 130)
    assert count_toggles(matrix_stream(patterns(values, "int8")), 8) == whole


def test_a_stream_of_one_row_takes_the_rate_along_depth():
    values = draw("int8", (1, 50))
    across, along, _ = measured(values)
    assert across == along == rates([[[values[0].tolist()]]], 8)[1]
    assert measured(values.T)[1] == measured(values.T)[0] == along


@pytest.mark.parametrize(
    ("format_name", "values", "expected"),
    [
        ("int4", [-8, -1, 7], [8, 15, 7]),
        ("uint8", [0, 255], [0, 255]),
        ("int12", [-1, 5], [0xFFF, 5]),
        ("int64", [-1], [2**64 - 1]),
        ("fp32", [1.0, -0.0], [0x3F800000, 0x80000000]),
        ("fp16", [1.0, -2.0], [0x3C00, 0xC000]),
        ("bf16", [1.0, 1 + 2**-8, 1 + 3 * 2**-8], [0x3F80, 0x3F80, 0x3F82]),  # ties to even
        ("fp64", [1.0], [0x3FF0000000000000]),
    ],
)
def test_patterns(format_name, values, expected):
    assert patterns(np.array(values), format_name).tolist() == expected


def test_a_format_without_patterns():
    assert patterns(np.ones(3), "fp8_e4m3") is None


def test_an_empty_stream_has_zero_rates():
    assert count_toggles(Stream(lambda indices: np.zeros((len(indices), 1, 0), np.uint8), 0), 8).rates == (0, 0, 0)


@pytest.mark.parametrize(
    ("weights", "activations", "inputs", "text"),
    [
        ("", "", 0, ""),
        ("dd", "dd", 0, "default (uniform random bits)"),
        ("mm", "dd", 0, "weights measured, activations default (uniform random bits)"),
        ("mm", "mm", 16, "weights measured, activations measured on 16 inputs"),
        ("dm", "mm", 1, "weights measured in 1 of 2 layers, activations measured on 1 input"),
    ],
)
def test_the_phrase_of_the_summary(weights, activations, inputs, text):
    word = {"d": "default", "m": "measured"}
    pairs = zip(weights, activations, strict=True)
    layers = [Activity(weight_source=word[w], activation_source=word[a]) for w, a in pairs]
    assert activity_text(layers, inputs) == text
