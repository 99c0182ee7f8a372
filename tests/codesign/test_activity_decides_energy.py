"""Does a network of small or sparse values cost less energy, and nothing else change?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from codesign.runner import prepare, run
from simulators.machine_files import load_machine
from workloads.activity import Activity, default_activity

MACHINE = load_machine("small_npu_8x8", ("technology.arithmetic=synthesized", "technology.node_nm=7"))


def energies(activity: Activity | None, machine=MACHINE):
    """Run digits, fast, all layers with an activity (their own when None)."""
    trace = prepare("digits", machine).trace
    if activity is not None:
        layers = [replace(layer, activity=activity) if layer.engine == "matrix" else layer for layer in trace.layers]
        trace = replace(trace, layers=layers)
    return run(trace, machine, fidelity="fast")


def sparse(zeros: float) -> Activity:
    toggles = 0.5 * (1 - zeros * zeros)
    return Activity(toggles, toggles, 0.5, 0.5, zeros, 2.0**-8, "measured", "measured")


def test_real_values_cost_less_than_uniform_bits():
    own, uniform = energies(None), energies(default_activity("int8", "int8"))
    assert own.energy_pj["array"] < 0.95 * uniform.energy_pj["array"]
    assert own.cycles == uniform.cycles and own.dram_bytes == uniform.dram_bytes
    for component, pj in own.energy_pj.items():
        assert component in ("array", "total") or pj == uniform.energy_pj[component], component


def test_the_sparser_the_cheaper():
    spent = [energies(sparse(zeros)).energy_pj["array"] for zeros in (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)]
    assert spent == sorted(spent, reverse=True) and spent[-1] < 0.5 * spent[0]


def test_a_published_profile_knows_no_activity():
    machine = load_machine("small_npu_8x8", ("technology.arithmetic=horowitz_45nm",))
    assert energies(sparse(0.9), machine).energy_pj == energies(sparse(0.0), machine).energy_pj


def test_the_whole_is_the_sum_of_layers_that_differ():
    result = energies(None)
    for component in result.energy_pj:
        parts = [row["energy_by_component_pj"].get(component, row["energy_pj"]) for row in result.layers]
        assert result.energy_pj[component] == pytest.approx(sum(parts))
    assert sum(result.energy_pj_by_status.values()) == pytest.approx(result.energy_pj["total"])
    assert result.energy_pj_by_status["synthesized"] > 0
