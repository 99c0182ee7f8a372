"""Feed mutants of good files to a reader: each must be read, or refused with our own error in one line, in time.

python -m benchmarks.fuzz config.json --mutants 100000
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workloads.errors import CodesignError

MOST_SECONDS = 5


def _config_json(path: Path, seed: int) -> None:
    from tests.workloads.importers.huggingface_mutants import mutant
    from workloads.importers.huggingface import import_huggingface
    from workloads.phase import Phase

    path.write_bytes(mutant(random.Random(seed)))
    import_huggingface(path, Phase("decode" if seed % 2 else "", 8 if seed % 3 else None))


#: By format: write the mutant of a seed to a path and read it.
FORMATS: dict[str, Callable[[Path, int], None]] = {"config.json": _config_json}


def late(*_: object) -> None:
    """Stop a reader that takes too long."""
    raise TimeoutError(f"more than {MOST_SECONDS} s of processor time")


def fuzz(format: str, first: int, mutants: int) -> tuple[int, int, list[str]]:
    """Return how many mutants were read and how many refused, and a line for each that did anything else."""
    read, refused, escaped = 0, 0, []
    signal.signal(signal.SIGVTALRM, late)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + mutants):
            signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
            try:
                FORMATS[format](Path(folder) / "model.json", seed)
                read += 1
            except CodesignError as fault:
                refused += 1
                if "\n" in str(fault):
                    escaped.append(f"seed {seed}: {len(str(fault).splitlines())} lines")
            except Exception as fault:
                escaped.append(f"seed {seed}: {type(fault).__name__}: {fault}")
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return read, refused, escaped


def main() -> None:
    """Run from the command line; exit code 1 when a mutant escaped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=sorted(FORMATS))
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first mutant")
    given = parser.parse_args()
    began = time.perf_counter()
    read, refused, escaped = fuzz(given.format, given.first, given.mutants)
    print("\n".join(escaped[:50]))
    print(f"{read} read, {refused} refused, {len(escaped)} escaped in {time.perf_counter() - began:.0f} s")
    raise SystemExit(bool(escaped))


if __name__ == "__main__":
    main()
