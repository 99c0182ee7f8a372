"""Do both dividers divide, whatever their widths and steps a clock?"""

import numpy as np
import pytest

from rtl.functions.divider import IterativeDivider, PipelinedDivider
from tests.rtl.functions.streams import stream


@pytest.mark.parametrize("kind", [IterativeDivider, PipelinedDivider])
@pytest.mark.parametrize(
    ("dividend_bits", "divisor_bits", "quotient_bits", "bits_per_clock"),
    [
        (31, 31, None, 4),
        (38, 22, 25, 4),
        pytest.param(7, 12, None, 3, marks=pytest.mark.slow),
        pytest.param(31, 31, 16, 1, marks=pytest.mark.slow),
        pytest.param(1, 1, None, 2, marks=pytest.mark.slow),
        pytest.param(5, 3, 5, 8, marks=pytest.mark.slow),
    ],
)
def test_dividers(kind, dividend_bits, divisor_bits, quotient_bits, bits_per_clock):
    unit = kind(dividend_bits, divisor_bits, quotient_bits, bits_per_clock, tag_bits=9)
    rng = np.random.default_rng(dividend_bits)
    count = 170_000
    dividend = rng.integers(0, 1 << dividend_bits, count) >> rng.integers(0, dividend_bits + 1, count)
    divisor = rng.integers(0, 1 << divisor_bits, count) >> rng.integers(0, divisor_bits, count)
    if quotient_bits:
        divisor = np.maximum(divisor, (dividend >> quotient_bits) + 1) & ((1 << divisor_bits) - 1)
        dividend = np.where(dividend >> quotient_bits < divisor, dividend, 0)
    tag = rng.integers(0, 512, count)
    run = stream(unit, {"dividend": dividend, "divisor": divisor, "tag": tag}, outputs=count)
    some = divisor > 0
    assert some.sum() > count // 3
    assert (run.fields["quotient"][some] != dividend[some] // divisor[some]).sum() == 0
    assert (run.fields["remainder"][some] != dividend[some] % divisor[some]).sum() == 0
    assert set(run.fields["quotient"][~some].tolist()) <= {(1 << unit.quotient_bits) - 1}
    assert (run.fields["tag"] != tag).sum() == 0
