"""Damage network files by seed and read them: every mutant is read, or refused in one line, within five seconds.

    python -m benchmarks.fuzz FILE... [--mutants 100000] [--seed 1]

Any file that `codesign run` takes as a network: its suffix says how it is read. A mutant that is read is traced too.
Prints what was found, with the seed of each mutant that crashed, hung, or raised what is not a `CodesignError`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workloads.errors import CodesignError

LIMIT_S = 5.0
_EXTREMES = (0, 1, -1, 2, 127, 128, 255, 1 << 16, (1 << 31) - 1, -(1 << 31))


@dataclass
class Outcome:
    """What became of the mutants: read, refused, and those that did neither, a line each."""

    read: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a damaged copy: bytes flipped, words set to extremes, a piece cut, moved or doubled, the end cut off."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if len(data) < 8:
            break
        kind, at = int(rng.integers(0, 6)), int(rng.integers(0, len(data)))
        length = int(min(rng.integers(1, 64), len(data) - at))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            data[at] = int(rng.integers(0, 256))
        elif kind == 2:
            word = at & ~3
            value = int(rng.choice(_EXTREMES)) & 0xFFFFFFFF
            data[word : word + 4] = value.to_bytes(4, "little")[: len(data) - word]
        elif kind == 3:
            to = int(rng.integers(0, len(data)))
            data[to : to + length] = data[at : at + length][: len(data) - to]
        elif kind == 4:
            del data[at : at + length]
        elif rng.integers(0, 4) == 0:
            del data[at:]
        else:
            data[at:at] = data[at : at + length]
    return bytes(data)


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(path: Path, mutants: int, seed: int, folder: Path) -> Outcome:
    """Read `mutants` damaged copies of a network file; mutant i is drawn from (seed, i).

    Parameters
    ----------
    folder : Path
        Where the copies are written, one after the other under one name.
    """
    from workloads.load import load_network
    from workloads.tracing import trace_network

    content, outcome = path.read_bytes(), Outcome()
    target = folder / f"mutant{path.suffix}"
    for index in range(mutants):
        target.write_bytes(mutate(content, np.random.default_rng([seed, index])))
        began = time.perf_counter()
        try:
            with _deadline(LIMIT_S):
                trace_network(load_network(str(target)))
            outcome.read += 1
        except CodesignError as fault:
            outcome.refused += 1
            if not str(fault).strip():
                outcome.faults.append(f"{path.name}, seed {seed}, mutant {index}: an error without words")
        except BaseException as fault:
            if isinstance(fault, KeyboardInterrupt):
                raise
            outcome.faults.append(f"{path.name}, seed {seed}, mutant {index}: {type(fault).__name__}: {fault}"[:300])
        outcome.slowest_s = max(outcome.slowest_s, time.perf_counter() - began)
    return outcome


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 1 when a mutant did what none may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for i, path in enumerate(given.files):
            share = given.mutants // len(given.files) + (i < given.mutants % len(given.files))
            found = fuzz(path, share, given.seed, Path(folder))
            faults += len(found.faults)
            for line in found.faults:
                sys.stdout.write(f"{line}\n")
            sys.stdout.write(
                f"{path.name}: {share:,} mutants, {found.read:,} read, {found.refused:,} refused, "
                f"{len(found.faults):,} faults, slowest {found.slowest_s:.2f} s\n"
            )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
