"""Operands for the integer functions: random ones of all magnitudes among extremes, zeros and ties."""

from __future__ import annotations

import numpy as np

from rtl.functions import reference

LOW, HIGH = -(1 << 31), (1 << 31) - 1
CORNERS = np.array([0, 1, -1, 2, -2, 3, -3, 1 << 30, -(1 << 30), HIGH, HIGH - 1, LOW, LOW + 1])


def int32(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return int64 values of 32 bits: a quarter corners, the others of every magnitude."""
    values = rng.integers(LOW, HIGH, count, endpoint=True) >> rng.integers(0, 32, count)
    return np.where(rng.random(count) < 0.25, rng.choice(CORNERS, count), values)


def requantizer_operands(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return the requantizer's inputs: first all combinations of corners, then random ones, of which a quarter are
    ties of one of the two roundings.
    """
    x = {
        "value": int32(rng, count),
        "bias": int32(rng, count),
        "multiplier": int32(rng, count),
        "shift": rng.integers(0, 64, count),
        "plain": rng.integers(0, 4, count) == 0,
    }
    odd = rng.integers(-50, 50, count) * 2 + 1
    power = rng.integers(0, 24, count)
    ties = {  # value + bias is odd * 2^power, the multiplier a power of two
        "sum": odd << power,
        "multiplier": np.int64(1) << rng.integers(0, 31, count),
    }
    lost = power + np.log2(ties["multiplier"]).astype(np.int64)  # the product is odd * 2^lost
    double = rng.random(count) < 0.5  # for tflite_double: its second rounding drops `shift - 31` bits
    ties["shift"] = np.where(double & (power >= 1) & (power < 20), 31 + power, np.minimum(lost + 1, 63))
    ties["multiplier"] = np.where(double, 1 << 30, ties["multiplier"])
    chosen = rng.random(count) < 0.25
    x["bias"] = np.where(chosen, rng.integers(-1000, 1000, count), x["bias"])
    x["value"] = np.where(chosen, ties["sum"] - x["bias"], x["value"])
    x["multiplier"] = np.where(chosen, ties["multiplier"], x["multiplier"])
    x["shift"] = np.where(chosen, ties["shift"], x["shift"])
    x["plain"] = x["plain"].astype(np.int64)
    corners = np.meshgrid(CORNERS, [0, LOW, HIGH], CORNERS, [0, 1, 30, 31, 32, 33, 62, 63], [0], indexing="ij")
    return {
        name: np.concatenate([corner.ravel(), column])[:count]
        for (name, column), corner in zip(x.items(), corners, strict=True)
    }


def expected(x: dict[str, np.ndarray], mode: str) -> np.ndarray:
    """Return the requantizer's results by the numpy reference."""
    scaled = reference.requantize(x["value"], x["bias"], x["multiplier"], x["shift"], mode)
    return np.where(x["plain"] == 1, reference.shift_rounded(x["value"], x["shift"], mode), scaled)


def random_rows(rng: np.random.Generator, elements: int, bits: int, max_length: int) -> list[np.ndarray]:
    """Return rows of signed integers, `elements` together: full range, narrow, constant, two-valued, all negative."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    lengths = np.array(sorted({1, 2, 3, max_length - 1, max_length, *rng.integers(1, max_length, 20).tolist()}))
    rows, left = [], elements
    while left > 0:
        length = min(int(rng.choice(lengths)), left)
        kind = rng.integers(6)
        if kind == 0:
            row = rng.integers(max(low, -5), 6, length) + rng.integers(low + 5, high - 5)
        elif kind == 1:
            row = np.full(length, rng.choice([low, high, 0, -1, int(rng.integers(low, high))]))
        elif kind == 2:
            row = rng.choice([low, high], length)
        elif kind == 3:
            row = rng.integers(low, 0, length)
        else:
            row = rng.integers(low, high, length, endpoint=True)
        rows.append(np.clip(row, low, high))
        left -= length
    return rows


def by_row(function, rows: list[np.ndarray]) -> np.ndarray:
    """Return a row function's results on rows of various lengths, end to end; equal lengths go together."""
    lengths = np.array([len(row) for row in rows])
    results: list[np.ndarray] = [np.empty(0)] * len(rows)
    for length in np.unique(lengths):
        (which,) = np.nonzero(lengths == length)
        for i, result in zip(which, function(np.stack([rows[i] for i in which])), strict=True):
            results[i] = result
    return np.concatenate(results)
