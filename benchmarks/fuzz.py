"""Feed mutants of good files to a reader: each must be read, or refused with our own error in one line, in time.

python -m benchmarks.fuzz config.json --mutants 100000
python -m benchmarks.fuzz tflite --mutants 100000
python -m benchmarks.fuzz trace --mutants 100000
python -m benchmarks.fuzz mapping --mutants 100000
python -m benchmarks.fuzz some/network.onnx --mutants 1000     # any network file, its bytes damaged
"""

from __future__ import annotations

import argparse
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mutants import damage, mutant_archive, mutant_text
from workloads.errors import CodesignError

MOST_SECONDS = 5
_MOST_SIZE = 1 << 27


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


@cache
def _digits() -> tuple[Any, Any, Path]:
    """Return the built-in network's trace, a machine, and a file of that trace, once the kernels are compiled."""
    from simulators.machine_files import load_machine
    from simulators.npu.simulate import simulate
    from workloads.load import load_network
    from workloads.trace_files import save_trace
    from workloads.tracing import trace_network

    trace = trace_network(load_network("digits"))
    path = Path(tempfile.mkdtemp()) / "good.npz"
    save_trace(path, trace)
    machine = load_machine("small_npu_8x8")
    simulate(trace, machine, fidelity="fast")
    return trace, machine, path


def _trace(path: Path, seed: int) -> None:
    """Read the mutant of a trace; what is read, and is not too large for that, runs."""
    from simulators.npu.simulate import simulate
    from workloads.trace_files import load_trace

    _, machine, good = _digits()
    mutant_archive(good, path.with_suffix(".npz"), "trace.json", seed)
    trace = load_trace(path.with_suffix(".npz"))
    if sum(_size(layer) for layer in trace.layers) < _MOST_SIZE:
        simulate(trace, machine, fidelity="fast")


def _size(layer: Any) -> int:
    """Return a measure of the time that a layer takes: its extents multiplied, strides apart."""
    w = layer.window
    return max(w.in_h, w.out_h) * max(w.in_w, w.out_w) * w.in_c * w.out_c * w.kernel_h * w.kernel_w * w.batch


@cache
def _digits_mapping() -> dict[str, Any]:
    from codesign.runner import choose_mapping

    layers = choose_mapping("digits", "small_npu_8x8")
    plain = {name: {key: value.item() if hasattr(value, "item") else value for key, value in layer.items()}
             for name, layer in layers.items()}  # fmt: skip
    head = {"codesign_mapping": 1, "network": "digits", "machine": "small_npu_8x8", "objective": "cycles"}
    return {**head, "layers": plain}


def _mapping(path: Path, seed: int) -> None:
    """Read the mutant of a mapping; what is read runs."""
    from codesign.mapping_files import read_mapping
    from simulators.npu.simulate import simulate

    trace, machine, _ = _digits()
    first = replace(trace, layers=trace.layers[:3])
    mapping = _digits_mapping()
    mapping = {**mapping, "layers": {layer.name: mapping["layers"][layer.name] for layer in first.layers}}
    path.write_bytes(mutant_text(mapping, seed))
    simulate(first, machine, fidelity="fast", mapping=read_mapping(path))


def _reader(format: str) -> Callable[[Path, int], None]:
    """Return what writes and reads mutants of a format, or of a file."""
    if format in ("trace", "mapping"):
        _digits()
    if format in FORMATS:
        return FORMATS[format]
    source = Path(format)
    content = source.read_bytes()
    return lambda path, seed: _damaged(path.with_suffix(source.suffix), content, seed)


#: By format: write the mutant of a seed to a path and read it.
FORMATS: dict[str, Callable[[Path, int], None]] = {
    "config.json": _config_json, "tflite": _tflite, "trace": _trace, "mapping": _mapping,
}  # fmt: skip


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
