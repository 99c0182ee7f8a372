"""Oracle files that the repository does not hold: found beside it, or the test is skipped with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "CODESIGN_SHARED_DATA"


def shared_path(name: str) -> Path:
    """Return the path of an oracle file, such as ``costs/chip_ground_truth.csv``.

    Looked for in the folder that CODESIGN_SHARED_DATA names, else in ``../shared/data`` next to the repository's root.
    Skips the running test when the file is absent.
    """
    given = os.environ.get(VARIABLE)
    root = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    path = root / name
    if not path.exists():
        pytest.skip(f"oracle file {name} is not here; set {VARIABLE} to the folder that holds it")
    return path
