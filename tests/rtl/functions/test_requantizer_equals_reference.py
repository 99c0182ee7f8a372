"""Does the requantizer give the reference's bits, in each mode, with any number of stages and other widths?"""

from itertools import product

import numpy as np
import pytest

from rtl.functions.requantize import DyadicRequantize
from simulators.npu.config import REQUANTIZE_MODES
from tests.rtl.functions.operands import expected, requantizer_operands
from tests.rtl.functions.streams import BOTH, FULL_RATE, mismatches, stream

CASES = 250_000
STAGES = [
    pytest.param(stages, mode, marks=[] if stages == 3 else pytest.mark.slow)
    for stages, mode in product(range(5), REQUANTIZE_MODES)
]


@pytest.mark.parametrize(("stages", "mode"), STAGES)
def test_requantizer(stages, mode):
    x = requantizer_operands(np.random.default_rng(10 + stages), CASES)
    run = stream(DyadicRequantize(mode, stages=stages), x, outputs=CASES, stalls=BOTH if stages == 2 else FULL_RATE)
    assert mismatches(run, expected(x, mode)) == 0


@pytest.mark.parametrize(
    ("mode", "sum_bits", "factor_bits", "stages"),
    [
        ("dyadic_half_up", 48, 33, 3),
        ("tflite_double", 63, None, 3),
        pytest.param("dyadic_half_even", 63, None, 3, marks=pytest.mark.slow),
        pytest.param("tflite_single", 16, None, 4, marks=pytest.mark.slow),
        pytest.param("tflite_double", 63, 40, 1, marks=pytest.mark.slow),
    ],
)
def test_requantizer_of_other_widths(mode, sum_bits, factor_bits, stages):
    """Wide values wrap as int64 does; beyond `factor_bits` only plain ones are wide."""
    rng = np.random.default_rng(sum_bits)
    x = requantizer_operands(rng, CASES)
    wide = rng.integers(-(1 << 62), 1 << 62, CASES, endpoint=False) >> rng.integers(63 - sum_bits, 63, CASES)
    x["value"] = np.where((x["plain"] == 1) | (factor_bits is None), wide, x["value"])
    run = stream(DyadicRequantize(mode, sum_bits, stages, factor_bits), x, outputs=CASES)
    assert mismatches(run, expected(x, mode)) == 0
