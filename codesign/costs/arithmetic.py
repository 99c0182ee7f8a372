"""Energy and area of multipliers and adders by format, from named profiles that are never mixed.

A format in the profile's table has the table's figure. Another is carried by a law through the table's formats of its
kind, as a power (log-log; the last slope goes on beyond them; one format alone: in proportion):
a multiplier over the product of its operands' widths (integer) or significands (floating point), an adder over its
width or significand. A PE is a multiplier and an adder in the format of the accumulator; its registers are charged
apart (`clock`).
"""

from __future__ import annotations

from functools import cache

from codesign.costs.figures import Figure
from codesign.costs.scaling import interpolate_log
from codesign.costs.tables import read_csv
from workloads.errors import unknown_name
from workloads.formats import Format, parse_format

PROFILES = ("horowitz_45nm", "aladdin_40nm")
METRICS = {"energy_pj": "pJ", "area_um2": "um2"}
#: Bits of the significand, the hidden one included.
SIGNIFICANDS = {"fp8_e5m2": 3, "fp8_e4m3": 4, "bf16": 8, "fp16": 11, "fp32": 24, "fp64": 53}


def check_profile(name: str, where: str = "technology.arithmetic") -> str:
    """Return `name` when it is a profile, or raise CodesignError naming the nearest."""
    if name not in PROFILES:
        raise unknown_name(where, "profile of arithmetic", name, PROFILES)
    return name


def multiply(profile: str, a: str, b: str, metric: str = "energy_pj") -> Figure:
    """Return the energy (pJ) or area (um2) of a multiplier of formats `a` x `b` at the profile's node.

    An integer times a float is a float multiplier whose other significand has the integer's bits (assumed).
    """
    first, second = parse_format(a), parse_format(b)
    size = _bits(first) * _bits(second)
    integer = first.is_integer and second.is_integer
    figure = _operation(profile, "mul", integer, size, metric)
    if first.is_integer != second.is_integer:
        return figure.times(1.0, f"{a} x {b} as a significand product of {size}", "assumed")
    return figure


def add(profile: str, name: str, metric: str = "energy_pj") -> Figure:
    """Return the energy (pJ) or area (um2) of an adder of format `name` at the profile's node."""
    parsed = parse_format(name)
    return _operation(profile, "add", parsed.is_integer, _bits(parsed), metric)


def mac(profile: str, a: str, b: str, accumulator: str, metric: str = "energy_pj") -> Figure:
    """Return the energy (pJ) or area (um2) of `accumulator` += a x b, registers excluded, at the profile's node."""
    return multiply(profile, a, b, metric).plus(add(profile, accumulator, metric))


def supply_v(profile: str) -> float | None:
    """Return the supply that a profile's table states, in volts; None where it states none."""
    text = _rows(check_profile(profile))[0]["supply_v"]
    return float(text) if text else None


def _bits(parsed: Format) -> int:
    return parsed.bits if parsed.is_integer else SIGNIFICANDS[parsed.name]


@cache
def _rows(profile: str) -> list[dict[str, str]]:
    return [row for row in read_csv("arith_energy_area.csv") if row["profile"] == profile]


@cache
def _operation(profile: str, operation: str, integer: bool, size: int, metric: str) -> Figure:
    """Return a figure over `size`: width or significand (add), product of both operands' (mul)."""
    check_profile(profile)
    anchors, sources, node = {}, [], 0
    for row in _rows(profile):
        if row["operation"] != operation:
            continue
        parsed = parse_format(row["format"])
        if parsed.is_integer == integer:
            anchors[float(_bits(parsed) ** (2 if operation == "mul" else 1))] = float(row[metric])
            sources.append(row["source"])
            node = int(row["node_nm"])
    value = interpolate_log(anchors, size)
    source = "; ".join(dict.fromkeys(sources))
    if size in anchors:
        return Figure(value, METRICS[metric], node, source, "published")
    kind = "width" if integer else "significand"
    measure = f"product of {kind}s" if operation == "mul" else kind
    law = f"{operation} over {measure} {size}, log-log through {', '.join(f'{x:g}' for x in sorted(anchors))}"
    return Figure(value, METRICS[metric], node, source, "scaled", law)
