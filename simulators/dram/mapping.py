"""Address mappings by name: six two-letter fields from the most to the least significant bits.

`ro` row, `ch` channel, `ra` rank, `bg` bank group, `ba` bank, `co` column (in units of a burst). The address is mapped
after its lowest log2(request bytes) bits are dropped; bits above all fields are ignored, so addresses wrap.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulators.dram.standard import Standard
from workloads.errors import CodesignError, did_you_mean, quoted

NAMES = {"ch": "channels", "ra": "ranks", "bg": "bank groups", "ba": "banks", "ro": "rows", "co": "bursts of a row"}
FIELDS = tuple(NAMES)
MOST_CHANNELS = 256
KNOWN = ("rochrababgco", "rorabgbachco", "rorababgchco", "chrobabgraco", "rocorababgch", "chrarobabgco")


def _log2(size: int, what: str) -> int:
    if size < 1 or size & (size - 1):
        raise CodesignError(f"{what}: {size} is not a power of two")
    return size.bit_length() - 1


def widths(standard: Standard, channels: int) -> dict[str, int]:
    """Return the bits of each field."""
    o = standard.organization
    sizes = {"ch": channels, "ra": o.ranks, "bg": o.bankgroups, "ba": o.banks, "ro": o.rows}
    bits = {name: _log2(size, f"{standard.name}: {NAMES[name]}") for name, size in sizes.items()}
    if channels > MOST_CHANNELS:
        raise CodesignError(f"{standard.name}: channels: {channels} is more than {MOST_CHANNELS}")
    return bits | {"co": _log2(max(1, o.columns // o.burst_length), f"{standard.name}: {NAMES['co']}")}


def positions(mapping: str, bits: Mapping[str, int]) -> dict[str, int]:
    """Return the lowest bit of each field.

    Raises
    ------
    CodesignError
        When `mapping` does not name each of the six fields once.
    """
    fields = [mapping[i : i + 2] for i in range(0, len(mapping), 2)]
    if sorted(fields) != sorted(FIELDS):
        raise CodesignError(
            f"mapping {quoted(mapping)}: name each of {', '.join(FIELDS)} once, most significant first, "
            f"such as {KNOWN[0]} or {KNOWN[1]}{did_you_mean(mapping, KNOWN)}"
        )
    found, at = {}, 0
    for name in reversed(fields):
        found[name] = at
        at += bits[name]
    return found
