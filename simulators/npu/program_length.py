"""How long a tiling's program is, so that the mapper leaves programs that would not fit the host's memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulators.npu.planner import Compiled
from workloads.trace import Layer

#: Array commands of a layer's program (some 300 bytes each) that the mapper does not exceed if any tiling needs fewer.
MOST_COMMANDS = 1 << 21


def array_commands(compiled: Compiled, layer: Layer, packed: int, table: np.ndarray) -> np.ndarray:
    """Return about how many preloads and matmuls each tiling needs, float64 (n,).

    Parameters
    ----------
    table : numpy.ndarray
        int64 (n, 6): images, rows, columns, output channels, input channels, order.
    """
    w, a = layer.window, compiled.machine.array
    groups = w.groups // packed
    images, rows, columns, outs, ins = (table[:, i].astype(float) for i in range(5))
    pixels = np.ceil(w.batch / images) * np.ceil(w.out_h / rows) * np.ceil(w.out_w / columns)
    taps = 1 if a.convolution == "im2col" else w.kernel_h * w.kernel_w
    k_folds = np.ceil(w.in_c / groups / ins) * np.ceil(ins / a.rows) * taps
    n_folds = np.ceil(w.out_c / groups / outs) * np.ceil(outs / a.cols)
    return 2 * groups * pixels * k_folds * n_folds


def short_first(compiled: Compiled, layer: Layer, packed: int, table: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of `table` with at most `MOST_COMMANDS` commands, then those with at most 4 times as many ..."""
    length = array_commands(compiled, layer, packed, table)
    limit = float(MOST_COMMANDS)
    while True:
        chosen = table[length <= limit]
        if len(chosen):
            yield chosen
        if len(chosen) == len(table):
            return
        limit *= 4
