"""Do the parameters sought for TFLite's roundings give them, in the plain-Python twin of the vector unit?"""

from __future__ import annotations

import numpy as np
import pytest

from simulators.npu.reference.command import Command
from simulators.npu.reference.values import combine, requantize
from simulators.npu.tflite_values import add_parameters, average_parameters, once_parameters
from simulators.program import ADD, VECTOR, command
from workloads.errors import CodesignError
from workloads.integer import tflite

MODES = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")


@pytest.mark.parametrize("mode", MODES)
def test_an_average_rounds_ties_away_from_zero_in_every_mode(mode):
    rng = np.random.default_rng(1)
    ties = 0
    for count in [1, 2, 3, 4, 6, 9, 25, 49, 64, 125, 196, 2896, *rng.integers(2, 2896, 20).tolist()]:
        m, shift = average_parameters(count, "layer")
        halves = [count * k + count // 2 + d for k in (-128, -3, -1, 0, 1, 77) for d in (-1, 0, 1)]
        sums = [s for s in halves + rng.integers(-128 * count, 127 * count + 1, 30).tolist() if abs(s) <= 128 * count]
        ties += sum(2 * abs(s) % count == 0 and s % count != 0 for s in sums)
        expected = tflite.average(np.array(sums), count).tolist()
        assert [requantize(s, m, shift, mode) for s in sums] == expected
    assert ties > 50


def test_an_average_over_too_large_a_window_is_refused():
    with pytest.raises(
        CodesignError, match="an average over 2897 values has no exact form"
    ):
        average_parameters(2897, "layer")


@pytest.mark.parametrize("mode", MODES)
def test_rounding_once_is_right_beside_every_step(mode):
    rng = np.random.default_rng(2)
    for multiplier in [0.5, 0.25, 0.0226, *np.exp(rng.uniform(np.log(0.0005), np.log(0.9), 25))]:
        low, high = -128 - int(rng.integers(-128, 128)), 127
        m, shift, wrong = once_parameters(float(multiplier), low, high)
        steps = [round((y - 0.5) / multiplier) for y in range(low + 1, high + 1)]
        sums = np.unique([s + d for s in steps for d in (-1, 0, 1)])
        expected = np.clip(tflite.half_away(sums, multiplier), low, high)
        found = np.clip([requantize(int(s), m, shift, mode) for s in sums], low, high)
        np.testing.assert_array_equal(found, expected)
        assert wrong == 0


@pytest.mark.parametrize("mode", MODES)
def test_an_addition_gives_tflites_sum_of_random_pairs(mode):
    rng = np.random.default_rng(3)
    exact = 0
    for scales in ([0.5, 0.5, 1.0], [0.25, 0.5, 1.0], *np.exp(rng.uniform(-5, -1, (4, 3)))):
        zeros = [int(zero) for zero in rng.integers(-128, 128, 3)]
        low, high = (-128, 127) if exact % 2 else (zeros[2], 127)
        multipliers = tflite.add_multipliers(*scales)
        (m0, m1), shift, wrong = add_parameters(tuple(multipliers.tolist()), tuple(zeros[:2]), zeros[2], low, high)
        if wrong:
            continue
        exact += 1
        fields = {"zero_point_0": zeros[0], "zero_point_1": zeros[1], "output_zero_point": zeros[2]}
        row = Command(0, command(VECTOR, value=ADD, low=low, high=high, **fields))
        pairs = rng.integers(-128, 128, (300, 2))
        total = tflite.add((pairs[:, 0], pairs[:, 1]), tuple(zeros[:2]), multipliers) + zeros[2]
        found = [combine(row, [int(a), int(b)], [], [(0, m0, shift), (0, m1, shift)], mode) for a, b in pairs]
        assert found == np.clip(total, low, high).tolist()
    assert exact >= 4
