"""Which pass of a language model runs: prefill or decode, over how many tokens, with which key-value cache."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.errors import CodesignError, unknown_name
from workloads.formats import parse_format

PHASES = ("prefill", "decode")
#: Tokens when none are given, if the model has that many positions.
DEFAULT_CONTEXT = 512
MOST_CONTEXT = 1 << 20
_WIDTHS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Phase:
    """One forward pass of a language model for each sequence of the batch.

    Attributes
    ----------
    name : str
        ``prefill`` (all of the prompt at once) or ``decode`` (one new token); empty: prefill.
    context : int or None
        Tokens that attention sees: the prompt's length, or in decode those in the cache and the new one.
    kv_format : str
        Format of the key-value cache; empty: that of the machine's activations.
    """

    name: str = ""
    context: int | None = None
    kv_format: str = ""

    def __post_init__(self) -> None:
        if self.name and self.name not in PHASES:
            raise unknown_name("phase", "phase", self.name, PHASES)
        context = self.context
        if context is not None and (
            isinstance(context, bool) or not isinstance(context, int) or not 1 <= context <= MOST_CONTEXT
        ):
            raise CodesignError(f"context = {context}: use a whole number of tokens from 1 to {MOST_CONTEXT}")
        if self.kv_format and parse_format(self.kv_format, "kv_format").bits not in _WIDTHS:
            raise CodesignError(
                f"kv_format: '{self.kv_format}' has {parse_format(self.kv_format).bits} bits; "
                f"use a format of {', '.join(map(str, _WIDTHS[:-1]))} or {_WIDTHS[-1]} bits"
            )

    @property
    def is_decode(self) -> bool:
        """Whether one new token attends to a cache."""
        return self.name == "decode"

    def context_of(self, model: str, positions: int) -> int:
        """Return the tokens that attention sees in a model of at most `positions` tokens.

        Raises
        ------
        CodesignError
            When the model has fewer positions than asked for.
        """
        if self.context is None:
            return min(DEFAULT_CONTEXT, positions)
        if self.context > positions:
            raise CodesignError(f"{model}: context = {self.context} is more than the model's {positions} positions")
        return self.context

    def given(self) -> str:
        """Return the first option that was given, empty when none was."""
        named = {"phase": self.name, "context": self.context, "kv_format": self.kv_format}
        return next((name for name, value in named.items() if value), "")
