"""What is wrong with one field, in a line of plain words."""

from __future__ import annotations

import difflib
from typing import Any

from simulators.machine_checks import Path
from simulators.machine_schema import LeafField, children, leaf_at, leaf_fields
from simulators.machine_yaml import dotted, shown
from workloads.errors import unknown_name

_KINDS = {
    "array.dataflow": "dataflow",
    "array.os_drain": "drain",
    "array.convolution": "way to run convolutions",
    "memory.model": "memory model",
    "technology.sram_cell": "kind of SRAM cell",
    "vector.requantize": "requantizer",
}


def describe(kind: str, path: Path, value: Any) -> str:
    """Return the fault of one field, named in front.

    Parameters
    ----------
    kind : str
        Type of the validator's error.
    path : tuple of str
        The field.
    value : object
        What was given.
    """
    name, leaf = dotted(path), leaf_at(path)
    if kind == "extra_forbidden":
        return unknown_field(path)
    if kind == "missing":
        return f"{name} is missing ({leaf.allowed if leaf else 'a section of ' + _contents(path)})"
    if leaf is None:
        return f"{name}: {shown(value)} is not a section; use a mapping of {_contents(path)}"
    if kind == "literal_error" and isinstance(value, str):
        return str(unknown_name(name, _KINDS.get(name, name), shown(value)[1:-1], leaf.choices))
    if leaf.choices and not isinstance(value, str):
        return f"{name}: {shown(value)} is not text; use {', '.join(leaf.choices)}"
    if kind in ("string_too_long", "string_too_short"):
        return f"{name}: {len(value)} characters; use {leaf.allowed}"
    return f"{name}: {shown(value)} is not {leaf.allowed}{_hint(leaf, value)}"


def _contents(path: Path) -> str:
    return ", ".join(children(path)).replace("*", "function names")


def _hint(leaf: LeafField, value: Any) -> str:
    """Return what to write instead, where that is plain."""
    if leaf.kind == "integer" and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}"
    if leaf.kind in ("integer", "number") and isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return "; write it without quotes"
    if leaf.kind == "boolean" and str(value).lower() in ("yes", "on", "1"):
        return "; write true"
    if leaf.kind == "boolean" and str(value).lower() in ("no", "off", "0"):
        return "; write false"
    if leaf.kind == "string" and isinstance(value, (bool, int, float)):
        return "; write it in quotes"
    return ""


def unknown_field(path: Path) -> str:
    """Return the fault of a field that does not exist, with the nearest that does."""
    siblings = [".".join((*path[:-1], name)) for name in children(path[:-1])]
    everything = [leaf.name for leaf in leaf_fields() if "*" not in leaf.name]
    name = dotted(path)
    same = [other for other in everything if other.rsplit(".", 1)[-1] == path[-1]]
    near = _nearest(path[-1], children(path[:-1]))
    if near:
        return f"{name} is not a field (did you mean '{'.'.join((*path[:-1], near))}'?)"
    if len(same) == 1:
        return f"{name} is not a field (did you mean '{same[0]}'?)"
    close = _nearest(name, everything)
    if close and not siblings:
        return f"{name} is not a field (did you mean '{close}'?)"
    if siblings:
        section = f"{dotted(path[:-1])} has" if path[:-1] else "a machine has"
        return f"{name} is not a field; {section} {', '.join(children(path[:-1]))}"
    return f"{name} is not a field"


def _nearest(name: str, allowed: list[str]) -> str | None:
    close = difflib.get_close_matches(name[:80], allowed, n=1, cutoff=0.6)
    return close[0] if close else None
