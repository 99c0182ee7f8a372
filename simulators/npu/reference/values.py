"""Integer values of the vector functions, in plain Python integers."""

from __future__ import annotations

from simulators.npu.reference.command import Command
from simulators.program import ADD, DEPTHWISE, MAX_POOL, MUL, REQUANTIZE, ROUND_ONCE

Entry = tuple[int, int, int]


def combine(command: Command, taps: list[int], weights: list[int], entries: list[Entry], mode: str) -> int:
    """Return the output of a command's function, clamped.

    Parameters
    ----------
    taps, weights : list of int
        Operands of one channel; weights of depthwise.
    entries : list of tuple
        Bias, multiplier, shift; for `add` one entry per tap.
    mode : str
        The requantizer of the machine's vector unit.
    """
    zeros = (command.zero_point_0, command.zero_point_1)
    bias, multiplier, shift = entries[0]
    if command.value == MAX_POOL:
        value = max(taps)
    elif command.value == ADD:
        scaled = [(x - zeros[min(i, 1)]) * entries[i][1] for i, x in enumerate(taps)]
        half = round_half_even if mode == "dyadic_half_even" else round_half_up
        value = half(sum(scaled), shift % ROUND_ONCE) + command.output_zero_point
    else:
        total = {
            REQUANTIZE: lambda: taps[0],
            DEPTHWISE: lambda: sum(x * w for x, w in zip(taps, weights, strict=True)),
            MUL: lambda: (taps[0] - zeros[0]) * (taps[1] - zeros[1]),
        }.get(command.value, lambda: sum(taps))()
        value = requantize(total + bias, multiplier, shift, mode) + command.output_zero_point
    return min(max(value, command.low), command.high)


def requantize(total: int, multiplier: int, shift: int, mode: str) -> int:
    """Return ``total * multiplier / 2^shift``, rounded as `mode` says (see `workloads.requantize`).

    `shift` is a parameter entry's word: six bits, and `ROUND_ONCE`.
    """
    once, shift = bool(shift & ROUND_ONCE), shift % ROUND_ONCE
    if (multiplier, shift) == (1, 0):
        return total
    if mode == "tflite_double" and not once:
        return _double_rounding(total, multiplier, shift)
    if mode == "dyadic_half_even":
        return round_half_even(total * multiplier, shift)
    rounded = round_half_up(total * multiplier, shift)
    return saturate(rounded) if mode == "tflite_single" else rounded


def saturate(value: int) -> int:
    """Clamp to 32 bits."""
    return min(max(value, -(1 << 31)), (1 << 31) - 1)


def round_half_up(product: int, shift: int) -> int:
    """Return ``floor(product / 2^shift + 1/2)``."""
    return (product + ((1 << shift) >> 1)) >> shift


def round_half_even(product: int, shift: int) -> int:
    """Return ``product / 2^shift``, ties to even."""
    quotient, rest = product >> shift, product & ((1 << shift) - 1)
    half = (1 << shift) >> 1
    if half and (rest > half or (rest == half and quotient & 1)):
        quotient += 1
    return quotient


def _double_rounding(total: int, multiplier: int, shift: int) -> int:
    """gemmlowp: a saturating, rounding, doubling high multiply, then a rounding shift away from zero on ties."""
    product = saturate(total << max(31 - shift, 0)) * multiplier
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    high = nudged >> 31 if nudged >= 0 else -(-nudged >> 31)
    right = max(shift - 31, 0)
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return (high >> right) + (1 if (high & mask) > threshold else 0)
