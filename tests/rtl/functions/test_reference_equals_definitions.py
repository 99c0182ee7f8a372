"""Is the numpy reference the simulator's requantizer, the exact quotient, and the published vectors of I-ViT?"""

from fractions import Fraction

import numpy as np
import pytest

from rtl.functions import reference
from simulators.npu import requantizer
from simulators.npu.config import REQUANTIZE_MODES
from tests.rtl.functions.operands import HIGH, expected, requantizer_operands
from tests.rtl.functions.vectors import VECTORS, Vector

CASES = 200_000


@pytest.mark.parametrize("mode", REQUANTIZE_MODES)
def test_it_is_the_simulators_requantizer(mode):
    x = requantizer_operands(np.random.default_rng(1), CASES)
    number = REQUANTIZE_MODES.index(mode)
    simulated = [
        requantizer.shift_rounded(value, shift, number)
        if plain
        else requantizer.requantize(value + bias, multiplier, shift, number)
        for value, bias, multiplier, shift, plain in zip(*(column.tolist() for column in x.values()), strict=True)
    ]
    assert (np.array(simulated) != expected(x, mode)).sum() == 0


def test_the_operands_hold_every_kind():
    x = requantizer_operands(np.random.default_rng(1), CASES)
    total, scaled = x["value"] + x["bias"], x["plain"] == 0
    product, shift = total * x["multiplier"], x["shift"]
    tie = scaled & (shift > 0) & ((product & ((np.int64(1) << shift) - 1)) == np.int64(1) << np.maximum(shift - 1, 0))
    high, right = (product + (1 << 30)) >> 31, shift - 31
    second_tie = scaled & (right > 0) & ((high & ((1 << right.clip(0)) - 1)) == 1 << (right - 1).clip(0))
    saturated = scaled & (np.abs((total << (31 - shift).clip(0)).astype(object)) > HIGH)
    both_least = scaled & (total == -HIGH - 1) & (x["multiplier"] == -HIGH - 1)
    kinds = {
        "ties, positive": tie & (product > 0),
        "ties, negative": tie & (product < 0),
        "ties of the second rounding, positive": second_tie & (product > 0),
        "ties of the second rounding, negative": second_tie & (product < 0),
        "saturated": saturated & (shift < 31),
        "shift 0": scaled & (shift == 0),
        "shift 63": scaled & (shift == 63),
        "plain": ~scaled,
        "the product of the least values": both_least,
    }
    assert {kind: int(found.sum()) for kind, found in kinds.items() if found.sum() < 16} == {}


@pytest.mark.parametrize("mode", REQUANTIZE_MODES)
def test_small_values_are_the_rounded_quotient(mode):
    """By exact fractions. The double rounding rounds twice: to a doubled high half, then by a power of two."""
    for shift in (0, 1, 2, 3, 30, 31, 32, 34):
        values, multipliers = np.meshgrid(np.arange(-70, 71), [1, 3, -5, 1 << 30, HIGH])
        found = reference.requantize(values, 0, multipliers, shift, mode)
        for value, multiplier, y in zip(values.flat, multipliers.flat, found.flat, strict=True):
            assert y == rounded(int(value), int(multiplier), shift, mode), (value, multiplier, shift)


def rounded(value: int, multiplier: int, shift: int, mode: str) -> int:
    half = Fraction(1, 2)
    if mode == "dyadic_half_even":
        return round(Fraction(value * multiplier, 2**shift))
    if mode != "tflite_double":
        return (Fraction(value * multiplier, 2**shift) + half).__floor__()
    high = (Fraction(min(max(value << max(31 - shift, 0), -HIGH - 1), HIGH) * multiplier, 2**31) + half).__floor__()
    exact = Fraction(high, 2 ** max(shift - 31, 0))
    return (exact + half).__floor__() if exact >= 0 else (exact - half).__ceil__()


@pytest.mark.parametrize("vector", VECTORS, ids=Vector.name)
def test_it_is_i_vit(vector):
    assert vector.golden().tolist() == vector.outputs.tolist()
