"""Energy as a function of activity: non-negative terms (`rtl.synthesis.cost_rows.TERMS`) fitted to gate-level runs.

The runs are drawn by a seed. In most of them spread, zeros, correlation and signs of both operands vary over more than
tensors show, uniform bits and nothing but zeros among them; the others are drawn like the layers of quantized networks
(rectified, correlated activations, many zeros or a zero point at the range's end, channels that differ or stand still;
bell-shaped weights). Errors are of more runs of that kind, which
the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rtl.synthesis.cost_rows import GROUPS, TERMS, OperandStatistics
from rtl.synthesis.energy import EnergyPerCycle
from rtl.synthesis.pe_stimuli import PeShape, Stimulus, multiply_stimulus
from rtl.synthesis.streams import Statistics, draw
from rtl.synthesis.toggles import LANES

WIDE_RUNS, LAYER_RUNS, HELD_OUT_RUNS = 32, 48, 24
STEPS = 192
_ROUNDS = 4000


@dataclass(frozen=True)
class Sample:
    """A gate-level run: the statistics of its operands and its energy a cycle, fJ by group."""

    statistics: OperandStatistics
    energy: dict[str, float]

    @property
    def total_fj(self) -> float:
        """All groups."""
        return sum(self.energy.values())


def training_statistics(rng: np.random.Generator) -> tuple[Statistics, Statistics]:
    """Return how both operands are drawn in a run that is fitted: a wide range, uniform bits among it."""

    def one(sparse: tuple[float, ...], signed: float) -> Statistics:
        spread = 0.0 if rng.random() < 0.25 else float(10 ** rng.uniform(-1.6, -0.2))
        correlation = float(rng.choice([0.0, 0.5, 0.9, 0.98]))
        return Statistics(spread, float(rng.choice(sparse)), correlation, bool(rng.random() > signed))

    return one((0.0, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0), 0.5), one((0.0, 0.0, 0.0, 0.5, 0.9, 1.0), 1.0)


def layer_statistics(rng: np.random.Generator) -> tuple[Statistics, Statistics]:
    """Return how both operands are drawn in a run like a layer of a quantized network."""
    activations = Statistics(
        float(rng.uniform(0.08, 0.4)), float(rng.choice([0.0, 0.1, 0.3])), float(rng.uniform(0.0, 0.95)),
        bool(rng.random() < 0.8), bool(rng.random() < 0.5), bool(rng.random() < 0.5),
    )  # fmt: skip
    return activations, Statistics(float(rng.uniform(0.1, 0.35)), float(rng.choice([0.0, 0.0, 0.3])))


def stimuli(
    shape: PeShape, runs: int, seed: int, statistics: Callable[[np.random.Generator], tuple[Statistics, Statistics]]
) -> list[Stimulus]:
    """Return seeded runs of a PE; in all of them it multiplies in every cycle."""
    rng = np.random.default_rng(seed)
    first, second, _ = shape.formats
    made = []
    for _ in range(runs):
        stream, other = statistics(rng)
        left = draw(stream, first, (STEPS, LANES), rng)
        right = draw(other, second, (1 if shape.dataflow == "ws" else STEPS, LANES), rng)
        made.append(multiply_stimulus(shape, left, right))
    return made


def sample(stimulus: Stimulus, measured: EnergyPerCycle, clock_fj: float) -> Sample:
    """Return a run for the fit.

    What flip-flops cost beyond their quiet clock in the runs where data move belongs to the data: it is given to the
    groups of the registers, in proportion to what they cost by themselves.
    """
    energy = {group: float(value) for group, value in measured.by_group.items()}
    excess = energy["clock"] - clock_fj
    moving = energy["operands"] + energy["partial_sums"]
    if moving > 0:
        for group in ("operands", "partial_sums"):
            energy[group] += excess * energy[group] / moving
        energy["clock"] = clock_fj
    return Sample(OperandStatistics(**stimulus.activity), energy)


def fit(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the coefficients (fJ by ``<group>_<term>_fj``) that minimise the squared relative error, none negative."""
    design = np.array([[term(run.statistics) for term in TERMS.values()] for run in samples])
    weights = np.array([1 / run.total_fj for run in samples])
    found: dict[str, float] = {}
    for group in GROUPS[1:]:
        energies = np.array([run.energy[group] for run in samples])
        values = _non_negative(design * weights[:, None], energies * weights)
        found |= {f"{group}_{term}_fj": float(value) for term, value in zip(TERMS, values, strict=True) if value > 1e-9}
    return found


def _non_negative(design: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Least squares with coefficients of zero or more, by coordinate descent."""
    gram, projected = design.T @ design, design.T @ wanted
    values = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        before = values.copy()
        for i in range(len(values)):
            if gram[i, i] > 0:
                values[i] = max(0.0, values[i] + (projected[i] - gram[i] @ values) / gram[i, i])
        if np.abs(values - before).max() <= 1e-10 * max(values.max(), 1e-30):
            break
    return values
