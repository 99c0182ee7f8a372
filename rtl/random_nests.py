"""Nests of random programs that small draws never meet: far from their beginning, and with long rows."""

from __future__ import annotations

import numpy as np

#: Of nests: the share that is far from its beginning, bits of its long extent.
FAR_NESTS, FAR_BITS = 0.2, 15.9
#: Of the commands that requantize: the share that takes two rows of thousands of positions, bits of their length.
LONG_ROWS, LONG_BITS = 0.02, (10.0, 11.6)


def far_nest(rng: np.random.Generator, indices: int, most: int) -> tuple[dict[str, int], int]:
    """Return extents and strides of a nest with a long dimension, and its first index, few steps from that one's end.

    Its offsets over `indices` indices stay below `most`.
    """
    long, short = int(2 ** rng.uniform(3, FAR_BITS)), int(rng.integers(1, indices + 1))
    stride = int(rng.integers(0, min(most // 3 // short, 12) + 1))
    if rng.random() < 0.5:
        values = {"n0": long, "s0": 0, "n1": short, "s1": stride}
        first = long * int(rng.integers(1, short + 1))
    else:
        values = {"n0": short, "s0": stride, "n1": long, "s1": 0}
        first = long * short
    first = max(first - int(rng.integers(1, indices + 1)), 0)
    outer = (first + indices - 1) // (long * short)
    return values | {"s2": int(rng.integers(0, most // 3 // max(outer, 1) + 1))}, first


def long_rows(rng: np.random.Generator, words: int, channels: int, outputs: int) -> dict[str, int]:
    """Return the nest of two long rows of a vector command; each stays where it is.

    It reads the first accumulator word of `words`, then the second; results lie within `outputs` elements.
    """
    n0 = int(2 ** rng.uniform(*LONG_BITS))
    second_word, second_row = int(words > 1), channels if 2 * channels <= outputs else 0
    return {"n0": n0, "s0": 0, "s1": second_word, "count": 2 * n0, "d_s0": 0, "d_s1": second_row}
