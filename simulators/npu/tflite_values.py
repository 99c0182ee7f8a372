"""Parameters with which the vector unit gives TFLite's integers, in commands that every machine has.

The unit multiplies, shifts and rounds in its one mode; TFLite rounds in several ways (`workloads.integer.tflite`). An
8-bit output is a step function of what is scaled, so any parameters whose steps lie at the same integers serve. They
are sought here, and proven for every input the unit can meet:

- an average rounds ties away from zero: a multiplier above 1/count by less than any other quotient's distance to a tie;
- a fully connected layer rounds once, ties away from zero: a multiplier that leaves no sum on a tie, and `ROUND_ONCE`;
- an addition is one sum of two products: a point in the polygon of all pairs of multipliers that give the 65,536
  outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from simulators.program import ROUND_ONCE
from workloads.errors import CodesignError
from workloads.integer import tflite
from workloads.requantize import MANTISSA_BITS, dyadic

#: With this shift every mode rounds once: `tflite_double` in its doubling high product alone.
_ONCE = 31
_LARGEST = (1 << 31) - 1


def average_parameters(count: int, where: str) -> tuple[int, int]:
    """Return multiplier and shift that average `count` 8-bit values, ties away from zero, in every mode of the unit.

    A quotient that is no tie lies at least 1 / (2 count) from one; the multiplier's excess moves it by at most
    128 count / 2^31 (and at least by something, so that ties move away from zero).

    Raises
    ------
    CodesignError
        When the window is too large for that.
    """
    if count == 1:
        return 1 << 30, 30
    if 256 * count * count >= 1 << _ONCE:
        raise CodesignError(f"{where}: an average over {count} values has no exact form on the machine; at most 2896")
    return (1 << _ONCE) // count + 1, _ONCE


@lru_cache(maxsize=256)
def once_parameters(multiplier: float, low: int, high: int) -> tuple[int, int, int]:
    """Return multiplier and shift's word that round ``multiplier * sum`` once, and how many steps lie one sum off.

    Parameters
    ----------
    low, high : int
        Bounds of the result before the zero point is added; steps outside are not seen.
    """
    steps = _steps(multiplier, low, high)
    m, e = (int(part) for part in dyadic(multiplier))
    first, last = _range_of_multipliers(steps, e)
    if first > last:
        return m, e | ROUND_ONCE, _wrong_steps(steps, m, e)
    return min(max(m, first), last), e | ROUND_ONCE, 0


def _wrong_steps(steps: Sequence[tuple[int, int]], m: int, shift: int) -> int:
    """Return how many steps lie elsewhere when sums are multiplied by `m` and rounded once."""
    half = 1 << (shift - 1)
    return sum((at * m + half) >> shift < output or ((at - 1) * m + half) >> shift >= output for output, at in steps)


def _steps(multiplier: float, low: int, high: int) -> list[tuple[int, int]]:
    """Return (output, least sum that gives it) for the outputs above the lowest."""
    steps = []
    for output in range(low + 1, high + 1):
        at = int(np.ceil((output - 0.5) / multiplier))
        while int(tflite.half_away(np.array(at - 1), multiplier)) >= output:
            at -= 1
        while int(tflite.half_away(np.array(at), multiplier)) < output:
            at += 1
        if abs(at) < 1 << MANTISSA_BITS:
            steps.append((output, at))
    return steps


def _range_of_multipliers(steps: Sequence[tuple[int, int]], shift: int) -> tuple[int, int]:
    """Return the least and greatest m with which ``sum * m / 2^shift`` steps up at `steps`; least > greatest: none.

    At a step T to output y: T*m > c and (T - 1)*m < c, where c = (y - 1/2) * 2^shift; no sum lies on a tie.
    """
    first, last = 0, _LARGEST
    for output, at in steps:
        c = (2 * output - 1) << (shift - 1)
        for total, reaches in ((at, True), (at - 1, False)):
            bound = c + 1 if reaches else c - 1
            if total == 0:
                if reaches == (c > 0):
                    return 1, 0
            elif reaches == (total > 0):
                first = max(first, -(-bound // total))
            else:
                last = min(last, bound // total)
    return first, last


@lru_cache(maxsize=256)
def add_parameters(
    multipliers: tuple[float, ...], zero_points: tuple[int, ...], output_zero_point: int, low: int, high: int
) -> tuple[tuple[int, int], int, int]:
    """Return both operands' multipliers and their shift, and for how many of the 65,536 pairs they are wrong.

    Parameters
    ----------
    multipliers : tuple of three float
        Those of `workloads.integer.tflite.add_multipliers`.
    zero_points : tuple of int
        Of both operands, which have 8 bits.
    low, high : int
        Clamp of the stored output.
    """
    first, second = (np.arange(-128, 128) - zero for zero in zero_points)
    total = tflite.add((first[:, None], second[None, :]), (0, 0), np.array(multipliers))
    wanted = np.clip(total, low - output_zero_point, high - output_zero_point)
    real = np.array(multipliers[:2]) * multipliers[2] * (1 << tflite.LEFT_SHIFT)
    corners = _polygon(first, second, wanted, real)
    tried = (
        [corners.mean(axis=0)] if len(corners) else [real * (1 + i * 2.0**-k) for k in range(20, 30) for i in (-1, 1)]
    )
    found = [_add_candidate(first, second, wanted, pair) for pair in tried]
    wrong, m, e = min(found, key=lambda each: each[0])
    return m, e, wrong


def _add_candidate(
    first: np.ndarray, second: np.ndarray, wanted: np.ndarray, pair: np.ndarray
) -> tuple[int, tuple[int, int], int]:
    """Return for how many pairs of operands two multipliers are wrong (a tie is), and their integers."""
    e = int(dyadic(pair.max())[1])
    m = np.minimum(np.rint(np.ldexp(pair, e)), _LARGEST).astype(np.int64)
    sums = first[:, None] * m[0] + second[None, :] * m[1]
    found = np.clip((sums + (1 << e >> 1)) >> e, wanted.min(), wanted.max())
    tie = (sums & ((1 << e) - 1)) == 1 << e >> 1
    return int(np.count_nonzero((found != wanted) | tie)), (int(m[0]), int(m[1])), e


def _polygon(first: np.ndarray, second: np.ndarray, wanted: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the corners of the pairs (a, b) near `real` with which round(a*x + b*y) is `wanted`, (n, 2); none: n = 0.

    Each pair of operands is one or two half planes; the box around `real` is clipped by the one that cuts deepest
    until none cuts.
    """
    x, y = (part.reshape(-1).astype(np.float64) for part in np.meshgrid(first, second, indexing="ij"))
    flat = wanted.reshape(-1).astype(np.float64)
    above, below = flat > flat.min(), flat < flat.max()
    normals = np.concatenate([np.stack([x, y], 1)[above], -np.stack([x, y], 1)[below]])
    offsets = np.concatenate([(flat - 0.5)[above], -(flat + 0.5)[below]])
    reach = np.maximum(real, real.max() / 256) / 256
    corners = real + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * reach
    for _ in range(512):
        slack = normals @ corners.T - offsets[:, None]
        deepest = np.unravel_index(int(np.argmin(slack)), slack.shape)
        if slack[deepest] >= -1e-13:
            return corners
        corners = _clipped(corners, slack[deepest[0]])
        if len(corners) < 3:
            break
    return np.zeros((0, 2))


def _clipped(corners: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Return what of a convex polygon has slack >= 0 (Sutherland and Hodgman)."""
    kept: list[np.ndarray] = []
    for i in range(len(corners)):
        one, two = slack[i - 1], slack[i]
        if (one < 0) != (two < 0):
            kept.append(corners[i - 1] + (corners[i] - corners[i - 1]) * (one / (one - two)))
        if two >= 0:
            kept.append(corners[i])
    return np.array(kept) if kept else np.zeros((0, 2))
