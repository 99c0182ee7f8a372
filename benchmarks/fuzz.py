"""Feed mutants of good files to a reader: each must be read, or refused with our own error in one line, in time.

python -m benchmarks.fuzz config.json --mutants 100000
python -m benchmarks.fuzz tflite --mutants 100000
python -m benchmarks.fuzz some/network.onnx --mutants 1000     # any network file, its bytes damaged
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from workloads.errors import CodesignError

MOST_SECONDS = 5
_EXTREMES = (0, 1, -1, 2, 127, 128, 255, 1 << 16, (1 << 31) - 1, -(1 << 31))


def _config_json(path: Path, seed: int) -> None:
    from tests.workloads.importers.huggingface_mutants import mutant
    from workloads.importers.huggingface import import_huggingface
    from workloads.phase import Phase

    path.write_bytes(mutant(random.Random(seed)))
    import_huggingface(path, Phase("decode" if seed % 2 else "", 8 if seed % 3 else None))


@cache
def _tflite_models() -> list[bytes]:
    from tests.workloads.tflite_cases import ELSEWHERE, ON_THE_MACHINE

    names = ("conv relu6", "padded conv", "flattened image", "add relu", "mean dropped", "max same", "relu")
    return [*(ON_THE_MACHINE[name]().write() for name in names), ELSEWHERE["concat of channels"]().write()]


def _tflite(path: Path, seed: int) -> None:
    models = _tflite_models()
    _damaged(path.with_suffix(".tflite"), models[seed % len(models)], seed)


def _damaged(path: Path, content: bytes, seed: int) -> None:
    """Write the mutant of a file, read it and trace it."""
    from workloads.load import load_network
    from workloads.tracing import trace_network

    path.write_bytes(damage(content, np.random.default_rng(seed)))
    trace_network(load_network(str(path)))


def damage(content: bytes, rng: np.random.Generator) -> bytes:
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
            word, value = at & ~3, int(rng.choice(_EXTREMES)) & 0xFFFFFFFF
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


def _reader(format: str) -> Callable[[Path, int], None]:
    """Return what writes and reads mutants of a format, or of a file."""
    if format in FORMATS:
        return FORMATS[format]
    source = Path(format)
    content = source.read_bytes()
    return lambda path, seed: _damaged(path.with_suffix(source.suffix), content, seed)


#: By format: write the mutant of a seed to a path and read it.
FORMATS: dict[str, Callable[[Path, int], None]] = {"config.json": _config_json, "tflite": _tflite}


def late(*_: object) -> None:
    """Stop a reader that takes too long."""
    raise TimeoutError(f"more than {MOST_SECONDS} s of processor time")


def fuzz(format: str, first: int, mutants: int) -> tuple[int, int, list[str]]:
    """Return how many mutants were read and how many refused, and a line for each that did anything else."""
    read, refused, escaped, reader = 0, 0, [], _reader(format)
    signal.signal(signal.SIGVTALRM, late)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + mutants):
            signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
            try:
                reader(Path(folder) / "model.json", seed)
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
    parser.add_argument("format", help=f"{', '.join(sorted(FORMATS))}, or a network file")
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first mutant")
    given = parser.parse_args()
    if given.format not in FORMATS and not Path(given.format).is_file():
        parser.error(f"'{given.format}' is no file; use one, or {', '.join(sorted(FORMATS))}")
    began = time.perf_counter()
    read, refused, escaped = fuzz(given.format, given.first, given.mutants)
    print("\n".join(escaped[:50]))
    print(f"{read} read, {refused} refused, {len(escaped)} escaped in {time.perf_counter() - began:.0f} s")
    raise SystemExit(bool(escaped))


if __name__ == "__main__":
    main()
