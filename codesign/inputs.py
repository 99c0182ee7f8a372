"""Real inputs of a network: read from a file, checked, measured for the activity of layers, computed by `exact`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import CodesignError, did_you_mean
from workloads.network import Network
from workloads.trace import Trace

Inputs = Mapping[str, Any] | str | Path


def read_inputs(given: Inputs | None, trace: Trace) -> dict[str, np.ndarray]:
    """Return arrays by the name of a trace's input; empty for None.

    Parameters
    ----------
    given : mapping, str or Path, optional
        Arrays by name, an ``.npz`` of them, or an ``.npy`` for a network with one input.

    Raises
    ------
    CodesignError
        When the file cannot be read or holds what the network does not read.
    """
    arrays = _read_file(Path(given), trace) if isinstance(given, str | Path) else dict(given or {})
    for name in arrays:
        if name not in trace.inputs:
            known = ", ".join(trace.inputs)
            raise CodesignError(
                f"inputs: the network reads no '{name}'; it reads {known}{did_you_mean(name, trace.inputs)}"
            )
    return {name: np.asarray(values) for name, values in arrays.items()}


def _read_file(path: Path, trace: Trace) -> dict[str, np.ndarray]:
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".npy"):
        raise CodesignError(f"inputs: {path}: use a file that ends in .npz or .npy")
    if suffix == ".npy" and len(trace.inputs) != 1:
        names = ", ".join(trace.inputs)
        raise CodesignError(f"inputs: {path}: the network reads {names}; give an .npz with these names")
    try:
        loaded = np.load(path, allow_pickle=False)
        return {trace.inputs[0]: loaded} if suffix == ".npy" else {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise CodesignError(f"inputs: {path}: no such file") from None
    except Exception as fault:  # a damaged file raises any of a dozen types
        raise CodesignError(f"inputs: {path}: not an {suffix} of numbers ({type(fault).__name__})") from None


def with_measured_activity(trace: Trace, graph: Network, given: dict[str, np.ndarray]) -> tuple[Trace, str]:
    """Return a trace of real weights with the activity of its activations, and a note when there is none to measure.

    Parameters
    ----------
    graph : Network
        What the trace was made of, before it was re-typed.
    given : dict
        Inputs; the network's own samples where empty.
    """
    from workloads.tracing_activity import measure_activity

    if not given and not graph.samples:
        return trace, ""
    try:
        measured = measure_activity(trace, graph, given or graph.samples)
    except CodesignError as error:
        if given:
            raise
        return trace, f"activity of the activations not measured: {error}"
    if given and not measured.activity_inputs:
        return trace, "activity of the activations not measured: they are re-typed and have no scale"
    return measured, ""


def exact_inputs(trace: Trace, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the first batch of given inputs, as `exact` computes it.

    Raises
    ------
    CodesignError
        When values are no integers, or fewer than a batch.
    """
    for name, values in given.items():
        if not np.issubdtype(values.dtype, np.integer):
            raise CodesignError(f"inputs: '{name}' holds {values.dtype}; fidelity exact takes stored integers")
        rows = trace.shapes[name][0] if trace.shapes.get(name) else 0
        if values.ndim and len(values) < rows:
            raise CodesignError(f"inputs: '{name}' holds {len(values)}; fidelity exact takes a batch of {rows}")
    return {name: values[: trace.shapes[name][0]] if values.ndim else values for name, values in given.items()}
