"""Is the area the sum of its parts, and does it grow with what is built?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.costs import structure
from codesign.costs.area import COMPONENTS, area
from tests.codesign.costs.cost_machines import machine


def test_components_sum_to_the_total():
    report = area(machine())
    assert tuple(report.by_component) == COMPONENTS
    assert report.total_um2 == sum(report.by_component.values()) and report.raw_total_um2 == sum(
        report.raw_by_component.values()
    )
    for component in COMPONENTS:
        parts = [item.figure.value for item in report.items if item.component == component]
        assert report.by_component[component] == sum(parts) and all(part > 0 for part in parts)
    assert report.status == "assumed"


def test_pes_of_the_tables():
    """45 nm int8 PE: multiplier 282, adder 137 um2 (Horowitz), 56 register bits of 5.98 um2 at 40 nm (Aladdin)."""
    report = area(machine())
    parts = {(item.component, item.part): item.figure for item in report.items}
    assert parts["array", "multiply-accumulate"].value == 64 * (282 + 137)
    assert structure.pe_register_bits(machine()) == 8 + 2 * 8 + 32
    assert parts["array", "registers"].node_nm == 40 and parts["array", "registers"].raw > 64 * 56 * 5.98
    assert parts["scratchpad", "1rw SRAM"].value == pytest.approx(2.5 * parts["scratchpad", "1rw SRAM"].raw)


def test_no_vector_unit_no_area():
    assert area(machine(vector=None)).by_component["vector"] == 0


@settings(max_examples=40)
@given(
    st.sampled_from([4, 8, 16, 32]),
    st.sampled_from(["ws", "os"]),
    st.sampled_from([7, 16, 22, 28, 45, 65, 90, 130]),
)
def test_more_rows_are_larger_and_an_older_node_is(rows, dataflow, node):
    def total(rows, node):
        return area(machine(array={"rows": rows, "dataflow": dataflow}, technology={"node_nm": node})).by_component[
            "array"
        ]

    assert total(2 * rows, node) == pytest.approx(2 * total(rows, node))
    assert total(rows, node) < total(rows, node + 1 if node < 130 else 130) or node == 130


@pytest.mark.parametrize("name", structure.MEMORIES)
def test_a_larger_memory_is_no_smaller(name):
    size = getattr(machine(), name).size_bytes
    areas = [area(machine(**{name: {"size_bytes": size * k}})).by_component[name] for k in (1, 2, 4, 8)]
    assert areas == sorted(areas) and areas[-1] > areas[0]


@pytest.mark.parametrize(
    ("change", "component"),
    [
        ({"array": {"shadow_weights": False}}, "array"),
        ({"array": {"pe": {"latency_cycles": 3}}}, "array"),
        ({"array": {"cols": 16}}, "skew_registers"),
        ({"vector": {"lanes": 4}}, "vector"),
        ({"dma": {"outstanding": 4}}, "dma"),
        ({"dma": {"burst_bytes": 128}}, "dma"),
        ({"dma": {"bus_bytes": 16}}, "dma"),
        ({"memory": {"queue_depth": 8}}, "control"),
        ({"scratchpad": {"banks": 1}}, "scratchpad"),
        ({"technology": {"sram_area_factor": 1.0}}, "accumulator"),
    ],
)
def test_fields_of_the_machine_tell(change, component):
    assert area(machine(**change)).by_component[component] != area(machine()).by_component[component]
