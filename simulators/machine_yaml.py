"""The part of YAML that a machine file needs: nested mappings of plain values, with the line of each.

Nothing is constructed but text, numbers, booleans and null, so no file can run code. Aliases, tags, deep nesting
and great numbers of values are refused, so no file can grow either.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as yaml_events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from simulators.machine_checks import Path

DEPTH_LIMIT = 16
EVENT_LIMIT = 10_000
DIGIT_LIMIT = 40
NO_ALIAS = "aliases are not allowed; write the value itself"

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class YamlFault(Exception):
    """The text cannot be read further; `line` counts from 1, or is None."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class Tree:
    """What a text holds: nested dictionaries, the line of every path, and the faults that did not end the reading.

    `faulty` are the paths whose value could not be read; None stands there.
    """

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[tuple[int, Path, str]] = field(default_factory=list)
    faulty: set[Path] = field(default_factory=set)


def shown(value: object) -> str:
    """Return a value as an error shows it: short, printable, as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    if len(text) > 40:
        text = text[:37] + "..."
    return f"'{printable(text)}'" if isinstance(value, str) else text


def printable(text: str) -> str:
    """Return the text with escapes for what a terminal would not show."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def dotted(path: Path) -> str:
    """Return a path as an error shows it."""
    return ".".join(shown(part)[1:-1] or "''" for part in path)


def read_scalar(text: str) -> Any:
    """Return the value of one plain scalar, as YAML 1.2 reads it; underscores may group digits.

    Raises
    ------
    ValueError
        For a number that is not finite or has more than `DIGIT_LIMIT` characters.
    """
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return bool(_TRUE.fullmatch(text))
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a finite number")
    integer, based = _INTEGER.fullmatch(text), _BASED.fullmatch(text)
    if not (integer or based or _FLOAT.fullmatch(text)):
        return text
    if len(text) > DIGIT_LIMIT:
        raise ValueError(f"a number of {len(text)} characters is too long")
    if integer or based:
        return int(text, 10 if integer else 0)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is not a finite number")
    return value


def read_tree(text: str) -> Tree:
    """Read one document whose top is a mapping.

    Raises
    ------
    YamlFault
        When the text is no such document.
    """
    try:
        return _Reader(text).read()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlFault(line, f"character {error.character:#x} is not allowed in YAML") from error
    except MarkedYAMLError as error:
        raise YamlFault(error.problem_mark.line + 1 if error.problem_mark else None, _problem(error)) from error
    except (YAMLError, ValueError) as error:
        raise YamlFault(None, f"not valid YAML: {shown(str(error).splitlines()[0])[1:-1]}") from error


def _problem(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem).split())
    if "'\\t'" in problem:
        return "a tab cannot indent; use spaces"
    if "stream end" in problem or "end of stream" in problem:
        return "the file ends too early: a bracket or a quote is still open"
    return f"not valid YAML: {problem}"


def write_tree(data: dict[str, Any], indent: str = "") -> str:
    """Return nested dictionaries of plain values as a text that `read_tree` reads back to the bit."""
    lines = []
    for name, value in data.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{name}:\n{write_tree(value, indent + '  ')}")
        elif isinstance(value, str):
            lines.append(f'{indent}{name}: "{_escaped(value)}"\n')
        else:
            lines.append(f"{indent}{name}: {json.dumps(value)}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


class _Reader:
    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(text))
        self.count = 0
        self.tree = Tree()

    def next(self) -> Any:
        event = next(self.events)
        self.count += 1
        if self.count > EVENT_LIMIT:
            raise YamlFault(_line(event), f"more than {EVENT_LIMIT} values; a machine has about a hundred")
        return event

    def read(self) -> Tree:
        self.next()
        if isinstance(self.next(), yaml_events.StreamEndEvent):
            raise YamlFault(None, "the file is empty; a machine is a mapping of fields")
        top = self.next()
        if not isinstance(top, yaml_events.MappingStartEvent):
            what = "a list" if isinstance(top, yaml_events.SequenceStartEvent) else "a single value"
            raise YamlFault(_line(top), f"the file holds {what}; a machine is a mapping of fields")
        self.tree.data = self.mapping((), 1)
        self.next()
        after = self.next()
        if not isinstance(after, yaml_events.StreamEndEvent):
            raise YamlFault(_line(after), "a second document starts; one file holds one machine")
        return self.tree

    def mapping(self, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(key := self.next(), yaml_events.MappingEndEvent):
            if not isinstance(key, yaml_events.ScalarEvent):
                raise YamlFault(_line(key), "a key must be a plain name")
            here = (*path, key.value)
            if key.value in values:
                first = self.tree.lines[here]
                self.tree.faults.append((_line(key), here, f"given twice (first in line {first})"))
                self.skip(self.next())
                continue
            self.tree.lines[here] = _line(key)
            values[key.value] = self.value(self.next(), here, depth)
        return values

    def value(self, event: Any, path: Path, depth: int) -> Any:
        if depth >= DEPTH_LIMIT:
            raise _too_deep(event)
        if isinstance(event, yaml_events.AliasEvent):
            self.fault(_line(event), path, NO_ALIAS)
            return None
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self.fault(_line(event), path, f"the tag {shown(tag)} is not allowed; write the plain value")
        if isinstance(event, yaml_events.MappingStartEvent):
            return self.mapping(path, depth + 1)
        if isinstance(event, yaml_events.SequenceStartEvent):
            self.skip(event)
            return []
        if event.style is not None:
            return event.value
        try:
            return read_scalar(event.value)
        except ValueError as error:
            self.fault(_line(event), path, str(error))
            return None

    def skip(self, event: Any) -> None:
        """Pass over a value that starts with `event`."""
        depth = 0
        while True:
            if isinstance(event, yaml_events.AliasEvent):
                raise YamlFault(_line(event), NO_ALIAS)
            depth += isinstance(event, yaml_events.CollectionStartEvent)
            depth -= isinstance(event, yaml_events.CollectionEndEvent)
            if depth == 0:
                return
            if depth >= DEPTH_LIMIT:
                raise _too_deep(event)
            event = self.next()

    def fault(self, line: int, path: Path, text: str) -> None:
        self.tree.faults.append((line, path, text))
        self.tree.faulty.add(path)


def _too_deep(event: Any) -> YamlFault:
    return YamlFault(_line(event), f"more than {DEPTH_LIMIT} levels of nesting; a machine has four")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
