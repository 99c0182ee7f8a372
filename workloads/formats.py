"""Numeric formats: name, width, scale and zero point. No arithmetic, no hardware."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from workloads.errors import CodesignError, did_you_mean

_FLOATS = {"fp32": 32, "fp16": 16, "bf16": 16, "fp8_e4m3": 8, "fp8_e5m2": 8, "fp64": 64}
_INTEGER = re.compile(r"(u?int)([1-9][0-9]?)")


@dataclass(frozen=True, eq=False)
class Format:
    """A numeric format.

    Attributes
    ----------
    name : str
        ``int1``..``int64``, ``uint1``..``uint64``, ``fp32``, ``fp16``, ``bf16``, ``fp8_e4m3``, ``fp8_e5m2``.
    scale, zero_point : numpy.ndarray or None
        Real value = scale * (stored - zero_point); shape () per tensor, (channels,) per channel of `axis`.
    axis : int or None
        The channel axis of a per-channel scale.
    """

    name: str
    scale: np.ndarray | None = None
    zero_point: np.ndarray | None = None
    axis: int | None = None

    @property
    def bits(self) -> int:
        """Width of one element."""
        match = _INTEGER.fullmatch(self.name)
        return int(match[2]) if match else _FLOATS[self.name]

    @property
    def is_integer(self) -> bool:
        """Whether the elements are integers."""
        return self.name not in _FLOATS

    @property
    def is_signed(self) -> bool:
        """Whether the elements can be negative."""
        return not self.name.startswith("uint")

    @property
    def low(self) -> int:
        """Least stored integer."""
        return -(1 << (self.bits - 1)) if self.is_signed else 0

    @property
    def high(self) -> int:
        """Greatest stored integer."""
        return (1 << (self.bits - 1)) - 1 if self.is_signed else (1 << self.bits) - 1

    def plain(self) -> Format:
        """Return the format without scale and zero point."""
        return replace(self, scale=None, zero_point=None, axis=None)


def format_names() -> list[str]:
    """Return the names that users meet most; any ``intN`` / ``uintN`` up to 64 is valid as well."""
    return ["int4", "uint4", "int8", "uint8", "int16", "uint16", "int32", "int64", *sorted(_FLOATS)]


def parse_format(name: object, where: str = "format") -> Format:
    """Return the format called `name`.

    Raises
    ------
    CodesignError
        When there is none, naming the nearest.
    """
    text = str(name)
    match = _INTEGER.fullmatch(text)
    if text in _FLOATS or (match and int(match[2]) <= 64):
        return Format(text)
    raise CodesignError(
        f"{where}: '{text}' is not a format; use intN or uintN (N 1 to 64), {', '.join(sorted(_FLOATS))}"
        f"{did_you_mean(text, format_names())}"
    )


def same_quantization(one: Format, other: Format) -> bool:
    """Whether two formats store a real value as the same integer."""
    if one.name != other.name or (one.scale is None) != (other.scale is None):
        return False
    if one.scale is None or other.scale is None:
        return True
    first, second = (np.asarray(0 if f.zero_point is None else f.zero_point) for f in (one, other))
    same_zeros = bool(np.all(first == second)) if 1 in (first.size, second.size) else np.array_equal(first, second)
    return same_zeros and np.array_equal(one.scale, other.scale) and one.axis == other.axis
