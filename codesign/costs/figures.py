"""A cost figure: a value that knows its unit, node, source, status and the laws that carried it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

#: From the firmest to the weakest. A figure made of several has the weakest of their statuses.
STATUSES = ("synthesized", "published", "scaled", "assumed")


def weakest(statuses: Iterable[str]) -> str:
    """Return the weakest of some statuses (``published`` of none)."""
    return max(statuses, key=STATUSES.index, default="published")


@dataclass(frozen=True)
class Figure:
    """One cost with its provenance.

    Attributes
    ----------
    value : float
        The figure that is used, in `unit`.
    unit : str
        ``pJ``, ``um2``, ``mW``, ``ns``.
    node_nm : int or None
        The node that the source speaks of; None for what has no node (off-chip memory).
    source, status : str
        Where the number comes from, and how far to trust it (`STATUSES`).
    law : str
        What carried the source's number to this one, step by step; empty when it is the source's own.
    raw : float
        The value before named calibration factors.
    """

    value: float
    unit: str
    node_nm: int | None
    source: str
    status: str
    law: str = ""
    raw: float = float("nan")

    def __post_init__(self) -> None:
        if self.raw != self.raw:
            object.__setattr__(self, "raw", self.value)

    def times(self, factor: float, law: str = "", status: str = STATUSES[0]) -> Figure:
        """Return the figure multiplied by `factor`, weakened to `status` where that is weaker."""
        return replace(
            self,
            value=self.value * factor,
            raw=self.raw * factor,
            law=_join((self.law, law)),
            status=weakest((self.status, status)),
        )

    def calibrated(self, factor: float, name: str) -> Figure:
        """Return the figure with its value, not its raw value, multiplied by a named factor."""
        if factor == 1:
            return self
        law = _join((self.law, f"x{factor:g} {name}"))
        return replace(self, value=self.value * factor, law=law, status=weakest((self.status, "scaled")))

    def plus(self, other: Figure) -> Figure:
        """Return the sum with a figure of the same unit and node."""
        if (self.unit, self.node_nm) != (other.unit, other.node_nm):
            raise ValueError(f"{self.unit} at {self.node_nm} nm and {other.unit} at {other.node_nm} nm do not add")
        return Figure(
            self.value + other.value,
            self.unit,
            self.node_nm,
            _join((self.source, other.source)),
            weakest((self.status, other.status)),
            _join((self.law, other.law)),
            self.raw + other.raw,
        )


def _join(parts: Iterable[str]) -> str:
    """Join texts with ``; ``, each step once, in order."""
    steps = [step for part in parts for step in part.split("; ") if step]
    return "; ".join(dict.fromkeys(steps))
