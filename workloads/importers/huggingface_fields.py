"""Read and check fields of a Hugging Face ``config.json``: every fault is one line that names file, key and value."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workloads.errors import CodesignError, did_you_mean

#: Larger than any configuration that is known (vocabularies of labels included).
MOST_BYTES = 1 << 22
#: Largest sizes that are read, above those of any published model; a graph beyond them takes more than seconds.
MOST_LAYERS = 256
MOST_EXPERTS = 1024
MOST_ACTIVE_EXPERTS = 16
MOST_SIZE = 1 << 20
MOST_VOCABULARY = 1 << 24
#: How near a key must be to stand for a missing one: hidden_act is not hidden_size misspelt.
_CLOSE = 0.8


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the object in a configuration file.

    Raises
    ------
    CodesignError
        When the file cannot be read, is too large or is not one JSON object.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as fault:
        raise CodesignError(f"{path}: {fault.strerror or 'cannot be read'}") from None
    if len(data) > MOST_BYTES:
        raise CodesignError(f"{path}: larger than {MOST_BYTES} bytes; not a model's config.json")
    try:
        config = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError as fault:
        raise CodesignError(f"{path}: not UTF-8 text (byte {fault.start})") from None
    except json.JSONDecodeError as fault:
        raise CodesignError(f"{path}:{fault.lineno}: not JSON: {fault.msg} (column {fault.colno})") from None
    except RecursionError:
        raise CodesignError(f"{path}: not a model's config.json: nested too deeply") from None
    except ValueError as fault:  # a key given twice, or a number of thousands of digits
        raise CodesignError(f"{path}: {' '.join(str(fault).split())[:120]}") from None
    if not isinstance(config, dict):
        raise CodesignError(f"{path}: a JSON object is needed, not {_kind(config)}")
    return config


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key '{shortened(key)}' is given twice")
        found[key] = value
    return found


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    return f"'{shortened(value)}'" if isinstance(value, str) else json.dumps(value)[:40]


def shortened(text: str) -> str:
    """Return the first 40 characters of a text from a file, those that do not print escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:40])


class Fields:
    """The fields of one configuration, read by key with their type and range checked."""

    def __init__(self, where: str, values: dict[str, Any]) -> None:
        self.where = where
        self.values = values

    def fault(self, key: str, message: str) -> CodesignError:
        """Return the error of one field."""
        return CodesignError(f"{self.where}: {key}: {message}")

    def _given(self, keys: tuple[str, ...], default: Any) -> tuple[str, Any]:
        """Return the first of some names of one field that is given, and its value (null: the default)."""
        for key in keys:
            if self.values.get(key) is not None:
                return key, self.values[key]
        if default is None:
            if keys[0] in self.values:
                raise self.fault(keys[0], "null where a value is needed")
            near = difflib.get_close_matches(keys[0], self.values, n=1, cutoff=_CLOSE)
            hint = f" (did you mean '{shortened(near[0])}'?)" if near else ""
            raise CodesignError(f"{self.where}: the key '{keys[0]}' is missing{hint}")
        return keys[0], default

    def size(self, *keys: str, default: int | None = None, least: int = 1, most: int = MOST_SIZE) -> int:
        """Return a whole number from `least` to `most`; without a default the key must be there."""
        key, value = self._given(keys, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, f"{_shown(value)} is not a whole number")
        if not least <= value <= most:
            raise self.fault(key, f"{_shown(value)} is not from {least} to {most}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        _, value = self._given((key,), default)
        if not isinstance(value, bool):
            raise self.fault(key, f"{_shown(value)} is not true or false")
        return value

    def text(self, *keys: str, default: str | None = None) -> str:
        """Return a string."""
        key, value = self._given(keys, default)
        if not isinstance(value, str):
            raise self.fault(key, f"{_shown(value)} is not a string")
        return value

    def choice(self, *keys: str, allowed: dict[str, str], default: str) -> str:
        """Return what `allowed` says of a string."""
        key = next((key for key in keys if self.values.get(key) is not None), keys[0])
        value = self.text(*keys, default=default)
        if value not in allowed:
            names = ", ".join(sorted(allowed))
            raise self.fault(key, f"{_shown(value)} is not supported; use {names}{did_you_mean(value, allowed)}")
        return allowed[value]

    def number(self, key: str, default: float) -> float:
        """Return a finite positive number."""
        _, value = self._given((key,), default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(key, f"{_shown(value)} is not a number")
        if not math.isfinite(value) or value <= 0:
            raise self.fault(key, f"{_shown(value)} is not a positive number")
        return float(value)

    def names(self, key: str) -> list[str]:
        """Return a list of strings, empty when absent."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.fault(key, f"{_shown(value)} is not a list of strings")
        return value

    def refuse(self, keys: Iterable[str], reason: str) -> None:
        """Refuse fields that would change the network in a way that is not modelled."""
        for key in keys:
            if self.values.get(key):
                raise self.fault(key, f"{_shown(self.values[key])}: {reason}")
