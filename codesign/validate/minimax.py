"""A linear law whose greatest relative error is least."""

from __future__ import annotations

from itertools import combinations

import numpy as np


def relative_minimax(terms: np.ndarray, figures: np.ndarray) -> np.ndarray:
    """Return the constants, none below 0, that make max |terms @ constants / figures - 1| least.

    The best law has errors of one size on one more row than it has constants (de la Vallee-Poussin): every such choice
    of rows and signs is solved, and the law whose worst row of all is nearest is taken.

    Parameters
    ----------
    terms : numpy.ndarray
        float, (rows, constants), of full rank on every choice of rows; some 20 rows at most.
    figures : numpy.ndarray
        float, (rows,), none 0.
    """
    rows, constants = terms.shape
    scaled, best = terms / figures[:, None], (np.inf, np.zeros(constants))
    for chosen in combinations(range(rows), constants + 1):
        for signs in np.ndindex(*(2,) * constants):
            error = np.array([1.0, *(1.0 - 2.0 * sign for sign in signs)])
            square = np.column_stack([scaled[list(chosen)], error])
            if abs(np.linalg.det(square)) < 1e-300:
                continue
            law = np.linalg.solve(square, np.ones(constants + 1))[:constants]
            worst = float(np.max(np.abs(scaled @ law - 1)))
            if np.all(law >= 0) and worst < best[0]:
                best = worst, law
    return best[1]
