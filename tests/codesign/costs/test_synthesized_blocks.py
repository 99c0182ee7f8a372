"""Are the blocks of a machine's own table taken as they were synthesized, and by the stated law for another size?"""

from __future__ import annotations

import pytest

from codesign.costs.actions import action_costs
from codesign.costs.area import area
from codesign.costs.blocks import BLOCKS, block_size
from codesign.costs.leakage import REFERENCE_HZ
from codesign.costs.synthesized_tables import tables
from rtl.synthesis.components import _ROOTS
from rtl.synthesis.cost_rows import CostRow, write_rows
from tests.codesign.costs.cost_machines import machine

SEVEN, SKY = tables("synthesized")
FIRST = SEVEN.rows[0]


def block_row(name: str, number: int, described) -> CostRow:
    return CostRow(
        "block", name, 100.0 + number, 10, 500.0, 7.0, 9.0, FIRST.library, 7, 0.7, FIRST.recipe, FIRST.tool,
        size=block_size(name, described),
    )  # fmt: skip


@pytest.fixture
def own_table(tmp_path) -> str:
    path = tmp_path / "costs.csv"
    blocks = [block_row(name, number, machine()) for number, name in enumerate(BLOCKS)]
    write_rows([*SEVEN.rows, *blocks], path)
    return str(path)


def priced(table: str, **changes):
    technology = {"node_nm": 7, "arithmetic": table, **changes.pop("technology", {})}
    return machine(technology=technology, **changes)


def figures(described) -> dict:
    return {item.part: item.figure for item in area(described).items}


def test_every_component_of_a_design_has_a_place():
    assert set(BLOCKS) | {"pe", "vector_lane"} == set(_ROOTS)


def test_the_machine_that_was_synthesized_has_its_blocks(own_table):
    found = figures(priced(own_table))
    for number, block in enumerate(BLOCKS.values()):
        figure = found[block.part]
        assert (figure.value, figure.status, figure.law) == (100 + number, "synthesized", ""), block.part
    assert "registers" not in found
    dma = sum(found[part].value for part in ("load engine", "store engine", "memory port"))
    assert area(priced(own_table)).by_component["dma"] == pytest.approx(dma)
    clock = next(cost for cost in action_costs(priced(own_table)) if cost.component == "clock")
    pes, lanes = (next(r for r in SEVEN.rows if r.kind == kind and r.activation == "int8") for kind in ("pe", "lane"))
    assert clock.pj == pytest.approx((64 * pes.clock_fj + 8 * lanes.clock_fj + 9 * len(BLOCKS)) / 1000)


@pytest.mark.parametrize(
    ("changes", "part", "factor", "law"),
    [
        ({"queues": {"load": 4, "execute": 4, "vector": 4, "store": 4}}, "command queues", 0.5, "commands 32 -> 16"),
        ({"dma": {"burst_bytes": 256}}, "store engine", 2.0, "bytes of a burst 64 -> 256, to the power of 0.5"),
        ({"array": {"cols": 16}}, "adders", 2.0, "columns 8 -> 16"),
        (
            {"array": {"rows": 24}}, "execute engine", 2**0.63,
            "rows and columns 16 -> 32, to the power of 0.63",
        ),
        ({"array": {"rows": 24}}, "performance counters", 1.0, ""),
    ],
)  # fmt: skip
def test_another_size_follows_the_law(own_table, changes, part, factor, law):
    before, after = figures(priced(own_table))[part], figures(priced(own_table, **changes))[part]
    assert after.value == pytest.approx(factor * before.value)
    assert (after.status, after.law) == ("scaled" if law else "synthesized", law)


def test_another_node_carries_the_blocks_too(own_table):
    figure = figures(priced(own_table, technology={"node_nm": 45}))["command queues"]
    assert figure.status == "scaled" and "7 -> 45 nm" in figure.law and figure.value > 1000


def test_leakage_is_the_library_s_at_its_node_and_a_share_elsewhere(own_table):
    def leaks(described):
        return {cost.action: cost for cost in action_costs(described) if cost.component == "leakage"}

    row = next(r for r in SEVEN.rows if (r.kind, r.activation, r.dataflow, r.shadow) == ("pe", "int8", "ws", 1))
    described = priced("synthesized")
    found = leaks(described)["PEs"]
    assert found.pj == pytest.approx(64 * row.leakage_nw * 1e-9 / described.clock_hz * 1e12)
    assert found.status == "synthesized" and "the library's typical leakage" in found.law
    own = leaks(priced(own_table))
    assert own["queues"].pj == pytest.approx(7.0 * 1e-9 / described.clock_hz * 1e12)
    for other in ({"node_nm": 45}, {"supply_v": 0.6}):
        carried = leaks(priced("synthesized", technology=other))
        assert "PEs" not in carried and carried["registers"].status == "assumed"
        assert f"{REFERENCE_HZ / 1e9:g} GHz" in carried["registers"].law
