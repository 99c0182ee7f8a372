"""Jobs that each wait for a program of their own, one a processor at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

#: At a time: a yosys or nextpnr takes some hundred MB.
MOST = 8
Progress = Callable[[int, int, str], None]
Result = TypeVar("Result")


def side_by_side(jobs: Mapping[str, Callable[[], Result]], progress: Progress | None = None) -> dict[str, Result]:
    """Run jobs, as many at a time as there are processors; return their results by name, in the jobs' order.

    Parameters
    ----------
    jobs : mapping
        By name. The first that raises ends it: what has not begun does not begin.
    progress : callable, optional
        Called with (done, all, name of one that is not done), at the start and as each ends.
    """
    waiting = dict(jobs)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST)) as pool:
        names = {pool.submit(job): name for name, job in jobs.items()}
        ended = as_completed(names)
        try:
            while waiting:
                if progress:
                    progress(len(jobs) - len(waiting), len(jobs), next(iter(waiting)))
                one = next(ended)
                one.result()
                del waiting[names[one]]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return {name: one.result() for one, name in names.items()}
