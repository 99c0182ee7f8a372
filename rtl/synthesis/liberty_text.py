"""The text of Liberty files: groups, attributes, and the cells that a file holds, each parsed when it is asked for."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path

from workloads.errors import CodesignError

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TOKEN = re.compile(r'"[^"]*"|[{}():;,]|[^\s"{}():;,\\]+')
_CELL = re.compile(r'^[ \t]*cell[ \t]*\([ \t]*"?([^")\s]+)"?[ \t]*\)', re.MULTILINE)
_LIBRARY = re.compile(r'\blibrary\s*\(\s*"?([^")\s]+)"?\s*\)\s*\{')
_BRACE_OR_STRING = re.compile(r'"[^"]*"|[{}]')
#: Groups whose content nothing here reads; their text is passed over.
SKIPPED = frozenset({"test_cell", "output_current_rise", "output_current_fall", "receiver_capacitance", "wire_load"})


@dataclass
class Group:
    """A group ``name (arguments) { ... }``.

    Attributes
    ----------
    name : str
        Such as ``cell``, ``pin``, ``internal_power``.
    arguments : list of str
        In parentheses, without quotes.
    attributes : dict
        Texts of ``key : value;`` and the argument lists of ``key (values);``, the last of each key.
    groups : list of Group
        Inner groups in order.
    """

    name: str
    arguments: list[str]
    attributes: dict[str, list[str]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, name: str) -> list[Group]:
        """Return the inner groups called `name`."""
        return [group for group in self.groups if group.name == name]

    def text(self, key: str, default: str = "") -> str:
        """Return an attribute's value as text (several words joined by blanks)."""
        return " ".join(self.attributes[key]) if key in self.attributes else default

    def number(self, key: str, default: float = 0.0) -> float:
        """Return an attribute's value as a number."""
        return float(self.attributes[key][0]) if key in self.attributes else default


@dataclass(frozen=True)
class LibertyText:
    """A Liberty file: its name, header (all before the first cell) and the text of each cell."""

    path: Path
    name: str
    header: Group
    cells: dict[str, str]


def plain_text(path: str | Path) -> str:
    """Return the text of a ``.lib`` or ``.lib.gz`` file, or raise CodesignError."""
    try:
        data = Path(path).read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("latin-1")
    except (OSError, EOFError) as error:
        raise CodesignError(f"{path}: cannot be read as a Liberty file ({error})") from error


def read_liberty_text(path: str | Path) -> LibertyText:
    """Split a Liberty file (gzipped or not) into header and cells.

    Raises
    ------
    CodesignError
        When the file cannot be read, is no Liberty library, or holds no cell.
    """
    text = _COMMENT.sub(" ", plain_text(path))
    start = _LIBRARY.search(text)
    if start is None:
        raise CodesignError(f"{path}: no library ( ) group, so it is no Liberty file")
    marks = list(_CELL.finditer(text, start.end()))
    if not marks:
        raise CodesignError(f"{path}: library {start.group(1)} holds no cell")
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    cells = {mark.group(1): text[mark.start() : end] for mark, end in zip(marks, ends, strict=True)}
    header = Group("library", [start.group(1)])
    _Reader(text[start.end() : marks[0].start()]).body(header)
    return LibertyText(Path(path), start.group(1), header, cells)


def parse_group(text: str) -> Group:
    """Parse the group with which a text begins; what follows it is not looked at."""
    holder = Group("", [])
    _Reader(text).body(holder, most=1)
    if not holder.groups:
        raise CodesignError(f"Liberty: a group is needed, found '{text.strip()[:40]}'")
    return holder.groups[0]


def without_groups(text: str, names: frozenset[str]) -> str:
    """Return a cell's text without the inner groups called `names` (what a mapper need not read)."""
    kept, position = [], 0
    opening = re.compile(r"\b(" + "|".join(sorted(names)) + r")\s*\([^)]*\)\s*\{")
    while match := opening.search(text, position):
        kept.append(text[position : match.start()])
        position = _after_brace(text, match.end())
    return "".join((*kept, text[position:]))


def _after_brace(text: str, position: int) -> int:
    depth = 1
    for match in _BRACE_OR_STRING.finditer(text, position):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return match.end()
    return len(text)


class _Reader:
    """Tokens of a text with a position; ends of lines are tokens, for they end attributes that lack a semicolon."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        for line in text.replace("\\\n", " ").splitlines():
            self.tokens += _TOKEN.findall(line)
            self.tokens.append("\n")
        self.at = 0

    def next(self, skip_lines: bool = True) -> str:
        """Return the next token and pass it; empty at the end."""
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token != "\n" or not skip_lines:
                return token
        return ""

    def body(self, group: Group, most: int = 0) -> None:
        """Read statements into `group` up to its closing brace, the end of the text, or `most` inner groups."""
        while (token := self.next()) not in ("", "}"):
            if token == ";":
                continue
            following = self.next()
            if following == ":":
                group.attributes[token] = self._simple()
            elif following == "(":
                self._parenthesised(token, group)
            if most and len(group.groups) >= most:
                return

    def _simple(self) -> list[str]:
        words: list[str] = []
        while (token := self.next(skip_lines=not words)) not in ("", ";", "\n"):
            if token == "}":
                self.at -= 1
                break
            words.append(token.strip('"'))
        return words

    def _parenthesised(self, name: str, group: Group) -> None:
        arguments: list[str] = []
        while (token := self.next()) not in ("", ")"):
            if token != ",":
                arguments.append(token.strip('"'))
        if self.next() != "{":
            self.at -= 1
            group.attributes[name] = arguments
            return
        inner = Group(name, arguments)
        self.body(inner)
        if name not in SKIPPED:
            group.groups.append(inner)
