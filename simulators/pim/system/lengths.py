"""Lengths of requests drawn like those of published traces: log-normal by mean and deviation, seeded."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workloads.errors import unknown_name


class Lengths(NamedTuple):
    """Tokens of a request's context in a decode step: their mean and standard deviation, and who published them."""

    mean: float
    deviation: float
    source: str


#: 512 requests of the public NeuPIMs repository; its repository has no trace of Alpaca.
_SHAREGPT = Lengths(
    299.9, 315.5, "request-traces/clb/share-gpt2-bs512-ms7B-tp4-clb-0.csv of the NeuPIMs repository: its own moments"
)
LENGTHS = {
    "sharegpt": _SHAREGPT,
    "alpaca": Lengths(
        48.5, 48.5 * _SHAREGPT.deviation / _SHAREGPT.mean,
        "vLLM (Kwon et al., SOSP 2023): mean input 19.31 and half of the mean output of 58.45 tokens; no deviation is "
        "published: that of sharegpt over its mean",
    ),
}  # fmt: skip


def draw(name: str, count: int, most: int, seed: int = 1) -> list[int]:
    """Return the contexts of `count` requests, 1 to `most` tokens each.

    Raises
    ------
    CodesignError
        For a name that is not in LENGTHS.
    """
    if name not in LENGTHS:
        raise unknown_name("lengths", "distribution of lengths", name, LENGTHS)
    mean, deviation, _ = LENGTHS[name]
    variance = math.log1p((deviation / mean) ** 2)
    drawn = np.random.default_rng(seed).lognormal(math.log(mean) - variance / 2, math.sqrt(variance), count)
    return [int(length) for length in np.clip(np.rint(drawn), 1, most)]
