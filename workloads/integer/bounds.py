"""Relu and clip as bounds of the stored output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from workloads.formats import Format
from workloads.integer.call import Call, to_stored
from workloads.operators import FUSED

#: The functions that are bounds and nothing else.
BOUNDING = ("relu", "clip")


def stored_bounds(output: Format, functions: Iterable[tuple[str, dict[str, Any]]]) -> tuple[int, int]:
    """Return the least and greatest stored value that an output may take.

    Parameters
    ----------
    functions : (kind, attributes) pairs
        Those of `BOUNDING` tighten the bounds of the format; others are left to the caller.
    """
    low, high = output.low, output.high
    for kind, attributes in functions:
        if kind in BOUNDING:
            real = (0.0, np.inf) if kind == "relu" else (attributes["low"], attributes["high"])
            with np.errstate(over="ignore"):  # a tiny scale: beyond every stored value anyway
                stored = to_stored(np.clip(np.array(real, np.float32), -1e30, 1e30), output)
            low, high = max(low, int(stored[0])), min(high, int(stored[1]))
    return low, high


def fused_bounds(call: Call) -> tuple[int, int]:
    """Return the stored bounds of a call's output after what is fused into it, which must be relu or clip."""
    fused = tuple(call.attributes.get(FUSED, ()))
    for kind, _ in fused:
        if kind not in BOUNDING:
            raise call.fault(f"'{kind}' fused into it has no integer form here; use relu or clip, or keep it apart")
    return stored_bounds(call.output.format, fused)
