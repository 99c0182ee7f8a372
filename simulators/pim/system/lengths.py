"""Lengths of requests drawn like those of published traces: log-normal by mean and deviation, seeded.

A batch in flight holds long outputs more often than a data set does, each somewhere within its output: of outputs
with mean `o` and deviation `c o`, a request has `o (1 + c^2) / 2` tokens behind its input on average. The moments are
in lengths.csv.
"""

from __future__ import annotations

import csv
import math
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from workloads.errors import unknown_name


class Lengths(NamedTuple):
    """Tokens of a request's context in a decode step: their mean and standard deviation, and who published them."""

    mean: float
    deviation: float
    source: str


def _published() -> dict[str, Lengths]:
    table = (files("simulators.pim.system") / "lengths.csv").read_text(encoding="utf-8")
    return {
        row["name"]: Lengths(float(row["mean_tokens"]), float(row["deviation_tokens"]), row["source"])
        for row in csv.DictReader(table.splitlines())
    }


LENGTHS = _published()


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
