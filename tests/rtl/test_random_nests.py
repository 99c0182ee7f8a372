"""Do far nests and long rows of random programs stay within their memory, and wrap?"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rtl.parameters import LEAST_EXTENT_BITS
from rtl.random_nests import far_nest, long_rows


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 400))
def test_far_nests_stay_within_and_wrap(seed: int, indices: int, most: int):
    values, first = far_nest(np.random.default_rng(seed), indices, most)
    n0, n1 = values["n0"], values["n1"]
    assert max(n0, n1) < 1 << LEAST_EXTENT_BITS
    index = np.arange(first, first + indices)
    digits = index % n0, index // n0 % n1, index // (n0 * n1)
    offsets = sum(digit * values[stride] for digit, stride in zip(digits, ("s0", "s1", "s2"), strict=True))
    assert first >= 0 and offsets.min() >= 0 and offsets.max() < most
    long = digits[0] if n0 >= n1 else digits[1]
    assert first == 0 or (first + indices) % max(n0, n1) == 0 or long.min() == 0


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 16), st.integers(16, 160))
def test_long_rows_stay_within_and_wrap_once(seed: int, words: int, channels: int, outputs: int):
    rows = long_rows(np.random.default_rng(seed), words, channels, outputs)
    assert 1000 < rows["n0"] < rows["count"] < 1 << LEAST_EXTENT_BITS
    assert rows["count"] == 2 * rows["n0"]
    assert rows["s1"] < words
    assert rows["d_s1"] + channels <= outputs
