"""Numbers with SI prefixes, three significant digits, the unit behind."""

from __future__ import annotations

import math

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def digits(value: float) -> str:
    """Return `value` with three significant digits, never in exponent form."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    value = float(f"{value:.2e}")
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, 6)}f}"


def si(value: float, unit: str = "") -> str:
    """Return `value` with an SI prefix: ``si(1.24e6)`` is ``1.24 M``, ``si(3.8e-4, "J")`` is ``380 uJ``."""
    if value == 0 or not math.isfinite(value):
        return f"{digits(value)} {unit}".rstrip()
    if isinstance(value, int) and abs(value) < 1000:
        return f"{value} {unit}".rstrip()
    value = float(f"{value:.2e}")  # rounded first: 999.6 is 1.00 k
    power = math.floor(math.log10(abs(value)) / 3) * 3
    power = min(max(power, min(_PREFIXES)), max(_PREFIXES))
    return f"{digits(value / 10.0**power)} {_PREFIXES[power]}{unit}".rstrip()


def seconds(value: float) -> str:
    """Return a time: ``1.24 ms``."""
    return si(value, "s")


def energy(picojoules: float) -> str:
    """Return an energy given in pJ: ``380 uJ``."""
    return si(picojoules * 1e-12, "J")


def area(square_micrometres: float) -> str:
    """Return an area given in um2, in mm2 from 1000 um2 on."""
    if abs(square_micrometres) < 1000:
        return f"{digits(square_micrometres)} um2"
    return f"{digits(square_micrometres * 1e-6)} mm2"


def percent(share: float) -> str:
    """Return a share of one in whole per cent; ``<1 %`` for what would vanish."""
    if 0 < share < 0.005:
        return "<1 %"
    return f"{100 * share:.0f} %"
