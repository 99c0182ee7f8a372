"""Layers of a trace on a row-stationary machine: mapped or pinned, run, their vector work beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from simulators.activity import INDEX
from simulators.machine import Machine
from simulators.npu.planner import CLAMPS
from simulators.npu.row_stationary import RowStationaryMapping, run_row_stationary, why_not
from simulators.npu.row_stationary_mapper import choose_row_stationary
from workloads.errors import CodesignError, did_you_mean
from workloads.trace import Layer, Trace


def output_zeros(trace: Trace) -> dict[str, float]:
    """Return, by layer, the share of zeros that it writes: as the matrix layer that reads it has it, 0 without one."""
    readers: dict[str, list[Layer]] = {}
    for layer in trace.layers:
        for name in layer.inputs:
            readers.setdefault(name, []).append(layer)
    return {layer.name: _zeros_after(layer, readers, set()) for layer in trace.layers if layer.engine == "matrix"}


def _zeros_after(layer: Layer, readers: dict[str, list[Layer]], seen: set[str]) -> float:
    following = [reader for name in layer.outputs for reader in readers.get(name, [])]
    for reader in following:
        if reader.engine == "matrix":
            return reader.activity.activation_zeros
    for reader in following:
        if reader.name not in seen:
            seen.add(reader.name)
            zeros = _zeros_after(reader, readers, seen)
            if zeros:
                return zeros
    return 0.0


def mapping_from(name: str, given: Mapping[str, Any], machine: Machine, layer: Layer) -> RowStationaryMapping:
    """Return a mapping file's entry as a mapping.

    Raises
    ------
    CodesignError
        Naming the layer, the field and what is allowed.
    """
    known = [field.name for field in fields(RowStationaryMapping)]
    for key, value in given.items():
        if key not in known:
            hint = did_you_mean(key, known)
            raise CodesignError(f"mapping: {name}.{key} is not a field of dataflow rs; use {', '.join(known)}{hint}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise CodesignError(f"mapping: {name}.{key}: {value!r} is not a whole number of at least 1")
    missing = [key for key in known if key not in given]
    if missing:
        raise CodesignError(f"mapping: {name}: {', '.join(missing)} missing; dataflow rs has {', '.join(known)}")
    mapping = RowStationaryMapping(**given)
    w = layer.window
    most = {"m": w.out_c // w.groups, "n": w.batch, "e": w.out_h}
    for key, limit in most.items():
        if given[key] > limit:
            raise CodesignError(f"mapping: {name}.{key}: {given[key]} is more than the layer's {limit}")
    reason = why_not(machine, w, mapping)
    if reason:
        raise CodesignError(f"mapping: {name}: {reason}")
    return mapping


class RowStationaryLayers:
    """Runs matrix layers; equal ones are mapped and run once."""

    def __init__(self, machine: Machine, trace: Trace) -> None:
        self.machine, self.zeros = machine, output_zeros(trace)
        self.done: dict[tuple, tuple[RowStationaryMapping, int, np.ndarray]] = {}

    def run(self, layer: Layer, pinned: Mapping[str, Any] | None) -> tuple[RowStationaryMapping, int, np.ndarray]:
        """Return the mapping, the cycles and the counts of one pass of a layer."""
        zeros = layer.activity.activation_zeros, self.zeros[layer.name]
        key = (layer.window, zeros, layer.fused, tuple(sorted(pinned.items())) if pinned else None)
        if key not in self.done:
            self.done[key] = self._run(layer, pinned, zeros)
        return self.done[key]

    def _run(
        self, layer: Layer, pinned: Mapping[str, Any] | None, zeros: tuple[float, float]
    ) -> tuple[RowStationaryMapping, int, np.ndarray]:
        if pinned is None:
            try:
                mapping, run = choose_row_stationary(self.machine, layer.window, *zeros)
            except CodesignError as error:
                raise CodesignError(f"{layer.name} ({layer.operator}) {error}") from None
        else:
            mapping = mapping_from(layer.name, pinned, self.machine, layer)
            run = run_row_stationary(self.machine, layer.window, mapping, *zeros)
        cycles, counts = run.cycles, run.counts.copy()
        if self.machine.vector:
            cycles = max(cycles, self._vector(layer, counts))
            counts[INDEX["cycles"]] = cycles
        return mapping, cycles, counts

    def _vector(self, layer: Layer, counts: np.ndarray) -> int:
        """Count requantizing and fused functions, beside the passes; return their cycles."""
        vector, w = self.machine.vector, layer.window
        assert vector is not None
        names = ["requantize", *(name for name in layer.fused if name not in CLAMPS)]
        passes = sum(vector.functions[name].passes for name in names if name in vector.functions)
        pixels = w.batch * w.out_h * w.out_w
        counts[INDEX["vector_operations"]] = pixels * w.out_c * passes
        counts[INDEX["vector_cycles"]] = pixels * -(-w.out_c // vector.lanes) * passes
        counts[INDEX["vector_accumulator_reads"]] = counts[INDEX["vector_scratchpad_writes"]] = pixels * w.out_c
        return int(counts[INDEX["vector_cycles"]])
