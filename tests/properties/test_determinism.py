"""Are results byte-equal over runs, threads, processes, and with the kernels' cache cold and warm?"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.properties.digest import digest

ROOT = Path(__file__).parents[2]


def digest_of_process(**environment: str) -> str:
    """Return the digest that a fresh process prints."""
    merged = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-m", "tests.properties.digest"]
    return subprocess.run(command, check=True, cwd=ROOT, env=merged, capture_output=True, text=True).stdout.strip()


def test_runs_are_equal():
    assert digest() == digest()


def test_threads_are_equal():
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: digest(), range(8)))
    assert found == {digest()}


def test_processes_are_equal():
    """Whatever the seed of Python's hashes is."""
    assert {digest_of_process(PYTHONHASHSEED=seed) for seed in ("1", "2")} == {digest()}


@pytest.mark.slow
def test_cold_and_warm_caches_are_equal(tmp_path):
    found = [digest_of_process(NUMBA_CACHE_DIR=str(tmp_path)) for _ in ("cold", "warm")]
    assert any(tmp_path.rglob("*.nbi"))
    assert found == [digest()] * 2
