"""Cost tables from synthesis: area, delay and energy of PEs, register bits, adders and vector lanes on one library.

    python -m rtl.synthesis.tables --library DIR --out costs.csv

writes the table that the project ships for a library. Every component's gates are run against its RTL (Verilator)
before they are measured; one bit that differs stops the program.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rtl.parameters import NpuParameters
from rtl.pe.kinds import PE_KINDS
from rtl.synthesis.components_rtl import (
    LINE_BITS,
    LINE_STAGES,
    Adder,
    DelayLine,
    component_verilog,
    pe_component,
)  # fmt: skip
from rtl.synthesis.cost_rows import KINDS, CostRow, OperandStatistics, read_rows, write_rows
from rtl.synthesis.energy import EnergyModel
from rtl.synthesis.energy_fit import (
    HELD_OUT_RUNS,
    LAYER_RUNS,
    STEPS,
    WIDE_RUNS,
    Sample,
    fit,
    layer_statistics,
    sample,
    stimuli,
    training_statistics,
)  # fmt: skip
from rtl.synthesis.gate_level import Gates
from rtl.synthesis.lane_stimuli import LEAD as LANE_LEAD
from rtl.synthesis.lane_stimuli import lane_stimulus
from rtl.synthesis.liberty import Library, load_library
from rtl.synthesis.liberty_files import liberty_files
from rtl.synthesis.pe_stimuli import LEAD, PeShape, Stimulus
from rtl.synthesis.streams import Statistics
from rtl.synthesis.toggles import LANES, lane_words
from rtl.synthesis.yosys import Recipe
from simulators.machine import Machine
from simulators.machine_files import load_machine
from workloads.errors import CodesignError
from workloads.formats import parse_format

#: Machine whose vector lane the shipped tables hold, with every rounding of the requantizer.
LANE_MACHINE = "small_npu_8x8"
ROUNDINGS = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")
ADDERS = ("int16", "int24", "int32", "int48", "fp32")
_SEED = 1
_SETTLING = 4


def pe_group(name: str) -> str:
    """Return the group of a PE's register or input port, by its name."""
    if name.startswith("total"):
        return "partial_sums"
    return "multiply_add" if not name or "product" in name else "operands"


def characterize_pe(
    shape: PeShape, library: Library, *, check: bool = False, node_nm: int | None = None, recipe: Recipe | None = None
) -> CostRow:  # fmt: skip
    """Return the row of a PE, its energy fitted over activity.

    Parameters
    ----------
    shape : PeShape
    library : Library
    check : bool
        Compare the gates with the RTL first (needs Verilator).
    node_nm : int, optional
        Of a library that is not known by name.
    recipe : Recipe, optional

    Raises
    ------
    CodesignError
        When gates and RTL differ, or the library's node is not known.
    """
    gates = Gates.of(component_verilog(pe_component(shape), "pe"), "pe", library, recipe)
    uniform = stimuli(shape, 1, 0, lambda _: (Statistics(), Statistics()))[0]
    if check:
        gates.must_equal_rtl(uniform.inputs)
    model = gates.energy_model(pe_group)
    clock = _idle_fj(gates, model, uniform)

    def samples(runs: int, seed: int, drawn: object) -> list[Sample]:
        made = stimuli(shape, runs, seed, drawn)  # type: ignore[arg-type]
        return [sample(s, model.per_cycle(gates.run(s.inputs, LEAD + _SETTLING)), clock) for s in made]

    wide, alike = samples(WIDE_RUNS, _SEED, training_statistics), samples(LAYER_RUNS, _SEED + 2, layer_statistics)
    coefficients = fit(wide + alike)
    row = CostRow(
        **gates.figures(node_nm), kind="pe", name="", clock_fj=clock, coefficients=coefficients,
        activation=shape.activation, weight=shape.weight, accumulator=shape.accumulator, dataflow=shape.dataflow,
        shadow=int(shape.shadow and shape.dataflow == "ws"), latency_cycles=shape.latency_cycles,
    )  # fmt: skip
    unseen = samples(HELD_OUT_RUNS, _SEED + 1, layer_statistics)
    errors = np.array([row.total_fj(run.statistics) / run.total_fj - 1 for run in unseen])
    mean, most = float(np.abs(errors).mean()), float(np.abs(errors).max())
    return CostRow(**{**vars(row), "fit_error_mean": mean, "fit_error_max": most})


