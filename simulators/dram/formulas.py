"""Timing constraints as readable formulas: sums, differences and maxima of named parameters, kept as they were written.

``CL + BURST - CWL + tRTRS`` is a value here: it prints as it reads, and `value` gives its cycles for a timing table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """A formula over timing parameters.

    Attributes
    ----------
    text : str
        As it was written.
    value : callable
        From a mapping of parameters (cycles by name) to cycles.
    """

    text: str
    value: Callable[[Mapping[str, int]], int]

    def __add__(self, other: Formula) -> Formula:
        """Return the sum of two formulas."""
        return Formula(f"{self} + {other}", lambda t: self.value(t) + other.value(t))

    def __sub__(self, other: Formula) -> Formula:
        """Return the difference of two formulas."""
        return Formula(f"{self} - {other}", lambda t: self.value(t) - other.value(t))

    def __str__(self) -> str:
        """Return the formula as it reads."""
        return self.text


def parameter(name: str) -> Formula:
    """Return the formula that is one timing parameter."""
    return Formula(name, lambda t: t[name])


def most(first: Formula, second: Formula) -> Formula:
    """Return the greater of two formulas."""
    return Formula(f"max({first}, {second})", lambda t: max(first.value(t), second.value(t)))
