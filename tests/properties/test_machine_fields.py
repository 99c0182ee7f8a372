"""Does every field of a machine's description change some output of a run, unless it is declared informational?"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

import codesign as cd
from simulators.activity import COUNTERS
from simulators.machine import Machine
from simulators.machine_files import load_machine, override_machine
from simulators.machine_schema import LeafField, leaf_fields
from workloads.errors import CodesignError

#: Machines whose runs a field may change: each field is tried on all of them until one does.
BASES = {
    "ws": [],
    "os": ["array.dataflow=os", "array.convolution=im2col"],
    "rs": ["array.dataflow=rs", "memory.bytes_per_cycle=1"],
    "resident": ["memory.model=resident"],
    "dram": ["memory.model=dram", "memory.standard=lpddr5-6400", "memory.mapping=rocorababgch", "dma.bus_bytes=32",
             "dma.burst_bytes=256"],
    "tight": ["scratchpad.size_bytes=640", "weight_buffer.size_bytes=320", "accumulator.size_bytes=512",
              "parameter_buffer.size_bytes=192", "queues.load=2", "queues.execute=2", "queues.vector=2",
              "memory.queue_depth=4"],
}  # fmt: skip
FORMATS = ("int16", "int4", "uint8", "int24", "int40")


@cache
def base(name: str) -> Machine:
    """Return a base machine."""
    return load_machine("small_npu_8x8", BASES[name])


def outputs(machine: Machine) -> dict[str, Any]:
    """Return the figures of a run: rates, counters by layer, energy, area, and the values of the last tensor."""
    result: dict[str, Any] = {}
    resident = machine.memory.model == "resident"
    valued = machine.array.pe.activation.startswith("int") and machine.array.dataflow != "rs"
    fidelity = "exact" if machine.memory.model == "simple" and valued else "cycle"
    try:
        run = cd.run("digits", machine, fidelity=fidelity, allow_host=resident)
    except CodesignError as fault:
        return {"refused": str(fault).replace(machine.name, "")}
    result["figures"] = (run.cycles, run.latency_s, run.throughput_per_s, run.peak_tops, run.energy_pj, run.area_um2)
    result["counts"] = [[row["counters"][name] for name in COUNTERS] for row in run.layers]
    result["values"] = {name: values.tobytes() for name, values in run.outputs.items()}
    return result


@cache
def base_outputs(name: str) -> dict[str, Any]:
    """Return the figures of a base machine."""
    return outputs(base(name))


def current(machine: Machine, field: LeafField) -> Any:
    """Return a field's value; of the vector unit's functions, the requantizer's."""
    value: Any = machine
    for part in field.name.replace("*", "requantize").split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def perturbations(machine: Machine, field: LeafField) -> list[Any]:
    """Return other values that the field could have, likely ones first."""
    value = current(machine, field)
    if field.kind == "boolean":
        return [not value]
    if field.choices:
        return [choice for choice in field.choices if choice != value]
    if field.kind == "string":
        return [name for name in FORMATS if name != value] if field.name.startswith("array.pe.") else ["another"]
    if field.kind == "number":
        return [0.8, 1.1] if value is None else [value * 1.25]
    start = 400_000_000 if value is None else value
    tried = [start * 2, start + 1, start // 2, start - 1, 1, start + 64]
    most = math.inf if field.maximum is None else field.maximum
    return [v for v in dict.fromkeys(tried) if v != value and (field.minimum or 0) <= v <= most]


def changed(name: str, field: LeafField, value: Any) -> Machine | None:
    """Return a base machine with one field changed, None where the description forbids it."""
    dotted = field.name.replace("*", "requantize")
    try:
        return override_machine(base(name), [f"{dotted}={str(value).lower() if value in (True, False) else value}"])
    except CodesignError:
        return None


#: Those of the section `pim` are for language models on memory that computes: tests/codesign/test_neupims_run.py.
FIELDS = [field for field in leaf_fields() if not field.informational and not field.name.startswith("pim.")]
LABELS = [field for field in leaf_fields() if field.informational]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_field_changes_some_output(field):
    for name in BASES:
        for value in perturbations(base(name), field):
            machine = changed(name, field, value)
            if machine is not None and outputs(machine) != base_outputs(name):
                return
    pytest.fail(f"{field.name} changes nothing on {', '.join(BASES)}: it is dead, or informational")


@pytest.mark.parametrize("field", LABELS, ids=lambda field: field.name)
def test_informational_field_changes_no_output(field):
    for name in BASES:
        machine = changed(name, field, "another")
        assert machine is not None
        assert outputs(machine) == base_outputs(name)


def test_fields_of_the_description_are_all_tried():
    assert len(FIELDS) > 50
    assert {field.name for field in LABELS} == {"name", "description", "source"}
    assert np.isfinite(base_outputs("ws")["figures"][0])
