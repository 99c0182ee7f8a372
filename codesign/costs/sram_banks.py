"""What several banks behind one port cost over one bank of the same capacity, by the table's banked memories.

The table has 2, 4, 8 and 16 banks of 16 KiB to 16 MiB at 22 and 45 nm (1rw, itrs-hp); smaller memories take the ratio
of 16 KiB.
"""

from __future__ import annotations

import math
from functools import cache

from codesign.costs import sram_table as table

BANKS = (1, 2, 4, 8, 16)


def bank_ratio(node_nm: int, banks: int, size: float, width: float) -> table.Values:
    """Return the metrics of `banks` banks over those of one, log-interpolated over banks and between 22 and 45 nm."""
    t = min(max(math.log(node_nm / 22) / math.log(45 / 22), 0.0), 1.0)
    high = next(n for n in BANKS if n >= banks)
    low = max(n for n in BANKS if n <= banks)
    ratios = []
    for node in (22, 45):
        pair = [_bank_lattice_ratio(node, n, size, width) for n in (low, high)]
        ratios.append(
            table.blend(pair[0], pair[1], 0.0 if low == high else math.log(banks / low) / math.log(high / low))
        )
    return table.blend(ratios[0], ratios[1], t)


@cache
def _bank_rows(node_nm: int, banks: int) -> dict[int, dict[int, table.Values]]:
    own = table.points()["1rw", "itrs-hp", node_nm, banks]
    donors = [table.points()["1rw", "itrs-hp", 67 - node_nm, banks]]
    one = table.lattice("1rw", "itrs-hp", node_nm)
    rows: dict[int, dict[int, table.Values]] = {}
    for size, width in sorted(set(own) | set(donors[0])):
        values = own.get((size, width)) or table.fill(own, (size, width), donors)
        rows.setdefault(width, {})[size] = table.ratio(values, one[width][size])
    return rows


def _bank_lattice_ratio(node_nm: int, banks: int, size: float, width: float) -> table.Values:
    if banks == 1:
        return (1.0,) * len(table.METRICS)
    rows = _bank_rows(node_nm, banks)
    sizes = sorted({size for row in rows.values() for size in row})
    return table.lookup(rows, min(max(size, sizes[0]), sizes[-1]), width)
