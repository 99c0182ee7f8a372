"""Boolean functions as Liberty writes them (``!A``, ``A'``, ``A*B``, ``A B``, ``A&B``, ``A+B``, ``A|B``, ``A^B``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from workloads.errors import CodesignError

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\].]*|[01]|[!'()*&+|^])")


@dataclass(frozen=True)
class Expression:
    """A node of a function: `operator` ``and``, ``or``, ``xor``, ``not``, ``name`` or ``constant``.

    Attributes
    ----------
    operator : str
        What the node does.
    operands : tuple of Expression
        None for a name or constant.
    name : str
        A pin (``name``), ``0`` or ``1`` (``constant``).
    """

    operator: str
    operands: tuple[Expression, ...] = ()
    name: str = ""

    def names(self) -> list[str]:
        """Return the pins that the function names, sorted."""
        if self.operator == "name":
            return [self.name]
        return sorted({name for operand in self.operands for name in operand.names()})

    def value(self, pins: Mapping[str, int], ones: int = 1) -> int:
        """Return the function's value of pins' values; with `ones` a mask, bit by bit of words."""
        if self.operator == "name":
            return pins[self.name]
        if self.operator == "constant":
            return ones if self.name == "1" else 0
        values = [operand.value(pins, ones) for operand in self.operands]
        if self.operator == "not":
            return values[0] ^ ones
        first, second = values
        return {"and": first & second, "or": first | second, "xor": first ^ second}[self.operator]


@cache
def parse_function(text: str) -> Expression:
    """Parse a Liberty function, or raise CodesignError."""
    tokens, position = [], 0
    stripped = text.strip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise CodesignError(f"Liberty function '{text}': '{stripped[position]}' is not understood")
        tokens.append(match.group(1))
        position = match.end()
    parser = _Parser(tokens, text)
    expression = parser.sum()
    if parser.at != len(tokens):
        raise CodesignError(f"Liberty function '{text}': '{tokens[parser.at]}' is not expected there")
    return expression


class _Parser:
    """Recursive descent; ``+ |`` bind least, then ``* &`` and juxtaposition, then ``^``, then ``!`` and ``'``."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens, self.text, self.at = tokens, text, 0

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def sum(self) -> Expression:
        left = self._product()
        while self._peek() in ("+", "|"):
            self.at += 1
            left = Expression("or", (left, self._product()))
        return left

    def _product(self) -> Expression:
        left = self._difference()
        while (token := self._peek()) and token not in ("+", "|", ")", "'"):
            if token in ("*", "&"):
                self.at += 1
            left = Expression("and", (left, self._difference()))
        return left

    def _difference(self) -> Expression:
        left = self._factor()
        while self._peek() == "^":
            self.at += 1
            left = Expression("xor", (left, self._factor()))
        return left

    def _factor(self) -> Expression:
        token = self._peek()
        self.at += 1
        if token == "!":
            return Expression("not", (self._factor(),))
        if token == "(":
            inner = self.sum()
            if self._peek() != ")":
                raise CodesignError(f"Liberty function '{self.text}': a closing parenthesis is missing")
            self.at += 1
        elif token in ("0", "1"):
            inner = Expression("constant", name=token)
        elif token and (token[0].isalpha() or token[0] == "_"):
            inner = Expression("name", name=token)
        else:
            raise CodesignError(f"Liberty function '{self.text}': an operand is missing")
        while self._peek() == "'":
            self.at += 1
            inner = Expression("not", (inner,))
        return inner
