"""One figure of ours beside the published one: by how much it may differ, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass

#: How a difference is measured: over the published figure, in its own points, or not judged at all.
KINDS = ("relative", "points", "shown")
#: What a row can be. The last two fail.
STATUSES = ("shown", "met", "missed, explained", "missed", "worse than recorded")
#: Misses are recorded rounded; a recorded one may be this much greater before it is worse.
SLACK = 0.0005


@dataclass(frozen=True)
class Comparison:
    """A figure of ours and the published one.

    Attributes
    ----------
    name : str
        ``machine.case.figure``, by which misses are recorded and explained.
    ours, theirs : float
        Both in `unit`.
    tolerance : float
        Greatest difference allowed: a share of `theirs` (``relative``), or units (``points``).
    kind : str
        One of `KINDS`.
    source : str
        Where `theirs` stands.
    """

    name: str
    ours: float
    theirs: float
    unit: str
    tolerance: float
    kind: str
    source: str

    @property
    def difference(self) -> float:
        """Signed difference: a share of `theirs`, or in points."""
        gap = self.ours - self.theirs
        return gap if self.kind == "points" else gap / self.theirs

    @property
    def met(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.difference) <= self.tolerance

    def status(self, recorded: float | None) -> str:
        """Return one of `STATUSES`; `recorded` is the size of the recorded miss, None where there is none."""
        if self.kind == "shown":
            return "shown"
        if self.met:
            return "met"
        if recorded is None:
            return "missed"
        return "missed, explained" if abs(self.difference) <= recorded + SLACK else "worse than recorded"
