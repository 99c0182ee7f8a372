"""The CACTI 7 table as lattices: one per ports, cell type and node, over log2(size) and log2(width).

Between points log(metric) is linear along the size, then along the width: exact at the points. A lattice has the points
of all nodes; one that its own node lacks is filled from the nearest node that has it, the ratio of the two carried
along the size.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from codesign.costs.tables import read_csv

METRICS = ("access_ns", "cycle_ns", "read_nj", "write_nj", "leakage_mw", "area_mm2")
#: Metrics that never fall when the size doubles.
GROWING = (METRICS.index("leakage_mw"), METRICS.index("area_mm2"))
#: 16-row memories do not exist.
LEAST_ROWS = 32
LEAST_WIDTH, GREATEST_WIDTH = 32, 1024
LEAST_SIZE = LEAST_ROWS * LEAST_WIDTH // 8

Values = tuple[float, ...]
Point = tuple[int, int]
Key = tuple[str, str, int]


def blend(low: Values, high: Values, t: float) -> Values:
    """Interpolate log(metric) at `t` of the way from `low` (returned as it is at 0) to `high` (at 1)."""
    if t == 0:
        return low
    return high if t == 1 else tuple(a * (b / a) ** t for a, b in zip(low, high, strict=True))


def ratio(values: Values, base: Values) -> Values:
    """Return values / base, metric by metric."""
    return tuple(a / b for a, b in zip(values, base, strict=True))


def product(values: Values, factors: Iterable[float]) -> Values:
    """Return values x factors, metric by metric."""
    return tuple(a * b for a, b in zip(values, factors, strict=True))


@lru_cache(maxsize=1)
def points() -> dict[tuple[str, str, int, int], dict[Point, Values]]:
    """Return every row of the table by (ports, cell type, node_nm, banks) and (size_bytes, width_bits)."""
    found: dict[tuple[str, str, int, int], dict[Point, Values]] = {}
    for row in read_csv("sram_cacti7.csv"):
        key = row["ports"], row["cell_type"], int(row["node_nm"]), int(row["banks"])
        point = int(row["size_bytes"]), int(row["width_bits"])
        found.setdefault(key, {})[point] = tuple(float(row[name]) for name in METRICS)
    return found


def nodes(ports: str, cell_type: str) -> list[int]:
    """Return the nodes at which the table has single-bank memories of some ports and cell type, in order."""
    return sorted(node for p, c, node, banks in points() if (p, c, banks) == (ports, cell_type, 1))


def port_names() -> list[str]:
    """Return the kinds of ports in the table: ``1rw``, ``1r1w`` ..."""
    return sorted({key[0] for key in points()})


@cache
def largest_size(ports: str) -> int:
    """Return the largest memory of the table with some ports, in bytes."""
    return max(size for key, own in points().items() if key[0] == ports for size, _ in own)


@cache
def lattice(ports: str, cell_type: str, node_nm: int) -> Mapping[int, Mapping[int, Values]]:
    """Return the filled lattice: width -> size -> metrics."""
    own = points()[ports, cell_type, node_nm, 1]
    donors = _donors(ports, cell_type, node_nm)
    every = {point for key, rows in points().items() if key[0] == ports and key[3] == 1 for point in rows}
    rows: dict[int, dict[int, Values]] = {}
    for size, width in sorted(every):
        rows.setdefault(width, {})[size] = own.get((size, width)) or fill(own, (size, width), donors)
    for width, row in rows.items():
        _keep_growing(row, {size for size, w in own if w == width})
    return rows


def _donors(ports: str, cell_type: str, node_nm: int) -> list[dict[Point, Values]]:
    """Other lattices of the same ports: the same cell type first, then by distance of node."""

    def distance(key: tuple[str, str, int, int]) -> tuple[bool, float]:
        return key[1] != cell_type, abs(math.log(key[2] / node_nm))

    keys = [key for key in points() if key[0] == ports and key[3] == 1 and key[1:3] != (cell_type, node_nm)]
    return [points()[key] for key in sorted(keys, key=distance)]


def fill(own: Mapping[Point, Values], point: Point, donors: list[dict[Point, Values]]) -> Values:
    """Estimate a point that `own` lacks.

    Parameters
    ----------
    own : mapping
        The lattice's points.
    point : tuple of int
        (size_bytes, width_bits).
    donors : list of dict
        Other lattices, the nearest first.
    """
    for donor in donors:
        if point in donor:
            both = {key: ratio(value, donor[key]) for key, value in own.items() if key in donor}
            carried = _between(both, point, axis=0)
            if carried:
                return product(donor[point], carried)
    found = _between(own, point, axis=0) or _between(own, point, axis=1)
    if found:
        return found
    donor = next(donor for donor in donors if point in donor and any(key in donor for key in own))
    nearest = min((key for key in own if key in donor), key=lambda key: _steps(key, point))
    return product(donor[point], ratio(own[nearest], donor[nearest]))


def _steps(key: Point, point: Point) -> tuple[float, Point]:
    return abs(math.log2(key[0] / point[0])) + 2 * abs(math.log2(key[1] / point[1])), key


def _between(values: Mapping[Point, Values], point: Point, axis: int) -> Values | None:
    """Interpolate along one axis between the nearest points on either side; None without them."""
    row = {key[axis]: value for key, value in values.items() if key[1 - axis] == point[1 - axis] and key != point}
    low = max((x for x in row if x < point[axis]), default=None)
    high = min((x for x in row if x > point[axis]), default=None)
    if low is None or high is None:
        return None
    return blend(row[low], row[high], math.log(point[axis] / low) / math.log(high / low))


def _keep_growing(row: dict[int, Values], own: set[int]) -> None:
    """Hold filled area and leakage between the table's own points on either side."""
    sizes = sorted(row)
    for i, size in enumerate(sizes):
        if size in own:
            continue
        values = list(row[size])
        ceiling = next((row[larger] for larger in sizes[i + 1 :] if larger in own), None)
        for m in GROWING:
            values[m] = max(values[m], row[sizes[i - 1]][m]) if i else values[m]
            values[m] = min(values[m], ceiling[m]) if ceiling else values[m]
        row[size] = tuple(values)


def lookup(rows: Mapping[int, Mapping[int, Values]], size: float, width: float) -> Values:
    """Interpolate a lattice at `size` bytes and `width` bits; a width beyond it is its nearest.

    A row that does not reach down to the size goes on with its last slope (only for widths between two rows).
    """
    widths = sorted(rows)
    width = min(max(width, widths[0]), widths[-1])
    right = bisect_right(widths, width)
    low = widths[right - 1]
    if low == width:
        return _along(rows[low], size)
    high = widths[right]
    t = math.log(width / low) / math.log(high / low)
    return blend(_along(rows[low], size), _along(rows[high], size), t)


def _along(row: Mapping[int, Values], size: float) -> Values:
    sizes = sorted(row)
    if len(sizes) == 1:
        return row[sizes[0]]
    i = min(max(bisect_right(sizes, size), 1), len(sizes) - 1)
    low, high = sizes[i - 1], sizes[i]
    return blend(row[low], row[high], math.log(size / low) / math.log(high / low))
