"""What a result was made from: version, hashes of the inputs, seed, wall time."""

from __future__ import annotations

import hashlib
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from codesign import __version__
from codesign.files import sha256_of
from simulators.machine import Machine
from simulators.machine_files import machine_hash
from workloads.trace import Trace


def provenance(network: Any, trace: Trace, machine: Machine, seed: int | None, began: float) -> dict[str, Any]:
    """Return the provenance of a run that began at `began` (`time.perf_counter`)."""
    file = Path(network) if isinstance(network, str | Path) else None
    return {
        "codesign": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "network_file_sha256": sha256_of(file) if file is not None and file.is_file() else None,
        "trace_sha256": trace_hash(trace),
        "machine_sha256": machine_hash(machine),
        "seed": seed,
        "wall_s": round(time.perf_counter() - began, 6),
    }


def trace_hash(trace: Trace) -> str:
    """Return the SHA-256 of a trace: its layers and its arrays."""
    digest = hashlib.sha256(repr((trace.batch, trace.rounding, trace.layers)).encode())
    for name in sorted(trace.arrays):
        array = np.ascontiguousarray(trace.arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
