"""Machines that the cost tests price."""

from __future__ import annotations

from typing import Any

from simulators.machine import Machine


def machine(**changes: Any) -> Machine:
    """Return an 8x8 int8 machine at 45 nm with changes; ``technology={"node_nm": 22}`` merges into its section."""
    fields: dict[str, Any] = {
        "name": "priced",
        "clock_hz": 500_000_000,
        "technology": {"node_nm": 45, "arithmetic": "horowitz_45nm"},
        "array": {"rows": 8, "cols": 8, "dataflow": "ws", "pe": {}},
        "scratchpad": {"size_bytes": 32768, "banks": 2},
        "weight_buffer": {"size_bytes": 16384},
        "accumulator": {"size_bytes": 8192},
        "parameter_buffer": {"size_bytes": 3072},
        "vector": {"lanes": 8, "functions": {"requantize": {}}},
        "dma": {"bus_bytes": 8},
        "queues": {},
        "memory": {"technology": "LPDDR4"},
    }
    for name, value in changes.items():
        fields[name] = {**fields[name], **value} if isinstance(value, dict) else value
    return Machine.model_validate(fields)
