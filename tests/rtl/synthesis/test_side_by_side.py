"""Do jobs side by side give what they give one after another, and stop at the first that fails?"""

import threading
import time
from functools import partial

import pytest

from rtl.synthesis import side_by_side as module
from rtl.synthesis.side_by_side import side_by_side
from workloads.errors import CodesignError


def test_results_stand_in_the_order_of_the_jobs_whichever_ends_first(monkeypatch):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    late = threading.Event()

    def waits() -> str:
        assert late.wait(10)
        return "a"

    def ends() -> str:
        return "b"

    told = []

    def tell(*progress) -> None:
        told.append(progress)
        if progress[0] == 1:
            late.set()

    found = side_by_side({"first": waits, "second": ends}, tell)
    assert list(found.items()) == [("first", "a"), ("second", "b")]
    assert told == [(0, 2, "first"), (1, 2, "first")]


def test_after_one_that_fails_none_begins(monkeypatch):
    monkeypatch.setattr(module, "MOST", 1)
    begun = []

    def fails() -> None:
        raise CodesignError("yosys: no")

    def begins(name: str) -> None:
        begun.append(name)
        time.sleep(0.01)

    names = [f"job {i}" for i in range(1000)]
    jobs = {"good": partial(begins, "good"), "bad": fails} | {name: partial(begins, name) for name in names}
    with pytest.raises(CodesignError, match="yosys: no"):
        side_by_side(jobs)
    assert begun[0] == "good" and len(begun) < 500


def test_nothing_to_do_gives_nothing():
    assert side_by_side({}) == {}
