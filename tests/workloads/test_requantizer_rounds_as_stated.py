"""Does each rounding do what its definition says, on every sum, on ties and at the ends of its range?"""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.errors import CodesignError
from workloads.requantize import ROUNDINGS, combined_multiplier, dyadic, requantize, scale, shared_exponent

SUMS = st.integers(-(2**31) + 1, 2**31 - 1)
MULTIPLIERS = st.floats(2.0**-30, 2.0**29, exclude_max=True)


def exact(multiplier: float) -> Fraction:
    """The dyadic multiplier as a rational number."""
    m, e = dyadic(multiplier)
    return Fraction(int(m), 2 ** int(e))


@given(MULTIPLIERS)
def test_dyadic_has_31_bits_and_is_within_half_a_bit(multiplier):
    m, e = dyadic(multiplier)
    assert 0 < int(m) < 2**31
    assert 1 <= int(e) <= 62
    assert int(m) >= 2**30 or int(e) == 62
    assert abs(exact(multiplier) - Fraction(multiplier)) <= Fraction(1, 2 ** (int(e) + 1))


@given(st.floats(2.0**-20, 2.0**20, width=32))
def test_a_float32_multiplier_is_dyadic_without_error(multiplier):
    assert exact(multiplier) == Fraction(multiplier)


@given(SUMS, MULTIPLIERS)
def test_half_up_is_floor_of_the_exact_product_plus_a_half(value, multiplier):
    product = exact(multiplier) * value
    assert int(scale(np.array(value), multiplier, "dyadic_half_up")) == floor(product + Fraction(1, 2))


@given(SUMS, MULTIPLIERS)
def test_half_even_is_the_nearest_and_even_on_ties(value, multiplier):
    assert int(scale(np.array(value), multiplier, "dyadic_half_even")) == round(exact(multiplier) * value)


@given(SUMS, MULTIPLIERS)
def test_single_rounding_is_half_up_saturated_to_32_bits(value, multiplier):
    single = int(scale(np.array(value), multiplier, "tflite_single"))
    assert single == min(max(floor(exact(multiplier) * value + Fraction(1, 2)), -(2**31)), 2**31 - 1)


def double_rounding(value: int, m: int, e: int) -> int:
    """gemmlowp in Python's own integers: a doubling high multiply, then a rounding division by a power of two."""
    left, right = max(31 - e, 0), max(e - 31, 0)
    product = min(max(value << left, -(2**31)), 2**31 - 1) * m
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    high = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)
    remainder, threshold = high & ((1 << right) - 1), ((1 << right) - 1 >> 1) + (high < 0)
    return (high >> right) + (remainder > threshold)


@given(SUMS, MULTIPLIERS)
def test_double_rounding_is_gemmlowps(value, multiplier):
    m, e = (int(part) for part in dyadic(multiplier))
    assert int(scale(np.array(value), multiplier, "tflite_double")) == double_rounding(value, m, e)


@given(SUMS, st.floats(2.0**-20, 2.0**5, width=32))
def test_float_is_a_float32_product_rounded_half_even(value, multiplier):
    product = np.float32(value) * np.float32(multiplier)
    assert int(scale(np.array(value), multiplier, "float_half_even")) == round(float(product))


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        ("float_half_even", [-2, -2, 0, 0, 2, 2]),
        ("dyadic_half_up", [-2, -1, 0, 1, 2, 3]),
        ("dyadic_half_even", [-2, -2, 0, 0, 2, 2]),
        ("tflite_single", [-2, -1, 0, 1, 2, 3]),
        ("tflite_double", [-2, -1, 0, 1, 2, 3]),
    ],
)
def test_ties(rounding, expected):
    ties = np.array([-5, -3, -1, 1, 3, 5])
    assert scale(ties, 0.5, rounding).tolist() == expected


@given(SUMS, MULTIPLIERS, st.integers(-128, 127), st.sampled_from(ROUNDINGS))
def test_the_output_saturates(value, multiplier, zero_point, rounding):
    found = int(requantize(np.array(value), multiplier, zero_point, -128, 127, rounding))
    assert -128 <= found <= 127
    if abs(multiplier * value) > 400:
        assert found == (127 if value > 0 else -128)


@given(st.lists(st.floats(2.0**-12, 2.0**12), min_size=2, max_size=4))
def test_a_shared_exponent_gives_the_largest_31_bits_and_all_half_a_bit(multipliers):
    ms, e = shared_exponent(multipliers)
    assert 2**30 <= max(ms.tolist()) < 2**31
    for m, multiplier in zip(ms.tolist(), multipliers, strict=True):
        assert abs(Fraction(m, 2**e) - Fraction(multiplier)) <= Fraction(1, 2 ** (e + 1))


def test_a_multiplier_per_channel_broadcasts():
    sums = np.arange(24).reshape(2, 3, 2, 2)
    multiplier = np.array([0.5, 1.0, 0.25]).reshape(3, 1, 1)
    found = requantize(sums, multiplier, 1, -128, 127, "dyadic_half_up")
    for channel in range(3):
        alone = requantize(sums[:, channel], float(multiplier[channel, 0, 0]), 1, -128, 127, "dyadic_half_up")
        np.testing.assert_array_equal(found[:, channel], alone)


def test_zero_multiplier_gives_zero():
    assert scale(np.array([5, -7]), 0.0, "dyadic_half_up").tolist() == [0, 0]


def test_the_combined_multiplier_is_rounded_to_float32_twice():
    found = combined_multiplier(0.1, np.array([0.2, 0.3]), 0.7)
    expected = [float(np.float32(0.1) * np.float32(w) / np.float32(0.7)) for w in (0.2, 0.3)]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scale(np.array(1), 1.0, "dyadic_half_pu"),
            "rounding: 'dyadic_half_pu' is not a requantizer rounding; use dyadic_half_even, dyadic_half_up, "
            "float_half_even, tflite, tflite_double or tflite_single (did you mean 'dyadic_half_up'?)",
        ),
        (
            lambda: scale(np.array([2, 2**31]), 1.0, "dyadic_half_up"),
            "requantize: the sum 2147483648 is outside the 32-bit accumulator, |sum| < 2147483648",
        ),
        (lambda: dyadic(-0.5), "requantize: multiplier -0.5 is outside 0 <= multiplier < 2^30"),
        (lambda: dyadic(2.0**30), "requantize: multiplier 1.07374e+09 is outside 0 <= multiplier < 2^30"),
        (lambda: dyadic(np.nan), "requantize: multiplier nan is outside 0 <= multiplier < 2^30"),
    ],
)
def test_what_is_out_of_range_is_said(call, message):
    with pytest.raises(CodesignError) as error:
        call()
    assert str(error.value) == message
