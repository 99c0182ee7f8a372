"""Operand streams with chosen statistics, to measure energy as a function of activity on.

The statistics vary as those of real tensors do: width of the distribution against the format's range, zeros (ReLU,
pruning), correlation between successive values (neighbouring pixels), signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.formats import Format


@dataclass(frozen=True)
class Statistics:
    """How a stream's values are drawn.

    Attributes
    ----------
    spread : float
        Standard deviation over the format's greatest value; 0 draws uniform bits (of a float's exponent two).
    zeros : float
        Share of values that are set to zero.
    correlation : float
        Of a value with the one before it, 0 to below 1.
    rectified : bool
        Negative values become zero (ReLU).
    uneven : bool
        Streams differ as channels do: in their spread (by powers of two, normally distributed), one in eight constant.
    offset : bool
        Zero is stored as the format's least value (a zero point of -128 in int8); integers only.
    """

    spread: float = 0.0
    zeros: float = 0.0
    correlation: float = 0.0
    rectified: bool = False
    uneven: bool = False
    offset: bool = False


def draw(statistics: Statistics, form: Format, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return bit patterns (steps, streams) as unsigned integers; successive values of a stream stand one below another.

    Integers are rounded and clipped to the format; floats are of unit `spread` at 1.
    """
    if statistics.spread == 0:
        bits = _uniform(form, shape, rng)
    else:
        noise, rho = rng.standard_normal(shape), statistics.correlation
        values = noise.copy()
        for step in range(1, shape[0]):
            values[step] = rho * values[step - 1] + np.sqrt(1 - rho * rho) * noise[step]
        if statistics.uneven:
            values *= np.exp2(rng.standard_normal(shape[1]))
            values = np.where(rng.random(shape[1]) < 1 / 8, values[0], values)
        bits = _patterns(values * statistics.spread, form, statistics)
    if statistics.zeros:
        zero = np.uint64(1 << (form.bits - 1) if statistics.offset and form.is_signed and form.is_integer else 0)
        bits = np.where(rng.random(shape) < statistics.zeros, zero, bits)
    return bits


def _uniform(form: Format, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Uniform bits; of a float's exponent the two that values of like size differ in (2^-1 to 2^2)."""
    bits = rng.integers(0, 1 << form.bits, shape, dtype=np.uint64)
    if form.is_integer:
        return bits
    mantissa = form.bits - 9
    exponents = np.uint64(0xFF << mantissa)
    around_one = ((bits & exponents) >> np.uint64(mantissa + 6)) + np.uint64(127 - 1)
    return (bits & ~exponents) | (around_one << np.uint64(mantissa))


def _patterns(values: np.ndarray, form: Format, statistics: Statistics) -> np.ndarray:
    if statistics.rectified:
        values = np.maximum(values, 0)
    if not form.is_integer:
        return float_patterns(values, form)
    low, high = (-(1 << (form.bits - 1)), (1 << (form.bits - 1)) - 1) if form.is_signed else (0, (1 << form.bits) - 1)
    if statistics.offset and form.is_signed:  # twice the range, from the least value on
        values = 2 * values + low / high
    whole = np.clip(np.rint(values * high), low, high).astype(np.int64)
    return whole.astype(np.uint64) & np.uint64((1 << form.bits) - 1)


def float_patterns(values: np.ndarray, form: Format) -> np.ndarray:
    """Return the patterns of numbers in fp32, or in bf16 rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    if form.bits == 32:
        return bits
    return (bits + np.uint64(0x7FFF) + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)


def toggle_rate(bits: np.ndarray, width: int) -> float:
    """Return the mean share of bits that differ between successive values, as `workloads.activity` defines it."""
    if len(bits) < 2:
        return 0.0
    return float(np.bitwise_count(bits[1:] ^ bits[:-1]).mean() / width)


def zero_share(bits: np.ndarray) -> float:
    """Return the share of patterns that are zero."""
    return float((bits == 0).mean())