def _idle_fj(gates: Gates, model: EnergyModel, stimulus: Stimulus) -> float:
    """Return the energy of a cycle in which a PE holds what it has and only its clock runs."""
    inputs = {
        name: np.concatenate([words, np.repeat(words[-1:], 32, axis=0)]) for name, words in stimulus.inputs.items()
    }
    inputs["enable"][-32:] = 0
    return sum(model.per_cycle(gates.run(inputs, len(inputs["enable"]) - 32 + _SETTLING)).by_group.values())


def characterize_register(
    library: Library, *, check: bool = False, node_nm: int | None = None, recipe: Recipe | None = None
) -> CostRow:  # fmt: skip
    """Return the row of one register bit with its enable, a bit of a delay line."""
    gates = Gates.of(component_verilog(DelayLine(), "line"), "line", library, recipe)
    model = gates.energy_model(lambda _: "operands")
    rng = np.random.default_rng(_SEED)
    bits = LINE_BITS * LINE_STAGES

    def energy(enable: bool) -> float:
        values = rng.integers(0, 1 << LINE_BITS, (STEPS, LANES), dtype=np.uint64)
        inputs = {"entering": lane_words(values, LINE_BITS), "enable": np.full((STEPS, 1), ~np.uint64(0))}
        if not enable:
            inputs["enable"][LINE_STAGES + 1 :] = 0
            inputs["entering"][LINE_STAGES + 1 :] = inputs["entering"][LINE_STAGES]
        else:
            if check:
                gates.must_equal_rtl(inputs)
        return sum(model.per_cycle(gates.run(inputs, LINE_STAGES + _SETTLING)).by_group.values()) / bits

    moving, idle = energy(True), energy(False)
    row = CostRow(**gates.figures(node_nm), kind="register", name="bit", clock_fj=idle, coefficients={})
    per_bit = {name: getattr(row, name) / bits for name in ("area_um2", "leakage_nw")}
    toggling = {"operands_stream_fj": 2 * (moving - idle)}  # uniform bits toggle half of the time
    return CostRow(**{**vars(row), **per_bit, "flip_flops": 1, "coefficients": toggling})


def characterize_adder(
    name: str, library: Library, *, check: bool = False, node_nm: int | None = None, recipe: Recipe | None = None
) -> CostRow:  # fmt: skip
    """Return the row of an adder of format `name`; its energy is that of uniform bits (floats: sums of like size)."""
    form = parse_format(name)
    gates = Gates.of(component_verilog(Adder(form), "adder"), "adder", library, recipe)
    rng = np.random.default_rng(_SEED)
    from rtl.synthesis.streams import draw

    inputs = {port: lane_words(draw(Statistics(), form, (STEPS, LANES), rng), form.bits) for port in ("one", "other")}
    if check:
        gates.must_equal_rtl(inputs)
    spent = gates.energy_model(lambda port: "operands" if port else "multiply_add").per_cycle(gates.run(inputs, 1))
    return CostRow(
        **gates.figures(node_nm), kind="adder", name=name, accumulator=name, clock_fj=0.0,
        coefficients={"multiply_add_base_fj": spent.total_fj},
    )  # fmt: skip


def characterize_lane(
    p: NpuParameters, library: Library, *, check: bool = False, node_nm: int | None = None,
    recipe: Recipe | None = None,
) -> CostRow:  # fmt: skip
    """Return the row of a lane of a machine's vector unit; its energy is that of requantizing a value a clock."""
    from rtl.emission import verilog_of
    from rtl.npu.vector_lane import LANE_MODULE, VectorLane

    gates = Gates.of(verilog_of(VectorLane(p), LANE_MODULE), LANE_MODULE, library, recipe)
    model = gates.energy_model(lambda name: "multiply_add")
    works = lane_stimulus(p, STEPS, _SEED)
    if check:
        gates.must_equal_rtl(works)
    busy = model.per_cycle(gates.run(works, LANE_LEAD)).total_fj
    idle = model.per_cycle(gates.run(lane_stimulus(p, STEPS, _SEED, idle=True), LANE_LEAD)).total_fj
    signed = ("int", "uint")[not p.accumulator.signed]
    return CostRow(
        **gates.figures(node_nm), kind="lane", name=p.requantize, accumulator=f"{signed}{p.accumulator.bits}",
        clock_fj=idle, activation=f"{'int' if p.activation.signed else 'uint'}{p.activation.bits}",
        coefficients={"multiply_add_base_fj": busy - idle},
    )  # fmt: skip


