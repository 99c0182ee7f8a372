"""JSON Schema of a machine for editors, and the list of its fields. Both are generated from the description."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from simulators.machine import Machine
from simulators.machine_checks import Path
from simulators.machine_presets import machine_names


@dataclass(frozen=True)
class LeafField:
    """A field that holds a value, not a section.

    Attributes
    ----------
    name : str
        Dotted name; ``*`` stands for any key (``vector.functions.*.passes``).
    kind : str
        ``integer``, ``number``, ``boolean`` or ``string``.
    minimum, maximum : float or None
        Bounds; the minimum itself is excluded when `minimum_excluded`.
    choices : tuple of str
        The allowed texts; empty when any.
    optional : bool
        Whether null stands for "absent".
    required : bool
        Whether its section must give it.
    informational : bool
        Whether it only labels the machine and changes no figure.
    """

    name: str
    kind: str
    minimum: float | None
    minimum_excluded: bool
    maximum: float | None
    min_length: int
    max_length: int | None
    choices: tuple[str, ...]
    optional: bool
    required: bool
    informational: bool
    default: Any
    description: str

    @property
    def allowed(self) -> str:
        """What the field holds, in words."""
        if self.kind == "string":
            low = f"{self.min_length} to" if self.min_length else "at most"
            return "text" if self.max_length is None else f"text of {low} {self.max_length} characters"
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "number":
            low = f"above {self.minimum:g}" if self.minimum_excluded else f"from {self.minimum:g}"
            return f"a number {low}" + ("" if self.maximum is None else f" and at most {self.maximum:g}")
        return f"a whole number from {self.minimum} to {self.maximum}"


def machine_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a machine file.

    A file that says ``extends`` may leave any field to the preset that it extends.
    """
    full = Machine.model_json_schema()
    definitions = full.pop("$defs")
    partial = _without_required(full)
    partial["properties"]["extends"] = {"enum": machine_names(), "description": "the preset that this file changes"}
    partials = {f"Partial{name}": _without_required(section) for name, section in definitions.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "codesign machine",
        "if": {"required": ["extends"]},
        "then": {"$ref": "#/$defs/PartialMachine"},
        "else": {"$ref": "#/$defs/Machine"},
        "$defs": {**definitions, "Machine": full, **partials, "PartialMachine": partial},
    }


def _without_required(section: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a section's schema in which every field may be absent, its subsections' fields too."""

    def relax(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                node["$ref"] = node["$ref"].replace("#/$defs/", "#/$defs/Partial")
            for child in node.values():
                relax(child)
        elif isinstance(node, list):
            for child in node:
                relax(child)

    section = deepcopy(section)
    section.pop("required", None)
    relax(section)
    return section


@cache
def leaf_fields() -> tuple[LeafField, ...]:
    """Return every field of a machine that holds a value, in the order of the description."""
    schema = Machine.model_json_schema()
    return tuple(_leaves(schema, schema["$defs"], ""))


def _leaves(section: dict[str, Any], definitions: dict[str, Any], prefix: str) -> Iterator[LeafField]:
    for name, field in section["properties"].items():
        kinds = [k for k in field.get("anyOf", [field]) if k.get("type") != "null"]
        node = {**field, **kinds[0]}
        dotted = f"{prefix}{name}"
        if "$ref" in node:
            yield from _leaves(definitions[node["$ref"].rsplit("/", 1)[1]], definitions, f"{dotted}.")
        elif "additionalProperties" in node:
            value = definitions[node["additionalProperties"]["$ref"].rsplit("/", 1)[1]]
            yield from _leaves(value, definitions, f"{dotted}.*.")
        else:
            yield LeafField(
                name=dotted,
                kind=node["type"],
                minimum=node.get("minimum", node.get("exclusiveMinimum")),
                minimum_excluded="exclusiveMinimum" in node,
                maximum=node.get("maximum"),
                min_length=node.get("minLength", 0),
                max_length=node.get("maxLength"),
                choices=tuple(node.get("enum", ())),
                optional="anyOf" in field,
                required=name in section.get("required", ()),
                informational=bool(field.get("informational")),
                default=field.get("default"),
                description=field.get("description", ""),
            )


@cache
def _by_name() -> dict[str, LeafField]:
    return {leaf.name: leaf for leaf in leaf_fields()}


def leaf_at(path: Path) -> LeafField | None:
    """Return the field at `path`, or None when it is a section or no field at all."""
    if len(path) == 4 and path[:2] == ("vector", "functions"):
        path = ("vector", "functions", "*", path[3])
    return _by_name().get(".".join(path))


def children(path: Path) -> list[str]:
    """Return the names of the fields in the section at `path`."""
    if len(path) == 3 and path[:2] == ("vector", "functions"):
        path = ("vector", "functions", "*")
    depth = len(path)
    parts = [leaf.name.split(".") for leaf in leaf_fields()]
    return list(dict.fromkeys(p[depth] for p in parts if tuple(p[:depth]) == path and len(p) > depth))
