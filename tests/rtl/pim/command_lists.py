"""Random lists of PIM commands, and devices with timing that none that ships has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulators.pim.commands import COMP, DOT, GWRITE, HEADER, READRES
from simulators.pim.device import PimDevice

#: Rows that tiles and vectors are drawn from: few, so that a row is met open, and a tile's is a vector's.
ROWS = 5


def random_list(device: PimDevice, tiles: int, seed: int) -> np.ndarray:
    """Return a list of some tiles: any number of DOTs, or of COMPs with a READRES here and there, vectors between."""
    rng = np.random.default_rng(seed)
    most = device.page_operands // device.lanes
    items: list[tuple[int, int, int, int]] = []
    for _ in range(tiles):
        if rng.random() < 0.3:
            items += [(GWRITE, int(rng.integers(0, ROWS)), 0, 0)] * int(rng.integers(1, 3))
        row, dots = int(rng.integers(0, ROWS)), int(rng.integers(1, 5))
        comps = int(rng.integers(1, most // dots + 1))
        total = 1 << (dots * comps - 1).bit_length()
        items.append((HEADER, row, total, dots))
        for _ in range(dots):
            if device.composite:
                items.append((DOT, row, int(rng.integers(1, comps + 1)), 1))
            else:
                items += [(COMP, row, 1, 0)] * comps + [(READRES, row, 0, 1)]
    return np.array(items, np.int64)


def random_arrivals(count: int, seed: int) -> np.ndarray:
    """Return when each item is there: mostly at once, at times after a pause, some of them longer than a refresh's."""
    rng = np.random.default_rng(seed)
    pauses = np.where(rng.random(count) < 0.05, rng.integers(0, 2500, count), rng.integers(0, 12, count))
    return np.cumsum(pauses)


def other_timing(device: PimDevice, seed: int) -> PimDevice:
    """Return a device with random timing: the RTL must follow the table, not the numbers of those that ship."""
    rng = np.random.default_rng(seed)
    timing = dict(device.standard.timing)
    for name in ("tRCDRD", "tRP", "tRAS", "tCCD_S", "tCCD_L", "tRRD_S", "tRRD_L", "tFAW", "tRTP", "BURST"):
        timing[name] = int(rng.integers(1, 40))
    timing |= {"tREFI": int(rng.integers(20_000, 40_000)), "tRFC": int(rng.integers(50, 600))}
    standard = replace(device.standard.with_ranks(int(rng.choice([1, 2]))), timing=timing)
    return replace(device, standard=standard, dot_holds_row=bool(seed % 2))