def shipped_shapes() -> list[PeShape]:
    """Return the PEs of the shipped tables: the family in ws and os, pipelined once more, int8 without shadow."""
    shapes = [PeShape(*kind, dataflow) for kind in PE_KINDS.values() for dataflow in ("ws", "os")]
    shapes += [PeShape(*kind, "ws", True, 2) for kind in PE_KINDS.values()]
    return [*shapes, PeShape(*PE_KINDS["int8"], "ws", False)]


def machine_shape(machine: Machine) -> PeShape:
    """Return the shape of a machine's PE; `is` is ws with the weights in the activations' place."""
    array, pe = machine.array, machine.array.pe
    formats = (pe.weight, pe.activation) if array.dataflow == "is" else (pe.activation, pe.weight)
    dataflow = "os" if array.dataflow == "os" else "ws"
    return PeShape(*formats, pe.accumulator, dataflow, array.shadow_weights, pe.latency_cycles)


def table_rows(
    machine: Machine | None, library: Library, *, check: bool = False, node_nm: int | None = None, kind: str = "",
    recipe: Recipe | None = None,
) -> Iterator[CostRow]:  # fmt: skip
    """Yield the rows of a cost table, or those of one kind: what a machine needs, or, without one, what is shipped."""
    from rtl.parameters import parameters_of

    options: dict[str, Any] = {"check": check, "node_nm": node_nm, "recipe": recipe}
    if kind in ("", "register"):
        yield characterize_register(library, **options)
    if kind in ("", "adder"):
        for name in [machine.array.pe.accumulator] if machine else ADDERS:
            yield characterize_adder(name, library, **options)
    if kind in ("", "lane"):
        lanes = [machine] if machine else [load_machine(LANE_MACHINE, (f"vector.requantize={r}",)) for r in ROUNDINGS]
        for described in lanes:
            if described.vector:
                yield characterize_lane(parameters_of(described), library, **options)
    if kind in ("", "pe"):
        for shape in [machine_shape(machine)] if machine else shipped_shapes():
            yield characterize_pe(shape, library, **options)


def _merged(rows: list[CostRow], path: str) -> list[CostRow]:
    """Return the rows of a table with those of the kind of `rows` replaced."""
    old = read_rows(Path(path).read_text(encoding="utf-8"), path)
    place = next((i for i, row in enumerate(old) if row.kind == rows[0].kind), len(old))
    return old[:place] + rows + [row for row in old[place:] if row.kind != rows[0].kind]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a table; a row a line on stderr as it is made."""
    parser = argparse.ArgumentParser(prog="python -m rtl.synthesis.tables", description=__doc__)
    parser.add_argument("--library", action="append", required=True, help="Liberty file or folder; may be repeated")
    parser.add_argument("--machine", help="only what this machine needs")
    parser.add_argument("--node-nm", type=int, help="node of a library that is not known by name")
    parser.add_argument("--only", choices=KINDS[:-1], default="", help="replace the rows of one kind in the table")
    parser.add_argument("--out", required=True, help="CSV to write")
    parser.add_argument("--no-check", action="store_true", help="do not compare gates and RTL")
    given = parser.parse_args(arguments)
    try:
        library = load_library(liberty_files(given.library))
        machine = load_machine(given.machine) if given.machine else None
        rows = []
        for row in table_rows(machine, library, check=not given.no_check, node_nm=given.node_nm, kind=given.only):
            spent = row.total_fj(OperandStatistics(0.5, 0.5))
            key = " ".join(
                filter(None, (row.kind, row.name, row.activation, row.weight, row.accumulator, row.dataflow))
            )
            error = "" if row.fit_error_mean is None else f", held-out error {row.fit_error_mean:.1%}"
            print(f"{key} latency {row.latency_cycles}: {row.area_um2:.1f} um2, {row.period_ps:.0f} ps, "
                  f"{spent:.1f} fJ of uniform bits{error}", file=sys.stderr)  # fmt: skip
            rows.append(row)
        write_rows(_merged(rows, given.out) if given.only else rows, given.out)
    except CodesignError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
