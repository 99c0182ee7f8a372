"""Each comparison runs once in a process, whichever tests ask for it."""

from functools import cache
from importlib import import_module

import pytest

from codesign.validate import table


@cache
def _once(suite: str):
    return tuple(import_module(f"codesign.validate.{suite}").comparisons())


@pytest.fixture(autouse=True)
def comparisons_run_once(monkeypatch):
    """Let `codesign validate` judge figures that were computed before."""
    monkeypatch.setattr(table, "_comparisons", _once)
